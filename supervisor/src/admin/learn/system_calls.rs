//! What a system call means for a policy: read when it begins, counted when it ended
//! well. x86-64 and 64-bit ARM.

use super::sockets::Address;
use super::trace::{descriptor, resolved};
use super::{Seen, worker_report};
use crate::error::Error;
use nix::sys::ptrace;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use policy::SystemCalls;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::IoSliceMut;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Longest path, in bytes.
const PATH_MAX: usize = 4096;

/// A call that has begun.
#[derive(Debug)]
pub(super) struct Call {
    name: &'static str,
    arguments: [u64; 6],
    act: Act,
}

/// What it is about to do.
#[derive(Debug)]
enum Act {
    /// Nothing of interest but its name.
    Other,
    /// Opens a file, with flags, and whether it was there before.
    Open {
        path: PathBuf,
        flags: i32,
        there: bool,
    },
    /// Executes a program.
    Execute(PathBuf),
    /// Makes, removes or renames these.
    Change(Vec<PathBuf>),
    /// The same, and the last is new.
    Make(Vec<PathBuf>),
    /// Changes the content or the attributes of this.
    Write(PathBuf),
    Connect(Address),
    Bind(Address),
    Send,
    Socket,
    /// Gets more memory.
    Memory,
}

#[cfg(target_arch = "x86_64")]
fn registers(task: Pid) -> nix::Result<(u64, [u64; 6], i64)> {
    let all = ptrace::getregs(task)?;
    let arguments = [all.rdi, all.rsi, all.rdx, all.r10, all.r8, all.r9];
    Ok((all.orig_rax, arguments, all.rax.cast_signed()))
}

#[cfg(target_arch = "aarch64")]
fn registers(task: Pid) -> nix::Result<(u64, [u64; 6], i64)> {
    let all = ptrace::getregs(task)?.regs;
    let arguments = [all[0], all[1], all[2], all[3], all[4], all[5]];
    Ok((all[8], arguments, all[0].cast_signed()))
}

impl Call {
    /// The call that `task` begins.
    pub(super) fn enter(task: Pid) -> Option<Self> {
        let (number, arguments, _) = registers(task).ok()?;
        let name = SystemCalls::name(number)?;
        let act = act(task, name, arguments).unwrap_or(Act::Other);
        Some(Self {
            name,
            arguments,
            act,
        })
    }

    /// The program that it executes.
    pub(super) fn program(&self) -> Option<PathBuf> {
        if let Act::Execute(path) = &self.act {
            Some(path.clone())
        } else {
            None
        }
    }

    /// Counts it, if it succeeded.
    pub(super) fn leave(self, task: Pid, process: Pid, seen: &mut Seen) {
        let Ok((_, _, result)) = registers(task) else {
            return;
        };
        let begun = result == -i64::from(nix::libc::EINPROGRESS);
        if result < 0 && !begun {
            return;
        }
        seen.calls.insert(self.name);
        let [first, second, ..] = self.arguments;
        let file = |number| descriptor(task, number).unwrap_or_default();
        match self.act {
            Act::Other | Act::Execute(_) => {}
            Act::Open { path, flags, there } => {
                seen.descriptor = seen.descriptor.max(result.cast_unsigned());
                let real = descriptor(task, result.cast_unsigned()).unwrap_or(path.clone());
                seen.files.opened(&real, &path, flags, there);
            }
            Act::Change(paths) => paths.iter().for_each(|path| seen.files.changed(path)),
            Act::Make(paths) => {
                paths.iter().for_each(|path| seen.files.changed(path));
                if let Some(path) = paths.last() {
                    seen.files.made(path);
                }
            }
            Act::Write(path) => seen.files.written(&path),
            Act::Connect(address) => seen.sockets.connected(&file(first), address),
            Act::Bind(address) => seen.sockets.bound(&file(first), address),
            Act::Send => seen.sockets.sent(&file(first)),
            Act::Socket => seen
                .sockets
                .opened(file(result.cast_unsigned()), first, second),
            Act::Memory => seen.memory.look(process),
        }
    }
}

