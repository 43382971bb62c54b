//! Tools: commands that exist, and the typed arguments they take.

use crate::rule::Rules;
use crate::template::Template;
use crate::{Access, Caller, Effect, FileKind, Profile, Value};
use regex_lite::{Regex, RegexBuilder};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A command that can be called.
#[derive(Debug, Clone)]
pub struct Tool {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) template: Template,
    pub(crate) profile: Arc<Profile>,
    pub(crate) rules: Rules,
    pub(crate) read_only: bool,
    pub(crate) parameters: Vec<Parameter>,
}

impl Tool {
    /// Name, `[tool.NAME]`: 1 to 128 of `A-Z a-z 0-9 _ . -`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does, for people and models.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Absolute path of the program.
    #[must_use]
    pub fn program(&self) -> &Path {
        Path::new(&self.template.program)
    }

    /// The restrictions it runs under.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Whether the administrator declared that it changes nothing.
    #[must_use]
    pub fn read_only(&self) -> bool {
        self.read_only
    }

    /// The arguments it takes, in the order of the policy.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Whether `caller` learns that it exists: he may call it or ask to.
    pub(crate) fn is_shown_to(&self, caller: &Caller) -> bool {
        let rule = self.rules.of(caller);
        rule.is_some_and(|rule| rule.effect != Effect::Deny)
    }
}

/// One argument that a tool takes.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) default: Option<Value>,
    pub(crate) optional: bool,
}

impl Parameter {
    /// Name, `[tool.….args] NAME = …`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it means, for people and models.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Which values it takes.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The value when the call gives none. A flag always has one.
    #[must_use]
    pub fn default(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    /// Whether every call must give it.
    #[must_use]
    pub fn required(&self) -> bool {
        self.default.is_none() && !self.optional
    }
}

/// Which values a parameter takes.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A whole number.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// Text without control characters.
    Text {
        /// Most characters (Unicode scalar values).
        max_length: usize,
        /// What the whole value must match.
        pattern: Option<Pattern>,
        /// Whether it may begin with `-` where it is a whole argument.
        leading_dash: bool,
    },
    /// One of some words.
    Enumeration {
        /// The words, in the order of the policy.
        values: Vec<String>,
    },
    /// Present or absent.
    Flag,
    /// A file or directory; a grant to use just that one.
    Path {
        /// Directories, one of which the path must be beneath.
        under: Vec<PathBuf>,
        /// What it may be used for.
        access: Access,
        /// What it must be.
        kind: FileKind,
    },
}

/// Largest compiled expression, in bytes: bounds the time of a match.
const PATTERN_MAX: usize = 256 * 1024;

/// A regular expression that a whole value must match.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// The expression as the policy has it, without the anchors that are implied.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Compiles `text`, to match a whole value.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub(crate) fn new(text: &str) -> Result<Self, regex_lite::Error> {
        // First by itself: `a)|(b` is a mistake, and anchoring would hide it.
        compile(text)?;
        Ok(Self {
            regex: compile(&format!("^(?:{text})$"))?,
            text: text.to_owned(),
        })
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }
}

fn compile(text: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(text).size_limit(PATTERN_MAX).build()
}
