//! `mini-mcp doctor` tells of this machine what the kernel says otherwise.

use harness::{ALICE, Process, Site, command_as};
use serde_json::Value;
use std::process::{Command, Output};

const POLICY: &str = r#"
version = 1

[principal.alice]
unix_users = ["mmtest-alice"]

[profile.plain]
run_as = "mmtest-run"
read = ["/usr"]
minimum_cgroup = []

[profile.future]
minimum_landlock = 99

[profile.missing]
read = ["/no/such/directory"]
minimum_cgroup = []

[profile.apart]
strength = "isolated"
read = ["/usr"]
minimum_cgroup = []

[tool.true]
description = "Succeeds"
command = ["/usr/bin/true"]
profile = "plain"
allow = ["alice"]

[tool.unsafe]
description = "Anybody can have written it"
command = ["@site@/data/program"]
profile = "apart"
allow = ["alice"]

[profile.elsewhere]
read = ["/usr"]
minimum_cgroup = []

[tool.elsewhere]
description = "It says itself where it starts"
command = ["@site@/data/program"]
working_directory = "/usr"
profile = "elsewhere"
allow = ["alice"]

[resource.read]
description = "By a profile that this kernel does not hold"
path = "/usr/share"
profile = "future"
allow = ["alice"]

[resource.held]
description = "By one that it does"
path = "/usr/share"
profile = "plain"
allow = ["alice"]
"#;

fn report(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.is_empty(), "{said}");
    serde_json::from_slice(&output.stdout).expect("the report is JSON")
}

fn doctor(site: &Site, more: &[&str]) -> Output {
    let mut command = Command::new(site.program("mini-mcp"));
    command.arg("doctor").args(more);
    command.output().expect("it starts")
}

fn with_policy(site: &Site) -> Value {
    let policy = site.policy().display().to_string();
    let output = doctor(site, &["--json", "--policy", &policy]);
    assert_eq!(output.status.code(), Some(1));
    report(&output)
}

fn named<'a>(rows: &'a Value, name: &str) -> &'a Value {
    let rows = rows.as_array().expect("rows");
    let row = rows.iter().find(|row| row["name"] == name);
    row.unwrap_or_else(|| panic!("no `{name}` in {rows:?}"))
}

fn site() -> Site {
    let site = Site::with(POLICY).prepare();
    let program = site.file("data/program", "#!/bin/sh\n");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(program, open).expect("it is ours");
    site
}

#[test]
fn the_kernel_is_told_as_it_is() {
    let site = site();
    let report = with_policy(&site);
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux");
    assert_eq!(report["linux"], release.trim());
    assert_eq!(
        (&report["uid"], &report["single_user"]),
        (&0.into(), &false.into())
    );
    let abi = report["landlock_abi"].as_u64().expect("a number");
    for number in 1..=10 {
        let row = named(&report["features"], &format!("Landlock ABI {number}"));
        assert_eq!(row["state"] == "works", number <= abi, "{row}");
        assert_eq!(row["remedy"].is_null(), number <= abi, "{row}");
    }
    for name in [
        "seccomp",
        "no_new_privs",
        "openat2",
        "close_range",
        "clone with pidfd",
        "session keyring",
    ] {
        let row = named(&report["features"], name);
        assert_eq!(row["state"], "works", "{row}");
    }
    let calls = report["default_system_calls"].as_array().expect("names");
    assert!(calls.contains(&"openat".into()) && !calls.contains(&"ptrace".into()));
    assert!(!calls.contains(&"clone3".into()), "it is always refused");
}

#[test]
fn each_profile_is_told_as_its_calls_would_end() {
    let site = site();
    let report = with_policy(&site);
    assert_eq!(report["ok"], false);
    let profile = |name| named(&report["profiles"], name);
    assert_eq!(profile("plain")["state"], "enforced");
    for (name, strength, reason) in [
        ("future", "default", "profile `future` needs 99"),
        ("missing", "default", "cannot grant `/no/such/directory`"),
        ("apart", "isolated", "tool `unsafe`: cannot trust program"),
        (
            "elsewhere",
            "default",
            "tool `elsewhere`: cannot trust program",
        ),
        ("resource.read", "default", "needs 99"),
    ] {
        let profile = profile(name);
        assert_eq!(profile["state"], "refused", "{profile}");
        assert_eq!(profile["strength"], strength);
        let said = profile["refusals"].to_string();
        assert!(said.contains(reason), "{said}");
    }
    let all = report["profiles"].as_array().expect("rows");
    assert!(all.iter().all(|row| row["name"] != "resource.held"));
}

#[test]
fn the_table_is_plain_text() {
    let site = site();
    let policy = site.policy().display().to_string();
    let output = doctor(&site, &["--policy", &policy]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(
        text.contains("profile `plain`, default strength: enforced"),
        "{text}"
    );
    assert!(
        text.contains("profile `future`, default strength: every call is refused"),
        "{text}"
    );
    assert!(
        text.contains("profile `apart`, isolated strength: calls of some tools are refused"),
        "{text}"
    );
}

#[test]
fn a_plain_user_is_told_of_his_own_worker() {
    let site = site();
    let mut command = command_as(ALICE, &site.program("mini-mcp"));
    command.current_dir("/");
    let output = command
        .args(["doctor", "--json"])
        .output()
        .expect("it starts");
    let report = report(&output);
    assert_eq!(report["uid"], ALICE.uid());
    assert_eq!(report["single_user"], true);
    assert_eq!(report["policy"], "embedded policy");
    let state = &named(&report["profiles"], "inspect")["state"];
    assert_ne!(state, "refused", "{report}");
}

#[test]
fn what_it_cannot_tell_is_status_2() {
    let site = site();
    for wrong in [
        &["--no-such"][..],
        &["--policy", "/no/such/policy"],
        &["--worker-program", "/no/such/worker"],
    ] {
        let output = doctor(&site, wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

/// What is tried leaves nothing behind: no group, and the process where it was.
#[test]
fn nothing_is_left_of_it() {
    let site = site();
    let mut command = Command::new(site.program("mini-mcp"));
    let child = command
        .args(["doctor"])
        .stdout(std::process::Stdio::null())
        .spawn();
    let mut child = child.expect("it starts");
    let process = Process::of(&child);
    child.wait().expect("it ends");
    let groups = site.cgroups_of(process);
    assert!(groups.is_empty(), "{groups:?}");
    site.assert_no_process();
}
