//! Becomes another user, then does one thing: `mini-mcp-test-peer UID GID GROUPS
//! run PROGRAM…`, `without-clone3 PROGRAM…`, `connect PATH` or `bind-connect BIND PATH`. The last two work
//! on the socket that is standard input, so the parent, which holds it too, ends
//! up with a socket that the kernel says was connected by that user.

#![forbid(unsafe_code)]

use anyhow::{Context, Result, bail};
use nix::sys::socket::{UnixAddr, bind, connect};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [uid, gid, groups, action @ ..] = words.as_slice() else {
        bail!("usage: mini-mcp-test-peer UID GID GROUPS ACTION…");
    };
    become_user(uid, gid, groups)?;
    match action {
        ["run", program, arguments @ ..] => {
            Err(Command::new(program).args(arguments).exec()).context("cannot execute")
        }
        ["without-clone3", program, arguments @ ..] => {
            refuse_clone3()?;
            Err(Command::new(program).args(arguments).exec()).context("cannot execute")
        }
        ["connect", path] => connect_to(path),
        ["bind-connect", name, path] => {
            bind(0, &UnixAddr::new(*name)?).context("cannot bind")?;
            connect_to(path)
        }
        _ => bail!("unknown action"),
    }
}

/// As systemd's `RestrictNamespaces=`, whose filter cannot see the flags.
fn refuse_clone3() -> Result<()> {
    let refused = SeccompAction::Errno(u32::try_from(libc::ENOSYS)?);
    let calls = [(libc::SYS_clone3, Vec::new())].into_iter().collect();
    let here = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, refused, here)?;
    let filter: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&filter).context("cannot install a filter")
}

/// Groups before the user: giving up uid 0 gives up the right to change them.
fn become_user(uid: &str, gid: &str, groups: &str) -> Result<()> {
    let groups = groups.split(',').filter(|group| !group.is_empty());
    let groups: Result<Vec<Gid>, _> = groups.map(|id| id.parse().map(Gid::from_raw)).collect();
    let (uid, gid) = (Uid::from_raw(uid.parse()?), Gid::from_raw(gid.parse()?));
    setgroups(&groups?).context("cannot set groups")?;
    setresgid(gid, gid, gid).context("cannot set the group")?;
    setresuid(uid, uid, uid).context("cannot set the user")
}

fn connect_to(path: &str) -> Result<()> {
    let input = std::io::stdin().as_raw_fd();
    connect(input, &UnixAddr::new(path)?).with_context(|| format!("cannot connect to `{path}`"))
}
