//! When something happens, on two clocks: the one that people read, which may step,
//! and the one that only goes on.

use nix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::{Duration, SystemTime};

/// Now, as both clocks tell it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// CLOCK_REALTIME.
    pub(super) wall: SystemTime,
    /// CLOCK_BOOTTIME: since the machine was booted, sleep included, clock_gettime(2).
    pub(super) boot: Duration,
}

/// CLOCK_BOOTTIME: since the machine was booted, sleep included, clock_gettime(2).
pub(crate) fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            wall: SystemTime::now(),
            boot: since_boot(),
        }
    }

    /// RFC 3339, in microseconds.
    pub(super) fn utc(&self) -> String {
        humantime::format_rfc3339_micros(self.wall).to_string()
    }

    /// Which boot `boot` counts from, random(4); empty where that is not told.
    pub(super) fn boot_id() -> String {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        id.unwrap_or_default().trim_end().to_owned()
    }
}
