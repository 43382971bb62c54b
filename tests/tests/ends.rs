//! The end of a command is told by whoever has recorded it: nobody hears of it before it
//! stands in the trail, and what stands there counts, whatever becomes of the lane.

use harness::{ALICE, BASE, Client, FailingDisk, Lane, Process, Site, assert_whole, eventually};
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::json;
use std::thread;
use std::time::Duration;
use wire::{Hello, Request, VERSION};

const SOON: Duration = Duration::from_secs(10);

/// A service, two lanes of which are there, and its client.
fn started() -> (Site, Client) {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let calls = [(); 2].map(|()| client.start_call("sleep", &json!({ "time": "0.3" })));
    for call in calls {
        let _slept = client.called(call).success();
    }
    (site, client)
}

fn lanes(site: &Site) -> Vec<Process> {
    let is_lane = |one: &Process| {
        one.status()
            .get("Name")
            .is_some_and(|is| is == "mini-mcp-lane")
    };
    site.worker()
        .children()
        .into_iter()
        .filter(is_lane)
        .collect()
}

/// A call that sleeps for half a second: its number, its lane, and its command.
fn sleeping(site: &Site, client: &Client) -> (u64, Process, Process) {
    let call = client.start_call("sleep", &json!({ "time": "0.5" }));
    let (lane, command) = eventually("it runs", SOON, || {
        lanes(site).into_iter().find_map(|lane| {
            let runs = |one: &Process| one.arguments().iter().any(|word| word == "0.5");
            Some((lane, lane.children().into_iter().find(runs)?))
        })
    });
    (call, lane, command)
}

fn send(process: Process, signal: Signal) {
    kill(Pid::from_raw(process.id()), signal).expect("it lives");
}

/// Whether `process` is there as a line of the table alone, or not even that.
fn has_ended(process: Process) -> bool {
    let state = process.status().remove("State");
    state.is_none_or(|state| state.starts_with('Z'))
}

#[test]
fn nobody_is_told_before_it_is_recorded() {
    let (site, client) = started();
    let (call, _lane, command) = sleeping(&site, &client);
    send(site.worker(), Signal::SIGSTOP);
    eventually("it ends", SOON, || has_ended(command).then_some(()));
    thread::sleep(Duration::from_millis(300));
    let told = client.poll(call);
    send(site.worker(), Signal::SIGCONT);
    assert!(told.is_none(), "{told:?}");
    let _slept = client.called(call).success();
    assert_whole(&site);
}

/// The end of a lane, which the first process may hear of before it hears the lane.
#[test]
fn what_a_lane_has_said_last_counts() {
    let (site, client) = started();
    let (call, lane, command) = sleeping(&site, &client);
    send(site.worker(), Signal::SIGSTOP);
    // So that there is a signal to read before anything of the lane.
    let other = lanes(&site).into_iter().find(|one| one.id() != lane.id());
    other.expect("there are two").kill();
    eventually("the command is reaped", SOON, || {
        (!command.alive()).then_some(())
    });
    thread::sleep(Duration::from_millis(300));
    lane.kill();
    eventually("the lane ends", SOON, || has_ended(lane).then_some(()));
    send(site.worker(), Signal::SIGCONT);
    let _slept = client.called(call).success();
    let end = |entry: &harness::Entry| {
        let outcome = entry.field("outcome");
        entry.event() == "end" && outcome["wall_us"].as_u64() > Some(450_000)
    };
    let end = site.audited("its end is recorded", end);
    assert_eq!(end.field("outcome")["exit_code"], 0);
    assert_whole(&site);
}

/// A newer supervisor would stay with an older worker for ever.
#[test]
fn that_a_newer_supervisor_greets_counts_as_well() {
    let (site, _client) = started();
    let others = lanes(&site);
    let connection = Lane::open(&site);
    let lane = eventually("it has a lane", SOON, || {
        lanes(&site).into_iter().find(|one| !others.contains(one))
    });
    send(site.worker(), Signal::SIGSTOP);
    // As above.
    let other = *others.first().expect("there are two");
    other.kill();
    eventually("it ends", SOON, || has_ended(other).then_some(()));
    let (version, policy) = (VERSION + 1, site.digest());
    connection.say(&Request::Hello(Hello { version, policy }), &[]);
    eventually("the lane ends", SOON, || has_ended(lane).then_some(()));
    send(site.worker(), Signal::SIGCONT);
    let told = site.audited("it is told", |entry| entry.event() == "violation");
    let words = format!("a supervisor of version {version} greets");
    assert!(told.text("reason").starts_with(&words), "{told:?}");
    assert_whole(&site);
}

/// Neither by its orders nor by the end of its connection.
#[test]
fn a_lane_that_does_not_end_with_the_worker_is_ended() {
    let (site, _client) = started();
    let (worker, lanes) = (site.worker(), lanes(&site));
    let stuck = *lanes.first().expect("there are two");
    send(stuck, Signal::SIGSTOP);
    send(worker, Signal::SIGTERM);
    eventually("both end", 3 * SOON, || {
        (has_ended(stuck) && has_ended(worker)).then_some(())
    });
}

/// The command has run, and its caller hears that the trail does not tell how it ended.
#[test]
fn an_end_that_cannot_be_recorded_is_told_as_such() {
    let disk = FailingDisk::mount();
    let site = Site::with(BASE).audit(disk.path("audit.jsonl")).start();
    let client = Client::attach(&site, ALICE);
    let call = client.start_call("sleep", &json!({ "time": "1" }));
    site.audited("it runs", |entry| entry.is("start", "sleep"));
    disk.fail();
    let called = client.called(call);
    assert_eq!(called.failed(), "audit", "{}", called.0);
}

/// Has `worker` killed at the moment at which it makes a process, to which `work` leads; the
/// id of that process.
fn killed_when_it_forks(worker: Process, work: impl FnOnce() + Send + 'static) -> i64 {
    // Only the thread that traces may wait for what it traces, and with its end all go on.
    let tracer = thread::spawn(move || {
        let pid = Pid::from_raw(worker.id());
        ptrace::seize(pid, Options::PTRACE_O_TRACEFORK).expect("root may trace");
        work();
        loop {
            let status = waitpid(pid, Some(WaitPidFlag::__WALL)).expect("it is traced");
            match status {
                WaitStatus::PtraceEvent(_, _, event)
                    if event == Event::PTRACE_EVENT_FORK as i32 =>
                {
                    let made = ptrace::getevent(pid).expect("it has made one");
                    worker.kill();
                    return made;
                }
                WaitStatus::Stopped(_, signal) => ptrace::cont(pid, signal).expect("it waits"),
                other @ (WaitStatus::Exited(..)
                | WaitStatus::Signaled(..)
                | WaitStatus::PtraceEvent(..)
                | WaitStatus::PtraceSyscall(_)
                | WaitStatus::Continued(_)
                | WaitStatus::StillAlive) => panic!("{other:?}"),
            }
        }
    });
    tracer.join().expect("it forks")
}

/// It holds whatever the first process has, so that nobody would hear of its end.
#[test]
fn whoever_closes_a_connection_does_not_outlive_the_worker() {
    let (mut site, _client) = started();
    let lanes = lanes(&site);
    let lane = *lanes.first().expect("there are two");
    let closing = killed_when_it_forks(site.worker(), move || lane.kill());
    eventually("it ends", SOON, || {
        let all = Process::all();
        let lives = all.iter().any(|one| i64::from(one.id()) == closing);
        (!lives).then_some(())
    });
    site.kill_worker();
    eventually("the lanes hear of it", SOON, || {
        lanes.iter().all(|one| has_ended(*one)).then_some(())
    });
}
