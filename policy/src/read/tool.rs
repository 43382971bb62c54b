//! `[tool.NAME]`: commands that exist.

use super::command::Written;
use super::document::{Document, Entry};
use super::example::{Example, examples};
use super::fields::Fields;
use super::limits::limits;
use super::nearest::hint;
use super::parameter::{Declared, Parsed, parameters};
use super::rules::rules;
use super::{Defined, Located, Reader, Span, lint};
use crate::argument::{Place, accept};
use crate::path::absolute;
use crate::principal::Principal;
use crate::quote::listed;
use crate::template::{Element, Template};
use crate::{Effect, Kind, Profile, RunAs, Tool, variables};
use std::path::Path;
use std::sync::Arc;

const KEYS: [&str; 12] = [
    "description",
    "command",
    "profile",
    "allow",
    "ask",
    "deny",
    "read_only",
    "rate",
    "concurrency",
    "quota",
    "args",
    "example",
];

/// What tools refer to.
pub(super) struct Known<'a> {
    pub(super) principals: &'a Defined<Arc<Principal>>,
    pub(super) profiles: &'a Defined<Arc<Profile>>,
}

/// All tools, and their examples.
pub(super) fn tools<'r>(
    document: &Document<'r, '_>,
    known: &Known<'_>,
) -> (Vec<Tool>, Vec<Example<'r>>) {
    let mut examples = Vec::new();
    let tables = document.tools.iter();
    let tools = tables.filter_map(|entry| tool(entry, known, &mut examples));
    (tools.collect(), examples)
}

fn tool<'r>(
    entry: &Entry<'r, '_>,
    known: &Known<'_>,
    all_examples: &mut Vec<Example<'r>>,
) -> Option<Tool> {
    let Entry { reader, name, node } = entry;
    let before = reader.mistakes();
    let owner = format!("tool `{}`", name.value);
    let fields = Fields::open(reader, owner, name.span.clone(), node)?;
    reader.tool_name(name);
    fields.only(&KEYS);
    let description = description(&fields);
    let profile = profile(&fields, known.profiles);
    let rules = rules(&fields, known.principals);
    let read_only = fields.boolean("read_only").is_some_and(|value| value.value);
    let limits = limits(&fields);
    let declared = parameters(&fields);
    let template = template(&fields, &declared);
    for (index, declared) in declared.iter().enumerate() {
        let place = template.as_ref().map(|template| template.is_whole(index));
        default(reader, declared, place, profile.as_deref());
    }
    all_examples.extend(examples(entry, &fields, known.principals));
    let mut tool = Tool {
        name: name.value.to_owned(),
        at: reader.at(&name.span),
        description: description?,
        template: template?,
        profile: profile?,
        rules: rules?,
        read_only,
        limits,
        names_caller: false,
        parameters: declared
            .into_iter()
            .map(|one| Some(one.parsed?.parameter))
            .collect::<Option<_>>()?,
    };
    tool.names_caller = tool.looks_like_naming_caller();
    users_only(&fields, &tool);
    if reader.mistakes() == before {
        lint::tool(&fields, &tool);
    }
    Some(tool)
}

/// Notes principals that come with a key, where a Unix user is needed.
fn users_only(fields: &Fields<'_, '_>, tool: &Tool) {
    let (needs, hint) = match tool.profile.run_as {
        RunAs::Caller => ("runs as its caller", "let its profile `run_as` a user"),
        RunAs::User { .. } if tool.names_caller => (
            "depends on its caller's account",
            "write what `${caller.…}` stands for, or name Unix users",
        ),
        RunAs::User { .. } => return,
    };
    let let_in = tool.rules.iter().filter(|rule| rule.effect != Effect::Deny);
    for rule in let_in.filter(|rule| rule.principal.takes_keys()) {
        let message = format!(
            "{} {needs}, but who has the key of principal `{}` is no Unix user",
            fields.owner, rule.principal.name
        );
        fields.reader.error_hint(&rule.at.span, message, hint);
    }
}

fn description(fields: &Fields<'_, '_>) -> Option<String> {
    fields.require("description", "say what it does, for people and models");
    let text = fields.text("description")?;
    if text.value.trim().is_empty() {
        let hint = "say what it does, for people and models";
        fields
            .reader
            .error_hint(&text.span, "`description` is empty", hint);
    }
    Some(text.value.to_owned())
}

fn profile(fields: &Fields<'_, '_>, profiles: &Defined<Arc<Profile>>) -> Option<Arc<Profile>> {
    fields.require("profile", "name a `[profile.NAME]`");
    let name = fields.text("profile")?;
    fields.reader.uses_profile(name.value);
    let found = profiles.get(name.value);
    if found.is_none() {
        let message = format!(
            "{} names profile `{}`, which does not exist",
            fields.owner, name.value
        );
        let hint = hint(name.value, profiles.keys().map(String::as_str));
        fields.reader.note(&name.span, message, hint);
    }
    found.cloned().flatten()
}

