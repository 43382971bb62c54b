//! Counts instructions that processes execute outside the kernel, one by one: ptrace(2).
//!
//! It is what an instrumenting tool such as callgrind tells, of programs that none can
//! run: those know no Landlock, and break under a system call filter.

use crate::Process;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

/// PTRACE_EVENT_STOP, which `nix` has no name for.
const EVENT_STOP: i32 = 128;

/// Instructions in user mode, so far.
#[derive(Debug, Clone, Default)]
pub struct Instructions {
    lane: Arc<AtomicU64>,
    command: Arc<AtomicU64>,
}

impl Instructions {
    /// Of the lane.
    #[must_use]
    pub fn lane(&self) -> u64 {
        self.lane.load(Ordering::Relaxed)
    }

    /// Of the processes that the lane makes, each until it executes a program.
    #[must_use]
    pub fn command(&self) -> u64 {
        self.command.load(Ordering::Relaxed)
    }
}

/// Counts what `lane` and the processes that it makes execute until it has ended, which
/// it must have when `work` has been done, by the calling thread.
///
/// # Panics
/// When the lane cannot be traced.
pub fn count(lane: Process, work: impl FnOnce(&Instructions)) {
    let (ready, is_ready) = mpsc::channel();
    let counted = Instructions::default();
    let counts = counted.clone();
    // Only the thread that traces may wait for what it traces.
    let tracer = thread::spawn(move || {
        let lane = Pid::from_raw(lane.id());
        seize(lane);
        ready.send(()).expect("somebody waits");
        Tracer { lane, counts }.run();
    });
    is_ready.recv().expect("the lane can be traced");
    work(&counted);
    tracer.join().expect("the lane can be stepped");
}

fn seize(lane: Pid) {
    let follow = Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC;
    ptrace::seize(lane, follow).expect("root may trace");
    ptrace::interrupt(lane).expect("it is traced");
}

/// What is traced, and what has been counted.
struct Tracer {
    lane: Pid,
    counts: Instructions,
}

impl Tracer {
    fn run(&self) {
        loop {
            let status = waitpid(None, Some(WaitPidFlag::__WALL)).expect("something is traced");
            match status {
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)
                    if pid == self.lane =>
                {
                    return;
                }
                WaitStatus::Stopped(pid, signal) => self.stopped(pid, signal),
                WaitStatus::PtraceEvent(pid, signal, event) => self.event(pid, signal, event),
                WaitStatus::Exited(..)
                | WaitStatus::Signaled(..)
                | WaitStatus::Continued(_)
                | WaitStatus::PtraceSyscall(_)
                | WaitStatus::StillAlive => {}
            }
        }
    }

    /// After one instruction, or at a signal, which is passed on.
    fn stopped(&self, pid: Pid, signal: Signal) {
        let mut passed = Some(signal);
        if signal == Signal::SIGTRAP {
            let of_lane = pid == self.lane;
            let counter = if of_lane {
                &self.counts.lane
            } else {
                &self.counts.command
            };
            counter.fetch_add(1, Ordering::Relaxed);
            passed = None;
        }
        step(pid, passed);
    }

    fn event(&self, pid: Pid, signal: Signal, event: i32) {
        if event == ptrace::Event::PTRACE_EVENT_EXEC as i32 {
            // What the program does is its own.
            ptrace::detach(pid, None).expect("it is stopped");
            return;
        }
        if event == EVENT_STOP && signal != Signal::SIGTRAP {
            // A group stop; nothing here makes one, and it must not be turned into a step.
            ptrace::cont(pid, None).expect("it is stopped");
            return;
        }
        step(pid, None);
    }
}

/// One that was killed meanwhile is told of by the next wait.
fn step(pid: Pid, signal: Option<Signal>) {
    match ptrace::step(pid, signal) {
        Ok(()) | Err(nix::Error::ESRCH) => {}
        Err(errno) => panic!("cannot step {pid}: {errno}"),
    }
}
