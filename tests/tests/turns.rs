//! Commands in turn: each has the terms of its own profile, whatever its lane keeps of those
//! before and has made ahead.

use harness::{ALICE, BASE, Client, Site, shells};
use serde_json::json;
use std::os::unix::fs::chown;

const MORE: &str = r#"
[profile.talks]
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
network = "unix"
environment = { PATH = "/usr/bin", SITE = "@site@" }

[profile.keeps]
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
write = ["@site@/drop"]
environment = { PATH = "/usr/bin", SITE = "@site@" }

[profile.isolated]
strength = "isolated"
read = ["/usr", "/bin", "/lib", "/lib64", "-/etc/ld.so.cache"]
execute = ["/usr"]
environment = { PATH = "/usr/bin", SITE = "@site@" }
"#;

/// Tells what the filter of a profile without a network refuses.
const SOCKET: &str =
    "perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_STREAM, 0) or print \"no socket\\n\"'";

/// The base policy, and its tool `sh` in each profile.
fn policy() -> String {
    let more = shells(&["talks", "keeps", "isolated"]);
    format!("{BASE}{MORE}{more}")
}

fn sh(client: &Client, tool: &str, script: &str) -> String {
    let called = client.call(tool, &json!({ "script": script }));
    assert!(!called.is_error(), "{called:?}");
    format!("{}{}", called.stdout(), called.stderr())
}

/// Filter, mounts and namespaces.
#[test]
fn every_call_has_the_terms_of_its_own_profile() {
    let site = Site::with(&policy()).start();
    let file = site.file("drop/file", "");
    chown(&file, Some(ALICE.uid()), Some(ALICE.gid())).expect("root may");
    let client = Client::attach(&site, ALICE);
    let script = format!(
        "{SOCKET}; chmod 600 {0} 2>/dev/null || echo 'no mode'; [ $(uname -n) = mini-mcp ] && echo apart; true",
        file.display()
    );
    let tools = [
        ("sh", "no socket\nno mode\n"),
        ("talks", "no mode\n"),
        ("keeps", "no socket\n"),
        ("isolated", "no socket\nno mode\napart\n"),
    ];
    for (first, seen) in tools {
        for (second, other) in tools {
            for _ in 0..3 {
                assert_eq!(sh(&client, first, &script), seen, "{first}");
            }
            assert_eq!(
                sh(&client, second, &script),
                other,
                "{second} after {first}"
            );
        }
    }
    // Of those that differ in their filter each has its own.
    assert_eq!(site.lanes().len(), 3, "else this shows less");
}

/// Where the worker makes no mount namespace all tools have the same mounts.
#[test]
fn every_call_has_its_own_filter_among_the_hosts_mounts() {
    let mut site = Site::with(&policy()).prepare();
    site.start_worker_by("exec setpriv --bounding-set=-sys_admin \"$@\"");
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    for (tool, seen) in [("sh", "no socket\n"), ("talks", ""), ("sh", "no socket\n")] {
        for _ in 0..3 {
            assert_eq!(sh(&client, tool, SOCKET), seen, "{tool}");
        }
    }
}

/// A profile may take away what a process needs on its way to the program, and give a
/// command a standing that its lane has not.
#[test]
fn what_a_profile_says_holds_for_its_command_alone() {
    let each = [
        ("no-ids", "system_calls = [\"~@setuid\"]"),
        ("no-prctl", "system_calls = [\"~prctl\"]"),
        ("nice", "nice = 19"),
        ("thought-of", "oom_score_adjust = 300"),
        ("capable", "capabilities = [\"CAP_SYSLOG\"]"),
        ("terminal", "tty = true"),
        ("own-tmp", "private_tmp = true"),
        ("apart", "network = \"loopback\""),
    ];
    let more = each.map(|(name, keys)| {
        format!(
            "[profile.{name}]\nextends = \"plain\"\n{keys}\n[tool.{name}]\ndescription = \"d\"\n\
             command = [\"/usr/bin/true\"]\nprofile = \"{name}\"\nallow = [\"alice\"]\n"
        )
    });
    let site = Site::with(&[&policy(), more.concat().as_str()].concat()).start();
    let client = Client::attach(&site, ALICE);
    sh(&client, "sh", "true");
    let lane = site.lanes().pop().expect("one lane");
    let standing = lane.bytes("oom_score_adj");
    for (tool, keys) in each {
        for _ in 0..3 {
            let called = client.call(tool, &json!({}));
            assert!(!called.is_error(), "{keys}: {called:?}");
        }
        assert_eq!(lane.bytes("oom_score_adj"), standing, "{keys}");
        assert_eq!(sh(&client, "sh", "nice"), "0\n", "{keys}");
    }
}

/// Where the policy has lanes look callers up, each command installs its filter itself.
#[test]
fn every_call_has_its_own_filter_where_callers_are_looked_up() {
    let named =
        "\n[profile.named]\nextends = \"plain\"\nenvironment = { WHO = \"${caller.name}\" }\n";
    let site = Site::with(&[&policy(), named, &shells(&["named"])].concat()).start();
    let client = Client::attach(&site, ALICE);
    for (tool, seen) in [
        ("sh", "no socket\n"),
        ("talks", ""),
        ("named", "no socket\n"),
    ] {
        for _ in 0..3 {
            assert_eq!(sh(&client, tool, SOCKET), seen, "{tool}");
        }
    }
    // None of them is worn by a lane.
    for lane in site.lanes() {
        assert_eq!(lane.status()["Seccomp_filters"], "1");
    }
}
