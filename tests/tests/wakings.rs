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

/// By a call of `tool` whose answer is read: the least of many, since on a busy machine a
/// command may take so long that its start is told, and there are clocks beside.
fn least_of_a_call(site: &Site, client: &Client, tool: &str, arguments: &Value) -> u64 {
    let wakings = (0..100).map(|_| {
        sleep(REST);
        let before = times_woken(site.supervisor());
        assert_eq!(client.call(tool, arguments).exit_code(), Some(0));
        sleep(REST);
        times_woken(site.supervisor()) - before
    });
    wakings.min().expect("calls")
}

#[test]
fn a_short_call_wakes_the_supervisor_twice() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    // Its output is no event either.
    let least = least_of_a_call(&site, &client, "print", &json!({"first": "x"}));
    assert!(least <= 2, "woken {least} times");
}
