//! System calls and context switches of some processes and all that they make, as the
//! kernel records them: ftrace, in an instance of its own, so that nobody else's tracing
//! is disturbed. <https://docs.kernel.org/trace/events.html>

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const TRACEFS: &str = "/sys/kernel/tracing";

/// What instances of a process are called, before its id and their number.
const PREFIX: &str = "mini-mcp-bench-";

/// What is recorded.
const EVENTS: [&str; 5] = [
    "raw_syscalls/sys_enter",
    "raw_syscalls/sys_exit",
    "sched/sched_switch",
    "sched/sched_process_fork",
    "sched/sched_process_exec",
];

/// A recording that goes on.
#[derive(Debug)]
pub(super) struct Tracer {
    instance: PathBuf,
    /// There until the instance goes, which an open file keeps busy.
    marker: Option<File>,
}

impl Tracer {
    /// Records `pids` and what they make from now on.
    pub(super) fn start(pids: &[i32]) -> Result<Tracer> {
        // Several may record at once, each in an instance of its own.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let instances = Path::new(TRACEFS).join("instances");
        remove_left(&instances);
        let instance = instances.join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&instance).with_context(|| {
            format!("cannot trace\nhint: mount -t tracefs tracefs {TRACEFS}, as root")
        })?;
        // From here on, dropping it removes the instance.
        let marker = File::options()
            .write(true)
            .open(instance.join("trace_marker"))?;
        let tracer = Tracer {
            instance,
            marker: Some(marker),
        };
        let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
        tracer.set("buffer_size_kb", "32768")?;
        tracer.set("trace_clock", "mono")?;
        tracer.set("options/event-fork", "1")?;
        tracer.set("set_event_pid", &pids.join(" "))?;
        for event in EVENTS {
            tracer.set(&format!("events/{event}/enable"), "1")?;
        }
        Ok(tracer)
    }

    /// Writes a line of its own into the recording.
    pub(super) fn mark(&self, text: &str) {
        let mut marker = self.marker.as_ref().expect("it is open");
        marker
            .write_all(text.as_bytes())
            .expect("a recording takes marks");
    }

    /// What was recorded, as text.
    pub(super) fn stop(self) -> Result<String> {
        self.set("tracing_on", "0")?;
        let bytes = fs::read(self.instance.join("trace"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn set(&self, file: &str, value: &str) -> Result<()> {
        let path = self.instance.join(file);
        fs::write(&path, value).with_context(|| format!("cannot write `{}`", path.display()))
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.marker = None;
        // Events that are enabled keep the directory busy.
        drop(self.set("events/enable", "0"));
        drop(fs::remove_dir(&self.instance));
    }
}

/// Removes what processes have left that are gone: they were killed, or a child of theirs
/// kept it busy.
fn remove_left(instances: &Path) {
    let entries = fs::read_dir(instances).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let process = rest.and_then(|rest| Some(rest.split_once('-')?.0));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            drop(Tracer {
                instance: entry.path(),
                marker: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_was_left_by_who_is_gone_is_removed() {
        let mut gone = Command::new("true").spawn().expect("coreutils");
        gone.wait().expect("ours");
        let instance = |process: u32| {
            let name = format!("instances/{PREFIX}{process}-left");
            Path::new(TRACEFS).join(name)
        };
        let (left, own) = (instance(gone.id()), instance(std::process::id()));
        for instance in [&left, &own] {
            fs::create_dir(instance).expect("tracefs is mounted, and this is root");
        }
        drop(Tracer::start(&[]).expect("root may trace"));
        let there = [left.exists(), own.exists()];
        fs::remove_dir(own).expect("ours");
        assert_eq!(there, [false, true]);
    }
}
