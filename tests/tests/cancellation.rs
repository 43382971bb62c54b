//! However a client gives a call up, its command is killed within a tenth of a second.

use harness::{ALICE, BASE, Client, Process, Site, eventually, unique};
use serde_json::json;
use std::time::{Duration, Instant};

/// How soon a command must be dead.
const LIMIT: Duration = Duration::from_millis(100);

/// Tries of which the fastest counts: a busy machine is late now and then, a server
/// that waits for something always is.
const TRIES: usize = 5;

const MORE: &str = r#"
[tool.slumber]
description = "Sleeps for some seconds, whoever is there"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["alice"]
background = true
outlives_connection = true
[tool.slumber.args]
time = { type = "string", pattern = "[0-9.]+", max_length = 40 }
"#;

fn site() -> Site {
    Site::with(&format!("{BASE}{MORE}")).start()
}

/// A command that `client` waits for, and the call.
#[track_caller]
fn sleeper(client: &Client) -> (Process, u64) {
    let time = unique();
    let call = client.start_call("sleep", &json!({ "time": time }));
    (running(&time), call)
}

#[track_caller]
fn running(time: &str) -> Process {
    eventually("the command runs", Duration::from_secs(20), || {
        Process::with_argument(time).first().copied()
    })
}

/// The shortest time from `give_up` to the death of the process that it names.
#[track_caller]
fn is_killed_at_once(mut give_up: impl FnMut() -> (Process, Instant)) {
    let times = (0..TRIES).map(|_| {
        let (process, began) = give_up();
        while process.alive() {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "it is not killed"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        began.elapsed()
    });
    let times: Vec<Duration> = times.collect();
    assert!(times.iter().min() < Some(&LIMIT), "{times:?}");
}

#[test]
fn by_a_notification() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    is_killed_at_once(|| {
        let (process, call) = sleeper(&client);
        let began = Instant::now();
        client.cancel(call);
        (process, began)
    });
}

#[test]
fn by_a_client_that_vanishes() {
    let site = site();
    is_killed_at_once(|| {
        let client = Client::attach(&site, ALICE);
        let (process, _) = sleeper(&client);
        let began = Instant::now();
        client.vanish();
        (process, began)
    });
}

#[test]
fn by_a_bridge_that_is_killed() {
    let site = site();
    is_killed_at_once(|| {
        let client = Client::bridge(&site, ALICE);
        let (process, _) = sleeper(&client);
        let began = Instant::now();
        client.vanish();
        (process, began)
    });
}

#[test]
fn by_a_bridge_whose_client_is_gone() {
    let site = site();
    is_killed_at_once(|| {
        let client = Client::bridge(&site, ALICE);
        let (process, _) = sleeper(&client);
        let began = Instant::now();
        drop(client);
        (process, began)
    });
}

#[test]
fn by_the_tool_that_ends_runs() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    is_killed_at_once(|| {
        let time = unique();
        let call = json!({"tool": "slumber", "arguments": {"time": time}});
        let started = client.call("run_start", &call);
        let process = running(&time);
        let began = Instant::now();
        let run = started.field("run_id");
        let _call = client.start_call("run_cancel", &json!({ "run": run }));
        (process, began)
    });
}
