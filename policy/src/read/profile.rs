//! `[profile.NAME]`: named bundles of restrictions.

use super::document::{Document, Entry};
use super::environment::{Variables, environment, variables};
use super::fields::Fields;
use super::nearest::hint;
use super::{Defined, Located, Span, lint};
use crate::{Network, PathRule, Profile, RunAs, Setting};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const KEYS: [&str; 15] = [
    "extends",
    "read",
    "write",
    "execute",
    "run_as",
    "timeout",
    "memory_max",
    "tasks_max",
    "limit_fsize",
    "limit_nofile",
    "output_max",
    "network",
    "minimum_landlock",
    "working_directory",
    "environment",
];

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const TIMEOUT: Duration = Duration::from_secs(30);
const MEMORY_MAX: u64 = 512 * MIB;
const TASKS_MAX: u32 = 64;
const LIMIT_FSIZE: u64 = 64 * MIB;
const LIMIT_NOFILE: u32 = 256;
const OUTPUT_MAX: u64 = 48 * KIB;
const MINIMUM_LANDLOCK: u32 = 6;

/// Most profiles that one extends, one through the other.
const EXTENDED_MAX: usize = 16;

/// A profile as written: `None` where it says nothing.
struct Written<'r, 't> {
    fields: Fields<'r, 't>,
    /// Whether it has no mistakes of its own.
    sound: bool,
    extends: Option<Located<&'t str>>,
    read: Vec<PathRule>,
    write: Vec<PathRule>,
    execute: Vec<PathRule>,
    run_as: Option<RunAs>,
    timeout: Option<Duration>,
    memory_max: Option<u64>,
    tasks_max: Option<u32>,
    limit_fsize: Option<u64>,
    limit_nofile: Option<u32>,
    output_max: Option<u64>,
    network: Option<Network>,
    minimum_landlock: Option<u32>,
    working_directory: Option<PathBuf>,
    environment: Variables,
}

/// Profiles as written, by name.
type AllWritten<'r, 't> = BTreeMap<&'t str, Option<Written<'r, 't>>>;

/// All profiles by name.
pub(super) fn profiles(document: &Document<'_, '_>) -> Defined<Arc<Profile>> {
    let tables = document.profiles.iter();
    let all: AllWritten<'_, '_> = tables
        .map(|entry| (entry.name.value, written(entry)))
        .collect();
    let resolved = |(name, one): (&&str, &Option<Written<'_, '_>>)| {
        let chain = one.as_ref().and_then(|one| chain(name, one, &all));
        let profile = chain.and_then(|chain| resolve(name, &chain));
        ((*name).to_owned(), profile.map(Arc::new))
    };
    all.iter().map(resolved).collect()
}

fn written<'r, 't>(entry: &Entry<'r, 't>) -> Option<Written<'r, 't>> {
    let Entry { reader, name, node } = entry;
    let before = reader.mistakes();
    let owner = format!("profile `{}`", name.value);
    let fields = Fields::open(reader, owner, name.span.clone(), node)?;
    reader.name(name, "a profile");
    fields.only(&KEYS);
    let number = |key, range| fields.number(key, range).map(|number| number.value);
    let directory = fields.text("working_directory");
    let written = Written {
        extends: fields.text("extends"),
        read: read(&fields),
        write: write(&fields),
        execute: paths(&fields, "execute", |_, _| {}),
        run_as: run_as(&fields),
        timeout: fields.duration("timeout"),
        memory_max: fields.size("memory_max", MIB..=u64::MAX >> 1),
        tasks_max: number("tasks_max", 1..=65_536),
        limit_fsize: fields.size("limit_fsize", 0..=u64::MAX >> 1),
        limit_nofile: number("limit_nofile", 8..=1_048_576),
        output_max: fields.size("output_max", KIB..=16 * MIB),
        network: fields.word("network", &[("none", Network::None)]),
        minimum_landlock: number("minimum_landlock", 1..=99),
        working_directory: directory.and_then(|text| reader.path(&text)),
        environment: variables(&fields),
        sound: reader.mistakes() == before,
        fields,
    };
    Some(written)
}

/// The profile `own` and those it extends, one after the other; `None` when one
/// of them has mistakes.
fn chain<'a, 'r, 't>(
    name: &str,
    own: &'a Written<'r, 't>,
    all: &'a AllWritten<'r, 't>,
) -> Option<Vec<&'a Written<'r, 't>>> {
    let mut chain = vec![own];
    let mut names = vec![name];
    let mut last = own;
    while let Some(base) = &last.extends {
        let at = &own.extends.as_ref()?.span;
        if base.value == name {
            let message = format!("{} extends itself", own.fields.owner);
            own.fields.reader.error(at, message);
            return None;
        }
        if chain.len() > EXTENDED_MAX {
            let owner = &own.fields.owner;
            let message = format!("{owner} extends more than {EXTENDED_MAX} profiles");
            own.fields.reader.error(at, message);
            return None;
        }
        if chain.len() == 1 {
            own.fields.reader.uses_profile(base.value);
            if !all.contains_key(base.value) {
                unknown(own, base, all);
            }
        }
        // A circle further up is a mistake of those in it.
        if names.contains(&base.value) {
            return None;
        }
        last = all.get(base.value)?.as_ref()?;
        names.push(base.value);
        chain.push(last);
    }
    chain.iter().all(|one| one.sound).then_some(chain)
}

