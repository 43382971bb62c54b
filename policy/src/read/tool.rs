//! `[tool.NAME]`: commands that exist.

use super::confirm::confirming;
use super::document::{Document, Entry};
use super::example::{Example, Tries, examples};
use super::fields::Fields;
use super::limits::{limits, queue_timeout};
use super::nearest::hint;
use super::parameter::{Declared, Parsed, parameters};
use super::rules::rules;
use super::wiring::wiring;
use super::{Defined, Reader, lint};
use crate::argument::{Place, accept};
use crate::principal::Principal;
use crate::template::Template;
use crate::tool::Origin;
use crate::{Background, Effect, Kind, Profile, RunAs, Tool};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const KEYS: [&str; 22] = [
    "description",
    "command",
    "stdin",
    "working_directory",
    "sha256",
    "profile",
    "allow",
    "ask",
    "deny",
    "confirm",
    "approval_timeout",
    "confirm_timeout",
    "read_only",
    "background",
    "outlives_connection",
    "record",
    "rate",
    "concurrency",
    "quota",
    "queue_timeout",
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
    let confirming = confirming(&fields, known.principals);
    let read_only = fields.boolean("read_only").is_some_and(|value| value.value);
    let background = background(&fields);
    let record = fields.boolean("record").is_some_and(|value| value.value);
    let limits = limits(&fields);
    let approval_timeout = approval_timeout(&fields);
    let patience = queue_timeout(&fields);
    let declared = parameters(&fields);
    let wiring = wiring(&fields, &declared);
    let sha256 = sha256(&fields);
    let directory = wiring.as_ref().and_then(|wiring| wiring.directory.clone());
    let profile = profile.map(|profile| started_in(profile, directory));
    let template = wiring.map(|wiring| wiring.template);
    for (index, declared) in declared.iter().enumerate() {
        default(
            reader,
            (index, declared),
            template.as_ref(),
            profile.as_deref(),
        );
    }
    all_examples.extend(examples(
        (entry, Tries::Command(name.value)),
        &fields,
        known.principals,
    ));
    let mut tool = Tool {
        name: name.value.to_owned(),
        origin: Origin::Tool,
        at: reader.at(&name.span),
        description: description?,
        profile: profile?,
        template: template?,
        sha256,
        rules: rules?,
        confirming: confirming?,
        read_only,
        background,
        record,
        limits,
        approval_timeout,
        queue_timeout: patience,
        names_caller: false,
        parameters: declared
            .into_iter()
            .map(|one| Some(one.parsed?.parameter))
            .collect::<Option<_>>()?,
    };
    tool.names_caller = tool.looks_like_naming_caller();
    users_only(&fields, &tool);
    one_input(&fields, &tool);
    leaves_nothing(&fields, &tool);
    if reader.mistakes() == before {
        lint::tool(&fields, &tool);
    }
    Some(tool)
}

/// How long its calls wait for an approval, where any needs one.
fn approval_timeout(fields: &Fields<'_, '_>) -> Option<Duration> {
    if let (Some(at), false) = (fields.span("approval_timeout"), fields.has("ask")) {
        let message = "`approval_timeout` goes with `ask` only";
        let hint = "no call of this tool needs an approval";
        fields.reader.error_hint(&at, message, hint);
    }
    fields.duration("approval_timeout")
}

/// Whether its callers need not wait for it, and need not stay.
fn background(fields: &Fields<'_, '_>) -> Background {
    let flag = |key| fields.boolean(key).filter(|flag| flag.value);
    match (flag("background"), flag("outlives_connection")) {
        (Some(_), None) => Background::Connected,
        (Some(_), Some(_)) => Background::Outliving,
        (None, None) => Background::Never,
        (None, Some(alone)) => {
            let message = format!(
                "{} outlives connections, but its callers wait",
                fields.owner
            );
            let hint = "add `background = true`";
            fields.reader.error_hint(&alone.span, message, hint);
            Background::Never
        }
    }
}

