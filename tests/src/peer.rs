//! Acting as another user.

use crate::{User, binary};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

/// A command that runs `program` as `user`.
#[must_use]
pub fn command_as(user: User, program: &Path) -> Command {
    let mut command = become_user(user);
    command.arg("run").arg(program);
    command
}

/// A command that runs `program` as root where clone3(2) answers `ENOSYS`.
pub(crate) fn without_clone3(program: &OsStr) -> Command {
    let mut command = Command::new(binary("mini-mcp-test-peer"));
    command.args(["0", "0", "", "without-clone3"]).arg(program);
    command
}

/// A socket that `user` connected to the listener at `path`.
///
/// # Panics
/// When the kernel refuses.
#[must_use]
pub fn connect_as(user: User, kind: SockType, path: &Path) -> OwnedFd {
    let mut command = become_user(user);
    command.arg("connect").arg(path);
    through(command, kind)
}

/// A socket that `user` bound to `name` and then connected to the listener at
/// `path`: its own address is `name`, its peer is whoever listens there.
///
/// # Panics
/// When the kernel refuses.
#[must_use]
pub fn bound_and_connected(user: User, name: &Path, path: &Path) -> OwnedFd {
    let mut command = become_user(user);
    command.arg("bind-connect").arg(name).arg(path);
    through(command, SockType::Stream)
}

fn become_user(user: User) -> Command {
    let groups: Vec<String> = user.group_ids().iter().map(u32::to_string).collect();
    let mut command = Command::new(binary("mini-mcp-test-peer"));
    command.args([user.uid().to_string(), user.gid().to_string()]);
    command.arg(groups.join(","));
    command
}

/// Lets `command` work on a new socket, its standard input, and keeps the socket.
fn through(mut command: Command, kind: SockType) -> OwnedFd {
    let end = socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC, None);
    let end = end.expect("the kernel makes sockets");
    command.stdin(end.try_clone().expect("a descriptor can be duplicated"));
    let status = command.status().expect("mini-mcp-test-peer starts");
    assert!(status.success(), "{command:?} ended with {status}");
    end
}
