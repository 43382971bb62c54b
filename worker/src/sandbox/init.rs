//! Process 1 of a command's pid namespace, pid_namespaces(7).
//!
//! A command that were process 1 itself could not be killed by its own signals
//! and would leave zombies. This one forks the command, reaps everything, tells
//! the lane how the command ended, and ends; the kernel then kills what is left.
//! It holds no descriptor but the pipe to the lane.

use super::child::{self, Plan};
use crate::sys::{self, Fork};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{self, Gid, Pid, Uid};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

/// The ids that a user namespace maps onto themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mapping {
    /// Effective user id outside.
    pub uid: Uid,
    /// Effective group id outside.
    pub gid: Gid,
}

/// Runs the namespace to its end. `status` takes the wait status of the command,
/// four bytes in little-endian order; it stays empty when this process is killed.
pub(super) fn run(plan: Plan<'_>, mapping: Option<Mapping>, status: OwnedFd, report: OwnedFd) -> ! {
    // An error here leaves `status` and `report` empty: the lane says so.
    let code = i32::from(serve(plan, mapping, status, report).is_err());
    sys::exit(code)
}

fn serve(
    plan: Plan<'_>,
    mapping: Option<Mapping>,
    status: OwnedFd,
    report: OwnedFd,
) -> io::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if lane_is_gone(&status)? {
        return Ok(());
    }
    if let Some(mapping) = mapping {
        map_ids(mapping)?;
    }
    match sys::fork(0, None)? {
        Fork::Child => child::become_command(plan, Pid::from_raw(1), report),
        Fork::Parent(command) => {
            drop(report);
            let mut status = keep_only(status)?;
            let ended = reap_until(command.pid)?;
            status.write_all(&ended.to_le_bytes())
        }
    }
}

/// A signal on the parent's death is not sent for one that died before.
fn lane_is_gone(status: &OwnedFd) -> io::Result<bool> {
    let mut descriptors = [PollFd::new(status.as_fd(), PollFlags::empty())];
    Ok(poll(&mut descriptors, PollTimeout::ZERO)? > 0)
}

/// user_namespaces(7): one id each, so that nothing outside can be impersonated.
fn map_ids(Mapping { uid, gid }: Mapping) -> io::Result<()> {
    // The files of a process that is not dumpable belong to root.
    prctl::set_dumpable(true)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    prctl::set_dumpable(false)?;
    Ok(())
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