/// Notes files that a user who vanishes would leave to the next who has its number.
fn leaves_nothing(fields: &Fields<'_, '_>, tool: &Tool) {
    let mut parameters = tool.parameters.iter();
    let dynamic = tool.profile.run_as == RunAs::Dynamic;
    let writable = parameters.find(|one| lint::can_write(&one.kind));
    if let (true, Some(one)) = (dynamic, writable) {
        let message = format!(
            "{} may write `{}` as a user that only one run has",
            fields.owner, one.name
        );
        let hint = "what it makes would belong to whoever gets the user next; read only, or `run_as` a user";
        fields.reader.error_hint(&one.at.span, message, hint);
    }
}

/// Notes a standard input that would have to be two things.
fn one_input(fields: &Fields<'_, '_>, tool: &Tool) {
    if let (true, Some(at)) = (tool.profile.tty, fields.span("stdin")) {
        let message = format!("{} has `stdin` and a terminal", fields.owner);
        let profile = &tool.profile.name;
        let hint = format!("profile `{profile}` has `tty = true`: the terminal is the input");
        fields.reader.error_hint(&at, message, &hint);
    }
}

/// `profile`, for a tool that names its `directory` itself.
fn started_in(profile: Arc<Profile>, directory: Option<PathBuf>) -> Arc<Profile> {
    match directory {
        None => profile,
        Some(working_directory) => Arc::new(Profile {
            working_directory,
            ..Profile::clone(&profile)
        }),
    }
}

/// The digest that the program must have.
fn sha256(fields: &Fields<'_, '_>) -> Option<[u8; 32]> {
    let text = fields.text("sha256")?;
    let digest = hexadecimal(text.value);
    if digest.is_none() {
        let message = "`sha256` is not a SHA-256 digest";
        let hint = "write the 64 hexadecimal digits that sha256sum(1) prints";
        fields.reader.error_hint(&text.span, message, hint);
    }
    digest
}

fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let digits = text.as_bytes().chunks_exact(2);
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// Notes principals that come with a key, where a Unix user is needed.
pub(super) fn users_only(fields: &Fields<'_, '_>, tool: &Tool) {
    let (needs, hint) = match tool.profile.run_as {
        RunAs::Caller if tool.origin == Origin::Tool => {
            ("runs as its caller", "let its profile `run_as` a user")
        }
        RunAs::Caller => (
            "is read as its caller",
            "name a `profile` that has a user in `run_as`",
        ),
        RunAs::User { .. } | RunAs::Dynamic if tool.names_caller => (
            "depends on its caller's account",
            "write what `${caller.…}` stands for, or name Unix users",
        ),
        RunAs::User { .. } | RunAs::Dynamic => return,
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

pub(super) fn description(fields: &Fields<'_, '_>) -> Option<String> {
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

pub(super) fn profile(
    fields: &Fields<'_, '_>,
    profiles: &Defined<Arc<Profile>>,
) -> Option<Arc<Profile>> {
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

/// Whether a value of this `kind` means something else for each caller.
fn depends(kind: &Kind, profile: &Profile) -> bool {
    kind.names_caller() || kind.is_path() && profile.names_caller()
}

/// Checks the default of a parameter as if a caller had given it.
fn default(
    reader: &Reader<'_>,
    (index, declared): (usize, &Declared<'_>),
    template: Option<&Template>,
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
    let elsewhere = template.and_then(|template| template.starts_in);
    let base = match profile {
        // Where it leads depends on the caller: checked with every call.
        Some(profile) if depends(&parameter.kind, profile) => return,
        // It is beneath what another argument says.
        _ if parameter.kind.is_path() && elsewhere.is_some_and(|other| other != index) => return,
        Some(profile) => profile.working_directory.as_path(),
        // The profile has a mistake of its own: where relative paths lead is not known.
        None if matches!(parameter.kind, Kind::Path { .. }) => return,
        None => Path::new("/"),
    };
    let place = Place {
        whole: template.is_some_and(|template| template.is_whole(index)),
        lines: template.is_some_and(|template| template.takes_lines(index)),
        base,
    };
    if let Some(Err(fault)) = parameter
        .default()
        .map(|value| accept(parameter, value, &place))
    {
        reader.error(span, format!("`default` {}", fault.reason));
    }
}
