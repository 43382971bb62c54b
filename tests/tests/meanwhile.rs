//! The process of a command is made while its start is recorded, and goes no further than
//! that before the start stands in the trail.

use harness::{ALICE, BASE, Client, Process, Site, assert_lawful, command_as, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

const MARKS: &str = r#"
[profile.marks]
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
write = ["@site@/drop"]
environment = { PATH = "/usr/bin", SITE = "@site@" }

[tool.mark]
description = "Leaves a file"
command = ["/usr/bin/touch", "@site@/drop/mark"]
profile = "marks"
allow = ["alice"]

[tool.once]
description = "Once an hour"
command = ["/usr/bin/true"]
profile = "plain"
allow = ["alice"]
rate = "1/h"
"#;

/// What keeps the first process from recording, as long as this lives.
struct Deaf(Pid);

impl Deaf {
    fn make(site: &Site) -> Self {
        let worker = Pid::from_raw(site.worker().id());
        kill(worker, Signal::SIGSTOP).expect("it lives");
        Self(worker)
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        kill(self.0, Signal::SIGCONT).expect("it lives");
    }
}

/// The process of a command that has become Alice and executes nothing yet.
#[track_caller]
fn on_its_way(site: &Site) -> Process {
    let lanes = site.worker().children();
    eventually("a process on its way", SOON, || {
        let mut made = lanes.iter().flat_map(|lane| lane.children());
        let hers = |one: &Process| {
            let status = one.status();
            status["Uid"].starts_with(&ALICE.uid().to_string()) && status["Name"] == "mini-mcp-lane"
        };
        made.find(hers)
    })
}

fn site() -> Site {
    Site::with(&format!("{BASE}{MARKS}")).start()
}

#[test]
fn nothing_runs_before_its_start_is_recorded() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("true", &json!({})).success(), "");
    let mark = site.path("drop/mark");
    let recorded = site.trail().len();

    let deaf = Deaf::make(&site);
    let call = client.start_call("mark", &json!({}));
    on_its_way(&site);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!mark.exists(), "it has run");
    assert_eq!(site.trail().len(), recorded);
    drop(deaf);

    assert_eq!(client.called(call).success(), "");
    assert!(mark.exists());
    assert_lawful(&site.trail());
}

/// A user may kill what has become him. What he interrupts is done in the memory of a lane,
/// which therefore ends as well, and with it nothing else.
#[test]
fn who_is_killed_on_his_way_takes_his_lane_along() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("true", &json!({})).success(), "");

    let deaf = Deaf::make(&site);
    let call = client.start_call("mark", &json!({}));
    let killed = on_its_way(&site);
    let lane = killed.status()["PPid"].clone();
    killed.kill();
    eventually("an end of its lane", SOON, || {
        let children = site.worker().children();
        let left = children.iter().any(|one| one.id().to_string() == lane);
        (!left).then_some(())
    });
    drop(deaf);

    assert!(client.called(call).is_error(), "it has not run");
    assert!(!site.path("drop/mark").exists());
    assert_eq!(client.call("mark", &json!({})).success(), "");
    assert_lawful(&site.trail());
}

/// Who has become the user shares the memory of a lane, which is closed to that user: by
/// the files of /proc, and to who would trace it.
#[test]
fn the_memory_of_who_is_on_his_way_is_closed_to_his_user() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    // Of the first in its lane, and of one after it.
    for _ in 0..2 {
        let deaf = Deaf::make(&site);
        let call = client.start_call("mark", &json!({}));
        let one = on_its_way(&site).id();
        let script = format!(
            "for file in mem maps environ auxv; do head -c 1 /proc/{one}/$file && echo $file; done; \
             ls /proc/{one}/fd /proc/{one}/cwd/ && echo listed; \
             python3 -c 'import ctypes; print(ctypes.CDLL(None).ptrace(0x4206, {one}, 0, 0))'"
        );
        let tried = command_as(ALICE, Path::new("/bin/sh"))
            .args(["-c", &script])
            .output()
            .expect("a shell");
        assert_eq!(String::from_utf8_lossy(&tried.stdout), "-1\n", "{tried:?}");
        drop(deaf);
        assert_eq!(client.called(call).success(), "");
    }
}

/// To be refused stays cheap: a lane whose last call was refused waits for the answer first.
#[test]
fn nothing_is_made_for_who_is_refused_again_and_again() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("once", &json!({})).success(), "");
    assert_eq!(client.call("once", &json!({})).denied(), "rate_limited");

    let deaf = Deaf::make(&site);
    let call = client.start_call("mark", &json!({}));
    std::thread::sleep(Duration::from_millis(500));
    let lanes = site.worker().children();
    let made = lanes.iter().flat_map(|lane| lane.children()).count();
    assert_eq!(made, 0);
    drop(deaf);
    assert_eq!(client.called(call).success(), "");

    let deaf = Deaf::make(&site);
    let call = client.start_call("mark", &json!({}));
    on_its_way(&site);
    drop(deaf);
    assert_eq!(client.called(call).success(), "");
}
