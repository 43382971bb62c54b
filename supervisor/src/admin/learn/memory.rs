//! How much memory a tree of processes needed, looked up whenever one of them got more.

use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;

/// Bytes of a page on the processors that we know.
const PAGE: u64 = 4096;

/// What processes use and used.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Of each that lives: private writable memory, and what is resident.
    now: HashMap<Pid, (u64, u64)>,
    /// Most private writable memory of one process, in bytes: what `RLIMIT_DATA` counts.
    pub(super) data: u64,
    /// Most resident memory of all together, in bytes: what a cgroup counts.
    pub(super) resident: u64,
}

impl Memory {
    /// Looks at `process`.
    pub(super) fn look(&mut self, process: Pid) {
        let statm = fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
        // proc_pid_statm(5): size resident shared text lib data dt, in pages
        let mut fields = statm
            .split_whitespace()
            .map(|field| field.parse::<u64>().unwrap_or(0));
        let resident = fields.nth(1).unwrap_or(0) * PAGE;
        let data = fields.nth(3).unwrap_or(0) * PAGE;
        self.now.insert(process, (data, resident));
        self.data = self.data.max(data);
        let all = self.now.values().map(|(_, resident)| resident).sum();
        self.resident = self.resident.max(all);
    }

    /// `process` is gone.
    pub(super) fn forget(&mut self, process: Pid) {
        self.now.remove(&process);
    }
}
