//! Limits: what a caller meets when he calls too often or too much at once, and
//! that nothing of it depends on the supervisor.

use harness::{ALICE, BASE, BOB, Client, Front, Lane, Process, Site, User, command_as, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;
use wire::Reply;

const SOON: Duration = Duration::from_secs(10);

const LIMITED: &str = r#"
[tool.seldom]
description = "Three times an hour for each caller"
command = ["/usr/bin/true"]
profile = "plain"
allow = ["alice", "ops"]
rate = "3/h"

[tool.daily]
description = "Twice a day for each caller"
command = ["/usr/bin/true"]
profile = "plain"
allow = ["alice"]
quota = 2

[tool.single]
description = "One at a time, whoever calls"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["alice", "ops"]
concurrency = 1
queue_timeout = "0s"
[tool.single.args]
time = { type = "integer", min = 0, max = 60 }
"#;

fn site() -> Site {
    Site::with(&format!("{BASE}{LIMITED}")).start()
}

/// The fourth call is denied with the time of the next, which other callers and
/// other tools do not feel.
#[test]
fn a_rate_is_each_callers_own() {
    let site = site();
    let alice = Client::attach(&site, ALICE);
    for _ in 0..3 {
        assert_eq!(alice.call("seldom", &json!({})).exit_code(), Some(0));
    }
    let denied = alice.call("seldom", &json!({}));
    assert_eq!(denied.denied(), "rate_limited");
    let reason = denied.reason();
    assert!(
        reason.starts_with("3 calls in 1h are allowed; the next one in "),
        "{reason}"
    );
    assert_eq!(alice.call("true", &json!({})).exit_code(), Some(0));
    let bob = Client::attach(&site, BOB);
    assert_eq!(bob.call("seldom", &json!({})).exit_code(), Some(0));

    let trail = site.audit();
    let denial = trail.iter().find(|entry| entry.is("deny", "seldom"));
    let denial = denial.expect("it is recorded");
    assert_eq!(denial.text("rule"), "tool.seldom.rate");
    assert_eq!(denial.text("by"), "worker");
    assert_eq!(denial.field("uid"), ALICE.uid());
}

/// Neither a new connection, nor a reload, nor listing tools moves it.
#[test]
fn a_quota_outlives_connections_and_reloads() {
    let site = site();
    for _ in 0..2 {
        let alice = Client::attach(&site, ALICE);
        assert_eq!(alice.call("daily", &json!({})).exit_code(), Some(0));
        for _ in 0..5 {
            assert!(alice.tools().contains(&"daily".to_owned()));
        }
    }
    let text = format!("{BASE}{LIMITED}\n# again\n");
    site.file("policy.toml", &text.replace("@site@", &site.text()));
    let supervisor = Pid::from_raw(site.supervisor().id());
    kill(supervisor, Signal::SIGHUP).expect("it lives");
    site.audited("the reload", |entry| entry.event() == "reload");
    let alice = Client::attach(&site, ALICE);
    assert_eq!(alice.call("daily", &json!({})).denied(), "quota_exceeded");
}

/// A place is free again when the command has ended, however it ends.
#[test]
fn a_place_is_taken_and_given_back() {
    let site = site();
    let (alice, bob) = (Client::attach(&site, ALICE), Client::attach(&site, BOB));
    let free = || {
        let called = bob.call("single", &json!({"time": 0}));
        (!called.is_error()).then_some(())
    };
    let id = alice.start_call("single", &json!({"time": 60}));
    site.audited("it runs", |entry| entry.is("start", "single"));
    let denied = bob.call("single", &json!({"time": 0}));
    assert_eq!(denied.denied(), "too_many_running");
    alice.cancel(id);
    eventually("the place is free", SOON, free);

    // A command that a lost lane leaves has ended too.
    let starts = || {
        let trail = site.audit();
        let starts = trail.iter().filter(|entry| entry.is("start", "single"));
        starts.count()
    };
    let before = starts();
    alice.start_call("single", &json!({"time": 60}));
    eventually("it runs", SOON, || (starts() > before).then_some(()));
    let busy = site
        .lanes()
        .into_iter()
        .filter(|lane| !lane.children().is_empty());
    busy.for_each(Process::kill);
    eventually("the place is free again", SOON, free);
}

/// A supervisor that never looks at the policy itself meets the same limits.
#[test]
fn a_hijacked_supervisor_is_limited_too() {
    let front = Front::with(&format!("{BASE}{LIMITED}"));
    let (client, _end) = front.client(ALICE);
    let (one, other) = (Lane::greeted(&front.site), Lane::greeted(&front.site));
    for lane in [&one, &other, &one] {
        let _pipes = lane.run(&front.site, client.as_fd(), "seldom", &[]);
        let _ended = lane.finished();
    }
    for lane in [&one, &other] {
        let _pipes = lane.run(&front.site, client.as_fd(), "seldom", &[]);
        match lane.hear() {
            Ok(Reply::Denied(denial)) => assert_eq!(denial.code, "rate_limited"),
            answer => panic!("{answer:?}"),
        }
    }
}

/// The kernel counts tasks by user where no controller does; the worker counts those of
/// others from time to time, and again where they have become many since.
#[test]
fn a_user_who_has_become_busy_still_gets_his_call() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    let busy: Vec<Sleeper> = (0..100).map(|_| Sleeper::start(ALICE)).collect();
    for _ in 0..3 {
        let called = client.call("true", &json!({}));
        assert_eq!(called.exit_code(), Some(0), "{called:?}");
    }
    drop(busy);
}

/// A process of a user's that does nothing.
struct Sleeper(std::process::Child);

impl Sleeper {
    fn start(user: User) -> Sleeper {
        let mut command = command_as(user, Path::new("/usr/bin/sleep"));
        Sleeper(command.arg("600").spawn().expect("sleep starts"))
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}
