//! What the kernel says of a command while it runs.

use harness::{
    ALICE, BASE, BOB, CONTAINMENTS, Client, FRONT, Process, RUNNER, Site, User, eventually, unique,
};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MORE: &str = r#"
[tool.sleep_as_runner]
description = "Sleeps as a user of its own"
command = ["/usr/bin/sleep", "{time}"]
profile = "runner"
allow = ["alice"]
args = { time = { type = "string" } }

[tool.sleep_as_root]
description = "Sleeps as root"
command = ["/usr/bin/sleep", "{time}"]
profile = "root"
allow = ["alice"]
args = { time = { type = "string" } }

[tool.sleep_ops]
description = "Sleeps for the group"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["ops"]
args = { time = { type = "string" } }

[profile.runner]
run_as = "mmtest-run"
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
environment = { SITE = "@site@" }

[profile.root]
run_as = "root"
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
environment = { SITE = "@site@" }
"#;

fn site(containment: &str) -> Site {
    let policy = format!("{BASE}{MORE}");
    Site::with(&policy).containment(containment).start()
}

/// Starts a sleep and waits for its process.
fn running(client: &Client, tool: &str) -> Process {
    let time = unique();
    client.start_call(tool, &json!({ "time": time }));
    eventually("the command runs", Duration::from_secs(10), || {
        Process::with_argument(&time).first().copied()
    })
}

#[track_caller]
fn assert_field(process: Process, name: &str, expected: &str) {
    let status = process.status();
    assert_eq!(
        status.get(name).map(|value| value.trim()),
        Some(expected),
        "{name}"
    );
}

fn four_times(id: u32) -> String {
    [id; 4].map(|id| id.to_string()).join(" ")
}

/// User, group and nothing but the proven groups; no capability in any set; no
/// way to new privileges; a filter.
#[track_caller]
fn assert_confined(process: Process, uid: u32, gid: u32, groups: &str) {
    assert_field(process, "Uid", &four_times(uid));
    assert_field(process, "Gid", &four_times(gid));
    assert_field(process, "Groups", groups);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_field(process, set, "0000000000000000");
    }
    assert_field(process, "NoNewPrivs", "1");
    assert_field(process, "Seccomp", "2");
}

fn assert_user(process: Process, user: User) {
    let groups: Vec<String> = user.group_ids().iter().map(u32::to_string).collect();
    assert_confined(process, user.uid(), user.gid(), &groups.join(" "));
}

/// The caller's command is the caller, with the caller's groups, in every containment.
#[test]
fn a_command_is_its_caller_without_privileges() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let alice = Client::attach(&site, ALICE);
        assert_user(running(&alice, "sleep"), ALICE);
        let bob = Client::attach(&site, BOB);
        assert_user(running(&bob, "sleep_ops"), BOB);
    }
}

/// A fixed user gets that user and no supplementary group; root, where the policy
/// says so, gets uid 0 and not one capability.
#[test]
fn a_fixed_user_is_that_user_without_privileges() {
    let site = site("auto");
    let client = Client::attach(&site, ALICE);
    assert_user(running(&client, "sleep_as_runner"), RUNNER);
    assert_confined(running(&client, "sleep_as_root"), 0, 0, "");
}

/// Exactly three descriptors: nothing to read, and two pipes to write to.
#[test]
fn a_command_has_three_descriptors() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let client = Client::attach(&site, ALICE);
        // A second command must not inherit what belongs to the first.
        let processes = [running(&client, "sleep"), running(&client, "sleep")];
        for process in processes {
            let open = process.descriptors();
            let numbers: Vec<i32> = open.keys().copied().collect();
            assert_eq!(numbers, [0, 1, 2], "{containment}: {open:?}");
            assert_eq!(open[&0], Path::new("/dev/null"));
            let pipe = |path: &PathBuf| path.to_string_lossy().starts_with("pipe:");
            assert!(pipe(&open[&1]) && pipe(&open[&2]), "{open:?}");
            assert_ne!(open[&1], open[&2]);
        }
        let [first, second] = processes.map(Process::descriptors);
        assert_ne!(first[&1], second[&1]);
    }
}

/// A session of its own, and with it no controlling terminal.
#[test]
fn a_command_has_its_own_session() {
    let site = site("auto");
    let client = Client::attach(&site, ALICE);
    let process = running(&client, "sleep");
    assert_eq!(process.session(), process.id());
    assert_ne!(process.session(), site.worker().session());
}

/// Each containment is really the one that was asked for.
#[test]
fn a_command_is_held_as_configured() {
    let held = |containment: &str| {
        let site = site(containment);
        let client = Client::attach(&site, ALICE);
        let [one, other] = [running(&client, "sleep"), running(&client, "sleep")];
        let outside = site.worker();
        let made = site.cgroups_of(outside);
        assert_eq!(
            made.is_empty(),
            !matches!(containment, "cgroup" | "auto"),
            "{made:?}"
        );
        let groups = one.cgroup() != other.cgroup() && one.cgroup() != outside.cgroup();
        let namespaces = one.namespace("pid") != other.namespace("pid")
            && one.namespace("pid") != outside.namespace("pid");
        (groups, namespaces)
    };
    assert_eq!(held("cgroup"), (true, false));
    assert_eq!(held("pid-namespace"), (false, true));
    assert_eq!(held("subreaper"), (false, false));
    // Where a writable cgroup2 exists, it is the choice.
    assert_eq!(held("auto"), (true, false));
}

/// The supervisor has no capability and no way to one; the lanes are the only
/// processes with root's uid besides the worker.
#[test]
fn the_supervisor_is_unprivileged() {
    let site = site("auto");
    let client = Client::attach(&site, ALICE);
    let command = running(&client, "sleep");
    let supervisor = site.supervisor();
    assert_field(supervisor, "Uid", &four_times(FRONT.uid()));
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_field(supervisor, set, "0000000000000000");
    }
    let lanes = site.lanes();
    assert!(!lanes.is_empty());
    assert!(
        lanes
            .iter()
            .flat_map(|lane| lane.children())
            .any(|child| child == command)
    );
    for lane in lanes {
        assert_field(lane, "Threads", "1");
        // What all commands may do and itself; and from the first command on what that one may.
        let filters = if lane.children().contains(&command) {
            "2"
        } else {
            "1"
        };
        assert_field(lane, "Seccomp_filters", filters);
    }
    // It installs none: it wears what its lane does.
    assert_field(command, "Seccomp_filters", "2");
    // It has confined itself before the first client came.
    assert_field(supervisor, "NoNewPrivs", "1");
    assert_field(supervisor, "Seccomp", "2");
}

/// The worker and its lanes keep the capabilities that SECURITY.md names, can gain
/// none, and have one thread each.
#[test]
fn the_worker_keeps_few_capabilities() {
    // DAC_READ_SEARCH, KILL, SETGID, SETUID; SYS_ADMIN to make mount namespaces, and
    // SYS_CHROOT to enter them.
    let kept = "00000000002400e4";
    for containment in CONTAINMENTS {
        let site = site(containment);
        let client = Client::attach(&site, ALICE);
        running(&client, "sleep");
        for process in [vec![site.worker()], site.lanes()].concat() {
            assert_field(process, "CapPrm", kept);
            assert_field(process, "CapEff", kept);
            for set in ["CapInh", "CapBnd", "CapAmb"] {
                assert_field(process, set, "0000000000000000");
            }
            assert_field(process, "NoNewPrivs", "1");
            assert_field(process, "Threads", "1");
        }
    }
}
