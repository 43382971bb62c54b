//! Limits: how often calls may be made, and how many at once.

use crate::quantity::time;
use std::fmt;
use std::time::Duration;

/// What `rate`, `concurrency` and `quota` say in one table; `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Calls in any span of a given length.
    pub rate: Option<Rate>,
    /// Calls that run at the same time.
    pub concurrency: Option<u32>,
    /// Calls a day, which begins at 00:00 UTC.
    pub quota: Option<u32>,
}

impl Limits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of calls that only a `concurrency` leaves no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Most calls that wait for a place at once; 0 when none does.
    pub calls: u32,
    /// How long one waits at most, unless its tool says otherwise.
    pub timeout: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            calls: 64,
            timeout: Duration::from_secs(30),
        }
    }
}

/// Calls in a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Most calls in any `window`, at least 1.
    pub calls: u32,
    /// Length of the window, above zero.
    pub window: Duration,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.calls, time(self.window))
    }
}

/// Limits that hold for a call, and for which calls together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Where they are written.
    pub scope: Scope,
    /// What they are.
    pub limits: Limits,
}

/// Which calls count together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// `[limits]`: all calls of all callers.
    Server,
    /// `[principal.NAME]`: all calls of one caller, for each who is this principal.
    Principal(String),
    /// `[tool.NAME]`: calls of this tool; `rate` and `quota` for each caller by
    /// himself, `concurrency` for all together.
    Tool(String),
    /// `[resource.NAME]`: reads of this resource, as of a tool.
    Resource(String),
    /// `[prompt.NAME]`: what completes the arguments of this prompt.
    Prompt(String),
}

impl fmt::Display for Scope {
    /// The table, as denials name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("limits"),
            Self::Principal(name) => write!(f, "principal.{name}"),
            Self::Tool(name) => write!(f, "tool.{name}"),
            Self::Resource(name) => write!(f, "resource.{name}"),
            Self::Prompt(name) => write!(f, "prompt.{name}"),
        }
    }
}

impl Limit {
    /// Phrases, such as `60/1min for each caller` and `2 at once`.
    pub(crate) fn phrases(&self) -> Vec<String> {
        let Limits {
            rate,
            concurrency,
            quota,
        } = &self.limits;
        let each = match self.scope {
            Scope::Server => "",
            Scope::Principal(_) | Scope::Tool(_) | Scope::Resource(_) | Scope::Prompt(_) => {
                " for each caller"
            }
        };
        let each_at_once = match self.scope {
            Scope::Server | Scope::Tool(_) | Scope::Resource(_) | Scope::Prompt(_) => "",
            Scope::Principal(_) => each,
        };
        let phrases = [
            rate.map(|rate| format!("{rate}{each}")),
            concurrency.map(|number| format!("{number} at once{each_at_once}")),
            quota.map(|number| format!("{number} a day{each}")),
        ];
        phrases.into_iter().flatten().collect()
    }
}

impl fmt::Display for Limit {
    /// Such as `tool.x: 60/1min for each caller, 2 at once`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.scope, self.phrases().join(", "))
    }
}
