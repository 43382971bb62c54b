//! Follows a command and everything it starts with ptrace(2), from stop to stop.
//!
//! Real-time signals cannot be passed on by the interface used here, and are lost to
//! a command that is watched; programs that need them (setuid in a process of several
//! threads) may wait for ever.

use super::Seen;
use super::system_calls::Call;
use nix::errno::Errno;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// PTRACE_SYSCALL_INFO_ENTRY and PTRACE_SYSCALL_INFO_EXIT of linux/ptrace.h.
const ENTRY: u8 = 1;
const EXIT: u8 = 2;

/// One process or thread that is watched.
#[derive(Debug)]
struct Task {
    /// Its process.
    process: Pid,
    /// The system call it is in.
    call: Option<Call>,
}

struct Watch {
    tasks: HashMap<Pid, Task>,
    root: Pid,
    /// When the program itself was executed.
    started: Option<Instant>,
    seen: Seen,
}

/// Starts `command`, which stops itself, and watches it until it ends. What it leaves
/// behind is killed, as the worker would.
pub(super) fn watch(mut command: Command) -> io::Result<Seen> {
    let child = command.spawn()?;
    let root = Pid::from_raw(child.id().cast_signed());
    seize(root)?;
    let mut watch = Watch {
        tasks: HashMap::new(),
        root,
        started: None,
        seen: Seen::default(),
    };
    watch.know(root);
    while !watch.step()? {}
    watch.end();
    if watch.started.is_none() {
        return Err(io::Error::other("it was not executed"));
    }
    Ok(watch.seen)
}

/// Waits until the process has stopped itself, and lets it go on under our eyes.
fn seize(root: Pid) -> io::Result<()> {
    let status = waitpid(root, Some(WaitPidFlag::WUNTRACED))?;
    if !matches!(status, WaitStatus::Stopped(..)) {
        return Err(io::Error::other("it ended before it could be watched"));
    }
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        // Nothing runs on unwatched, also when this process is killed.
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(root, options)?;
    Ok(kill(root, Signal::SIGCONT)?)
}

impl Watch {
    /// One stop of one task; true when the command itself has ended.
    fn step(&mut self) -> io::Result<bool> {
        let status = match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(status) => status,
            Err(Errno::EINTR) => return Ok(false),
            // A signal without a name: whoever stopped for it goes on without it.
            Err(Errno::EINVAL) => {
                self.tasks.keys().for_each(|task| resume(*task, None));
                return Ok(false);
            }
            Err(errno) => return Err(errno.into()),
        };
        match status {
            WaitStatus::PtraceSyscall(task) => {
                self.system_call(task);
                resume(task, None);
            }
            WaitStatus::PtraceEvent(task, _, event) => {
                self.event(task, event);
                resume(task, None);
            }
            WaitStatus::Stopped(task, signal) => {
                self.know(task);
                resume(task, Some(signal));
            }
            WaitStatus::Exited(task, code) => return Ok(self.gone(task, code)),
            WaitStatus::Signaled(task, signal, _) => {
                return Ok(self.gone(task, 128 + signal as i32));
            }
            WaitStatus::Continued(_) | WaitStatus::StillAlive => {}
        }
        Ok(false)
    }

    fn know(&mut self, task: Pid) {
        self.tasks.entry(task).or_insert_with(|| Task {
            process: process_of(task),
            call: None,
        });
        self.seen.tasks = self.seen.tasks.max(self.tasks.len() as u64);
    }

    fn event(&mut self, task: Pid, event: i32) {
        self.know(task);
        if event == Event::PTRACE_EVENT_EXEC as i32 {
            self.executed(task);
        }
    }

    /// A new program; the other threads of the process are gone.
    fn executed(&mut self, task: Pid) {
        let asked = self.tasks.get_mut(&task).and_then(|task| task.call.take());
        self.tasks
            .retain(|one, known| *one == task || known.process != task);
        let Ok(program) = fs::read_link(format!("/proc/{task}/exe")) else {
            return;
        };
        if self.started.is_none() {
            self.started = (task == self.root).then(Instant::now);
        }
        self.seen
            .files
            .executed(program, asked.as_ref().and_then(Call::program));
        self.seen.memory.look(task);
    }

    fn system_call(&mut self, task: Pid) {
        self.know(task);
        if self.started.is_none() {
            return;
        }
        let Ok(info) = ptrace::syscall_info(task) else {
            return;
        };
        let Some(known) = self.tasks.get_mut(&task) else {
            return;
        };
        match info.op {
            ENTRY => known.call = Call::enter(task),
            EXIT => {
                if let (Some(call), process) = (known.call.take(), known.process) {
                    call.leave(task, process, &mut self.seen);
                }
            }
            _ => {}
        }
    }

    /// `task` has ended with `status`; true when it was the command itself.
    fn gone(&mut self, task: Pid, status: i32) -> bool {
        self.tasks.remove(&task);
        self.seen.memory.forget(task);
        if task == self.root {
            self.seen.status = status;
        }
        task == self.root
    }

    /// Ends what the command left behind.
    fn end(&mut self) {
        self.seen.wall = self
            .started
            .map(|started| started.elapsed())
            .unwrap_or_default();
        for task in self.tasks.keys() {
            // Fails for what has ended meanwhile.
            let _ = kill(*task, Signal::SIGKILL);
        }
    }
}

/// A task that was killed meanwhile need not go on.
fn resume(task: Pid, signal: Option<Signal>) {
    let _ = ptrace::syscall(task, signal);
}

/// The process of a thread, proc_pid_status(5).
fn process_of(task: Pid) -> Pid {
    let status = fs::read_to_string(format!("/proc/{task}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    let number = line.and_then(|line| line.trim().parse().ok());
    number.map_or(task, Pid::from_raw)
}

/// What descriptor `number` of `task` leads to.
pub(super) fn descriptor(task: Pid, number: u64) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{task}/fd/{number}")).ok()
}

/// Where `path` of `task` is, which counts from the directory `from`.
pub(super) fn resolved(task: Pid, from: u64, path: &Path) -> Option<PathBuf> {
    if path.is_absolute() {
        return Some(path.to_path_buf());
    }
    // The kernel looks at the low half alone.
    #[expect(clippy::cast_possible_truncation, reason = "so does the kernel")]
    let here = from as i32 == nix::libc::AT_FDCWD;
    let base = if here {
        fs::read_link(format!("/proc/{task}/cwd")).ok()
    } else {
        descriptor(task, from)
    };
    Some(base?.join(path))
}
