//! `[profile.NAME]`: named bundles of restrictions.

mod chain;
mod identity;
mod isolation;
mod quantities;
mod resources;
mod system_calls;

use super::document::{Document, Entry};
use super::environment::{Variables, environment, variables};
use super::fields::Fields;
use super::{Defined, Located, Span, lint};
use crate::profile::TIMEOUT_STOP;
use crate::{Capability, CgroupLimits, Containment, Group, PathRule, ProcessLimits, Profile};
use crate::{Network, Refusal, RunAs, Scheduling, Setting, SystemCalls};
use chain::{chain, joined, nearest};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const KEYS: [&str; 43] = [
    "extends",
    "read",
    "write",
    "execute",
    "run_as",
    "dynamic_user",
    "supplementary_groups",
    "capabilities",
    "umask",
    "timeout",
    "timeout_stop",
    "memory_max",
    "memory_high",
    "memory_swap_max",
    "tasks_max",
    "cpu_quota",
    "cpu_weight",
    "io_weight",
    "minimum_cgroup",
    "limit_fsize",
    "limit_nofile",
    "limit_cpu",
    "limit_stack",
    "limit_memlock",
    "limit_as",
    "nice",
    "oom_score_adjust",
    "io_scheduling_class",
    "output_max",
    "tty",
    "strength",
    "private_tmp",
    "tmp_size",
    "network",
    "connect",
    "unix_sockets",
    "system_calls",
    "system_call_error_number",
    "minimum_landlock",
    "minimum_containment",
    "working_directory",
    "environment",
    "dangerous_environment",
];

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_STOP_MAX: Duration = Duration::from_secs(600);
const MEMORY_MAX: u64 = 512 * MIB;
const TASKS_MAX: u32 = 64;
const LIMIT_FSIZE: u64 = 64 * MIB;
const LIMIT_NOFILE: u32 = 256;
const OUTPUT_MAX: u64 = 48 * KIB;
const MINIMUM_LANDLOCK: u32 = 6;
const UMASK: u32 = 0o022;

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
    dynamic_user: Option<bool>,
    groups: Option<Vec<Group>>,
    capabilities: Option<BTreeSet<Capability>>,
    umask: Option<u32>,
    timeout: Option<Duration>,
    timeout_stop: Option<Duration>,
    memory_max: Option<u64>,
    tasks_max: Option<u32>,
    limit_fsize: Option<u64>,
    limit_nofile: Option<u32>,
    limits: ProcessLimits,
    scheduling: Scheduling,
    cgroup: CgroupLimits,
    output_max: Option<u64>,
    tty: Option<bool>,
    apart: isolation::Apart,
    system_calls: Option<system_calls::Changes>,
    refusal: Option<Refusal>,
    minimum_landlock: Option<u32>,
    minimum_containment: Option<Containment>,
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
        run_as: identity::run_as(&fields),
        dynamic_user: identity::dynamic_user(&fields),
        groups: identity::groups(&fields),
        capabilities: identity::capabilities(&fields),
        umask: quantities::umask(&fields),
        timeout: fields.duration("timeout"),
        timeout_stop: fields.grace("timeout_stop", TIMEOUT_STOP_MAX),
        memory_max: fields.size("memory_max", MIB..=u64::MAX >> 1),
        tasks_max: number("tasks_max", 1..=65_536),
        limits: resources::limits(&fields),
        scheduling: resources::scheduling(&fields),
        cgroup: resources::cgroup(&fields),
        limit_fsize: fields.size("limit_fsize", 0..=u64::MAX >> 1),
        limit_nofile: number("limit_nofile", 8..=1_048_576),
        output_max: fields.size("output_max", KIB..=16 * MIB),
        tty: fields.boolean("tty").map(|written| written.value),
        apart: isolation::apart(&fields),
        system_calls: system_calls::changes(&fields),
        refusal: system_calls::refusal(&fields),
        minimum_landlock: number("minimum_landlock", 1..=99),
        minimum_containment: resources::containment(&fields),
        working_directory: directory.and_then(|text| reader.path(&text)),
        environment: variables(&fields),
        sound: reader.mistakes() == before,
        fields,
    };
    Some(written)
}

