//! System calls and context switches of some processes and all that they make, as the
//! kernel records them: ftrace, in an instance of its own, so that nobody else's tracing
//! is disturbed. <https://docs.kernel.org/trace/events.html>

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const TRACEFS: &str = "/sys/kernel/tracing";

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
        let name = format!("instances/mini-mcp-bench-{}-{number}", std::process::id());
        let instance = Path::new(TRACEFS).join(name);
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
