//! The control group of a command is that of the next in its lane, unless something of the
//! first is left in it. What a group counts and bounds is tried on machines that have the
//! controllers for it, `tests/machine/guest/steps/controllers.sh`.

use harness::{ALICE, BASE, Called, Client, Process, Site, eventually, shells, unique};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

const MORE: &str = r#"
[profile.brief]
extends = "plain"
timeout = "1s"

[profile.apart]
strength = "isolated"
read = ["/usr", "/bin", "/lib", "/lib64", "-/etc/ld.so.cache"]
execute = ["/usr"]
environment = { PATH = "/usr/bin", SITE = "@site@" }

[profile.root]
run_as = "root"
read = ["/usr", "/etc/ld.so.cache", "/proc", "/sys/fs/cgroup"]
write = ["/sys/fs/cgroup"]
execute = ["/usr"]
environment = { PATH = "/usr/bin", SITE = "@site@" }
"#;

/// The base policy, and its tool `sh` in each profile.
fn site() -> Site {
    let more = shells(&["brief", "apart", "root"]);
    Site::with(&format!("{BASE}{MORE}{more}")).start()
}

/// Has `tool` run `script`, and tells in which group that was.
fn seen(client: &Client, tool: &str, script: &str) -> (String, Called) {
    let mark = unique();
    let script = format!(": {mark}; sleep 0.3; {script}");
    let call = client.start_call(tool, &json!({ "script": script }));
    let group = eventually("the command", SOON, || {
        let of_it = |process: &Process| process.arguments().iter().any(|word| word == "-c");
        let one = Process::mentioning(&mark).into_iter().find(of_it)?;
        Some(one.cgroup())
    });
    (group, client.called(call))
}

fn group(client: &Client, tool: &str, script: &str) -> String {
    seen(client, tool, script).0
}

#[test]
fn the_next_command_has_the_group_of_the_last() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    // Each has a lane of its own, by its filter.
    let first = ["sh", "apart"].map(|tool| (tool, group(&client, tool, "true")));
    for _ in 0..3 {
        for (tool, first) in &first {
            // A failure is an end like any other.
            assert_eq!(&group(&client, tool, "exit 3"), first, "{tool}");
        }
    }
}

/// Several kernels kill at birth whatever enters a group that was killed before.
#[test]
fn a_group_in_which_something_was_killed_has_no_other_command() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let ends = [
        ("sh", "setsid sleep 600 & sleep 0.2"),
        ("sh", "sleep 600 & exit 0"),
        ("apart", "setsid sleep 600 & sleep 0.2"),
        ("brief", "trap '' TERM; sleep 600"),
    ];
    for (tool, end) in ends {
        let own = group(&client, tool, end);
        assert_ne!(group(&client, "sh", "true"), own, "{tool}: {end}");
    }

    let mark = unique();
    let call = client.start_call("sh", &json!({ "script": format!("sleep 600; : {mark}") }));
    let running = eventually("the command", SOON, || Process::mentioning(&mark).pop());
    let own = running.cgroup();
    client.cancel(call);
    assert_ne!(group(&client, "sh", "true"), own, "cancelled");
}

/// Root owns the groups: where a profile opens them to it, what it changes of its own is
/// gone with it.
#[test]
fn a_group_that_its_command_could_change_has_no_other_command() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let folder = site.cgroups_of(site.worker()).pop().expect("its groups");
    let change = format!(
        "own={}/$(sed -n 's,^0::.*/,,p' /proc/self/cgroup); echo 7 > $own/cgroup.max.depth && \
         cat $own/cgroup.max.depth",
        folder.display()
    );
    let mut seen_before = vec![group(&client, "sh", "true")];
    for _ in 0..3 {
        let (own, called) = seen(&client, "root", &change);
        assert_eq!(called.stdout(), "7\n", "{called:?}");
        seen_before.push(own);
    }
    let next = group(&client, "sh", "true");
    assert!(!seen_before[1..].contains(&next), "{next}: {seen_before:?}");
    let distinct: BTreeSet<&String> = seen_before[1..].iter().collect();
    assert_eq!(distinct.len(), 3, "{seen_before:?}");
}

/// Of two at once each has its own.
#[test]
fn no_two_commands_are_in_one_group() {
    let site = site();
    let clients = [(); 3].map(|()| Client::attach(&site, ALICE));
    let (mut groups, marks) = (Vec::new(), [(); 3].map(|()| unique()));
    for (client, mark) in clients.iter().zip(&marks) {
        client.start_call("sh", &json!({ "script": format!("sleep 600; : {mark}") }));
        groups.push(eventually("it", SOON, || {
            Process::mentioning(mark).pop().map(Process::cgroup)
        }));
    }
    groups.sort();
    groups.dedup();
    assert_eq!(groups.len(), 3, "{groups:?}");
}

/// The one that a lane keeps for its next command goes with the lane.
#[test]
fn a_lane_that_is_gone_leaves_no_group() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    group(&client, "sh", "true");
    let own = site.cgroups_of(site.worker()).pop().expect("the worker's");
    let left = || {
        let entries = fs::read_dir(&own).expect("the worker's").flatten();
        entries.filter(|entry| entry.path().is_dir()).count()
    };
    assert_eq!(left(), 1, "else this shows nothing");
    site.lanes().pop().expect("one lane").kill();
    eventually("its group is removed", SOON, || (left() == 0).then_some(()));
    assert_eq!(seen(&client, "sh", "echo served").1.stdout(), "served\n");
}

/// Its lanes give back what they keep, and the last one leaves no group at all.
#[test]
fn a_worker_that_is_gone_leaves_no_group() {
    let mut site = site();
    let client = Client::attach(&site, ALICE);
    group(&client, "sh", "true");
    let worker = site.worker();
    site.kill_worker();
    eventually("no group is left", SOON, || {
        site.cgroups_of(worker).is_empty().then_some(())
    });
    site.start_worker();
    assert_eq!(seen(&client, "sh", "echo served").1.stdout(), "served\n");
}

/// The processor time of a call is that of its own command.
#[test]
fn nobody_is_charged_for_whoever_was_there_before() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let work = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    let used = |called: &Called| called.field("cpu_ms").as_f64().expect("a time");
    let (first, much) = seen(&client, "sh", work);
    let (second, little) = seen(&client, "sh", "true");
    assert_eq!(first, second, "else this shows nothing");
    let (much, little) = (used(&much), used(&little));
    assert!(little * 4.0 < much, "{little} ms after {much} ms");
}
