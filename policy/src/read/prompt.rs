//! `[prompt.NAME]`: runbooks for agents.

use super::document::{Document, Entry};
use super::example::{Example, Tries, examples};
use super::fields::Fields;
use super::nearest::hint;
use super::parameter::{Declared, parameters};
use super::profile::silent;
use super::resource::{UNITS, optional, title};
use super::rules::rules;
use super::tool::{Known, description};
use super::{Located, lint};
use crate::prompt::{PREFIX, Piece};
use crate::resource::narrowed;
use crate::rule::Rules;
use crate::source::At;
use crate::template::{Element, Template};
use crate::tool::Origin;
use crate::{Background, Kind, Limits, Parameter, Prompt, Suggested, Tool};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const KEYS: [&str; 7] = [
    "title",
    "description",
    "text",
    "allow",
    "deny",
    "args",
    "example",
];

/// Longest text, in bytes.
const TEXT_MAX: usize = 64 * 1024;

/// All prompts; their examples are added to those of the tools.
pub(super) fn prompts<'r>(
    document: &Document<'r, '_>,
    known: &Known<'_>,
    all_examples: &mut Vec<Example<'r>>,
) -> Vec<Prompt> {
    let tables = document.prompts.iter();
    let prompts = tables.filter_map(|entry| prompt(entry, known, all_examples));
    prompts.collect()
}

fn prompt<'r>(
    entry: &Entry<'r, '_>,
    known: &Known<'_>,
    all_examples: &mut Vec<Example<'r>>,
) -> Option<Prompt> {
    let Entry { reader, name, node } = entry;
    let before = reader.mistakes();
    let owner = format!("prompt `{}`", name.value);
    let fields = Fields::open(reader, owner, name.span.clone(), node)?;
    reader.name(name, "a prompt");
    fields.only(&KEYS);
    let description = description(&fields);
    let rules = rules(&fields, known.principals);
    let declared = parameters(&fields);
    declared.iter().for_each(|one| words_only(&fields, one));
    let pieces = text(&fields, &declared);
    let tries = Tries::Prompt(name.value);
    all_examples.extend(examples((entry, tries), &fields, known.principals));
    let parameters: Option<Vec<Parameter>> = declared
        .into_iter()
        .map(|one| Some(one.parsed?.parameter))
        .collect();
    let form = Form {
        name: name.value,
        at: reader.at(&name.span),
        rules: rules?,
    };
    let (pieces, parameters) = (pieces?, parameters?);
    let wanted = |what: &Suggested| {
        let mut kinds = parameters.iter().map(|one| Suggested::of(&one.kind));
        kinds.any(|kind| kind == Some(*what))
    };
    let suggesting = Suggested::ALL.into_iter().filter(wanted);
    let suggesting = suggesting
        .map(|what| (what, form.suggesting(what)))
        .collect();
    let form = Tool {
        parameters,
        ..form.tool(String::new(), nothing(), "/")
    };
    if reader.mistakes() == before {
        lint::published(&fields, &form);
    }
    Some(Prompt {
        name: name.value.to_owned(),
        title: title(&fields),
        description: description?,
        pieces,
        form,
        suggesting,
    })
}

/// Notes arguments that are no words in a text.
fn words_only(fields: &Fields<'_, '_>, declared: &Declared<'_>) {
    let Some(parsed) = &declared.parsed else {
        return;
    };
    let Parameter { kind, secret, .. } = &parsed.parameter;
    let what = if matches!(kind, Kind::Flag) {
        "a flag"
    } else if matches!(kind, Kind::List { .. }) {
        "a list"
    } else if matches!(kind, Kind::Path { .. }) {
        "a path"
    } else if *secret {
        "secret"
    } else {
        return;
    };
    let name = declared.name.value;
    let message = format!("argument `{name}` of {} cannot be {what}", fields.owner);
    let hint = "clients have only strings for it; it opens nothing and goes to the model";
    fields.reader.error_hint(&declared.name.span, message, hint);
}

