//! The files of a policy, and places in them.

use crate::excerpt::{Lines, Place};
use crate::quote::harmless;
use std::fmt;
use std::ops::Range;

/// One file of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// What diagnostics call it: its path.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Name of the pack that it is, if it is one.
    pub pack: Option<&'a str>,
}

impl<'a> Source<'a> {
    /// A file that is no pack.
    #[must_use]
    pub fn new(name: &'a str, text: &'a str) -> Self {
        Self {
            name,
            text,
            pack: None,
        }
    }

    /// What both processes call it, wherever its directory is for them.
    pub(crate) fn label(&self) -> String {
        match self.pack {
            Some(pack) => format!("pack {pack}"),
            None => self.name.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Name of the file, without control characters.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column } = self;
        write!(f, "{file}:{line}:{column}")
    }
}

/// Where something stands: in which file, and there in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    /// Index of the file.
    pub(crate) file: usize,
    pub(crate) span: Range<usize>,
}

/// The files of a policy that was read, to tell places in them later.
#[derive(Debug)]
pub(crate) struct Files(Vec<(String, String)>);

impl Files {
    pub(crate) fn new(sources: &[Source<'_>]) -> Self {
        let owned = |source: &Source<'_>| (harmless(source.name), source.text.to_owned());
        Self(sources.iter().map(owned).collect())
    }

    /// Where `at` begins.
    pub(crate) fn place(&self, at: &At) -> Location {
        let file = self.0.get(at.file);
        let (name, text) = file.map_or(("", ""), |(name, text)| (name, text));
        let Place { line, column, .. } = Lines::new(text).locate(&at.span);
        Location {
            file: name.to_owned(),
            line,
            column,
        }
    }
}
