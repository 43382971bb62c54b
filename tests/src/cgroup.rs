//! The control groups that a worker makes, cgroups(7).

use crate::Process;
use std::fs;
use std::path::{Path, PathBuf};

/// The groups that the worker with this process id made and that still exist.
pub(crate) fn of_worker(worker: Process) -> Vec<PathBuf> {
    let name = format!("worker.{}", worker.id());
    let (mut found, mut left) = (Vec::new(), vec![mount_point()]);
    while let Some(folder) = left.pop() {
        // Groups come and go while this walks.
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for path in entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
        {
            if path.ends_with(Path::new("mini-mcp").join(&name)) {
                found.push(path.clone());
            }
            left.push(path);
        }
    }
    found
}

/// Where the unified hierarchy is mounted, proc_pid_mountinfo(5).
fn mount_point() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    let line = mounts.lines().find(|line| line.contains(" - cgroup2 "));
    let line = line.expect("these tests need a cgroup2 hierarchy");
    line.split(' ').nth(4).expect("a mount point").into()
}