/// What `chain` comes to, the profile itself first: of a value the nearest that
/// is written, of lists everything, the farthest first.
fn resolve(name: &str, chain: &[&Written<'_, '_>]) -> Option<Profile> {
    let working_directory = match nearest(chain, |one| one.working_directory.clone()) {
        Some(written) => written,
        None => default_directory(&chain.first()?.fields)?,
    };
    let (isolation, network, unix_sockets) = isolation::resolve(chain)?;
    let profile = Profile {
        name: name.to_owned(),
        read: joined(chain, |one| &one.read),
        write: joined(chain, |one| &one.write),
        execute: joined(chain, |one| &one.execute),
        run_as: identity::resolve(chain)?,
        supplementary_groups: nearest(chain, |one| one.groups.clone()),
        capabilities: nearest(chain, |one| one.capabilities.clone()).unwrap_or_default(),
        umask: nearest(chain, |one| one.umask).unwrap_or(UMASK),
        timeout: nearest(chain, |one| one.timeout).unwrap_or(TIMEOUT),
        timeout_stop: nearest(chain, |one| one.timeout_stop).unwrap_or(TIMEOUT_STOP),
        memory_max: nearest(chain, |one| one.memory_max).unwrap_or(MEMORY_MAX),
        tasks_max: nearest(chain, |one| one.tasks_max)
            .unwrap_or(TASKS_MAX)
            .into(),
        limit_fsize: nearest(chain, |one| one.limit_fsize).unwrap_or(LIMIT_FSIZE),
        limit_nofile: nearest(chain, |one| one.limit_nofile)
            .unwrap_or(LIMIT_NOFILE)
            .into(),
        limits: resources::nearest_limits(chain),
        scheduling: resources::nearest_scheduling(chain),
        cgroup: resources::nearest_cgroup(chain),
        system_calls: system_calls::resolve(chain),
        output_max: nearest(chain, |one| one.output_max).unwrap_or(OUTPUT_MAX),
        tty: nearest(chain, |one| one.tty).unwrap_or(false),
        network,
        unix_sockets,
        isolation,
        minimum_landlock: nearest(chain, |one| one.minimum_landlock).unwrap_or(MINIMUM_LANDLOCK),
        minimum_containment: nearest(chain, |one| one.minimum_containment)
            .unwrap_or(Containment::Subreaper),
        working_directory,
        environment: environment(chain.iter().rev().map(|one| &one.environment)),
    };
    identity::vanishes(&chain.first()?.fields, &profile);
    lint::root_with_capabilities(&chain.first()?.fields, &profile);
    Some(profile)
}

/// A profile that says nothing.
pub(super) fn silent(name: &str) -> Profile {
    Profile {
        name: name.to_owned(),
        read: Vec::new(),
        write: Vec::new(),
        execute: Vec::new(),
        run_as: RunAs::Caller,
        supplementary_groups: None,
        capabilities: BTreeSet::new(),
        umask: UMASK,
        timeout: TIMEOUT,
        timeout_stop: TIMEOUT_STOP,
        memory_max: MEMORY_MAX,
        tasks_max: TASKS_MAX.into(),
        limit_fsize: LIMIT_FSIZE,
        limit_nofile: LIMIT_NOFILE.into(),
        limits: ProcessLimits::default(),
        scheduling: Scheduling::default(),
        cgroup: CgroupLimits::default(),
        system_calls: SystemCalls::default(),
        output_max: OUTPUT_MAX,
        tty: false,
        network: Network::None,
        unix_sockets: Vec::new(),
        isolation: isolation::silent(),
        minimum_landlock: MINIMUM_LANDLOCK,
        minimum_containment: Containment::Subreaper,
        working_directory: PathBuf::from("/"),
        environment: environment(std::iter::empty()),
    }
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
