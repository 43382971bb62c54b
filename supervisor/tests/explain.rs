//! `mini-mcp explain`: decisions about users of this host. Its policies are the
//! service's, so they must belong to root.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value as Json, json as value};
use std::process::Output;
use support::{Scratch, json, text};

const POLICY: &str = r#"version = 1

[principal.nobody]
unix_users = ["nobody"]

[principal.root]
unix_groups = ["root"]

[principal.everybody]
uids = ["0-65535"]

[profile.inspect]
run_as = "nobody"
read = ["/usr"]
timeout = "10s"

[tool.list]
description = "Entries of directories"
command = ["/usr/bin/ls", "{all}", "-w{width}", "--", "{paths}"]
profile = "inspect"
allow = ["root"]
deny = ["nobody"]
[tool.list.args]
all = { type = "flag", flag = "-a" }
width = { type = "integer", min = 1, max = 200, default = 80 }
paths = { type = "list", of = { type = "path", under = ["/var/log"], kind = "any" }, min_items = 1 }

[tool.reboot]
description = "Reboot"
command = ["/usr/sbin/reboot"]
profile = "inspect"
ask = ["everybody"]
"#;

fn explain(arguments: &[&str]) -> Output {
    let scratch = Scratch::new();
    scratch.policy("policy.toml", POLICY);
    scratch.run(&[&["explain", "--policy", "policy.toml"], arguments].concat())
}

fn explained(status: i32, arguments: &[&str]) -> Json {
    let output = explain(&[&["--json"], arguments].concat());
    assert_eq!(output.status.code(), Some(status));
    json(&output)
}

#[test]
fn an_allowed_call_shows_what_would_run() {
    let call = [
        "list",
        "all=true",
        "width=7",
        "paths=/var/log/a=b",
        "paths=/var/log",
    ];
    let told = explained(0, &[&["--as", "root"], &call[..]].concat());
    assert_eq!(told["decision"], "allow");
    assert_eq!(told["rule"], "tool.list.allow");
    let place = value!({"file": "policy.toml", "line": 21, "column": 10});
    assert_eq!(told["place"], place);
    assert_eq!(told["caller"]["principals"], value!(["everybody", "root"]));
    let run = &told["run"];
    let argv = value!(["/usr/bin/ls", "-a", "-w7", "--", "/var/log/a=b", "/var/log"]);
    assert_eq!(run["argv"], argv);
    assert_eq!(run["uid"], 65534);
    assert_eq!(run["environment"]["PAGER"], "cat");
    let sandbox = run["sandbox"].as_str().unwrap();
    assert!(
        sandbox.starts_with("may read /usr /var/log/a=b /var/log, "),
        "{sandbox}"
    );
    let denied = &told["rules"][0];
    assert_eq!(denied["effect"], "deny");
    assert_eq!(denied["outcome"], "not_matched");
}

#[test]
fn a_denial_names_the_rule_that_a_client_does_not_see() {
    let told = explained(1, &["--as", "65534", "list", "paths=/var/log"]);
    assert_eq!(told["decision"], "deny");
    assert_eq!(told["code"], "not_allowed");
    assert_eq!(told["place"]["line"], 22);
    assert_eq!(told["rules"][0]["outcome"], "decides");
    assert_eq!(told["run"], Json::Null);
}

#[test]
fn a_call_that_needs_approval_shows_what_would_run() {
    let told = explained(1, &["--as", "nobody", "reboot"]);
    assert_eq!(told["decision"], "ask");
    assert_eq!(told["code"], "needs_approval");
    assert_eq!(told["run"]["argv"], value!(["/usr/sbin/reboot"]));
}

#[test]
fn text_says_the_same_to_people() {
    let told = explain(&["--as", "root", "list", "paths=/etc"]);
    assert_eq!(told.status.code(), Some(1));
    let lines: Vec<&str> = text(&told.stdout).lines().collect();
    assert!(
        lines[0].starts_with("caller: uid 0, gid 0, groups ["),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("denied, `path_outside`: "),
        "{lines:?}"
    );
    assert_eq!(lines[2], "rule: `tool.list.args.paths` at policy.toml:26:1");
    assert_eq!(lines[4], "allow `root` at policy.toml:21:10: decides");
    let told = explain(&["--as", "root", "lost"]);
    assert!(text(&told.stdout).ends_with("\nthe policy has no tool of that name\n"));
}

#[test]
fn values_of_the_wrong_type_are_denied_as_a_clients_are() {
    let told = explained(1, &["--as", "root", "list", "paths=/var/log", "width=wide"]);
    assert_eq!(told["code"], "wrong_type");
    let told = explained(1, &["--as", "root", "list", "paths=/var/log", "depth=1"]);
    assert_eq!(told["code"], "unknown_argument");
}

#[test]
fn what_cannot_be_told_exits_with_2() {
    for (arguments, reason) in [
        (
            &["--as", "no such user", "list"][..],
            "cannot find the user `no such user`",
        ),
        (&["--as", "root", "list", "paths"], "it is not KEY=VALUE"),
        (
            &["--as", "root", "list", "width=1", "width=2"],
            "`width` twice",
        ),
        (&["list"], "--as <USER>"),
        (
            &["--as", "root", "--policy", "missing.toml", "list"],
            "missing.toml",
        ),
    ] {
        let output = explain(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(reason), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_single_user_asks_about_himself() {
    let scratch = Scratch::new();
    let told = scratch.run(&["explain", "--single-user", "--json", "list_directory"]);
    assert_eq!(told.status.code(), Some(0));
    let told = json(&told);
    assert_eq!(told["caller"]["principals"], value!(["self"]));
    assert_eq!(told["place"]["file"], "embedded policy");
    let workspace = scratch.path().canonicalize().unwrap();
    assert_eq!(told["run"]["argv"][3], workspace.to_str().unwrap());
}

/// What reads a resource is explained as a tool is.
#[test]
fn a_read_is_explained() {
    let more = "[resource.logs]\ndescription = \"Logs\"\npath = \"/var/log\"\nkind = \"directory\"\nallow = [\"nobody\"]\n";
    let scratch = Scratch::new();
    scratch.policy("policy.toml", &format!("{POLICY}{more}"));
    let explain = |words: &[&str]| {
        let options = ["explain", "--policy", "policy.toml", "--as", "nobody"];
        scratch.run(&[&options, words].concat())
    };
    let read = explain(&["resource/logs", "path=a/b", "offset=7"]);
    assert_eq!(read.status.code(), Some(0));
    let told = text(&read.stdout);
    assert!(told.contains("rule: `resource.logs.allow`"), "{told}");
    assert!(
        told.contains("\"skip=7\"") && told.contains("the file \"/var/log/a/b\""),
        "{told}"
    );
    let list = explain(&["resource/logs/"]);
    assert!(text(&list.stdout).contains("argv: [\"/bin/ls\""));
    let outside = explain(&["resource/logs", "path=../x"]);
    assert_eq!(outside.status.code(), Some(1));
    assert!(text(&outside.stdout).contains("path_invalid"));
}