/// The command with its placeholders resolved; each parameter exactly once.
fn template(fields: &Fields<'_, '_>, declared: &[Declared<'_>]) -> Option<Template> {
    fields.require("command", "write `command = [\"/usr/bin/…\", …]`");
    let texts = fields.texts("command")?;
    let Some((first, rest)) = texts.value.split_first() else {
        fields.reader.error(&texts.span, "`command` is empty");
        return None;
    };
    let program = program(fields.reader, first);
    let mut uses = Uses {
        fields,
        declared,
        used: vec![false; declared.len()],
    };
    let elements: Vec<Option<Element>> = rest.iter().map(|text| uses.element(text)).collect();
    let elements = elements.into_iter().collect::<Option<Vec<Element>>>()?;
    uses.all();
    Some(Template {
        program: program?,
        elements,
    })
}

fn program(reader: &Reader<'_>, text: &Located<&str>) -> Option<String> {
    let written = reader.element(text)?;
    if let Some((_, range)) = written.placeholder {
        let span = reader.within(text, range);
        reader.error(&span, "the program cannot be chosen by an argument");
        return None;
    }
    match absolute(&written.literal) {
        Ok(program) => Some(program),
        Err(fault) => {
            let message = format!("program `{}` {fault}", text.value);
            reader.error_hint(&text.span, message, "write the whole path of the program");
            None
        }
    }
}

/// Which parameters a command has used so far.
struct Uses<'a> {
    fields: &'a Fields<'a, 'a>,
    declared: &'a [Declared<'a>],
    used: Vec<bool>,
}

impl Uses<'_> {
    fn element(&mut self, text: &Located<&str>) -> Option<Element> {
        let reader = self.fields.reader;
        let Written {
            literal,
            placeholder,
        } = reader.element(text)?;
        let Some((name, range)) = placeholder else {
            return Some(Element::Literal(literal));
        };
        let span = reader.within(text, range);
        let parameter = self.parameter(name, &span)?;
        let parsed = self.declared.get(parameter)?.parsed.as_ref();
        match parsed.and_then(|parsed| parsed.flag.clone()) {
            None => Some(Element::Value {
                parameter,
                prefix: literal,
            }),
            Some(flag) if literal.is_empty() => Some(Element::Flag { parameter, flag }),
            Some(_) => {
                let message = format!("something stands before the flag `{name}`");
                reader.error_hint(&text.span, message, "a flag is an element by itself");
                None
            }
        }
    }

    /// The index of the parameter `name`, which stands at `span`.
    fn parameter(&mut self, name: &str, span: &Span) -> Option<usize> {
        let Some(index) = self.declared.iter().position(|one| one.name.value == name) else {
            let message = format!("{} has no argument `{name}`", self.fields.owner);
            let names = self.declared.iter().map(|one| one.name.value);
            let hint = match name {
                _ if name.starts_with("caller.") => {
                    format!(
                        "known of the caller: {}",
                        listed(variables::KNOWN.into_iter())
                    )
                }
                _ => hint(name, names).unwrap_or_else(|| {
                    "declare it in `args`; for literal braces write `{{` and `}}`".to_owned()
                }),
            };
            self.fields.reader.error_hint(span, message, hint);
            return None;
        };
        let used = self.used.get_mut(index)?;
        if std::mem::replace(used, true) {
            self.fields
                .reader
                .error(span, format!("argument `{name}` is used twice"));
            return None;
        }
        Some(index)
    }

    /// Notes the parameters that are not used.
    fn all(&self) {
        for (one, used) in self.declared.iter().zip(&self.used) {
            if !used {
                let name = one.name.value;
                let message = format!("argument `{name}` is not used in the command");
                let hint = format!("write `{{{name}}}` as an element of `command`");
                self.fields.reader.error_hint(&one.name.span, message, hint);
            }
        }
    }
}

/// Whether a value of this `kind` means something else for each caller.
fn depends(kind: &Kind, profile: &Profile) -> bool {
    kind.names_caller() || kind.is_path() && profile.names_caller()
}

/// Checks the default of a parameter as if a caller had given it.
fn default(
    reader: &Reader<'_>,
    declared: &Declared<'_>,
    whole: Option<bool>,
    profile: Option<&Profile>,
) {
    let Some(Parsed {
        parameter,
        default: Some(span),
        ..
    }) = &declared.parsed
    else {
        return;
    };
    let base = match profile {
        // Where it leads depends on the caller: checked with every call.
        Some(profile) if depends(&parameter.kind, profile) => return,
        Some(profile) => profile.working_directory.as_path(),
        // The profile has a mistake of its own: where relative paths lead is not known.
        None if matches!(parameter.kind, Kind::Path { .. }) => return,
        None => Path::new("/"),
    };
    let place = Place {
        whole: whole.unwrap_or(false),
        base,
    };
    if let Some(Err(fault)) = parameter
        .default()
        .map(|value| accept(parameter, value, &place))
    {
        reader.error(span, format!("`default` {}", fault.reason));
    }
}
