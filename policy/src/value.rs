//! Argument values and what a path argument may be used for.

use std::collections::BTreeMap;

/// The arguments of one call by name.
pub type Arguments = BTreeMap<String, Value>;

/// One argument value, as typed by the client.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number that is not written as a whole one.
    Number(f64),
    /// Text: strings, enum members, paths, and all kinds that have a syntax.
    Text(String),
    /// Items of a list.
    List(Vec<Value>),
}

/// What a path argument or a path rule opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Read the file, or list and read what is beneath the directory.
    Read,
    /// Read and write the file; beneath a directory also create, rename and remove.
    Write,
    /// The same of a file or directory that is made for the command if need be.
    Create,
}

/// Whether a path argument must name something that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    /// It must.
    Must,
    /// It may; what does not exist, and is not made, is not opened to the command.
    May,
    /// It must not: it is made.
    MustNot,
}

/// Which kind of file a path argument must name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Either.
    Any,
}
