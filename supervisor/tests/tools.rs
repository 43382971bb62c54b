//! `mini-mcp tools`: what a user's agent sees, and nothing of others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::json as value;
use std::process::Output;
use support::{Scratch, json, text};

const POLICY: &str = r#"version = 1

[principal.nobody]
unix_users = ["nobody"]

[principal.root]
unix_users = ["root"]

[profile.inspect]
run_as = "nobody"
read = ["/usr"]

[tool.kernel]
description = "Kernel name\nand release"
command = ["/usr/bin/uname", "{all}"]
profile = "inspect"
allow = ["nobody"]
deny = ["root"]
[tool.kernel.args]
all = { type = "flag", flag = "-a", description = "All of it\u001b[2J" }

[tool.reboot]
description = "Reboot"
command = ["/usr/sbin/reboot"]
profile = "inspect"
ask = ["root", "nobody"]
"#;

fn tools(options: &[&str]) -> Output {
    let scratch = Scratch::new();
    scratch.policy("policy.toml", POLICY);
    scratch.run(&[&["tools", "--policy", "policy.toml"], options].concat())
}

#[test]
fn each_user_has_his_own() {
    let names = |user| {
        let tools = json(&tools(&["--json", "--as", user]));
        let tools = tools.as_array().unwrap().iter();
        let names: Vec<_> = tools.map(|tool| tool["name"].clone()).collect();
        value!(names)
    };
    assert_eq!(names("nobody"), value!(["kernel", "reboot"]));
    assert_eq!(names("root"), value!(["reboot"]));
}

#[test]
fn json_is_what_a_client_is_sent() {
    let tools = json(&tools(&["--json", "--as", "nobody"]));
    let kernel = &tools[0];
    assert_eq!(kernel["annotations"]["readOnlyHint"], false);
    assert_eq!(
        kernel["inputSchema"]["properties"]["all"]["type"],
        "boolean"
    );
    assert_eq!(kernel["outputSchema"]["type"], "object");
}

#[test]
fn text_is_for_people() {
    let told = tools(&["--as", "nobody"]);
    assert_eq!(told.status.code(), Some(0));
    let expected = "kernel\n  Kernel name\n  and release\n  \
                    Limits: ends after 30s\n    all: boolean, default false; All of it␛[2J\n\nreboot\n  Reboot\n  Limits: ends after 30s\n  An administrator must approve each call.\n";
    assert_eq!(text(&told.stdout), expected);
}

#[test]
fn who_may_not_attach_sees_nothing() {
    let told = tools(&["--as", "daemon"]);
    assert_eq!(told.status.code(), Some(0));
    assert!(told.stdout.is_empty());
    let said = text(&told.stderr);
    assert_eq!(
        said,
        "this user is no principal of the policy and may not attach\n"
    );
}

#[test]
fn a_single_user_sees_the_embedded_tools() {
    let told = Scratch::new().run(&["tools", "--single-user"]);
    let said = text(&told.stdout);
    assert!(
        said.starts_with("disk_usage (read-only)\n  Size, use"),
        "{said}"
    );
}

/// What he has beside tools is told after them, and nothing of others.
#[test]
fn resources_and_prompts_are_told() {
    let more = "[resource.motd]\ndescription = \"News\\nof today\"\npath = \"/etc/motd\"\nprofile = \"inspect\"\nallow = [\"root\"]\n\
                [resource.logs]\ndescription = \"Logs\"\npath = \"/var/log\"\nkind = \"directory\"\nallow = [\"nobody\"]\n\
                [prompt.look]\ndescription = \"Look\"\ntext = \"Look.\"\nallow = [\"nobody\"]\n";
    let scratch = Scratch::new();
    scratch.policy("policy.toml", &format!("{POLICY}{more}"));
    let told = |user| {
        let told = scratch.run(&["tools", "--policy", "policy.toml", "--as", user]);
        text(&told.stdout).to_owned()
    };
    let nobody = told("nobody");
    let end = "\n# Resources\n\n- mini-mcp://resource/logs/: Logs\n\n# Prompts\n\n- look: Look\n";
    assert!(nobody.ends_with(end), "{nobody}");
    assert!(told("root").ends_with("\n# Resources\n\n- mini-mcp://resource/motd: News of today\n"));
}
