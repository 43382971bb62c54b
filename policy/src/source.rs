//! The files of a policy, and places in them.

use std::ops::Range;

/// One file of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// What diagnostics call it: its path.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// Where something stands: in which file, and there in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    /// Index of the file.
    pub(crate) file: usize,
    pub(crate) span: Range<usize>,
}
