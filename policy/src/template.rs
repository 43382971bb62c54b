//! Command templates: how the arguments of a call become an argument vector.

use std::path::PathBuf;

/// The command of a tool. One parameter is one element of the argument vector;
/// no value is ever split, joined with another or read by a shell.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// Absolute path of the program, the first element.
    pub(crate) program: String,
    /// The other elements.
    pub(crate) elements: Vec<Element>,
    /// Index of the parameter that is the standard input.
    pub(crate) stdin: Option<usize>,
    /// The file that is the standard input of every call.
    pub(crate) input: Option<PathBuf>,
    /// Index of the parameter that is the directory the command starts in.
    pub(crate) starts_in: Option<usize>,
}

impl Template {
    /// Everything that stands there literally.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        self.elements.iter().map(|element| match element {
            Element::Literal(text) => text,
            Element::Value { prefix, .. } => prefix,
            Element::Flag { flag, .. } => flag,
        })
    }

    /// The same, to change it.
    pub(crate) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.elements.iter_mut().map(|element| match element {
            Element::Literal(text) => text,
            Element::Value { prefix, .. } => prefix,
            Element::Flag { flag, .. } => flag,
        })
    }

    /// Whether the value of a parameter may have several lines.
    pub(crate) fn takes_lines(&self, index: usize) -> bool {
        self.stdin == Some(index)
    }

    /// Whether the value of a parameter is a whole element, without a prefix.
    pub(crate) fn is_whole(&self, index: usize) -> bool {
        self.elements.iter().any(|element| match element {
            Element::Value { parameter, prefix } => *parameter == index && prefix.is_empty(),
            Element::Literal(_) | Element::Flag { .. } => false,
        })
    }
}

/// One element of a command after the program.
#[derive(Debug, Clone)]
pub(crate) enum Element {
    /// Always the same.
    Literal(String),
    /// A fixed prefix, often empty, and the value of a parameter; dropped whole
    /// when the parameter is absent.
    Value {
        /// Index in the tool's parameters.
        parameter: usize,
        /// What stands before the value.
        prefix: String,
    },
    /// What stands for a flag; dropped when the flag is false.
    Flag {
        /// Index in the tool's parameters.
        parameter: usize,
        /// The whole element, such as `-h`.
        flag: String,
    },
}
