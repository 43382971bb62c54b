//! An approval, its taking back, its time, a reload and the end of its lane, in any order
//! and close together: nothing runs that was not approved, and each request has exactly one
//! ending in the trail. `MINI_MCP_RACES=1000` is the long form, `MINI_MCP_SEED` throws the
//! same dice again.

use harness::{
    ALICE, Dice, Front, Lane, Process, assert_lawful, assert_whole, eventually, request,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use wire::{ADMIN_VERSION, About, Answer, Approve, Covers, Question, Reply, Request};

/// How many calls of one caller may begin to wait within a minute.
const EACH: usize = 30;

const POLICY: &str = include_str!("../policies/hostile.toml");

const BRIEF: &str = r#"
[tool.brief]
description = "Leaves a file, once that is approved within a second"
command = ["/usr/bin/touch", "@site@/drop/{name}"]
profile = "plain"
ask = ["alice"]
approval_timeout = "1s"
args = { name = { type = "string", pattern = "[a-z0-9]+", max_length = 40 } }
"#;

/// What may happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happening {
    Approve,
    ApproveForLonger,
    Deny,
    Cancel,
    Leave,
    HangUp,
    Reload,
    KillLane,
}

const ALL: [Happening; 8] = [
    Happening::Approve,
    Happening::ApproveForLonger,
    Happening::Deny,
    Happening::Cancel,
    Happening::Leave,
    Happening::HangUp,
    Happening::Reload,
    Happening::KillLane,
];

/// A request that waits, and all that hangs on it.
struct Waiting {
    id: String,
    lane: Option<Lane>,
    process: Process,
    client: Option<OwnedFd>,
    _held: (std::os::unix::net::UnixStream, harness::Pipes),
}

/// An administrator's word, whether or not it comes in time.
fn administer(admin: &Path, about: About) {
    let visitor = Lane::connect(admin).expect("it listens");
    let version = ADMIN_VERSION;
    let question = wire::encode(&Question { version, about }).expect("a message");
    visitor.say_bytes(&question, &[]);
    let packet = visitor.hear_bytes().expect("an answer");
    let answer = wire::decode(&packet).expect("an answer");
    assert!(matches!(answer, Answer::Done | Answer::Refused(_)));
}

fn approve(id: &str, further: Option<(Covers, u64)>) -> About {
    let id = id.to_owned();
    About::Approve(Approve { id, further })
}

/// A lane under the policy that is in force, and its process.
fn lane(front: &Front) -> (Lane, Process) {
    eventually("a lane", Duration::from_secs(20), || {
        let before = front.site.lanes();
        let lane = Lane::open(&front.site);
        let policy = front.site.digest();
        match lane.greet(policy) {
            Ok(Reply::Welcome(welcome)) if welcome.policy == policy => {}
            _ => return None,
        }
        let mut now = front.site.lanes();
        now.retain(|one| !before.contains(one));
        match now.as_slice() {
            [own] => Some((lane, *own)),
            _ => None,
        }
    })
}

/// Asks for a call that waits; `None` where a reload came first.
fn wait(front: &Front, tool: &str, name: &str) -> Option<Waiting> {
    let (client, end) = front.client(ALICE);
    let (lane, process) = lane(front);
    let run = request(front.site.digest(), tool, &[("name", name)]);
    let pipes = lane.ask(run, Some(client.as_fd()));
    let id = match lane.hear() {
        Ok(Reply::Waiting { id, .. }) => id,
        Ok(Reply::Denied(denial)) => panic!("{denial:?}"),
        _ => return None,
    };
    Some(Waiting {
        id,
        lane: Some(lane),
        process,
        client: Some(end),
        _held: (client, pipes),
    })
}

fn happen(front: &Front, waiting: &mut Waiting, what: Happening, round: usize) {
    let admin = front.site.admin_socket();
    let id = waiting.id.clone();
    match what {
        Happening::Approve => administer(&admin, approve(&id, None)),
        Happening::ApproveForLonger => {
            let further = Some((Covers::Exact, 1));
            administer(&admin, approve(&id, further));
        }
        Happening::Deny => administer(&admin, About::Deny { id, reason: None }),
        Happening::Cancel => {
            if let Some(lane) = &waiting.lane {
                lane.say(&Request::Cancel, &[]);
            }
        }
        Happening::Leave => drop(waiting.client.take()),
        Happening::HangUp => drop(waiting.lane.take()),
        Happening::Reload => {
            let text = fs::read_to_string(front.site.policy()).expect("it is there");
            let text = text.lines().filter(|line| !line.starts_with("# round "));
            let text: String = text.map(|line| format!("{line}\n")).collect();
            let policy = format!("{text}# round {round}\n");
            front.site.file("policy.toml", &policy);
            front.site.worker().hang_up();
        }
        Happening::KillLane => {
            let _ended = kill(Pid::from_raw(waiting.process.id()), Signal::SIGKILL);
        }
    }
}

