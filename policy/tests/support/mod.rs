//! A host with a few accounts, and shorthands for callers and arguments.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::panic, reason = "a failed expectation fails the test")]

use policy::{
    Account, Accounts, Arguments, Caller, Decision, Denial, Grant, Policy, Setting, Value,
};

/// root 0:0, toor 0:0, alice 1000:1000, bob 1001:1001, www-data 33:33;
/// groups ops 200, staff 201.
pub(crate) struct Host;

impl Accounts for Host {
    fn user(&self, name: &str) -> Option<Account> {
        let (uid, home) = match name {
            "root" | "toor" => (0, "/root"),
            "alice" => (1000, "/home/alice"),
            "bob" => (1001, "/home/bob"),
            "www-data" => (33, "/var/www"),
            _ => return None,
        };
        let home = home.into();
        let gid = uid;
        Some(Account { uid, gid, home })
    }

    fn group(&self, name: &str) -> Option<u32> {
        match name {
            "ops" => Some(200),
            "staff" => Some(201),
            "users" => Some(100),
            _ => None,
        }
    }
}

/// Alice by herself, with her workspace.
pub(crate) fn single() -> Setting {
    Setting::SingleUser {
        uid: 1000,
        workspace: "/home/alice/project".into(),
    }
}

pub(crate) fn caller(uid: u32, gid: u32, groups: &[u32]) -> Caller {
    Caller::user(uid, gid, groups.to_vec())
}

pub(crate) fn alice() -> Caller {
    caller(1000, 1000, &[])
}

pub(crate) fn parsed(text: &str, setting: &Setting) -> Policy {
    match Policy::parse("policy.toml", text, setting, &Host) {
        Ok(policy) => policy,
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

pub(crate) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub(crate) fn arguments<const N: usize>(entries: [(&str, Value); N]) -> Arguments {
    entries
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[track_caller]
pub(crate) fn allowed(decision: Decision) -> Grant {
    match decision {
        Decision::Allow(grant) => grant,
        Decision::Ask(ask) => panic!("to be approved: {ask:?}"),
        Decision::Confirm(held) => panic!("to be confirmed: {held:?}"),
        Decision::Deny(denial) => panic!("denied: {denial:?}"),
    }
}

#[track_caller]
pub(crate) fn denied(decision: Decision) -> Denial {
    match decision {
        Decision::Allow(grant) => panic!("allowed: {grant:?}"),
        Decision::Ask(ask) => ask.denial(),
        Decision::Confirm(held) => held.denial(),
        Decision::Deny(denial) => denial,
    }
}
