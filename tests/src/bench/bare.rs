//! What everything is compared with: the program, started and waited for, with nothing
//! around it.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

/// In which directories programs look for libraries first: what cargo sets.
const LIBRARIES: &str = "LD_LIBRARY_PATH";

/// The program of every launch.
pub const PROGRAM: &str = "/usr/bin/true";

/// Executes this program anew where cargo has started it, so that what it starts looks
/// for libraries where a service's commands do: the detour takes a bare spawn a third of
/// its time, which all others would be compared with.
///
/// # Errors
/// It cannot be executed.
pub fn without_detour() -> io::Result<()> {
    if env::var_os(LIBRARIES).is_none() {
        return Ok(());
    }
    let mut anew = Command::new(env::current_exe()?);
    anew.args(env::args_os().skip(1)).env_remove(LIBRARIES);
    Err(anew.exec())
}

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