/// What the call `name` of `task` is about to do; `None` when its memory cannot be read.
fn act(task: Pid, name: &str, [a, b, c, d, ..]: [u64; 6]) -> Option<Act> {
    const HERE: u64 = nix::libc::AT_FDCWD.cast_unsigned() as u64;
    let at = |from, address| resolved(task, from, &path(task, address)?);
    let open = |from, address, flags: u64| {
        let path = at(from, address)?;
        let there = path.symlink_metadata().is_ok();
        let flags = i32::try_from(flags & u64::from(u32::MAX >> 1)).ok()?;
        Some(Act::Open { path, flags, there })
    };
    let act = match name {
        "open" => open(HERE, a, b)?,
        "creat" => open(HERE, a, 0o1101)?,
        "openat" => open(a, b, c)?,
        "openat2" => open(a, b, word(task, c)?)?,
        "execve" => Act::Execute(at(HERE, a)?),
        "execveat" => Act::Execute(at(a, b)?),
        "unlink" | "rmdir" => Act::Change(vec![at(HERE, a)?]),
        "unlinkat" => Act::Change(vec![at(a, b)?]),
        "mkdir" | "mknod" => Act::Make(vec![at(HERE, a)?]),
        "mkdirat" | "mknodat" => Act::Make(vec![at(a, b)?]),
        "symlink" => Act::Make(vec![at(HERE, b)?]),
        "symlinkat" => Act::Make(vec![at(b, c)?]),
        "rename" | "link" => Act::Make(vec![at(HERE, a)?, at(HERE, b)?]),
        "renameat" | "renameat2" | "linkat" => Act::Make(vec![at(a, b)?, at(c, d)?]),
        "truncate" | "chmod" | "chown" | "lchown" | "utime" | "utimes" | "setxattr"
        | "lsetxattr" => Act::Write(at(HERE, a)?),
        // Without a path it is about a file that is open already.
        "fchmodat" | "fchownat" | "futimesat" if b != 0 => Act::Write(at(a, b)?),
        "utimensat" if b != 0 => Act::Write(at(a, b)?),
        "connect" => Act::Connect(address(task, b, c)?),
        "bind" => Act::Bind(address(task, b, c)?),
        "sendto" | "sendmsg" | "sendmmsg" => Act::Send,
        "socket" => Act::Socket,
        "mmap" | "brk" | "mremap" => Act::Memory,
        _ => Act::Other,
    };
    Some(act)
}

fn address(task: Pid, address: u64, length: u64) -> Option<Address> {
    let length = usize::try_from(length).ok()?.min(128);
    Some(Address::read(&memory(task, address, length)?))
}

fn word(task: Pid, address: u64) -> Option<u64> {
    let bytes = memory(task, address, 8)?;
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

/// The text at `address`, up to its NUL.
fn path(task: Pid, address: u64) -> Option<PathBuf> {
    const PAGE: u64 = 4096;
    let mut text = Vec::new();
    let mut from = address;
    // Not across a page that may not be there.
    while text.len() < PATH_MAX {
        let length = PAGE - from % PAGE;
        let part = memory(task, from, usize::try_from(length).ok()?)?;
        match part.iter().position(|byte| *byte == 0) {
            Some(end) => {
                text.extend(part.get(..end)?);
                return Some(Path::new(OsStr::from_bytes(&text)).to_path_buf());
            }
            None => text.extend(part),
        }
        from += length;
    }
    None
}

/// `length` bytes of `task` at `address`, or as many as there are.
fn memory(task: Pid, address: u64, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    let base = usize::try_from(address).ok()?;
    let remote = [RemoteIoVec { base, len: length }];
    let read = process_vm_readv(task, &mut [IoSliceMut::new(&mut bytes)], &remote).ok()?;
    bytes.truncate(read);
    Some(bytes)
}

/// The system calls that a profile has which names none: the worker knows.
pub(super) fn default_list(worker: &Path) -> Result<BTreeSet<String>, Error> {
    let report = worker_report(worker)?;
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap_or_default();
    let names = report.get("default_system_calls");
    let names = names.and_then(serde_json::Value::as_array);
    let names = names
        .filter(|names| !names.is_empty())
        .ok_or(Error::NoReport)?;
    let names = names.iter().filter_map(|name| name.as_str());
    Ok(names.map(str::to_owned).collect())
}

/// What a policy must add to the `default` list for `calls`, groups where one stands
/// for several of them, and the calls that no policy can add.
pub(super) fn beyond(
    calls: &BTreeSet<&'static str>,
    default: &BTreeSet<String>,
) -> (Vec<&'static str>, Vec<&'static str>) {
    // `network` gives those of sockets; clone3 is answered so that libc takes clone.
    const ELSEWHERE: [&str; 7] = [
        "accept", "accept4", "bind", "clone3", "connect", "listen", "socket",
    ];
    let missing = calls.iter().copied();
    let missing = missing.filter(|call| !default.contains(*call) && !ELSEWHERE.contains(call));
    let (never, mut missing): (Vec<_>, Vec<_>) =
        missing.partition(|call| SystemCalls::never(call).is_some());
    let mut names = Vec::new();
    while let Some(call) = missing.first().copied() {
        let groups = SystemCalls::groups_with(call);
        // The smallest that stands for another one too.
        let several =
            |group: &BTreeSet<&str>| missing.iter().filter(|one| group.contains(**one)).count() > 1;
        let best = groups
            .filter(|(_, calls)| several(calls))
            .min_by_key(|(_, calls)| calls.len());
        match best {
            Some((name, calls)) => {
                names.push(name);
                missing.retain(|one| !calls.contains(one));
            }
            None => {
                names.push(call);
                missing.retain(|one| *one != call);
            }
        }
    }
    (names, never)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_beyond_the_default_are_named_by_group_where_several_are_in_one() {
        let default = BTreeSet::from(["read".to_owned()]);
        let calls = BTreeSet::from([
            "read",
            "shmget",
            "shmat",
            "syslog",
            "connect",
            "memfd_create",
            "clone3",
        ]);
        let (names, never) = beyond(&calls, &default);
        assert_eq!(names, ["@ipc", "syslog"]);
        assert_eq!(never, ["memfd_create"]);
        assert_eq!(beyond(&BTreeSet::new(), &default), (vec![], vec![]));
    }
}
