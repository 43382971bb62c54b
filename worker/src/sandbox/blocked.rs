//! What the sandbox is known to have stopped: a signal that it makes the kernel send,
//! and what a cgroup counts. Nothing is concluded from an exit code.

use super::launch::End;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use wire::Blocked;

/// All that the kernel tells of a command that has ended.
pub(crate) fn blocked(end: &End) -> Vec<Blocked> {
    let signal = match WaitStatus::from_raw(Pid::from_raw(0), end.status) {
        Ok(WaitStatus::Signaled(_, signal, _)) => of_signal(signal),
        Ok(_) | Err(_) => None,
    };
    let memory = (end.memory_kills > 0).then_some(Blocked::Memory);
    let tasks = (end.tasks_refused > 0).then_some(Blocked::Tasks);
    [signal, memory, tasks].into_iter().flatten().collect()
}

fn of_signal(signal: Signal) -> Option<Blocked> {
    [
        (Signal::SIGSYS, Blocked::SystemCall),
        (Signal::SIGXFSZ, Blocked::FileSize),
        (Signal::SIGXCPU, Blocked::CpuTime),
    ]
    .into_iter()
    .find_map(|(of, blocked)| (of == signal).then_some(blocked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn told(status: i32, memory_kills: u64, tasks_refused: u64) -> Vec<Blocked> {
        let end = End {
            status,
            cpu_us: 0,
            memory_peak: 0,
            wall: Duration::ZERO,
            memory_kills,
            tasks_refused,
            killed: false,
        };
        blocked(&end)
    }

    #[test]
    fn what_the_kernel_tells_is_told_and_nothing_else() {
        assert_eq!(told(0, 0, 0), []);
        // Exit codes of shells are their own words.
        assert_eq!(told((128 + libc::SIGSYS) << 8, 0, 0), []);
        assert_eq!(told(libc::SIGKILL, 0, 0), []);
        assert_eq!(told(libc::SIGSYS, 0, 0), [Blocked::SystemCall]);
        assert_eq!(told(libc::SIGXFSZ, 0, 0), [Blocked::FileSize]);
        assert_eq!(told(libc::SIGXCPU, 0, 0), [Blocked::CpuTime]);
        assert_eq!(told(libc::SIGKILL, 2, 0), [Blocked::Memory]);
        assert_eq!(told(0, 1, 1), [Blocked::Memory, Blocked::Tasks]);
    }
}
