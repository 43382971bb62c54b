//! How many tasks a user runs besides a command, for `RLIMIT_NPROC`, which the
//! kernel counts by user: the floor under `tasks_max` where no cgroup counts.

use super::containment::Containment;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// How long a count is good for at least. Walking /proc takes a good part of a launch.
const FRESH: Duration = Duration::from_secs(1);

/// How many times as long as it took a count is good for: where walking takes long, since
/// there are many processes, it does not take more than a hundredth of the time.
const WORTH: u32 = 100;

/// Counts by user.
#[derive(Debug, Default)]
pub(crate) struct TaskCounts(HashMap<u32, Count>);

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

    /// The counts are no good: they are made anew.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    fn count(&mut self, uid: u32) -> u64 {
        // The kernel does not apply this limit to root.
        if uid == 0 {
            return 0;
        }
        let count = self.0.entry(uid).or_insert_with(|| Count::of(uid));
        if Instant::now() > count.good_until {
            *count = Count::of(uid);
        }
        count.tasks
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