/// Notes that the `base` of `own` does not exist.
fn unknown(own: &Written<'_, '_>, base: &Located<&str>, all: &AllWritten<'_, '_>) {
    let owner = &own.fields.owner;
    let message = format!(
        "{owner} extends profile `{}`, which does not exist",
        base.value
    );
    let hint = hint(base.value, all.keys().copied());
    own.fields.reader.note(&base.span, message, hint);
}

/// What `chain` comes to, the profile itself first: of a value the nearest that
/// is written, of lists everything, the farthest first.
fn resolve(name: &str, chain: &[&Written<'_, '_>]) -> Option<Profile> {
    let working_directory = match nearest(chain, |one| one.working_directory.clone()) {
        Some(written) => written,
        None => default_directory(&chain.first()?.fields)?,
    };
    Some(Profile {
        name: name.to_owned(),
        read: joined(chain, |one| &one.read),
        write: joined(chain, |one| &one.write),
        execute: joined(chain, |one| &one.execute),
        run_as: nearest(chain, |one| one.run_as.clone()).unwrap_or(RunAs::Caller),
        timeout: nearest(chain, |one| one.timeout).unwrap_or(TIMEOUT),
        memory_max: nearest(chain, |one| one.memory_max).unwrap_or(MEMORY_MAX),
        tasks_max: nearest(chain, |one| one.tasks_max)
            .unwrap_or(TASKS_MAX)
            .into(),
        limit_fsize: nearest(chain, |one| one.limit_fsize).unwrap_or(LIMIT_FSIZE),
        limit_nofile: nearest(chain, |one| one.limit_nofile)
            .unwrap_or(LIMIT_NOFILE)
            .into(),
        output_max: nearest(chain, |one| one.output_max).unwrap_or(OUTPUT_MAX),
        network: nearest(chain, |one| one.network).unwrap_or(Network::None),
        minimum_landlock: nearest(chain, |one| one.minimum_landlock).unwrap_or(MINIMUM_LANDLOCK),
        working_directory,
        environment: environment(chain.iter().rev().map(|one| &one.environment)),
    })
}

fn nearest<T>(
    chain: &[&Written<'_, '_>],
    value: impl Fn(&Written<'_, '_>) -> Option<T>,
) -> Option<T> {
    chain.iter().find_map(|one| value(one))
}

fn joined(
    chain: &[&Written<'_, '_>],
    rules: impl for<'a> Fn(&'a Written<'_, '_>) -> &'a [PathRule],
) -> Vec<PathRule> {
    let from_base = chain.iter().rev();
    from_base.flat_map(|one| rules(one)).cloned().collect()
}

fn read(fields: &Fields<'_, '_>) -> Vec<PathRule> {
    paths(fields, "read", |rule, at| lint::secret(fields, rule, at))
}

fn write(fields: &Fields<'_, '_>) -> Vec<PathRule> {
    paths(fields, "write", |rule, at| {
        lint::secret(fields, rule, at);
        lint::program_directory(fields, rule, at);
    })
}

/// The path rules in `key`; `look` sees each with its place.
fn paths(fields: &Fields<'_, '_>, key: &str, look: impl Fn(&PathRule, &Span)) -> Vec<PathRule> {
    let texts = fields.texts(key).map_or_else(Vec::new, |texts| texts.value);
    let rule = |text: &Located<&str>| {
        let rule = fields.reader.path_rule(text)?;
        look(&rule, &text.span);
        Some(rule)
    };
    texts.iter().filter_map(rule).collect()
}

/// The root directory, or for a single user the workspace.
fn default_directory(fields: &Fields<'_, '_>) -> Option<PathBuf> {
    let value = match fields.reader.setting {
        Setting::System => "/",
        Setting::SingleUser { .. } => "${workspace}",
    };
    let span = fields.head.clone();
    fields.reader.path(&Located { value, span })
}

fn run_as(fields: &Fields<'_, '_>) -> Option<RunAs> {
    let name = fields.text("run_as")?;
    let reader = fields.reader;
    if name.value == "caller" {
        return Some(RunAs::Caller);
    }
    if *reader.setting != Setting::System {
        let message = format!("`run_as` cannot be `{}`", name.value);
        let hint = "with `mini-mcp stdio` only `run_as = \"caller\"` exists";
        reader.error_hint(&name.span, message, hint);
        return None;
    }
    let Some(account) = reader.accounts.user(name.value) else {
        let message = format!("user `{}` does not exist on this host", name.value);
        reader.error_hint(&name.span, message, "name a user, or write \"caller\"");
        return None;
    };
    if account.uid == 0 && name.value != "root" {
        let message = format!("user `{}` is root", name.value);
        reader.error_hint(
            &name.span,
            message,
            "write `run_as = \"root\"` if that is meant",
        );
        return None;
    }
    if account.uid == 0 {
        lint::root(fields, &name.span);
    }
    Some(RunAs::User {
        name: name.value.to_owned(),
        uid: account.uid,
        gid: account.gid,
    })
}
