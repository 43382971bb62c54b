//! `mini-mcp test`, as a test harness sees it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value as Json, json as value};
use support::{Scratch, json, text};

const POLICY: &str = r#"version = 1

[profile.inspect]
read = ["/usr"]

[tool.show]
description = "A file"
command = ["/usr/bin/cat", "--", "{file}"]
profile = "inspect"
allow = ["self"]
[tool.show.args]
file = { type = "path", under = ["/srv"] }

[[tool.show.example]]
as = "self"
args = { file = "/srv/x" }
expect = "allow"

[[tool.show.example]]
as = "self"
args = { file = "/etc/shadow" }
expect = "deny"
"#;

/// The file of the second example is allowed now.
fn failing() -> String {
    POLICY.replace("[\"/srv\"]", "[\"/srv\", \"/etc\"]")
}

#[test]
fn examples_that_hold_are_ok() {
    let scratch = Scratch::new();
    scratch.policy("policy.toml", POLICY);
    let tested = scratch.run(&["test", "--single-user", "policy.toml"]);
    assert_eq!(tested.status.code(), Some(0));
    let expected = "TAP version 14\n1..2\n\
                    ok 1 - show: expect allow for principal self (policy.toml:17:10)\n\
                    ok 2 - show: expect deny for principal self (policy.toml:22:10)\n";
    assert_eq!(text(&tested.stdout), expected);
    assert_eq!(text(&tested.stderr), "");
}

#[test]
fn an_example_that_fails_is_shown_with_its_diagnostic() {
    let scratch = Scratch::new();
    scratch.policy("policy.toml", &failing());
    let tested = scratch.run(&["test", "--single-user", "policy.toml"]);
    assert_eq!(tested.status.code(), Some(1));
    let lines: Vec<&str> = text(&tested.stdout).lines().collect();
    assert!(lines[2].starts_with("ok 1 - "), "{lines:?}");
    assert!(lines[3].starts_with("not ok 2 - "), "{lines:?}");
    assert_eq!(
        (lines[4], lines[5], lines[7]),
        ("  ---", "  findings:", "  ...")
    );
    let finding = lines[6].strip_prefix("    - ").unwrap();
    let finding: Json = serde_json::from_str(finding).unwrap();
    assert_eq!(finding["line"], 22);
    let message = "the example expects `deny`, but the call is allowed";
    assert_eq!(finding["message"], message);
}

#[test]
fn results_are_told_to_programs() {
    let scratch = Scratch::new();
    scratch.policy("policy.toml", &failing());
    let tested = scratch.run(&["test", "--single-user", "--json", "policy.toml"]);
    assert_eq!(tested.status.code(), Some(1));
    let told = json(&tested);
    assert_eq!(told["ok"], false);
    assert_eq!((&told["passed"], &told["failed"]), (&value!(1), &value!(1)));
    assert_eq!(told["findings"], value!([]));
    let example = value!({
        "tool": "show",
        "caller": "principal self",
        "expect": "allow",
        "file": "policy.toml",
        "line": 17,
        "column": 10,
        "ok": true,
        "findings": [],
    });
    assert_eq!(told["examples"][0], example);
}

#[test]
fn a_policy_with_mistakes_fails_among_others() {
    let scratch = Scratch::new();
    scratch.policy("good.toml", POLICY);
    scratch.policy("bad.toml", "version = 1\n[tools.x]\n");
    let files = ["bad.toml", "good.toml", "missing.toml"];
    let tested = scratch.run(&[&["test", "--single-user"], &files[..]].concat());
    assert_eq!(tested.status.code(), Some(1));
    let said = text(&tested.stdout);
    assert!(said.starts_with("TAP version 14\n1..4\nnot ok 1 - bad.toml is a policy\n"));
    assert!(said.contains("\nok 3 - show"), "{said}");
    assert!(
        said.contains("\nnot ok 4 - missing.toml is a policy\n"),
        "{said}"
    );
}

#[test]
fn a_policy_without_examples_is_skipped() {
    let tested = Scratch::new().run(&["test", "--single-user"]);
    assert_eq!(tested.status.code(), Some(0));
    let expected = "TAP version 14\n1..0 # SKIP there are no examples\n";
    assert_eq!(text(&tested.stdout), expected);
}
