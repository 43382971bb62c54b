//! Everything that the first process tells in numbers.

use super::{LANES_MAX, Worker};
use crate::audit::since_boot;
use crate::{bounds, doctor, sys};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::{SysconfVar, sysconf};
use std::fs;
use std::time::Instant;
use wire::{Metrics, Process};

impl Worker {
    pub(super) fn numbers(&mut self) -> Metrics {
        let Self {
            metrics, context, ..
        } = self;
        let running = self.lanes.values().filter(|lane| lane.run.is_some());
        let missing = doctor::missing(sys::landlock_abi(), &context.containment, context.shut);
        let refusing = bounds::refusing(&context.policy, &context.containment);
        Metrics {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: since(self.since.begin),
            calls: metrics.calls(),
            denials: metrics.denials(),
            approvals: metrics.approvals(),
            stages: metrics.stages(),
            lanes: small(self.lanes.len()),
            lanes_max: small(LANES_MAX),
            running: small(running.count()),
            pending: small(self.approvals.waiting()),
            standing: small(self.approvals.standing_now(since_boot())),
            policy_loads: metrics.policy_loads + 1,
            policy_failures: metrics.policy_failures,
            policy_kept: self.since.kept.is_some(),
            policy_age_ms: since(self.since.policy),
            landlock_abi: sys::landlock_abi(),
            missing,
            refusing: small(refusing.len()),
            audit: self.log.numbers(),
            process: process(),
            queued: small(self.queue.len()),
            violations: metrics.violations(),
            left_out: metrics.lines_left_out(),
            slowed: metrics.slowed,
        }
    }
}

fn since(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// What this process takes; 0 for what the kernel does not tell.
fn process() -> Process {
    let micros = |time: TimeVal| u64::try_from(time.num_microseconds()).unwrap_or_default();
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok();
    let cpu_us = usage.map_or(0, |usage| {
        micros(usage.user_time()) + micros(usage.system_time())
    });
    // The second number is the resident set in pages, proc_pid_statm(5).
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    let page = page.and_then(|size| u64::try_from(size).ok());
    // One of them is the directory's own.
    let open = fs::read_dir("/proc/self/fd").map_or(1, Iterator::count);
    Process {
        cpu_us,
        resident: pages.unwrap_or_default() * page.unwrap_or_default(),
        descriptors: small(open.saturating_sub(1)),
    }
}
