//! The service stops: what runs is let go on for five seconds and answered, by whichever
//! of the two processes is told first; what takes longer is ended.

use harness::{ALICE, BASE, Client, Site, assert_whole, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(10);

/// A call that sleeps for `time`, and runs.
fn sleeping(site: &Site, client: &Client, time: &str) -> u64 {
    let call = client.start_call("sleep", &json!({ "time": time }));
    site.audited("it runs", |entry| entry.is("start", "sleep"));
    call
}

fn terminate(process: harness::Process) {
    kill(Pid::from_raw(process.id()), Signal::SIGTERM).expect("it runs");
}

#[test]
fn a_call_that_runs_is_answered_by_a_service_that_stops() {
    let mut site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let call = sleeping(&site, &client, "2");
    // As systemd does it: both at once.
    terminate(site.worker());
    site.stop_supervisor();
    let _answered = client.called(call).success();
    site.stop_worker();
    let end = site.audited("it is told", |entry| entry.event() == "end");
    assert_eq!(end.field("outcome")["exit_code"], 0);
    assert_whole(&site);
}

#[test]
fn a_worker_that_stops_alone_lets_its_command_end() {
    let mut site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let call = sleeping(&site, &client, "2");
    site.stop_worker();
    let _answered = client.called(call).success();
}

#[test]
fn what_takes_longer_is_ended() {
    let mut site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let call = sleeping(&site, &client, "19");
    let begun = Instant::now();
    terminate(site.worker());
    site.stop_supervisor();
    site.stop_worker();
    assert!(begun.elapsed() >= Duration::from_secs(4), "{begun:?}");
    assert!(begun.elapsed() < LONG, "{begun:?}");
    let answer = client.poll(call);
    assert!(answer.is_none_or(|called| called.is_error()));
    let end = site.audited("it is told", |entry| entry.event() == "end");
    assert_eq!(end.field("outcome")["signal"], 9);
    assert_whole(&site);
    site.assert_no_process();
}

/// An idle client is no reason to wait, nor is a call whose client has gone.
#[test]
fn nobody_waits_for_what_does_not_run() {
    let mut site = Site::with(BASE).start();
    let (idle, gone) = (Client::attach(&site, ALICE), Client::attach(&site, ALICE));
    let _ran = idle.call("true", &json!({})).success();
    sleeping(&site, &gone, "19");
    gone.vanish();
    site.audited("it is ended", |entry| entry.event() == "end");
    let begun = Instant::now();
    site.stop_supervisor();
    eventually("the client is hung up on", LONG, || {
        idle.ended().then_some(())
    });
    assert!(begun.elapsed() < Duration::from_secs(4), "{begun:?}");
}
