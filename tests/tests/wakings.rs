//! How often a call wakes the supervisor: when it is asked, and when the command has ended.
//! What else it could be woken by takes time from both, on the same processors.

use harness::{ALICE, BASE, Client, Process, Site};
use serde_json::{Value, json};
use std::thread::sleep;
use std::time::Duration;

/// How long nothing is asked, so that whatever comes of the call before has come.
const REST: Duration = Duration::from_millis(3);

fn times_woken(process: Process) -> u64 {
    let status = process.status();
    let times = status.get("voluntary_ctxt_switches").expect("it lives");
    times.parse().expect("a number")
}

/// How often `process` is woken by a call of `tool` whose answer is read: the least of many,
/// since on a busy machine a command may take so long that its start is told, and there are
/// clocks beside.
fn least_of_a_call(process: Process, client: &Client, tool: &str, arguments: &Value) -> u64 {
    let wakings = (0..100).map(|_| {
        sleep(REST);
        let before = times_woken(process);
        assert_eq!(client.call(tool, arguments).exit_code(), Some(0));
        sleep(REST);
        times_woken(process) - before
    });
    wakings.min().expect("calls")
}

#[test]
fn a_short_call_wakes_the_supervisor_twice() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    // Its output is no event either.
    let least = least_of_a_call(site.supervisor(), &client, "print", &json!({"first": "x"}));
    assert!(least <= 2, "woken {least} times");
}

/// Its first thread waits for answers.
#[test]
fn the_bridge_waits_for_the_answer_alone() {
    let site = Site::with(BASE).start();
    let client = Client::bridge(&site, ALICE);
    let least = least_of_a_call(client.process(), &client, "print", &json!({"first": "x"}));
    assert!(least <= 1, "woken {least} times");
}
