//! Where every microsecond of a launch goes, by ftrace's records of system calls and
//! context switches, so that what is shipped is measured as it is.
//!
//! Recording costs time of its own, at every event. So the stages of the median launch
//! are scaled to the median of launches that nobody recorded, in the same run.

mod calls;
mod event;
mod picture;
mod stage;
mod timeline;
mod tracer;

pub use picture::{Bar, draw};
pub use stage::Stage;

use super::bare::spawn;
use super::contest::{Contest, Rounds};
use super::direct::Direct;
use super::policy;
use super::session::{Session, call};
use crate::{ALICE, Process, Site};
use anyhow::{Context, Result, ensure};
use event::Event;
use nix::unistd::gettid;
use std::collections::BTreeMap;
use std::fs;
use timeline::{Recorded, Role, Times, launches};
use tracer::Tracer;

/// A bar for a bare spawn and for each way to launch.
///
/// # Errors
/// When the kernel cannot record.
pub fn bars(rounds: Rounds) -> Result<Vec<Bar>> {
    let worker = Direct::start(&policy::launches(), &policy::LAUNCHED);
    let site = Site::with(&policy::launches()).apart().start();
    let mut session = Session::of(&site, ALICE);
    let line = call("true");
    let times = Contest::default()
        .enter("bare", spawn)
        .enter("default", || worker.launch("true"))
        .enter("isolated", || worker.launch("isolated"))
        .enter("tools/call", || session.succeed(&line))
        .run(rounds);
    let bar = |name: &str, cast: &Cast, work: &mut dyn FnMut()| {
        let traced = traced(cast, rounds, work)?;
        let traced: Vec<Times> = traced.iter().map(|launch| launch.times).collect();
        let untraced = times.of(name).spread().p50;
        Ok::<Bar, anyhow::Error>(Bar {
            name: name.to_owned(),
            times: scaled(&traced, untraced),
        })
    };
    let direct = cast_of(&worker.front.site, false);
    Ok(vec![
        bar("bare", &Cast::from([(me(), Role::Lane)]), &mut spawn)?,
        bar("default", &direct, &mut || worker.launch("true"))?,
        bar("isolated", &direct, &mut || worker.launch("isolated"))?,
        bar("tools/call", &cast_of(&site, true), &mut || {
            session.succeed(&line);
        })?,
    ])
}

/// Which part of a launch of `tool` is the lane's own, from the request it has read until
/// the command is reaped: the median of what the kernel records.
///
/// # Errors
/// When the kernel cannot record.
pub(super) fn inside(worker: &Direct, tool: &str, rounds: Rounds) -> Result<f64> {
    let cast = cast_of(&worker.front.site, false);
    let traced = traced(&cast, rounds, &mut || worker.launch(tool))?;
    let part = |launch: &Recorded| Some(launch.inside? / total(&launch.times));
    let parts: Option<Vec<f64>> = traced.iter().map(part).collect();
    let mut parts = parts.context("cannot tell when the lane reads and reaps")?;
    parts.sort_by(f64::total_cmp);
    Ok(parts[parts.len() / 2])
}

fn total(times: &Times) -> f64 {
    times.iter().sum()
}

type Cast = BTreeMap<i32, Role>;

fn me() -> i32 {
    gettid().as_raw()
}

/// Who is who at `site`, which has launched before, and so has its lanes.
fn cast_of(site: &Site, supervised: bool) -> Cast {
    let mut cast = Cast::from([(me(), Role::Client), (site.worker().id(), Role::First)]);
    let lanes = site.worker().children().into_iter();
    cast.extend(lanes.map(|lane| (lane.id(), Role::Lane)));
    if supervised {
        let supervisor = threads(site.supervisor()).into_iter();
        cast.extend(supervisor.map(|thread| (thread, Role::Supervisor)));
    }
    cast
}

fn threads(process: Process) -> Vec<i32> {
    let entries = fs::read_dir(format!("/proc/{}/task", process.id())).expect("it lives");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).collect()
}

/// Records `work` in so many rounds. As in a contest, it is done twice in each.
fn traced(cast: &Cast, rounds: Rounds, work: &mut dyn FnMut()) -> Result<Vec<Recorded>> {
    let pids: Vec<i32> = cast.keys().copied().collect();
    let tracer = Tracer::start(&pids)?;
    for _ in 0..rounds.counted {
        work();
        tracer.mark("begin");
        work();
        tracer.mark("end");
    }
    let text = tracer.stop()?;
    let mut events: Vec<Event> = text.lines().filter_map(Event::parse).collect();
    // Each processor writes by itself; equal times keep their order.
    events.sort_by(|one, other| one.time.total_cmp(&other.time));
    let launches = launches(&events, cast);
    ensure!(
        launches.len() * 2 > rounds.counted,
        "cannot tell the stages: {} of {} launches were recorded whole",
        launches.len(),
        rounds.counted
    );
    Ok(launches)
}

/// The mean of the middle half, by which a picture adds up, as a part of `median`.
fn scaled(launches: &[Times], median: f64) -> Times {
    let mut sorted: Vec<&Times> = launches.iter().collect();
    sorted.sort_by(|one, other| total(one).total_cmp(&total(other)));
    let quarter = sorted.len() / 4;
    let middle = &sorted[quarter..sorted.len() - quarter];
    let sum: f64 = middle.iter().map(|times| total(times)).sum();
    let mut mean = [0.0; Stage::ALL.len()];
    for times in middle {
        for (mean, time) in mean.iter_mut().zip(times.iter()) {
            *mean += time / sum * median;
        }
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_add_up_to_the_median_that_nobody_recorded() {
        let launch = |execute, program| {
            let mut times = [0.0; Stage::ALL.len()];
            times[Stage::Execute.index()] = execute;
            times[Stage::Program.index()] = program;
            times
        };
        let all = [
            launch(1.0, 1.0),
            launch(60.0, 40.0),
            launch(60.0, 40.0),
            launch(9000.0, 1.0),
        ];
        let scaled = scaled(&all, 50.0);
        assert!((scaled[Stage::Execute.index()] - 30.0).abs() < 1e-9);
        assert!((scaled[Stage::Program.index()] - 20.0).abs() < 1e-9);
    }
}
