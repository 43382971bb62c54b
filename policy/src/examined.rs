//! The examples of a policy, each with what came of it.

use crate::diagnostic::{Finding, located};
use crate::source::{At, Files};
use crate::{Diagnostic, Effect, Location, Source};

/// One example of a policy, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Examined {
    /// The tool that it calls.
    pub tool: String,
    /// Who calls, such as `principal ops` or `user alice`, without control
    /// characters.
    pub caller: String,
    /// What it expects.
    pub expect: Effect,
    /// Where it says what it expects.
    pub place: Location,
    /// How it was decided otherwise; empty when it was not.
    pub faults: Vec<Diagnostic>,
}

/// An example as decided.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) tool: String,
    pub(crate) caller: String,
    pub(crate) expect: Effect,
    pub(crate) at: At,
    /// How many mistakes it came to; they follow those of the example before it.
    pub(crate) faults: usize,
}

/// All `tried` examples, each with its own of the `mistakes`.
pub(crate) fn examined(
    sources: &[Source<'_>],
    tried: Vec<Tried>,
    mistakes: Vec<Finding>,
) -> Vec<Examined> {
    let files = Files::new(sources);
    let mut mistakes = mistakes.into_iter();
    let examined = tried.into_iter().map(|one| Examined {
        place: files.place(&one.at),
        faults: located(sources, mistakes.by_ref().take(one.faults).collect()),
        tool: one.tool,
        caller: one.caller,
        expect: one.expect,
    });
    examined.collect()
}
