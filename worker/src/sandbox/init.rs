//! Process 1 of a command's pid namespace, pid_namespaces(7).
//!
//! A command that were process 1 itself could not be killed by its own signals
//! and would leave zombies. This one forks the command, reaps everything, tells
//! the lane how the command ended, and ends; the kernel then kills what is left.
//! It holds no descriptor but the pipe to the lane.

use super::child::{self, Plan};
use super::namespaces::Mapping;
use crate::sys::{self, Fork};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{self, Pid};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

/// Runs the namespace to its end. `status` takes the wait status of the command,
/// four bytes in little-endian order; it stays empty when this process is killed.
pub(super) fn run(
    plan: &Plan<'_>,
    mapping: Option<Mapping>,
    status: OwnedFd,
    report: OwnedFd,
) -> ! {
    // An error here leaves `status` and `report` empty: the lane says so.
    let code = i32::from(serve(plan, mapping, status, report).is_err());
    sys::exit(code)
}

fn serve(
    plan: &Plan<'_>,
    mapping: Option<Mapping>,
    status: OwnedFd,
    report: OwnedFd,
) -> io::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if lane_is_gone(&status)? {
        return Ok(());
    }
    if let Some(mapping) = mapping {
        mapping.write()?;
    }
    match sys::fork(0, None)? {
        Fork::Child => child::become_or_report(plan, Pid::from_raw(1), None, report),
        Fork::Parent(command) => {
            drop(report);
            let pid = command.pid;
            // Its descriptor goes with all the others below, and is not to be closed twice.
            drop(command);
            if let Some(namespaces) = &plan.namespaces {
                namespaces.leave_host()?;
            }
            // The command's root becomes this process's too; its directory then holds
            // nothing of the host's.
            unistd::chdir(c"/")?;
            let mut status = keep_only(status)?;
            let ended = reap_until(pid)?;
            status.write_all(&ended.to_le_bytes())
        }
    }
}

/// A signal on the parent's death is not sent for one that died before.
fn lane_is_gone(status: &OwnedFd) -> io::Result<bool> {
    let mut descriptors = [PollFd::new(status.as_fd(), PollFlags::empty())];
    Ok(poll(&mut descriptors, PollTimeout::ZERO)? > 0)
}

/// Moves the pipe to descriptor 0 and closes all others, the command's output among them.
fn keep_only(status: OwnedFd) -> io::Result<File> {
    unistd::dup2_stdin(&status)?;
    drop(status);
    sys::close_from(1)?;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

fn reap_until(command: Pid) -> Result<i32, Errno> {
    loop {
        let (pid, ended) = sys::wait_any()?;
        if pid == command {
            return Ok(ended.status);
        }
    }
}
