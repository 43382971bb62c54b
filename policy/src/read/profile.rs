//! `[profile.NAME]`: named bundles of restrictions.

use super::environment::environment;
use super::fields::Fields;
use super::{Defined, Located, Node, Reader};
use crate::{Network, PathRule, Profile, RunAs, Setting};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const KEYS: [&str; 14] = [
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

/// All profiles by name.
pub(super) fn profiles(reader: &Reader<'_>, root: &Fields<'_, '_>) -> Defined<Arc<Profile>> {
    root.tables("profile")
        .into_iter()
        .map(|(name, node)| {
            (
                name.value.to_owned(),
                profile(reader, &name, node).map(Arc::new),
            )
        })
        .collect()
}

fn profile(reader: &Reader<'_>, name: &Located<&str>, node: &Node<'_>) -> Option<Profile> {
    let before = reader.mistakes();
    let owner = format!("profile `{}`", name.value);
    let fields = Fields::open(reader, owner, name.span.clone(), node)?;
    reader.name(name, "a profile");
    fields.only(&KEYS);
    let working_directory = working_directory(&fields);
    let network = fields.word("network", &[("none", Network::None)]);
    let tasks_max = fields.number("tasks_max", 1..=65_536);
    let limit_nofile = fields.number("limit_nofile", 8..=1_048_576);
    let minimum_landlock = fields.number("minimum_landlock", 1..=99);
    let profile = Profile {
        name: name.value.to_owned(),
        read: paths(&fields, "read"),
        write: paths(&fields, "write"),
        execute: paths(&fields, "execute"),
        run_as: run_as(&fields).unwrap_or(RunAs::Caller),
        timeout: fields.duration("timeout").unwrap_or(TIMEOUT),
        memory_max: fields
            .size("memory_max", MIB..=u64::MAX >> 1)
            .unwrap_or(MEMORY_MAX),
        tasks_max: tasks_max.map_or(TASKS_MAX, |number| number.value).into(),
        limit_fsize: fields
            .size("limit_fsize", 0..=u64::MAX >> 1)
            .unwrap_or(LIMIT_FSIZE),
        limit_nofile: limit_nofile
            .map_or(LIMIT_NOFILE, |number| number.value)
            .into(),
        output_max: fields
            .size("output_max", KIB..=16 * MIB)
            .unwrap_or(OUTPUT_MAX),
        network: network.unwrap_or(Network::None),
        minimum_landlock: minimum_landlock.map_or(MINIMUM_LANDLOCK, |number| number.value),
        working_directory: working_directory.unwrap_or_default(),
        environment: environment(&fields),
    };
    (reader.mistakes() == before).then_some(profile)
}

fn paths(fields: &Fields<'_, '_>, key: &str) -> Vec<PathRule> {
    let texts = fields.texts(key).map_or_else(Vec::new, |texts| texts.value);
    texts
        .iter()
        .filter_map(|text| fields.reader.path_rule(text))
        .collect()
}

/// The root directory, or for a single user the workspace, unless written.
fn working_directory(fields: &Fields<'_, '_>) -> Option<PathBuf> {
    let default = match fields.reader.setting {
        Setting::System => "/",
        Setting::SingleUser { .. } => "${workspace}",
    };
    if !fields.has("working_directory") {
        let head = fields.head.clone();
        return fields.reader.path(&Located {
            value: default,
            span: head,
        });
    }
    fields.reader.path(&fields.text("working_directory")?)
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
    Some(RunAs::User {
        name: name.value.to_owned(),
        uid: account.uid,
        gid: account.gid,
    })
}
