//! Prompts: runbooks for an agent, with arguments in their places.

use crate::decide::all_known;
use crate::fill::text;
use crate::quote::quoted;
use crate::relation::together;
use crate::{Arguments, Caller, Denial, Kind, Parameter, Tool, Value};

/// What the names of their commands begin with, which no tool's name can.
pub(crate) const PREFIX: &str = "prompt/";

/// A text for an agent.
#[derive(Debug, Clone)]
pub struct Prompt {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: String,
    pub(crate) pieces: Vec<Piece>,
    /// Its arguments and rules, as a tool has them. It is never run.
    pub(crate) form: Tool,
    /// What lists values for its arguments.
    pub(crate) suggesting: Vec<(Suggested, Tool)>,
}

/// A part of the text.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Literal(String),
    /// Index of a parameter.
    Argument(usize),
}

/// Values that only the host knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suggested {
    /// Files of systemd units: lines of ls(1), of several directories.
    Units,
    /// Accounts: lines of passwd(5).
    Users,
}

impl Suggested {
    pub(crate) const ALL: [Self; 2] = [Self::Units, Self::Users];

    /// Which of them an argument of this `kind` takes.
    pub(crate) fn of(kind: &Kind) -> Option<Self> {
        match kind {
            Kind::Unit { .. } => Some(Self::Units),
            Kind::User => Some(Self::Users),
            Kind::Integer { .. }
            | Kind::Number { .. }
            | Kind::Text { .. }
            | Kind::Enumeration { .. }
            | Kind::Flag
            | Kind::Path { .. }
            | Kind::Duration { .. }
            | Kind::Size { .. }
            | Kind::Host
            | Kind::Ip
            | Kind::Cidr
            | Kind::List { .. } => None,
        }
    }

    /// The end of the command's name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Units => "units",
            Self::Users => "users",
        }
    }
}

impl Prompt {
    /// Name, `[prompt.NAME]`: 1 to 64 of `A-Z a-z 0-9 _ -`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name for people.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// What it is for.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The arguments it takes, in the order of the policy.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.form.parameters
    }

    /// Name of the command that lists values for `parameter`, and what it prints.
    #[must_use]
    pub fn suggests(&self, parameter: &Parameter) -> Option<(Suggested, &str)> {
        let wanted = Suggested::of(&parameter.kind)?;
        let mut all = self.suggesting.iter();
        let (_, tool) = all.find(|(what, _)| *what == wanted)?;
        Some((wanted, tool.name()))
    }

    /// Whether `caller` learns that it exists.
    pub(crate) fn is_shown_to(&self, caller: &Caller) -> bool {
        self.form.is_shown_to(caller)
    }

    /// Its commands.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Tool> {
        self.suggesting.iter().map(|(_, tool)| tool)
    }

    pub(crate) fn command(&self, word: &str) -> Option<&Tool> {
        let mut all = self.suggesting.iter();
        let (_, tool) = all.find(|(what, _)| what.word() == word)?;
        Some(tool)
    }

    /// The text with `arguments` in their places. Clients have only strings for them,
    /// so one may stand for a number.
    pub(crate) fn filled(&self, arguments: &Arguments) -> Result<String, Denial> {
        all_known(&self.form, arguments)?;
        together(&self.form, arguments)?;
        let typed = arguments.iter().map(|(name, value)| {
            let mut parameters = self.form.parameters.iter();
            let parameter = parameters.find(|one| one.name == *name);
            let number = parameter.and_then(|one| number(&one.kind, value));
            (name.clone(), number.unwrap_or_else(|| value.clone()))
        });
        let typed: Arguments = typed.collect();
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => Ok(text.clone()),
            Piece::Argument(index) => text(&self.form, &typed, *index),
        });
        pieces.collect()
    }
}

/// The number that `value` is the text of, where one is wanted.
fn number(kind: &Kind, value: &Value) -> Option<Value> {
    let Value::Text(text) = value else {
        return None;
    };
    if let Kind::Integer { .. } = kind {
        text.parse().ok().map(Value::Integer)
    } else if let Kind::Number { .. } = kind {
        text.parse().ok().map(Value::Number)
    } else {
        None
    }
}

/// The `prompt` called `name`, if it is there for `caller`. One that is not his and one
/// that does not exist are refused alike.
pub(crate) fn shown<'a>(
    prompt: Option<&'a Prompt>,
    caller: &Caller,
    name: &str,
) -> Result<&'a Prompt, Denial> {
    let shown = prompt.filter(|prompt| prompt.is_shown_to(caller));
    shown.ok_or_else(|| Denial {
        code: "not_allowed",
        rule: "default".to_owned(),
        reason: format!("no prompt {} is allowed to you", quoted(name)),
    })
}
