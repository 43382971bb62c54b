//! `[[tool.NAME.example]]`: calls whose decision the administrator expects; likewise
//! what is expected of resources and prompts.
//! They are decided once the whole policy is read.

use super::document::Entry;
use super::fields::Fields;
use super::who::{self, Who, who};
use super::{Defined, Located, Reader};
use crate::examined::Tried;
use crate::principal::Principal;
use crate::quote::{listed, quoted};
use crate::somebody::Unnamed;
use crate::{Arguments, Caller, Confirmation, Decision, Effect, Policy};
use std::sync::Arc;

/// The keys besides those that say who calls.
const KEYS: [&str; 5] = ["args", "expect", "confirm", "code", "argv"];

const EXPECT: [(&str, Effect); 3] = [
    ("allow", Effect::Allow),
    ("ask", Effect::Ask),
    ("deny", Effect::Deny),
];

/// What an example tries.
#[derive(Clone, Copy)]
pub(super) enum Tries<'a> {
    /// The command that has this name.
    Command(&'a str),
    /// The prompt that has this name.
    Prompt(&'a str),
}

/// An example as written.
pub(super) struct Example<'r> {
    reader: &'r Reader<'r>,
    /// What is decided: a command, or else the prompt `name`.
    command: Option<String>,
    name: String,
    who: Who,
    arguments: Arguments,
    expect: Located<Effect>,
    /// Whether the user at the client is expected to be asked first.
    confirm: bool,
    code: Option<Located<String>>,
    argv: Option<Located<Vec<String>>>,
}

/// The examples of the tool in `entry`, whose keys are `tool`.
pub(super) fn examples<'r>(
    (entry, tries): (&Entry<'r, '_>, Tries<'_>),
    tool: &Fields<'r, '_>,
    principals: &Defined<Arc<Principal>>,
) -> Vec<Example<'r>> {
    let owner = format!("an example of {}", tool.owner);
    let nodes = tool.array("example").iter();
    nodes
        .filter_map(|node| Fields::open(entry.reader, owner.clone(), node.span(), node))
        .filter_map(|fields| example((entry, tries), &fields, principals))
        .collect()
}

fn example<'r>(
    (entry, tries): (&Entry<'r, '_>, Tries<'_>),
    fields: &Fields<'r, '_>,
    principals: &Defined<Arc<Principal>>,
) -> Option<Example<'r>> {
    fields.only(&[&who::KEYS[..], &KEYS].concat());
    fields.require("expect", "write `expect = \"allow\"`, `ask` or `deny`");
    let who = who(fields, principals);
    let arguments = arguments(fields);
    let effect = fields.word("expect", &EXPECT);
    let confirm = fields.boolean("confirm").is_some_and(|flag| flag.value);
    let code = fields.text("code").map(owned);
    let argv = fields.texts("argv").map(|texts| Located {
        span: texts.span,
        value: texts
            .value
            .into_iter()
            .map(|text| owned(text).value)
            .collect(),
    });
    let expect = Located {
        value: effect?,
        span: fields.span("expect")?,
    };
    for (key, only) in [("code", Effect::Deny), ("argv", Effect::Allow)] {
        if fields.has(key) && expect.value != only {
            let message = format!("`{key}` goes with `expect = \"{only}\"` only");
            fields.reader.error(&fields.span(key)?, message);
        }
    }
    if confirm && expect.value == Effect::Deny {
        let message = "`confirm` does not go with `expect = \"deny\"`";
        fields.reader.error(&fields.span("confirm")?, message);
    }
    let (command, name) = match tries {
        Tries::Command(name) => (Some(name.to_owned()), name.to_owned()),
        Tries::Prompt(name) => {
            if let Some(at) = fields.span("argv") {
                let message = "`argv` is not known of a prompt, which runs nothing";
                fields.reader.error(&at, message);
            }
            (None, format!("prompt/{name}"))
        }
    };
    Some(Example {
        reader: entry.reader,
        command,
        name,
        who: who?,
        arguments,
        expect,
        confirm,
        code,
        argv,
    })
}

fn owned(text: Located<&str>) -> Located<String> {
    Located {
        value: text.value.to_owned(),
        span: text.span,
    }
}

fn arguments(fields: &Fields<'_, '_>) -> Arguments {
    let Some(table) = fields.table("args", "`args`".to_owned()) else {
        return Arguments::new();
    };
    let names = table.entries().iter().map(|(name, _)| name.value);
    names
        .filter_map(|name| Some((name.to_owned(), table.value(name)?.value)))
        .collect()
}

