//! Signs of life for the service manager come for as long as the whole path works.

use harness::systemd::{INTERVAL, Manager};
use harness::{ALICE, BASE, Client, Process, Site, SmallDisk, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// So long nothing comes before it counts as nothing.
const SILENCE: Duration = INTERVAL.saturating_mul(8);

fn send(process: Process, signal: Signal) {
    kill(Pid::from_raw(process.id()), signal).expect("it is there");
}

#[track_caller]
fn lives(manager: &Manager) {
    eventually("signs of life come", SOON, || {
        (manager.signs_of_life(4 * INTERVAL) > 0).then_some(())
    });
}

#[track_caller]
fn is_silent(manager: &Manager) {
    eventually("no sign of life comes", SOON, || {
        (manager.signs_of_life(SILENCE) == 0).then_some(())
    });
}

#[test]
fn a_worker_is_alive_while_it_turns_and_can_record() {
    let disk = SmallDisk::mount();
    let mut site = Site::with(BASE).audit(disk.path("audit.jsonl")).prepare();
    let manager = Manager::listen(site.path("notify"));
    site.start_worker_by(&manager.script());
    lives(&manager);

    send(site.worker(), Signal::SIGSTOP);
    is_silent(&manager);
    send(site.worker(), Signal::SIGCONT);
    lives(&manager);

    // Nobody calls, and it is noticed nevertheless: both times.
    disk.fill();
    is_silent(&manager);
    disk.make_room();
    lives(&manager);
}

/// A line that could not be written is tried again by the worker itself.
#[test]
fn a_worker_that_could_not_record_recovers_without_a_call() {
    let disk = SmallDisk::mount();
    let mut site = Site::with(BASE).audit(disk.path("audit.jsonl")).prepare();
    let manager = Manager::listen(site.path("notify"));
    site.start_worker_by(&manager.script());
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    disk.fill();
    let mut calls = (0..64).map(|_| client.call("true", &json!({})));
    assert!(calls.any(|called| called.is_error()), "the disk is full");
    is_silent(&manager);
    disk.make_room();
    lives(&manager);
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
}

#[test]
fn a_supervisor_is_alive_while_the_worker_answers() {
    let mut site = Site::with(BASE).worker_only();
    let manager = Manager::listen(site.path("notify"));
    site.start_supervisor_by(&manager.script());
    lives(&manager);

    send(site.worker(), Signal::SIGSTOP);
    is_silent(&manager);
    send(site.worker(), Signal::SIGCONT);
    lives(&manager);

    site.kill_worker();
    is_silent(&manager);
    let log = site.log_text("supervisor");
    assert!(
        log.contains("no sign of life for the service manager"),
        "{log}"
    );
    site.start_worker();
    lives(&manager);

    send(site.supervisor(), Signal::SIGSTOP);
    is_silent(&manager);
    send(site.supervisor(), Signal::SIGCONT);
    lives(&manager);
}
