//! How a command stands behind other processes: processor, disk, and whom the
//! kernel kills first when memory runs out.

use crate::sys;
use nix::errno::Errno;
use nix::sys::prctl;
use policy::{IoClass, Scheduling};
use std::fs;
use std::io;

// linux/ioprio.h
const BEST_EFFORT: u32 = 2;
const IDLE: u32 = 3;
/// The middle of the levels from 0 to 7.
const NORMAL: u32 = 4;

/// Applies what the profile says to this process.
///
/// # Errors
/// `EACCES` or `EPERM` where it asks for a better standing than the worker has.
pub(super) fn apply(scheduling: &Scheduling) -> Result<(), Errno> {
    if let Some(nice) = scheduling.nice {
        sys::set_nice(nice)?;
    }
    match scheduling.io_class {
        Some(IoClass::BestEffort) => sys::set_io_priority(BEST_EFFORT, NORMAL)?,
        Some(IoClass::Idle) => sys::set_io_priority(IDLE, 0)?,
        None => {}
    }
    match scheduling.oom_score_adjust {
        Some(score) => adjust_oom_score(score),
        None => Ok(()),
    }
}

/// `/proc/PID/oom_score_adj` in proc(5).
fn adjust_oom_score(score: u32) -> Result<(), Errno> {
    // The files of a process that is not dumpable belong to root.
    prctl::set_dumpable(true)?;
    let written = fs::write("/proc/self/oom_score_adj", score.to_string());
    prctl::set_dumpable(false)?;
    written.map_err(|error| errno(&error))
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
