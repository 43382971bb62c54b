//! Waiting for a fact instead of for a time, and names nobody else uses.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(5);

/// Says how many times as long as elsewhere all may take here: machines are emulated, too.
const PATIENCE: &str = "MINI_MCP_PATIENCE";

/// `limit`, as long as it is on this machine.
pub(crate) fn patient(limit: Duration) -> Duration {
    let times = std::env::var(PATIENCE).ok();
    limit * times.map_or(1, |times| times.parse().expect("a number"))
}

/// Polls `probe` until it answers, and panics with `what` after `limit`.
#[track_caller]
pub fn eventually<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let limit = patient(limit);
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(STEP);
    }
}

/// A decimal number of seconds, far away, that no other test uses: as argument
/// of sleep(1) it marks one process among all of the machine.
#[must_use]
pub fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("3600.{:07}{serial:04}", std::process::id())
}

/// Whether a socket listens at `path`: flag `__SO_ACCEPTCON` of /proc/net/unix.
pub(crate) fn listens(path: &Path) -> bool {
    let table = match fs::read_to_string("/proc/net/unix") {
        Err(error) if error.kind() == ErrorKind::NotFound => panic!("/proc is not mounted"),
        other => other.expect("/proc/net/unix can be read"),
    };
    let path = path.display().to_string();
    table.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(3) == Some(&"00010000") && words.last() == Some(&path.as_str())
    })
}
