//! From events to stages.
//!
//! At every moment the launch stands in one stage: that of whoever runs, by what he has
//! asked of the kernel last. Where two run, it is the one that the result waits for: the
//! command until it ends, then whoever is told of it. Where none runs, somebody was woken
//! and is waited for.

use super::calls::{of_command, opens};
use super::event::{Event, What};
use super::stage::Stage;
use std::collections::BTreeMap;

/// What a process of the launch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Supervisor,
    First,
    /// Whoever makes the command: a lane, or he who spawns without one.
    Lane,
    /// What makes something ahead for a lane.
    Ahead,
    Command,
}

/// How far a launch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Asking,
    Making,
    Running,
    Ending,
}

/// Microseconds of each stage.
pub(super) type Times = [f64; Stage::ALL.len()];

/// Somebody who takes part.
#[derive(Debug, Clone, Copy)]
struct Part {
    role: Role,
    runs: bool,
    stage: Stage,
    /// When he was heard of last.
    heard: usize,
}

/// One launch, as it was recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Recorded {
    pub(super) times: Times,
    /// Microseconds from the lane's having read the request until it has reaped the
    /// command; `None` where nobody asks.
    pub(super) inside: Option<f64>,
}

/// Each launch between the marks `begin` and `end`.
pub(super) fn launches(events: &[Event], cast: &BTreeMap<i32, Role>) -> Vec<Recorded> {
    let mut all = Vec::new();
    let mut current: Option<Launch> = None;
    let mut cast = cast.clone();
    for event in events {
        take_part(&mut cast, event);
        match &event.what {
            What::Mark(text) if text == "begin" => current = Some(Launch::begin(&cast, event)),
            What::Mark(_) => {
                let whole = current.take().and_then(|launch| launch.end(event.time));
                all.extend(whole);
            }
            What::Enter(..) | What::Exit(_) | What::Fork(_) | What::Exec | What::Switch(..) => {
                if let Some(launch) = &mut current {
                    launch.hear(event);
                }
            }
        }
    }
    all
}

/// Whom a lane has made takes part in the launches to come, until he executes something or ends.
fn take_part(cast: &mut BTreeMap<i32, Role>, event: &Event) {
    let role = cast.get(&event.pid);
    match event.what {
        What::Fork(child) if role == Some(&Role::Lane) => {
            cast.insert(child, Role::Ahead);
        }
        What::Exec | What::Enter(libc::SYS_exit_group, _) if role == Some(&Role::Ahead) => {
            cast.remove(&event.pid);
        }
        What::Enter(..)
        | What::Exit(_)
        | What::Exec
        | What::Fork(_)
        | What::Switch(..)
        | What::Mark(_) => {}
    }
}

/// One that goes on.
struct Launch {
    parts: BTreeMap<i32, Part>,
    phase: Phase,
    /// Whether a lane is asked at all.
    asked: bool,
    admitted: bool,
    /// When the lane had read the request, and when it had reaped the command.
    read: Option<f64>,
    /// Whether the lane has said something of it.
    said: bool,
    reaped: Option<f64>,
    since: f64,
    events: usize,
    times: Times,
}

impl Launch {
    /// Only he who writes the mark runs.
    fn begin(cast: &BTreeMap<i32, Role>, event: &Event) -> Launch {
        let part = |(&pid, &role): (&i32, &Role)| {
            let stage = Stage::Ask;
            let (runs, heard) = (pid == event.pid, 0);
            let part = Part {
                role,
                runs,
                stage,
                heard,
            };
            (pid, part)
        };
        let mut launch = Launch {
            parts: cast.iter().map(part).collect(),
            phase: Phase::Asking,
            asked: cast.values().any(|role| *role == Role::First),
            admitted: false,
            read: None,
            said: false,
            reaped: None,
            since: event.time,
            events: 0,
            times: [0.0; Stage::ALL.len()],
        };
        for pid in cast.keys() {
            launch.settle(*pid, None);
        }
        launch
    }

    /// `None` where no program was seen to run: events were lost.
    fn end(mut self, time: f64) -> Option<Recorded> {
        self.pass(time);
        let inside = self
            .read
            .zip(self.reaped)
            .map(|(read, reaped)| reaped - read);
        let times = self.times;
        (self.phase == Phase::Ending).then_some(Recorded { times, inside })
    }

    fn hear(&mut self, event: &Event) {
        self.pass(event.time);
        self.events += 1;
        match event.what {
            What::Fork(child) => self.born(event.pid, child),
            What::Switch(from, to) => {
                self.runs(from, false);
                self.runs(to, true);
            }
            What::Enter(..) | What::Exit(_) => {
                self.runs(event.pid, true);
                self.clock(event);
                self.advance(event);
                self.settle(event.pid, Some(&event.what));
            }
            What::Exec | What::Mark(_) => {}
        }
    }

