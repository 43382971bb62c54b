//! Sound policies and what they decide: in each `policies/NAME.toml` lines that
//! begin with `#:` are calls, and `NAME.expected` tells of each the whole
//! explanation: the decision, every rule, and what would run. A file whose first
//! line is `# single user` is read for one.
//!
//! A call is `#: CALLER TOOL KEY=VALUE…`, `_` for a blank in a value, a key that is
//! repeated for a list. CALLER is `alice`, `alice+GID+GID`, `uid:ID+GID` or
//! `key:NAME@ADDRESS`, each perhaps with `~CLIENT/VERSION`.
//!
//! `MINI_MCP_BLESS=1 cargo test -p mini-mcp-policy --test policies` writes the
//! expected texts anew; read the difference before you commit it.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a failed expectation fails the test"
)]

mod support;

use policy::{Arguments, Caller, Claim, Decision, Key, Kind, Login, Peer, Policy, Setting, Value};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use support::{parsed, single};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies");
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    cases.sort();
    cases
}

/// What the policy `text` warns of, and how it decides its calls.
fn report(text: &str) -> String {
    let setting = if text.starts_with("# single user\n") {
        single()
    } else {
        Setting::System
    };
    let policy = parsed(text, &setting);
    let mut report = String::new();
    for lint in policy.lints() {
        writeln!(report, "warning at {}: {}\n", lint.line, lint.message).unwrap();
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("#: ")) {
        let mut words = line.split(' ');
        let caller = caller(words.next().unwrap());
        let tool = words.next().unwrap();
        let arguments = arguments(&policy, tool, words);
        let explanation = policy.explain(&caller, tool, &arguments);
        assert_eq!(
            explanation.decision,
            policy.decide(&caller, tool, &arguments)
        );
        writeln!(report, "{line}\n{explanation}").unwrap();
    }
    report
}

fn caller(text: &str) -> Caller {
    let (who, client) = text.split_once('~').unwrap_or((text, ""));
    let claim = client.split_once('/').map(|(name, version)| Claim {
        name: name.to_owned(),
        version: version.to_owned(),
    });
    let caller = match who.strip_prefix("key:") {
        Some(key) => {
            let (name, address) = key.split_once('@').unwrap();
            Caller::from(Key {
                name: name.to_owned(),
                address: address.parse().unwrap(),
            })
        }
        None => Caller::from(peer(who)),
    };
    caller.claiming(claim)
}

fn peer(who: &str) -> Peer {
    let mut parts = who.split('+');
    let name = parts.next().unwrap();
    let uid = match name {
        "root" => 0,
        "alice" => 1000,
        "bob" => 1001,
        id => id.strip_prefix("uid:").unwrap().parse().unwrap(),
    };
    Peer {
        uid,
        gid: uid,
        groups: parts.map(|gid| gid.parse().unwrap()).collect(),
        login: Some(Login {
            name: name.replace("uid:", "user"),
            home: format!("/home/{}", name.replace("uid:", "user")).into(),
        }),
    }
}

fn arguments<'a>(policy: &Policy, tool: &str, words: impl Iterator<Item = &'a str>) -> Arguments {
    let mut arguments = Arguments::new();
    for (key, text) in words.map(|word| word.split_once('=').unwrap()) {
        let parameters = policy.tool(tool).map_or(&[][..], policy::Tool::parameters);
        let parameter = parameters.iter().find(|one| one.name() == key);
        let text = text.replace('_', " ");
        match parameter.map(policy::Parameter::kind) {
            Some(Kind::List { of, .. }) => {
                let list = arguments.entry(key.to_owned());
                let list = list.or_insert_with(|| Value::List(Vec::new()));
                if let Value::List(items) = list {
                    items.push(value(of, &text));
                }
            }
            kind => {
                let value =
                    kind.map_or_else(|| Value::Text(text.clone()), |kind| value(kind, &text));
                arguments.insert(key.to_owned(), value);
            }
        }
    }
    arguments
}

fn value(kind: &Kind, text: &str) -> Value {
    let number = || text.parse().ok().map(Value::Integer);
    let float = || text.parse().ok().map(Value::Number);
    let flag = || text.parse().ok().map(Value::Boolean);
    let typed = match kind {
        Kind::Integer { .. } => number(),
        Kind::Number { .. } => float(),
        Kind::Flag => flag(),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::Text(text.to_owned()))
}

#[test]
fn every_call_is_decided_as_expected() {
    let bless = std::env::var_os("MINI_MCP_BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let found = report(&fs::read_to_string(&case).unwrap());
        let expected = case.with_extension("expected");
        if bless {
            fs::write(&expected, &found).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}

#[test]
fn there_are_enough_cases_and_nothing_left_over() {
    let cases = cases();
    assert!(cases.len() >= 30, "{} cases", cases.len());
    let files = fs::read_dir(cases[0].parent().unwrap()).unwrap().count();
    assert_eq!(files, 2 * cases.len(), "each .toml has one .expected");
    for case in cases {
        let text = fs::read_to_string(&case).unwrap();
        let (mut allowed, mut denied) = (0, 0);
        let policy = parsed(
            &text,
            &if text.starts_with("# single user\n") {
                single()
            } else {
                Setting::System
            },
        );
        for line in text.lines().filter_map(|line| line.strip_prefix("#: ")) {
            let mut words = line.split(' ');
            let (caller, tool) = (caller(words.next().unwrap()), words.next().unwrap());
            match policy.decide(&caller, tool, &arguments(&policy, tool, words)) {
                Decision::Allow(_) => allowed += 1,
                Decision::Ask(_) | Decision::Confirm(_) | Decision::Deny(_) => denied += 1,
            }
        }
        assert!(
            allowed > 0 && denied > 0,
            "{}: {allowed}, {denied}",
            case.display()
        );
    }
}

/// Every key that a table of the reference begins a line with is used somewhere.
#[test]
fn every_key_is_used() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy-reference.md");
    let page = fs::read_to_string(page).unwrap();
    let page = page.split("## Warnings").next().unwrap();
    let heads = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let heads = heads.filter_map(|line| line.split('|').next());
    let keys: BTreeSet<&str> = heads
        .flat_map(|head| head.split(['`', ',', ' ']))
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_') && word.len() > 1)
        .collect();
    let all: String = cases()
        .iter()
        .map(|case| fs::read_to_string(case).unwrap())
        .collect();
    let is_used = |key: &&str| {
        let forms = [format!("{key} ="), format!("\"{key}\""), format!(".{key}]")];
        forms.iter().any(|form| all.contains(form))
    };
    let unused: Vec<&str> = keys.into_iter().filter(|key| !is_used(key)).collect();
    assert_eq!(unused, [""; 0]);
}
