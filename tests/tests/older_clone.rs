//! A worker that clone3(2) is kept from, as by `RestrictNamespaces=` of its unit, makes
//! its processes by clone(2), and holds them no less.

use harness::{ALICE, BASE, CONTAINMENTS, Client, Process, Site, eventually, unique};
use serde_json::json;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

fn site(containment: &str) -> Site {
    let mut site = Site::with(BASE).containment(containment).prepare();
    site.start_worker_without_clone3();
    site.start_supervisor();
    site
}

#[test]
fn commands_run_and_their_trees_are_killed() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let client = Client::attach(&site, ALICE);
        assert_eq!(
            client.call("true", &json!({})).exit_code(),
            Some(0),
            "{containment}"
        );
        let mark = unique();
        let script = format!("setsid sleep {mark} & sleep {mark}");
        let call = client.start_call("sh", &json!({ "script": script }));
        eventually("two that sleep", LIMIT, || {
            (sleeping(&mark).len() == 2).then_some(())
        });
        client.cancel(call);
        eventually("nobody is left", LIMIT, || {
            sleeping(&mark).is_empty().then_some(())
        });
        assert_eq!(
            client.call("true", &json!({})).exit_code(),
            Some(0),
            "{containment}"
        );
    }
}

fn sleeping(mark: &str) -> Vec<Process> {
    let mut found = Process::with_argument(mark);
    found.retain(|one| one.arguments().first().is_some_and(|name| name == "sleep"));
    found
}

/// It enters its group by itself, before it is anything else.
#[test]
fn a_command_is_in_its_cgroup() {
    let site = site("cgroup");
    let client = Client::attach(&site, ALICE);
    let time = format!("31.{}", std::process::id());
    let call = client.start_call("sleep", &json!({ "time": time }));
    let sleep = eventually("a command that sleeps", LIMIT, || {
        let found = Process::with_argument(&time);
        let named = |one: &Process| {
            let arguments = one.arguments();
            arguments
                .first()
                .is_some_and(|name| name.ends_with("sleep"))
        };
        found.into_iter().find(named)
    });
    assert!(sleep.cgroup().contains("/worker."), "{}", sleep.cgroup());
    client.cancel(call);
}
