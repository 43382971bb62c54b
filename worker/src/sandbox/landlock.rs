//! Which files a command may use, landlock(7). Every right that the running
//! kernel knows is handled, so what is not granted is refused; TCP and the
//! scopes for signals and abstract sockets likewise.
//!
//! Rules are looked up once for each tool and lane. Before each call the paths
//! are compared with what they were, so that a file replaced by an upgrade is
//! found; rules that a path argument adds make a ruleset of their own.

mod domains;
mod rules;

pub(crate) use domains::Domains;
pub(super) use rules::serves;

use super::abi::linux;
use super::view::Own;
use crate::sandbox::program::ProgramError;
use crate::sys;
use ::landlock::{
    ABI, AccessFs, PathBeneath, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus,
};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};
use policy::{Network, PathRule, Profile, Strength};
use rules::{Right, Rule, build, granted, rights};
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The first ABI that holds TCP to ports.
const CONNECT_ABI: u32 = 4;

/// Files that cannot be restricted as the profile demands.
#[derive(Debug, Error)]
pub(crate) enum DomainError {
    /// The kernel is too old, or Landlock is switched off.
    #[error(
        "cannot restrict files: the kernel has Landlock ABI {have}, profile `{profile}` needs {need}\n\
         hint: use a newer kernel (ABI {need} is Linux {}){}", linux(*.need), accept(*.have)
    )]
    Kernel {
        /// The profile.
        profile: String,
        /// What it demands.
        need: u32,
        /// What there is; 0 for nothing.
        have: u32,
    },
    /// The root directory in a root directory of the command's own.
    #[error(
        "cannot isolate commands of profile `{0}`: it grants all of `/`\nhint: grant the directories in it that are needed"
    )]
    Whole(String),
    /// The kernel does not know TCP ports.
    #[error(
        "cannot restrict TCP to `connect`: the kernel has Landlock ABI {0}, ports need {CONNECT_ABI}\n\
         hint: use Linux 6.7 or newer, or `network = \"full\"`"
    )]
    Ports(u32),
    /// A path of the profile, or the program, cannot be opened.
    #[error("cannot grant `{0}`")]
    Path(PathBuf, #[source] io::Error),
    /// The mount namespace with what the commands of a tool see.
    #[error("cannot prepare what commands see of the host")]
    View(#[source] Errno),
    /// What isolated commands have in turn.
    #[error("cannot make namespaces that commands enter")]
    Cell(#[source] Errno),
    /// The program may have been replaced by somebody else.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The kernel refused a rule.
    #[error("cannot build a Landlock ruleset")]
    Ruleset(#[from] RulesetError),
}

fn accept(abi: u32) -> String {
    match abi {
        // Nothing runs without Landlock.
        0 => "; `landlock` must stand in /sys/kernel/security/lsm".to_owned(),
        abi => format!(", or accept less with `minimum_landlock = {abi}`"),
    }
}

/// Whether Landlock `abi` holds what `profile` asks of it.
///
/// # Errors
/// Why every call is refused.
pub(crate) fn holds(profile: &Profile, abi: u32) -> Result<(), DomainError> {
    let need = profile.minimum_landlock;
    if abi < need {
        return Err(DomainError::Kernel {
            profile: profile.name.clone(),
            need,
            have: abi,
        });
    }
    if matches!(profile.network, Network::Connect(_)) && abi < CONNECT_ABI {
        return Err(DomainError::Ports(abi));
    }
    Ok(())
}

/// Whether the paths that `profile` grants are there and can be granted; those that
/// depend on the caller are left to his call.
///
/// # Errors
/// Why every call is refused.
pub(crate) fn paths(profile: &Profile) -> Result<(), DomainError> {
    let granted = granted(profile).filter(|(rule, _)| !names_caller(&rule.path));
    for (PathRule { path, optional, .. }, right) in granted {
        Rule::new(path, right, *optional)?;
        if profile.isolation.strength == Strength::Isolated && path == Path::new("/") {
            return Err(DomainError::Whole(profile.name.clone()));
        }
    }
    Ok(())
}

fn names_caller(path: &Path) -> bool {
    path.to_string_lossy().contains("${caller.")
}

/// Whether this kernel refuses what a ruleset of its own ABI does not grant, in a
/// process that ends after the trial.
pub(crate) fn attempt(abi: u32) -> Result<(), Errno> {
    let abi = ABI::from(i32::try_from(abi).unwrap_or(i32::MAX));
    let domain = build(abi, &[], &Network::None).map_err(|_| Errno::ENOTSUP)?;
    restrict(&domain)?;
    match File::open("/") {
        Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) => Ok(()),
        Ok(_) | Err(_) => Err(Errno::ENOTSUP),
    }
}

/// Enters the domain; there is no way back.
pub(super) fn restrict(domain: &RulesetCreated) -> Result<(), Errno> {
    let status = copy(domain)?.restrict_self().map_err(|_| Errno::last())?;
    if status.ruleset == RulesetStatus::FullyEnforced {
        Ok(())
    } else {
        Err(Errno::EOPNOTSUPP)
    }
}

/// `domain`, whose denials the kernel writes to its audit log; needs ABI 7.
pub(crate) fn logged(domain: RulesetCreated) -> Result<RulesetCreated, DomainError> {
    Ok(domain.log_new_exec(true)?)
}

/// What is used up is a copy: the lane may share this memory, and keeps its own.
fn copy(domain: &RulesetCreated) -> Result<RulesetCreated, Errno> {
    let raw = |error: io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    domain.try_clone().map_err(raw)
}

/// `domain`, opened to what a command's view has of its own, by the names it has there.
pub(super) fn open_own(domain: &RulesetCreated, own: &Own) -> Result<RulesetCreated, Errno> {
    let abi = ABI::from(i32::try_from(sys::landlock_abi()).unwrap_or(i32::MAX));
    let listed = own
        .listed
        .iter()
        .map(|path| (*path, AccessFs::ReadDir.into()));
    let each = |right| move |path: &&'static CStr| (*path, rights(abi, right, true, own.serves));
    let all = listed
        .chain(own.read.iter().map(each(Right::Read)))
        .chain(own.write.iter().map(each(Right::Write)))
        .chain(own.terminals.iter().map(each(Right::Terminal)));
    let mut domain = copy(domain)?;
    for (path, rights) in all {
        let file = match open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
            // The host has none, so the view has none.
            Err(Errno::ENOENT) if path.to_bytes().starts_with(b"/dev/") => continue,
            file => file?,
        };
        let directory = fstat(&file)?.st_mode & libc::S_IFMT == libc::S_IFDIR;
        let rights = if directory {
            rights
        } else {
            rights & AccessFs::from_file(abi)
        };
        let rule = PathBeneath::new(&file, rights);
        domain = domain.add_rule(rule).map_err(|_| Errno::last())?;
    }
    Ok(domain)
}

/// Opens a terminal of the command's own to `domain`.
pub(crate) fn open_terminal(
    domain: RulesetCreated,
    terminal: &OwnedFd,
) -> Result<RulesetCreated, Errno> {
    let abi = ABI::from(i32::try_from(sys::landlock_abi()).unwrap_or(i32::MAX));
    let rule = PathBeneath::new(terminal, rights(abi, Right::Terminal, false, false));
    domain.add_rule(rule).map_err(|_| Errno::last())
}

#[cfg(test)]
mod tests;
