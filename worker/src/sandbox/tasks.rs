//! How many tasks a user runs besides a command, for `RLIMIT_NPROC`, which the
//! kernel counts by user: the floor under `tasks_max` where no cgroup counts. What one lane
//! has counted all others know, so that many do not count more than one.

use super::containment::Containment;
use crate::audit::Counted;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// How long a count is good for at least. Walking /proc takes a good part of a launch.
const FRESH: Duration = Duration::from_secs(1);

/// How many times as long as it took a count is good for: where walking takes long, since
/// there are many processes, it does not take more than a hundredth of the time.
const WORTH: u32 = 100;

/// How long others believe a lane at most.
const LONGEST: Duration = Duration::from_secs(60);

/// Counts by user.
#[derive(Debug, Default)]
pub(crate) struct TaskCounts {
    by_user: HashMap<u32, Count>,
    /// Whom this process has counted and told nobody of yet.
    news: Option<u32>,
}

#[derive(Debug)]
struct Count {
    tasks: u64,
    good_until: Instant,
}

impl Count {
    fn of(uid: u32) -> Self {
        let begin = Instant::now();
        let tasks = tasks_of(uid);
        let good_for = FRESH.max(begin.elapsed().saturating_mul(WORTH));
        Self {
            tasks,
            good_until: begin + good_for,
        }
    }

    fn is_good(&self, now: Instant) -> bool {
        now <= self.good_until
    }
}

/// The count that lanes have told last, for the others.
#[derive(Debug, Default)]
pub(crate) struct Told(Option<(Counted, Instant)>);

impl Told {
    /// Notes what a lane has counted, if it has.
    pub(crate) fn note(&mut self, counted: Option<Counted>) {
        if let Some(counted) = counted {
            let good_for = counted.good_for.min(LONGEST);
            let counted = Counted {
                good_for,
                ..counted
            };
            self.0 = Some((counted, Instant::now()));
        }
    }

    /// What a lane may take for its own.
    pub(crate) fn known(&self) -> Option<Counted> {
        let (counted, since) = self.0?;
        let good_for = counted.good_for.checked_sub(since.elapsed())?;
        Some(Counted {
            good_for,
            ..counted
        })
    }
}

impl TaskCounts {
    /// The tasks of `uid` that the kernel counts together with those of a
    /// command; without bound where a cgroup counts the command by itself.
    pub(crate) fn elsewhere(&mut self, containment: &Containment, uid: u32) -> u64 {
        match containment {
            Containment::Cgroup(base) if base.counts_tasks() => u64::MAX,
            // A user namespace has counts of its own, which begin with init.
            Containment::PidNamespace { user: true } => 1,
            Containment::Cgroup(_)
            | Containment::PidNamespace { user: false }
            | Containment::Subreaper => self.count(uid),
        }
    }

    /// What this process has counted itself since it was asked last.
    pub(crate) fn counted(&mut self) -> Option<Counted> {
        let uid = self.news.take()?;
        let count = self.by_user.get(&uid)?;
        Some(Counted {
            uid,
            tasks: count.tasks,
            good_for: count.good_until.checked_duration_since(Instant::now())?,
        })
    }

    /// Takes what another process has counted, unless that is good for less long than what
    /// is known.
    pub(crate) fn learn(&mut self, counted: Counted) {
        let good_until = Instant::now() + counted.good_for;
        let tasks = counted.tasks;
        let known = self.by_user.get(&counted.uid);
        if known.is_none_or(|known| known.good_until < good_until) {
            self.by_user
                .insert(counted.uid, Count { tasks, good_until });
        }
    }

    /// The counts are no good: they are made anew.
    pub(crate) fn forget(&mut self) {
        self.by_user.clear();
    }

    fn count(&mut self, uid: u32) -> u64 {
        // The kernel does not apply this limit to root.
        if uid == 0 {
            return 0;
        }
        let now = Instant::now();
        if let Some(count) = self.by_user.get(&uid).filter(|count| count.is_good(now)) {
            return count.tasks;
        }
        let count = Count::of(uid);
        let tasks = count.tasks;
        self.by_user.insert(uid, count);
        self.news = Some(uid);
        tasks
    }
}

fn tasks_of(uid: u32) -> u64 {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let of_user = entries.filter(|entry| {
        entry
            .file_name()
            .as_encoded_bytes()
            .first()
            .is_some_and(u8::is_ascii_digit)
            && entry.metadata().is_ok_and(|metadata| metadata.uid() == uid)
    });
    of_user
        .map(|entry| {
            fs::read_dir(entry.path().join("task")).map_or(1, |tasks| tasks.count() as u64)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the user who runs this test, which is a task of his.
    fn counts() -> (TaskCounts, u32) {
        let uid = fs::metadata("/proc/self").unwrap().uid();
        let mut counts = TaskCounts::default();
        counts.by_user.insert(uid, Count::of(uid));
        counts.news = Some(uid);
        (counts, uid)
    }

    #[test]
    fn what_one_has_counted_the_others_know() {
        let (mut one, uid) = counts();
        let mut told = Told::default();
        assert_eq!(told.known(), None);
        told.note(one.counted());
        told.note(one.counted());
        let known = told.known().unwrap();
        assert!(known.uid == uid && known.tasks > 0 && known.good_for <= FRESH);
        let mut other = TaskCounts::default();
        other.learn(known);
        assert!(other.by_user[&uid].is_good(Instant::now()));
        assert_eq!(other.counted(), None, "it is no news of its own");
    }

    #[test]
    fn what_is_good_for_longer_stays() {
        let (mut counts, uid) = counts();
        let learn = |counts: &mut TaskCounts, tasks, good_for| {
            counts.learn(Counted {
                uid,
                tasks,
                good_for,
            });
            counts.by_user[&uid].tasks
        };
        assert_ne!(learn(&mut counts, 7, Duration::ZERO), 7);
        assert_eq!(learn(&mut counts, 7, 2 * FRESH), 7);
    }

    #[test]
    fn no_lane_is_believed_for_long() {
        let mut told = Told::default();
        told.note(Some(Counted {
            uid: 1,
            tasks: 0,
            good_for: Duration::MAX,
        }));
        assert!(told.known().unwrap().good_for <= LONGEST);
        let mut lane = TaskCounts::default();
        lane.learn(told.known().unwrap());
        assert_eq!(lane.count(1), 0);
    }
}