    /// Counts the time until `now`.
    fn pass(&mut self, now: f64) {
        let stage = self.stage();
        self.times[stage.index()] += now - self.since;
        self.since = now;
    }

    fn stage(&self) -> Stage {
        let running = self.parts.values().filter(|part| part.runs);
        // Who is waited for, and of several the one heard of last.
        let rank = |part: &&Part| {
            let command = part.role == Role::Command;
            let wanted = command == (self.phase < Phase::Ending) || self.phase == Phase::Asking;
            (wanted, part.heard)
        };
        running
            .max_by_key(rank)
            .map_or(Stage::Wake, |part| part.stage)
    }

    /// Whether the lane still has to do with the call before.
    fn tidies(&self) -> bool {
        self.asked && self.read.is_none()
    }

    /// What a lane makes is the command, and what that makes belongs to it; before it has
    /// read the request, and once that command runs, it makes something ahead.
    fn born(&mut self, parent: i32, child: i32) {
        let Some(role) = self.parts.get(&parent).map(|part| part.role) else {
            return;
        };
        let role = match role {
            Role::Lane if self.tidies() || self.phase > Phase::Making => Role::Ahead,
            Role::Lane | Role::Command => Role::Command,
            Role::Client | Role::Supervisor | Role::First | Role::Ahead => return,
        };
        let part = Part {
            role,
            runs: false,
            stage: Stage::Make,
            heard: self.events,
        };
        self.parts.insert(child, part);
    }

    fn runs(&mut self, pid: i32, runs: bool) {
        if let Some(part) = self.parts.get_mut(&pid) {
            part.runs = runs;
            part.heard = self.events;
        }
    }

    /// Where the lane's own part begins and where it ends.
    fn clock(&mut self, event: &Event) {
        let lane = self.parts.get(&event.pid).map(|part| part.role) == Some(Role::Lane);
        match (self.phase, &event.what) {
            (Phase::Asking, What::Exit(libc::SYS_recvmsg)) if lane && !self.said => {
                self.read = Some(event.time);
            }
            (Phase::Asking, What::Enter(libc::SYS_sendmsg, _)) if lane => {
                self.said = self.read.is_some();
            }
            (Phase::Ending, What::Exit(libc::SYS_wait4)) if lane => {
                self.reaped.get_or_insert(event.time);
            }
            _ => {}
        }
    }

    /// What of `event` brings the launch further.
    fn advance(&mut self, event: &Event) {
        let Some(part) = self.parts.get(&event.pid) else {
            return;
        };
        let makes = [libc::SYS_clone, libc::SYS_clone3, libc::SYS_vfork];
        self.phase = match (part.role, self.phase, &event.what) {
            (Role::First, Phase::Asking, _) => {
                self.admitted = true;
                Phase::Asking
            }
            (Role::Lane, Phase::Asking, What::Enter(call, _))
                if makes.contains(call) && !self.tidies() =>
            {
                Phase::Making
            }
            (Role::Command, Phase::Making, What::Exit(libc::SYS_execve)) => Phase::Running,
            (Role::Command, Phase::Running, What::Enter(libc::SYS_exit_group, _)) => Phase::Ending,
            (_, phase, _) => phase,
        };
    }

