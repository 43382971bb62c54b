//! `mini-mcp check`, as a shell and a program see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::json as value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use support::{Scratch, json, text};

const GOOD: &str = r#"version = 1

[profile.inspect]
read = ["/usr"]
timeout = "10s"

[tool.kernel]
description = "Kernel name and release"
command = ["/usr/bin/uname", "-a"]
profile = "inspect"
allow = ["self"]
"#;

const BAD: &str = r#"version = 1

[tool.kernel]
description = "Kernel name and release"
command = ["uname"]
profile = "missing"
allow = ["self"]
"#;

/// Nothing uses its profile.
const UNWISE: &str = "version = 1\n\n[profile.spare]\n";

fn check(policy: &str, options: &[&str]) -> Output {
    let scratch = Scratch::new();
    scratch.policy("policy.toml", policy);
    scratch.run(&[&["check", "--single-user", "policy.toml"], options].concat())
}

#[test]
fn a_good_policy_is_praised() {
    let checked = check(GOOD, &["--strict"]);
    assert_eq!(text(&checked.stderr), "");
    assert_eq!(checked.status.code(), Some(0));
    let said = text(&checked.stdout);
    assert_eq!(said, "policy.toml: ok, 1 tool, 1 profile, 1 principal\n");
}

#[test]
fn every_mistake_is_printed() {
    let checked = check(BAD, &[]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(checked.stdout.is_empty());
    let said = text(&checked.stderr);
    assert!(said.starts_with("policy.toml:5:12: error: "), "{said}");
    assert!(said.contains("policy.toml:6:11: error: "), "{said}");
    assert!(said.ends_with("\n2 errors\n"), "{said}");
}

#[test]
fn a_warning_refuses_nothing_unless_one_is_strict() {
    let warned = check(UNWISE, &[]);
    assert_eq!(warned.status.code(), Some(0));
    let said = text(&warned.stderr);
    assert!(said.starts_with("policy.toml:3:10: warning: "), "{said}");
    let said = text(&warned.stdout);
    assert_eq!(
        said,
        "policy.toml: ok, 0 tools, 1 profile, 1 principal, 1 warning\n"
    );
    let refused = check(UNWISE, &["--strict"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stdout).starts_with("policy.toml: not ok, "));
}

#[test]
fn findings_are_told_to_programs() {
    let checked = check(UNWISE, &["--json"]);
    assert_eq!(checked.status.code(), Some(0));
    let document = value!({
        "ok": true,
        "policies": [
            {
                "name": "policy.toml",
                "ok": true,
                "tools": 0,
                "profiles": 1,
                "principals": 1,
                "resources": 0,
                "prompts": 0,
            },
        ],
        "findings": [{
            "file": "policy.toml",
            "line": 3,
            "column": 10,
            "severity": "warning",
            "message": "nothing uses profile `spare`",
            "hint": "remove it, or name it in a tool or in another profile",
        }],
    });
    assert_eq!(json(&checked), document);
    let checked = check(BAD, &["--json"]);
    assert_eq!(checked.status.code(), Some(1));
    let document = json(&checked);
    assert_eq!(document["ok"], false);
    assert_eq!(document["findings"][0]["severity"], "error");
    assert_eq!(document["findings"][0]["line"], 5);
    assert_eq!(document["findings"][1]["line"], 6);
}

#[test]
fn each_file_is_a_policy_unless_they_belong_together() {
    let (profile, tool) = GOOD.split_once("[tool").unwrap();
    let scratch = Scratch::new();
    scratch.policy("profile.toml", profile);
    scratch.policy("tool.toml", &format!("version = 1\n[tool{tool}"));
    let files = ["check", "--single-user", "profile.toml", "tool.toml"];
    let apart = scratch.run(&files);
    assert_eq!(apart.status.code(), Some(1));
    assert!(text(&apart.stdout).starts_with("profile.toml: ok, 0 tools, 1 profile"));
    assert!(text(&apart.stderr).contains("tool.toml:5:11: error: "));
    let together = scratch.run(&[&files[..], &["--together"]].concat());
    assert_eq!(text(&together.stderr), "");
    let said = text(&together.stdout);
    assert_eq!(
        said,
        "profile.toml + tool.toml: ok, 1 tool, 1 profile, 1 principal\n"
    );
}

#[test]
fn the_embedded_policy_is_fine() {
    let scratch = Scratch::new();
    let checked = scratch.run(&["check", "--single-user", "--strict"]);
    assert_eq!(text(&checked.stderr), "");
    assert!(text(&checked.stdout).starts_with("embedded policy: ok, "));
}

#[test]
fn a_policy_that_others_can_write_is_refused() {
    let scratch = Scratch::new();
    let file = scratch.policy("policy.toml", GOOD);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
    let checked = scratch.run(&["check", "--single-user", "policy.toml"]);
    assert_eq!(checked.status.code(), Some(1));
    let said = text(&checked.stderr);
    assert!(
        said.starts_with("mini-mcp: cannot trust the policy `policy.toml`"),
        "{said}"
    );
    assert!(said.contains("mode 0620\nhint: "), "{said}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_finding_without_a_place() {
    let scratch = Scratch::new();
    let checked = scratch.run(&["check", "--json", "missing.toml"]);
    assert_eq!(checked.status.code(), Some(1));
    let finding = &json(&checked)["findings"][0];
    assert_eq!(finding["file"], "missing.toml");
    assert!(finding["line"].is_null());
    assert_eq!(finding["hint"], "name another policy file");
}
