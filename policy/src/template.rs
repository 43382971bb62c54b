//! Command templates: how the arguments of a call become an argument vector.

/// The command of a tool. One parameter is one element of the argument vector;
/// no value is ever split, joined with another or read by a shell.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// Absolute path of the program, the first element.
    pub(crate) program: String,
}