    /// What he does from now on.
    fn settle(&mut self, pid: i32, what: Option<&What>) {
        let (phase, admitted, tidies) = (self.phase, self.admitted, self.tidies());
        let Some(part) = self.parts.get_mut(&pid) else {
            return;
        };
        part.stage = match (part.role, phase) {
            (Role::Client, Phase::Asking) => Stage::Ask,
            (Role::Supervisor, Phase::Asking) => Stage::Decide,
            (Role::First, Phase::Ending) => Stage::Record,
            (Role::First, _) => Stage::Admit,
            (Role::Client | Role::Supervisor, _) => Stage::Answer,
            (Role::Lane, Phase::Asking) if tidies => Stage::Tidy,
            (Role::Lane, Phase::Asking) if what.is_some_and(opens) => Stage::Paths,
            (Role::Lane, Phase::Asking) if !admitted => Stage::Attest,
            (Role::Lane, Phase::Asking | Phase::Making) => Stage::Make,
            (Role::Ahead, _) => Stage::Tidy,
            (Role::Lane, _) => Stage::Reap,
            (Role::Command, Phase::Running) => Stage::Program,
            (Role::Command, Phase::Ending) => Stage::End,
            (Role::Command, _) => what.map_or(Stage::Make, of_command),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: i32 = 1;
    const COMMAND: i32 = 2;

    fn at(time: f64, pid: i32, what: What) -> Event {
        Event { pid, time, what }
    }

    fn mark(text: &str) -> What {
        What::Mark(text.to_owned())
    }

    fn recorded(events: &[Event]) -> Vec<Recorded> {
        launches(events, &BTreeMap::from([(LANE, Role::Lane)]))
    }

    /// A spawn that borrows memory, moment by moment.
    fn spawn() -> Vec<Event> {
        vec![
            at(0.0, LANE, mark("begin")),
            at(10.0, LANE, What::Enter(libc::SYS_clone3, 0)),
            at(14.0, LANE, What::Fork(COMMAND)),
            at(15.0, LANE, What::Switch(LANE, 0)),
            at(20.0, 0, What::Switch(0, COMMAND)),
            at(21.0, COMMAND, What::Enter(libc::SYS_execve, 0)),
            at(51.0, COMMAND, What::Exec),
            // The parent goes on meanwhile, and nobody waits for it.
            at(52.0, 0, What::Switch(0, LANE)),
            at(53.0, LANE, What::Exit(libc::SYS_clone3)),
            at(60.0, COMMAND, What::Exit(libc::SYS_execve)),
            at(62.0, LANE, What::Enter(libc::SYS_wait4, 0)),
            at(63.0, LANE, What::Switch(LANE, 0)),
            at(90.0, COMMAND, What::Enter(libc::SYS_exit_group, 0)),
            at(98.0, COMMAND, What::Switch(COMMAND, 0)),
            at(99.0, 0, What::Switch(0, LANE)),
            at(100.0, LANE, What::Exit(libc::SYS_wait4)),
            at(103.0, LANE, mark("end")),
        ]
    }

    #[test]
    fn every_moment_is_somebodys() {
        let all = recorded(&spawn());
        let [Recorded { times, inside }] = all.as_slice() else {
            panic!("{all:?}")
        };
        assert_eq!(*inside, None, "nobody has asked");
        let of = |stage: Stage| times[stage.index()];
        let sum: f64 = times.iter().sum();
        assert!((sum - 103.0).abs() < 1e-9, "{times:?}");
        for (stage, wanted) in [
            (Stage::Attest, 10.0),
            (Stage::Make, 6.0),
            (Stage::Execute, 39.0),
            (Stage::Program, 30.0),
            (Stage::End, 8.0),
            (Stage::Reap, 4.0),
            (Stage::Wake, 6.0),
        ] {
            assert!((of(stage) - wanted).abs() < 1e-9, "{stage:?}: {times:?}");
        }
    }

    #[test]
    fn a_launch_of_which_events_were_lost_is_none() {
        let mut events = spawn();
        events.retain(|event| event.what != What::Exit(libc::SYS_execve));
        assert!(recorded(&events).is_empty());
    }

    /// It is not the command, and what the lane hears of it is not the request.
    #[test]
    fn what_is_made_ahead_is_not_the_launch() {
        const FIRST: i32 = 3;
        const AHEAD: i32 = 4;
        let mut events = spawn();
        events.splice(
            1..1,
            [
                at(1.0, LANE, What::Enter(libc::SYS_clone3, 0)),
                at(2.0, LANE, What::Fork(AHEAD)),
                at(3.0, AHEAD, What::Enter(libc::SYS_exit_group, 0)),
                at(3.5, AHEAD, What::Switch(AHEAD, 0)),
                at(4.0, LANE, What::Exit(libc::SYS_wait4)),
                at(5.0, LANE, What::Exit(libc::SYS_recvmsg)),
                at(7.0, LANE, What::Exit(libc::SYS_recvmsg)),
                at(8.0, LANE, What::Enter(libc::SYS_sendmsg, 0)),
            ],
        );
        let cast = BTreeMap::from([(LANE, Role::Lane), (FIRST, Role::First)]);
        let all = launches(&events, &cast);
        assert_eq!(all[0].inside, Some(93.0));
        assert!((all[0].times[Stage::Tidy.index()] - 5.0).abs() < 1e-9);
    }

    #[test]
    fn the_lanes_part_is_from_the_request_to_the_reaping() {
        let mut events = spawn();
        events.insert(1, at(4.0, LANE, What::Exit(libc::SYS_recvmsg)));
        // What it hears once it has asked others is no request.
        events.insert(2, at(5.0, LANE, What::Enter(libc::SYS_sendmsg, 0)));
        events.insert(3, at(6.0, LANE, What::Exit(libc::SYS_recvmsg)));
        assert_eq!(recorded(&events)[0].inside, Some(96.0));
    }
}
