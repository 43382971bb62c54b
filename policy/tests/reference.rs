//! `docs/policy-reference.md` tells the truth: its examples are policies, and
//! its tables name every key.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

mod support;

use policy::{Account, Accounts, Policy, Setting, Value};
use std::path::Path;
use support::{Host, allowed, arguments, caller, denied, text};

/// The accounts that the example names.
struct Example;

impl Accounts for Example {
    fn user(&self, name: &str) -> Option<Account> {
        Host.user(name)
    }

    fn group(&self, name: &str) -> Option<u32> {
        (name == "adm").then_some(4)
    }
}

fn reference() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy-reference.md");
    std::fs::read_to_string(path).unwrap()
}

fn examples() -> Vec<Policy> {
    let page = reference();
    let blocks = page.split("```toml\n").skip(1);
    let texts = blocks.map(|block| block.split("```").next().unwrap());
    let parse = |text| Policy::parse("example", text, &Setting::System, &Example);
    texts
        .map(|text| parse(text).unwrap_or_else(|wrong| unreachable!("{wrong}")))
        .collect()
}

#[test]
fn every_example_is_a_policy() {
    assert_eq!(examples().len(), reference().matches("```").count() / 2);
    assert!(!examples().is_empty());
    for policy in examples() {
        assert_eq!(policy.lints(), [], "an example is not unwise");
    }
}

#[test]
fn the_complete_example_decides() {
    let policy = examples().remove(0);
    let ops = caller(1000, 1000, &[4]);
    let given = arguments([
        ("lines", Value::Integer(5)),
        ("file", text("/var/log/syslog")),
    ]);
    let grant = allowed(policy.decide(&ops, "tail_log", &given));
    assert_eq!(
        grant.argv(),
        ["/usr/bin/tail", "-n", "5", "--", "/var/log/syslog"]
    );
    let list = allowed(policy.decide(&ops, "list", &arguments([])));
    assert_eq!(list.argv(), ["/usr/bin/ls", "-l", "--", "/srv/www"]);
    assert_eq!(list.identity().unwrap().uid, 33);
    let denial = denied(policy.decide(&ops, "rebuild_cache", &arguments([])));
    assert_eq!(denial.code, "not_allowed");
}

/// Every key, as the diagnostics list them, stands in a table of the page.
#[test]
fn every_key_is_documented() {
    let page = reference();
    let all = "version = 1\n[principal.p]\nzzzzzzzzzzz = 1\n[profile.p]\nzzzzzzzzzzz = 1\n\
               [tool.t]\nzzzzzzzzzzz = 1\n[tool.t.args]\n\
               a = { type = 'integer', zzzzzzzzzzz = 1 }\nb = { type = 'string', zzzzzzzzzzz = 1 }\n\
               c = { type = 'enum', zzzzzzzzzzz = 1 }\nd = { type = 'flag', zzzzzzzzzzz = 1 }\n\
               e = { type = 'path', zzzzzzzzzzz = 1 }\nf = { type = 'number', zzzzzzzzzzz = 1 }\n\
               g = { type = 'duration', zzzzzzzzzzz = 1 }\nh = { type = 'size', zzzzzzzzzzz = 1 }\n\
               i = { type = 'host', zzzzzzzzzzz = 1 }\nj = { type = 'unit', zzzzzzzzzzz = 1 }\n\
               k = { type = 'list', zzzzzzzzzzz = 1 }\n\
               [[tool.t.example]]\nzzzzzzzzzzz = 1\n\
               [resource.r]\nzzzzzzzzzzz = 1\n[prompt.q]\nzzzzzzzzzzz = 1\n";
    let refused = Policy::parse("p", all, &Setting::System, &Example).unwrap_err();
    let unknown = refused
        .iter()
        .filter(|found| found.message.contains("zzzzzzzzzzz"));
    let hints: Vec<&str> = unknown
        .map(|found| found.hint.as_deref().unwrap())
        .collect();
    assert_eq!(hints.len(), 17);
    for key in hints
        .iter()
        .flat_map(|hint| hint.split('`').skip(1).step_by(2))
    {
        let cells = [format!("| `{key}`"), format!(", `{key}` |")];
        assert!(
            cells.iter().any(|cell| page.contains(cell)),
            "`{key}` is not documented"
        );
    }
}
