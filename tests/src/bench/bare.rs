//! What everything is compared with: the program, started and waited for, with nothing
//! around it.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The program of every launch.
pub const PROGRAM: &str = "/usr/bin/true";

/// Starts it and waits for its end. std calls posix_spawn(3) here, which borrows this
/// process's memory instead of copying it, so this process may be as large as it likes.
///
/// # Panics
/// When it fails.
pub fn spawn() {
    let mut command = Command::new(PROGRAM);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.stderr(Stdio::null()).status();
    assert!(status.expect("it starts").success());
}

/// How many launches a second so many threads make together within `time`.
#[must_use]
pub fn rate(threads: usize, time: Duration) -> f64 {
    together(threads, time, || spawn)
}

/// How often a second so many threads together do within `time` what `make` gives each.
///
/// # Panics
/// When a thread does.
pub fn together<W: FnMut()>(threads: usize, time: Duration, make: impl Fn() -> W + Sync) -> f64 {
    let start = Instant::now();
    let count: usize = thread::scope(|scope| {
        let work = || {
            let mut work = make();
            let mut count = 0;
            while start.elapsed() < time {
                work();
                count += 1;
            }
            count
        };
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = started.into_iter().map(|one| one.join().expect("no panic"));
        joined.sum()
    });
    f64::from(u32::try_from(count).expect("not so many")) / start.elapsed().as_secs_f64()
}