impl Example<'_> {
    /// Decides it by `policy`, and notes when that is not as expected.
    pub(super) fn check(&self, policy: &Policy, unnamed: &Unnamed) {
        let before = self.reader.mistakes();
        self.decide(policy, unnamed);
        self.reader.tried(Tried {
            tool: self.name.clone(),
            caller: self.who.described(),
            expect: self.expect.value,
            at: self.reader.at(&self.expect.span),
            faults: self.reader.mistakes() - before,
        });
    }

    fn decide(&self, policy: &Policy, unnamed: &Unnamed) {
        match self.who.caller(unnamed) {
            Ok(caller) => match &self.command {
                Some(command) => self.compare(policy.decide(&caller, command, &self.arguments)),
                None => self.compose(policy, &caller),
            },
            Err((principal, at)) => {
                let message = format!("nobody can be principal `{principal}`");
                let hint = "its conditions exclude each other, or leave no id to others";
                self.reader.error_hint(at, message, hint);
            }
        }
    }

    /// Composes the prompt that it tries.
    fn compose(&self, policy: &Policy, caller: &Caller) {
        let name = self.name.trim_start_matches(crate::prompt::PREFIX);
        match policy.compose(caller, name, &self.arguments) {
            Err(denial) => self.compare(Decision::Deny(denial)),
            Ok(_) if self.expect.value == Effect::Allow => {}
            Ok(_) => {
                let expect = self.expect.value;
                let message = format!("the example expects `{expect}`, but the prompt is given");
                self.reader.error(&self.expect.span, message);
            }
        }
    }

    fn compare(&self, decision: Decision) {
        let (confirm, decision) = match decision {
            Decision::Confirm(held) => (true, held.confirmed(Confirmation::given()).into()),
            other @ (Decision::Allow(_) | Decision::Ask(_) | Decision::Deny(_)) => (false, other),
        };
        let decided = match decision {
            Decision::Allow(_) => Effect::Allow,
            Decision::Ask(_) => Effect::Ask,
            // A confirmed call is one of the two above.
            Decision::Deny(_) | Decision::Confirm(_) => Effect::Deny,
        };
        let (expect, at) = (self.expect.value, &self.expect.span);
        match &decision {
            _ if decided == expect && confirm != self.confirm => self.otherwise(confirm),
            _ if decided == expect => self.details(&decision),
            Decision::Confirm(_) => {}
            Decision::Allow(grant) => {
                let message = format!("the example expects `{expect}`, but the call is allowed");
                let hint = format!("by `{}`, as principal `{}`", grant.rule, grant.principal);
                self.reader.error_hint(at, message, hint);
            }
            Decision::Ask(ask) => {
                let message =
                    format!("the example expects `{expect}`, but the call needs an approval");
                let hint = format!("by `{}`, as principal `{}`", ask.rule(), ask.principal());
                self.reader.error_hint(at, message, hint);
            }
            Decision::Deny(denial) => {
                let message = format!(
                    "the example expects `{expect}`, but the call is denied: {}",
                    denial.reason
                );
                let hint = format!("by `{}`, with the code `{}`", denial.rule, denial.code);
                self.reader.error_hint(at, message, hint);
            }
        }
    }

    /// Notes that the user at the client is asked, or not, against what is expected.
    fn otherwise(&self, asked: bool) {
        let (message, hint) = if asked {
            (
                "the example expects no confirmation, but the user at the client must confirm the call",
                "write `confirm = true`",
            )
        } else {
            (
                "the example expects a confirmation, but nobody is asked for one",
                "the caller is none of the principals in `confirm` of the tool",
            )
        };
        self.reader.error_hint(&self.expect.span, message, hint);
    }

    /// Compares what the example says beyond its `expect`.
    fn details(&self, decision: &Decision) {
        match (decision, &self.code, &self.argv) {
            (Decision::Deny(denial), Some(code), _) if denial.code != code.value => {
                let message = format!(
                    "the example expects the code {}, but the call is denied with `{}`: {}",
                    quoted(&code.value),
                    denial.code,
                    denial.reason
                );
                self.reader.error(&code.span, message);
            }
            (Decision::Allow(grant), _, Some(argv)) if grant.argv != argv.value => {
                let message = "the example expects another argument vector than the call has";
                let hint = format!("it has {}", listed(grant.argv.iter().map(String::as_str)));
                self.reader.error_hint(&argv.span, message, hint);
            }
            _ => {}
        }
    }
}