/// The last word on the call.
fn outcome(lane: Option<Lane>) -> String {
    let Some(lane) = lane else {
        return "nobody waits".to_owned();
    };
    loop {
        match lane.hear() {
            Ok(Reply::Started { .. }) => {}
            Ok(Reply::Finished(outcome)) if outcome.cancelled => return "cancelled".to_owned(),
            Ok(Reply::Finished(_)) => return "ran".to_owned(),
            Ok(Reply::Denied(denial)) => return denial.code,
            Ok(Reply::Failed(failure)) => return failure.code,
            Ok(other) => panic!("{other:?}"),
            Err(harness::Hangup) => return "hung up".to_owned(),
        }
    }
}

/// Two to four things happen to one request within a few milliseconds.
fn race(front: &Front, dice: &mut Dice, round: usize) -> Option<String> {
    let timed = dice.once_in(8);
    let tool = if timed { "brief" } else { "held" };
    let mut waiting = wait(front, tool, &format!("r{round}"))?;
    if timed {
        let until = Instant::now() + Duration::from_millis(997);
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }
    for _ in 0..2 + dice.below(3) {
        let what = if dice.once_in(2) {
            Happening::Approve
        } else {
            *dice.one_of(&ALL)
        };
        happen(front, &mut waiting, what, round);
        std::thread::sleep(Duration::from_micros(dice.number() % 3000));
    }
    if !timed {
        // Whatever has not ended it does now.
        happen(front, &mut waiting, Happening::Cancel, round);
    }
    Some(outcome(waiting.lane.take()))
}

#[test]
fn an_approval_and_what_races_it_have_one_ending() {
    let rounds = std::env::var("MINI_MCP_RACES").map_or(60, |text| text.parse().expect("a number"));
    let mut dice = Dice::seeded();
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for first in (0..rounds).step_by(EACH) {
        let rounds = first..rounds.min(first + EACH);
        race_under_one_worker(&mut dice, rounds, &mut outcomes);
    }
    println!("{outcomes:?}");
    assert!(outcomes.contains_key("ran"), "nothing was approved in time");
    assert!(outcomes.len() > 2, "nothing raced: {outcomes:?}");
}

fn race_under_one_worker(
    dice: &mut Dice,
    rounds: Range<usize>,
    outcomes: &mut BTreeMap<String, u32>,
) {
    let front = Front::with(&format!("{POLICY}{BRIEF}"));
    let drop_folder = front.site.path("drop");
    fs::set_permissions(&drop_folder, PermissionsExt::from_mode(0o777)).expect("root may");
    for round in rounds {
        let outcome = race(&front, dice, round);
        let outcome = outcome.unwrap_or_else(|| "decided anew".to_owned());
        *outcomes.entry(outcome).or_default() += 1;
    }
    eventually("no lane is left", Duration::from_secs(20), || {
        front.site.lanes().is_empty().then_some(())
    });
    let trail = front.site.trail();
    assert_whole(&front.site);
    assert_lawful(&trail);
    let started: Vec<&str> = trail
        .iter()
        .filter(|one| one.event() == "start")
        .filter_map(|one| one.field("arguments")["name"].as_str())
        .collect();
    for entry in fs::read_dir(&drop_folder).expect("it is there") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("text");
        assert!(started.contains(&name), "`{name}` ran and has no start");
    }
}

/// Approved, and given up before its lane has heard of that: nothing runs, and both
/// stand in the trail.
#[test]
fn an_approval_that_comes_too_late_is_told() {
    for (what, reason) in [
        (Happening::Cancel, "its caller has given it up"),
        (Happening::Leave, "its caller has gone"),
        (Happening::HangUp, "its caller has given it up"),
        (Happening::KillLane, "its lane was lost"),
    ] {
        let front = Front::with(&format!("{POLICY}{BRIEF}"));
        let mut waiting = wait(&front, "held", "forged").expect("it waits");
        let lane = Pid::from_raw(waiting.process.id());
        kill(lane, Signal::SIGSTOP).expect("it lives");
        // Or it may have been told of the approval alone when it stops.
        eventually("it stops", Duration::from_secs(10), || {
            let state = waiting.process.status().remove("State")?;
            state.starts_with('T').then_some(())
        });
        happen(&front, &mut waiting, Happening::Approve, 0);
        happen(&front, &mut waiting, what, 0);
        // It may be dead.
        let _ended = kill(lane, Signal::SIGCONT);
        let id = waiting.id.clone();
        assert_ne!(outcome(waiting.lane.take()), "ran", "{what:?}");
        let withdrawn = front.site.audited(&format!("{what:?}: withdrawn"), |one| {
            one.event() == "withdrawn"
        });
        assert_eq!(withdrawn.text("approval"), id);
        let told = format!("it was approved too late: {reason}");
        assert_eq!(withdrawn.text("reason"), told, "{what:?}");
        let trail = front.site.trail();
        let count = |event: &str| trail.iter().filter(|one| one.event() == event).count();
        assert_eq!((count("approved"), count("start")), (1, 0), "{what:?}");
        assert_lawful(&trail);
    }
}
