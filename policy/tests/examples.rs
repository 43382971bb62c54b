//! Examples that hold, and the callers that they make up.

mod support;

use policy::{Effect, Policy, Setting, Source};
use support::{Host, parsed, single};

const POLICY: &str = r#"
version = 1

[principal.users]
unix_users = ["alice", "root"]
[principal.ops]
unix_groups = ["ops"]
[principal.people]
uids = ["1500-1999", "1-9"]
[principal.both]
unix_users = ["root", "www-data", "alice"]
uids = ["1-999"]
unix_groups = ["staff", "ops"]
[principal.included]
include = ["both"]
[principal.never_or_ops]
unix_users = ["root"]
uids = ["1"]
include = ["ops"]

[profile.p]

[tool.t]
description = "Each caller is one principal and no other"
command = ["/bin/t", "{n}", "{items}"]
profile = "p"
allow = ["users", "people"]
ask = ["both"]
[tool.t.args]
n = { type = "integer", default = 1 }
items = { type = "list", of = { type = "number" }, default = [] }
[[tool.t.example]]
as = "users"
args = { items = [1, 2.5] }
expect = "allow"
argv = ["/bin/t", "1", "1", "2.5"]
[[tool.t.example]]
as = "people"
expect = "allow"
[[tool.t.example]]
as = "ops"
expect = "deny"
code = "not_allowed"
[[tool.t.example]]
as = "never_or_ops"
expect = "deny"
[[tool.t.example]]
as = "both"
expect = "ask"
[[tool.t.example]]
as = "included"
args = { n = 2 }
expect = "ask"
[[tool.t.example]]
as = "users"
args = { n = "2" }
expect = "deny"
code = "wrong_type"
[[tool.t.example]]
as_user = "alice"
expect = "allow"
[[tool.t.example]]
as_user = "root"
expect = "deny"
code = "root_not_granted"
[[tool.t.example]]
as_user = "bob"
expect = "deny"
"#;

#[test]
fn examples_that_hold_are_no_mistake() {
    assert_eq!(parsed(POLICY, &Setting::System).tools().count(), 1);
}

/// With each `expect` turned around, each example is one mistake.
#[test]
fn examples_that_do_not_hold_refuse_the_policy() {
    let details = ["code = ", "argv = "];
    let kept = POLICY
        .lines()
        .filter(|line| !details.iter().any(|key| line.starts_with(key)));
    let turned: Vec<String> = kept
        .map(|line| match line {
            "expect = \"allow\"" | "expect = \"ask\"" => "expect = \"deny\"".to_owned(),
            "expect = \"deny\"" => "expect = \"allow\"".to_owned(),
            line => line.to_owned(),
        })
        .collect();
    let refused = Policy::parse("p", &turned.join("\n"), &Setting::System, &Host);
    let found: Vec<String> = match refused {
        Ok(_) => Vec::new(),
        Err(diagnostics) => diagnostics.iter().map(|one| one.message.clone()).collect(),
    };
    assert_eq!(found.len(), POLICY.matches("expect = ").count());
    assert!(
        found
            .iter()
            .all(|message| message.starts_with("the example expects `"))
    );
}

#[test]
fn a_single_user_has_examples_of_himself() {
    let text = "version = 1\n[profile.p]\n[tool.t]\ndescription = 'x'\ncommand = ['/bin/t', '{f}']\n\
                profile = 'p'\nallow = ['self']\nargs.f = { type = 'path', under = ['${workspace}'] }\n\
                example = [{ as = 'self', args = { f = 'a' }, expect = 'allow', \
                argv = ['/bin/t', '/home/alice/project/a'] }]\n";
    assert_eq!(parsed(text, &single()).tools().count(), 1);
}

/// Examining tells of each example what refuses the policy.
#[test]
fn examples_are_examined_one_by_one() {
    let text = include_str!("diagnostics/58_examples.toml");
    let source = [Source::new("p", text)];
    let examined = Policy::examine(&source, &Setting::System, &Host).unwrap();
    assert_eq!(examined.len(), text.matches("expect = ").count());
    let faults: Vec<_> = examined.iter().map(|one| one.faults.as_slice()).collect();
    assert!(faults.iter().all(|faults| faults.len() == 1));
    let refused = Policy::parse("p", text, &Setting::System, &Host).unwrap_err();
    let mistakes: Vec<_> = refused.iter().cloned().collect();
    assert_eq!(faults.concat(), mistakes);
    let first = examined.first().unwrap();
    assert_eq!((first.tool.as_str(), first.place.line), ("t", 21));
    assert_eq!(
        (first.caller.as_str(), first.expect),
        ("principal ops", Effect::Allow)
    );
    assert_eq!(examined.get(3).unwrap().caller, "user bob");
}

#[test]
fn examples_of_a_policy_with_other_mistakes_are_not_examined() {
    let examine = |text| {
        let source = [Source::new("p", text)];
        Policy::examine(&source, &Setting::System, &Host)
    };
    let examined = examine(POLICY).unwrap();
    assert!(examined.iter().all(|one| one.faults.is_empty()));
    assert!(!examined.is_empty());
    let mistaken = format!("{POLICY}\n[profile.other]\nno = 1\n");
    assert_eq!(examine(&mistaken).unwrap_err().iter().count(), 1);
}
