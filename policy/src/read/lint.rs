//! What is allowed but unwise: warnings that do not refuse a policy.

use super::document::Entry;
use super::fields::Fields;
use super::{Located, Span};
use crate::path::beneath;
use crate::principal::Conditions;
use crate::rule::Rule;
use crate::{
    Access, Capability, Characters, Effect, Kind, Parameter, PathRule, Profile, RunAs, Setting,
    Tool,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Programs that run what their arguments say, or read and write any file; a
/// version at the end does not count.
const ESCAPES: [&str; 63] = [
    "ash", "at", "awk", "bash", "bpftrace", "busybox", "chroot", "crontab", "csh", "curl", "dash",
    "dd", "docker", "ed", "emacs", "env", "ex", "expect", "find", "fish", "gawk", "gdb", "git",
    "ionice", "ip", "ksh", "less", "lua", "make", "man", "mawk", "more", "mysql", "nano", "nice",
    "nmap", "node", "nodejs", "nohup", "nsenter", "openssl", "perl", "php", "podman", "psql",
    "python", "rsync", "ruby", "scp", "sed", "setsid", "sftp", "sh", "ssh", "strace", "tar",
    "tcpdump", "timeout", "vi", "vim", "watch", "xargs", "zsh",
];

/// Files and directories whose content lets one become somebody else.
const SECRETS: [&str; 6] = [
    "/etc/gshadow",
    "/etc/shadow",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/sudoers",
    "/root",
];

/// Directories that programs are run from or configured in.
const PROGRAMS: [&str; 9] = [
    "/bin",
    "/etc",
    "/lib",
    "/sbin",
    "/usr/bin",
    "/usr/lib",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/sbin",
];

/// Warns of a program that free text turns into another.
fn escape(fields: &Fields<'_, '_>, tool: &Tool) {
    let program = tool.template.program.as_str();
    let name = program.rsplit('/').next().unwrap_or_default();
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let free = tool.parameters.iter().find(|one| is_free(&one.kind));
    if let (Some(free), Some(at)) = (free, fields.span("command"))
        && ESCAPES.contains(&stem)
    {
        let message = format!(
            "{} gives free text to `{name}`, which can run other programs or reach other files",
            fields.owner
        );
        let hint = format!(
            "bound argument `{}` with `pattern` or `characters`, or make it an `enum`",
            free.name
        );
        fields.reader.warn(&at, message, hint);
    }
}

/// Whether a value may hold nearly anything.
fn is_free(kind: &Kind) -> bool {
    match kind {
        Kind::Text {
            pattern,
            characters,
            ..
        } => pattern.is_none() && matches!(characters, None | Some(Characters::Printable)),
        Kind::List { of, .. } => is_free(of),
        Kind::Integer { .. }
        | Kind::Number { .. }
        | Kind::Enumeration { .. }
        | Kind::Flag
        | Kind::Path { .. }
        | Kind::Duration { .. }
        | Kind::Size { .. }
        | Kind::Host
        | Kind::Ip
        | Kind::Cidr
        | Kind::Unit { .. }
        | Kind::User => false,
    }
}

/// Warns of secrets that a profile opens by the path `rule` in `read` or `write`.
pub(super) fn secret(profile: &Fields<'_, '_>, rule: &PathRule, at: &Span) {
    let path = rule.path.to_str().unwrap_or_default();
    let held = SECRETS.into_iter().find(|secret| overlap(path, secret));
    let held = held.or_else(|| path.split('/').find(|part| *part == ".ssh"));
    if let Some(held) = held {
        let message = format!("{} opens secrets, `{held}`, by `{path}`", profile.owner);
        profile
            .reader
            .warn(at, message, "name just the files that are needed");
    }
}

/// Warns of programs that a profile may replace by the path `rule` in `write`.
pub(super) fn program_directory(profile: &Fields<'_, '_>, rule: &PathRule, at: &Span) {
    let path = rule.path.to_str().unwrap_or_default();
    // Beneath /etc there is much that only one service reads.
    let replaced = PROGRAMS.into_iter().find(|directory| match *directory {
        "/etc" => beneath(path, directory).is_some(),
        directory => overlap(path, directory),
    });
    if let Some(replaced) = replaced {
        let message = format!(
            "{} may write `{path}`: programs are run from `{replaced}`, or configured there",
            profile.owner
        );
        let hint = "what it writes there, others may run as root";
        profile.reader.warn(at, message, hint);
    }
}

/// Whether one of the two is the other or beneath it.
fn overlap(one: &str, other: &str) -> bool {
    beneath(one, other).is_some() || beneath(other, one).is_some()
}

/// Groups that mostly hold everybody, or those who should own nothing.
const EVERYBODY: [&str; 4] = ["everyone", "nobody", "nogroup", "users"];

/// Warns of the group `name`, which is no choice of people.
pub(super) fn everybody(principal: &Fields<'_, '_>, name: &str, at: &Span) {
    if EVERYBODY.contains(&name) {
        let message = format!("{} is in effect everybody: group `{name}`", principal.owner);
        let hint = "make a group for those who are meant";
        principal.reader.warn(at, message, hint);
    }
}

/// Warns of a range of ids that holds root beside others.
pub(super) fn root_among(
    principal: &Fields<'_, '_>,
    range: &std::ops::RangeInclusive<u32>,
    at: &Span,
) {
    if *range.start() == 0 && *range.end() > 0 {
        let message = format!(
            "{} holds root, with every other id of its range",
            principal.owner
        );
        let hint = "begin at 1000, where people begin, or write \"0\" by itself";
        principal.reader.warn(at, message, hint);
    }
}

/// Most rules of a tool that are compared with one another.
const RULES_COMPARED: usize = 64;

/// Warns of rules that never count, since one before them, which is as strict or
/// stricter, holds for everybody they hold for. Conditions that are included are the
/// very same, so this is proven and not guessed.
fn unreachable(fields: &Fields<'_, '_>, tool: &Tool) {
    let rules: Vec<&Rule> = tool.rules.iter().collect();
    let covers = |before: &Rule, rule: &Rule| {
        let held = |one: &Arc<Conditions>| {
            let mut others = before.principal.alternatives.iter();
            others.any(|other| Arc::ptr_eq(one, other))
        };
        rule.principal.alternatives.iter().all(held)
    };
    // Each is compared with all before it: longer lists are taken as they are.
    for (index, rule) in rules.iter().take(RULES_COMPARED).enumerate() {
        let mut before = rules.iter().take(index);
        if let Some(winner) = before.find(|before| covers(before, rule)) {
            let message = format!(
                "`{}` for principal `{}` never counts",
                rule.effect, rule.principal.name
            );
            let hint = format!(
                "`{}` for principal `{}` holds for everybody that it holds for, and counts first",
                winner.effect, winner.principal.name
            );
            fields.reader.warn(&rule.at.span, message, hint);
        }
    }
}

/// Warns of a tool whose program, or what it executes, it may itself exchange.
fn exchangeable(fields: &Fields<'_, '_>, tool: &Tool) {
    let program = tool.template.program.as_str();
    let text = |rule: &PathRule| rule.path.to_str().unwrap_or_default().to_owned();
    let written: Vec<String> = tool.profile.write.iter().map(text).collect();
    let executed = tool.profile.execute.iter().map(text);
    let found = written.iter().find_map(|path| {
        let program = beneath(path, program).map(|_| program.to_owned());
        let executed = executed.clone().find(|other| overlap(path, other));
        Some((path, program.or(executed)?))
    });
    if let (Some((path, what)), Some(at)) = (found, fields.span("command")) {
        let message = format!(
            "{} may write `{path}`, and execute `{what}`: one call can plant what the next one runs",
            fields.owner
        );
        let hint = "keep what is written apart from what is executed";
        fields.reader.warn(&at, message, hint);
    }
}

/// Warns of commands that run as root.
pub(super) fn root(profile: &Fields<'_, '_>, at: &Span) {
    let message = format!("{} runs commands as root", profile.owner);
    let hint = "name a user with fewer rights if the command can do with them";
    profile.reader.warn(at, message, hint);
}

/// Warns of commands that run as root and keep capabilities.
pub(super) fn root_with_capabilities(fields: &Fields<'_, '_>, profile: &Profile) {
    let root = matches!(profile.run_as, RunAs::User { uid: 0, .. });
    // Where the second of the two is written.
    let at = fields
        .span("capabilities")
        .or_else(|| fields.span("run_as"));
    if let (true, false, Some(at)) = (root, profile.capabilities.is_empty(), at) {
        let message = format!("{} runs commands as root with capabilities", fields.owner);
        let hint = "a user of its own with the same capabilities can do less";
        fields.reader.warn(&at, message, hint);
    }
}

/// Warns of a capability that is nearly root.
pub(super) fn capability(profile: &Fields<'_, '_>, capability: Capability, at: &Span) {
    if let Some(reason) = capability.amounts_to_root() {
        let message = format!(
            "{} grants `{capability}`, which amounts to root",
            profile.owner
        );
        profile.reader.warn(at, message, reason);
    }
}

/// Groups whose members read secrets or become root.
const POWERFUL: [&str; 13] = [
    "admin",
    "disk",
    "docker",
    "incus-admin",
    "kmem",
    "kvm",
    "libvirt",
    "lxd",
    "root",
    "shadow",
    "sudo",
    "video",
    "wheel",
];

/// Warns of a group whose members are nearly root.
pub(super) fn group(profile: &Fields<'_, '_>, name: &Located<&str>) {
    if POWERFUL.contains(&name.value) {
        let message = format!("{} gives group `{}` to commands", profile.owner, name.value);
        let hint = "its members read secrets or become root";
        profile.reader.warn(&name.span, message, hint);
    }
}

/// Warns of a variable that makes programs run other code.
pub(super) fn variable(profile: &Fields<'_, '_>, name: &str, at: &Span) {
    let message = format!("{} sets `{name}`", profile.owner);
    let hint = "it makes programs run other code than they were called for";
    profile.reader.warn(at, message, hint);
}

/// Warns of a tool that free text turns into another, of one that is said to
/// change nothing and may, and of one that nobody may call.
pub(super) fn tool(fields: &Fields<'_, '_>, tool: &Tool) {
    escape(fields, tool);
    exchangeable(fields, tool);
    unreachable(fields, tool);
    if let (true, Some(at)) = (tool.read_only, fields.span("read_only"))
        && let Some(writes) = writes(tool)
    {
        let message = format!("{} is `read_only`, but {writes}", fields.owner);
        let hint = "clients may call a read-only tool without asking their user";
        fields.reader.warn(&at, message, hint);
    }
    if let (Setting::SingleUser { .. }, Some(at)) = (fields.reader.setting, fields.span("ask"))
        && tool.rules.iter().any(|rule| rule.effect == Effect::Ask)
    {
        let message = format!("nobody can approve calls of {}", fields.owner);
        let hint = "with `mini-mcp stdio` there is no administrator: its calls are denied";
        fields.reader.warn(&at, message, hint);
    }
    unguarded(fields, tool);
    let callable = tool.rules.iter().any(|rule| rule.effect != Effect::Deny);
    if !callable {
        let message = format!("nobody may call {}", fields.owner);
        let hint = "name principals in `allow` or `ask`";
        fields.reader.warn(&fields.head, message, hint);
    }
}

/// Warns of a tool that may write as root where nobody but the client is asked.
fn unguarded(fields: &Fields<'_, '_>, tool: &Tool) {
    let root = matches!(tool.profile.run_as, RunAs::User { uid: 0, .. });
    let allowed = tool.rules.iter().any(|rule| rule.effect == Effect::Allow);
    if let (true, true, Some(at)) = (root, allowed, fields.span("confirm"))
        && let Some(writes) = writes(tool)
    {
        let message = format!(
            "{} runs as root, {writes}, and `confirm` is no approval",
            fields.owner
        );
        let hint = "the client and the supervisor could make the answer up: with `ask` an administrator decides";
        fields.reader.warn(&at, message, hint);
    }
}

/// Warns of rules that never count, and of what nobody may have.
pub(super) fn published(fields: &Fields<'_, '_>, tool: &Tool) {
    unreachable(fields, tool);
    if !tool.rules.iter().any(|rule| rule.effect != Effect::Deny) {
        let message = format!("nobody gets {}", fields.owner);
        let hint = "name principals in `allow`";
        fields.reader.warn(&fields.head, message, hint);
    }
}

fn writes(tool: &Tool) -> Option<String> {
    if let Some(rule) = tool.profile.write.first() {
        let path = rule.path.display();
        return Some(format!("its profile may write `{path}`"));
    }
    let writable = |one: &&Parameter| can_write(&one.kind);
    let parameter = tool.parameters.iter().find(writable)?;
    Some(format!("its argument `{}` may be written", parameter.name))
}

pub(super) fn can_write(kind: &Kind) -> bool {
    match kind {
        Kind::Path { access, .. } => *access != Access::Read,
        Kind::List { of, .. } => can_write(of),
        Kind::Integer { .. }
        | Kind::Number { .. }
        | Kind::Text { .. }
        | Kind::Enumeration { .. }
        | Kind::Flag
        | Kind::Duration { .. }
        | Kind::Size { .. }
        | Kind::Host
        | Kind::Ip
        | Kind::Cidr
        | Kind::Unit { .. }
        | Kind::User => false,
    }
}

/// Warns of every one of the `entries`, which define a `kind`, that is not `used`.
pub(super) fn unused(kind: &str, entries: &[Entry<'_, '_>], used: &HashSet<String>) {
    for Entry { reader, name, .. } in entries {
        if !reader.pack && !used.contains(name.value) {
            let message = format!("nothing uses {kind} `{}`", name.value);
            let hint = format!("remove it, or name it in a tool or in another {kind}");
            reader.warn(&name.span, message, hint);
        }
    }
}
