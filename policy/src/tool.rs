//! Tools: commands that exist, and the typed arguments they take.

use crate::argument::{Place, accept};
use crate::quantity::time;
use crate::quote::quoted;
use crate::rule::Rules;
use crate::sandbox::sandbox;
use crate::source::At;
use crate::template::Template;
use crate::variables::Values;
use crate::{Caller, Denial, Effect, Kind, Limit, Limits, Profile, Scope, Value};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Tools of the server's own, by which clients start, read and end runs in the
/// background; no policy can define one of these names.
pub const BUILT_IN: [&str; 3] = ["run_start", "run_output", "run_cancel"];
/// What a command is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is a tool, to be called.
    Tool,
    /// It reads this resource, or lists it.
    Resource(String),
    /// It belongs to the arguments of this prompt.
    Prompt(String),
}

/// A command that can be called.
#[derive(Debug, Clone)]
pub struct Tool {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    /// Where its name stands.
    pub(crate) at: At,
    pub(crate) description: String,
    pub(crate) template: Template,
    /// SHA-256 that the program must have.
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) profile: Arc<Profile>,
    pub(crate) rules: Rules,
    pub(crate) read_only: bool,
    pub(crate) background: Background,
    pub(crate) limits: Limits,
    /// How long its calls wait for an approval.
    pub(crate) approval_timeout: Option<Duration>,
    /// How long its calls wait for a place.
    pub(crate) queue_timeout: Option<Duration>,
    /// Whether `${caller.…}` stands in it or in its profile.
    pub(crate) names_caller: bool,
    pub(crate) parameters: Vec<Parameter>,
}

impl Tool {
    /// Name, `[tool.NAME]`: 1 to 128 of `A-Z a-z 0-9 _ . -`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The table it is written in, as denials name it: `tool.NAME`.
    pub(crate) fn place(&self) -> String {
        self.scope().to_string()
    }

    /// Which calls count together.
    pub(crate) fn scope(&self) -> Scope {
        match &self.origin {
            Origin::Tool => Scope::Tool(self.name.clone()),
            Origin::Resource(name) => Scope::Resource(name.clone()),
            Origin::Prompt(name) => Scope::Prompt(name.clone()),
        }
    }

    /// What denials call it: `tool` and its name.
    pub(crate) fn called(&self) -> String {
        match &self.origin {
            Origin::Tool => format!("tool {}", quoted(&self.name)),
            Origin::Resource(name) => format!("resource {}", quoted(name)),
            Origin::Prompt(name) => format!("prompt {}", quoted(name)),
        }
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

    /// Name of the argument that is the standard input of the command.
    #[must_use]
    pub fn stdin(&self) -> Option<&str> {
        let parameter = self.parameters.get(self.template.stdin?)?;
        Some(&parameter.name)
    }

    pub(crate) fn has_secret_stdin(&self) -> bool {
        let parameter = self
            .template
            .stdin
            .and_then(|index| self.parameters.get(index));
        parameter.is_some_and(Parameter::secret)
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

    /// Whether its callers need not wait for it.
    #[must_use]
    pub fn background(&self) -> Background {
        self.background
    }

    /// How often it may be called, see [`crate::Scope::Tool`].
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What whoever calls it should plan with, in words: `ends after 10s, 2 at once`.
    #[must_use]
    pub fn bounds(&self) -> String {
        let limit = Limit {
            scope: self.scope(),
            limits: self.limits.clone(),
        };
        let ends = format!("ends after {}", time(self.profile.timeout));
        [vec![ends], limit.phrases()].concat().join(", ")
    }

    /// What its command may use besides the paths in its arguments, in words.
    #[must_use]
    pub fn sandbox(&self) -> String {
        sandbox(&self.profile, &[])
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

    /// The tool as it is for `caller`.
    pub(crate) fn for_caller(&self, caller: &Caller) -> Result<Cow<'_, Self>, Denial> {
        if !self.names_caller {
            return Ok(Cow::Borrowed(self));
        }
        let values = Values::of(caller, &self.place())?;
        Ok(Cow::Owned(self.filled(&values)))
    }

    /// Whether an administrator must approve the calls of `caller`.
    #[must_use]
    pub fn needs_approval(&self, caller: &Caller) -> bool {
        let rule = self.rules.of(caller);
        rule.is_some_and(|rule| rule.effect == Effect::Ask)
    }
}

/// Whether a command runs on while its caller does something else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Background {
    /// Its caller waits.
    #[default]
    Never,
    /// As long as the connection of its caller is there.
    Connected,
    /// To its end, whether or not its caller is there.
    Outliving,
}

/// One argument that a tool takes.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) at: At,
    pub(crate) description: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) default: Option<Value>,
    pub(crate) optional: bool,
    pub(crate) secret: bool,
    pub(crate) requires: Vec<String>,
    pub(crate) conflicts: Vec<String>,
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

    /// Whether it takes the text `value`, where that is no whole element of a command.
    #[must_use]
    pub fn takes(&self, value: &str) -> bool {
        let place = Place {
            whole: false,
            lines: false,
            base: Path::new("/"),
        };
        accept(self, &Value::Text(value.to_owned()), &place).is_ok()
    }

    /// Whether its value stands in no record and in no reason, but for a keyed digest.
    #[must_use]
    pub fn secret(&self) -> bool {
        self.secret
    }

    /// The arguments that a call must also give when it gives this one.
    #[must_use]
    pub fn requires(&self) -> &[String] {
        &self.requires
    }

    /// The arguments that a call must not give when it gives this one.
    #[must_use]
    pub fn conflicts(&self) -> &[String] {
        &self.conflicts
    }
}