/// The text with its placeholders, each argument used.
fn text(fields: &Fields<'_, '_>, declared: &[Declared<'_>]) -> Option<Vec<Piece>> {
    fields.require("text", "write what the agent is to do");
    let text = fields.text("text")?;
    if text.value.trim().is_empty() || text.value.len() > TEXT_MAX {
        let message = format!("`text` must have between 1 and {TEXT_MAX} bytes");
        fields.reader.error(&text.span, message);
        return None;
    }
    let mut used = vec![false; declared.len()];
    let pieces = pieces(fields, &text, declared, &mut used)?;
    for (one, used) in declared.iter().zip(used) {
        if !used {
            let name = one.name.value;
            let message = format!("argument `{name}` is not used in the text");
            let hint = format!("write `{{{name}}}` in `text`");
            fields.reader.error_hint(&one.name.span, message, hint);
        }
    }
    Some(pieces)
}

/// `text` taken apart at its braces; `None` when it has flaws, which are noted.
fn pieces(
    fields: &Fields<'_, '_>,
    text: &Located<&str>,
    declared: &[Declared<'_>],
    used: &mut [bool],
) -> Option<Vec<Piece>> {
    let reader = fields.reader;
    let before = reader.mistakes();
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text.value;
    while let Some(at) = rest.find(['{', '}']) {
        let (plain, from) = rest.split_at(at);
        let start = text.value.len() - from.len();
        literal.push_str(plain);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            literal.push_str(from.get(..1).unwrap_or_default());
            rest = after;
            continue;
        }
        let inner = from
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'));
        let Some((name, after)) = inner.filter(|(name, _)| !name.contains(['{', '\n'])) else {
            let span = reader.within(text, start..start + 1);
            let message = "a brace is not that of a placeholder `{name}`";
            reader.error_hint(&span, message, "for literal braces write `{{` and `}}`");
            rest = from.get(1..).unwrap_or_default();
            continue;
        };
        if let Some(index) = declared.iter().position(|one| one.name.value == name) {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            pieces.push(Piece::Argument(index));
            used.iter_mut()
                .skip(index)
                .take(1)
                .for_each(|used| *used = true);
        } else {
            let span = reader.within(text, start..start + name.len() + 2);
            let message = format!("{} has no argument `{name}`", fields.owner);
            let names = declared.iter().map(|one| one.name.value);
            let hint = hint(name, names).unwrap_or_else(|| {
                "declare it in `args`; for literal braces write `{{` and `}}`".to_owned()
            });
            reader.error_hint(&span, message, hint);
        }
        rest = after;
    }
    literal.push_str(rest);
    pieces.push(Piece::Literal(literal));
    (reader.mistakes() == before).then_some(pieces)
}

/// What a prompt and its commands have in common.
struct Form<'a> {
    name: &'a str,
    at: At,
    rules: Rules,
}

impl Form<'_> {
    /// The command that lists `what`.
    fn suggesting(&self, what: Suggested) -> Tool {
        let command = format!("{PREFIX}{}/{}", self.name, what.word());
        let template = match what {
            Suggested::Units => Template {
                program: "/bin/ls".to_owned(),
                elements: ["-1q"].into_iter().chain(UNITS).map(literal).collect(),
                ..nothing()
            },
            Suggested::Users => Template {
                program: "/bin/cat".to_owned(),
                input: Some(PathBuf::from("/etc/passwd")),
                ..nothing()
            },
        };
        let mut tool = self.tool(command, template, "/");
        if what == Suggested::Units {
            let mut profile = tool.profile.as_ref().clone();
            profile.read.extend(UNITS.map(optional));
            tool.profile = Arc::new(profile);
        }
        tool
    }

    fn tool(&self, command: String, template: Template, directory: &str) -> Tool {
        let place = format!(
            "prompt.{}",
            command.strip_prefix(PREFIX).unwrap_or(self.name)
        );
        let directory = Path::new(directory).to_owned();
        Tool {
            approval_timeout: None,
            queue_timeout: None,
            name: command,
            origin: Origin::Prompt(self.name.to_owned()),
            at: self.at.clone(),
            description: String::new(),
            template,
            sha256: None,
            profile: Arc::new(narrowed(&silent(self.name), place, directory)),
            rules: self.rules.clone(),
            read_only: true,
            background: Background::Never,
            limits: Limits::default(),
            names_caller: false,
            parameters: Vec::new(),
        }
    }
}

fn literal(text: &str) -> Element {
    Element::Literal(text.to_owned())
}

/// A command of nothing.
fn nothing() -> Template {
    Template {
        program: String::new(),
        elements: Vec::new(),
        stdin: None,
        input: None,
        starts_in: None,
    }
}
