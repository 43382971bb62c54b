//! Linux capabilities that a profile can grant, capabilities(7).

use std::fmt;

/// A capability that a profile grants; none that would undo the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capability(&'static str);

impl Capability {
    /// Its name, such as `CAP_CHOWN`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }

    /// The capability called `name`.
    ///
    /// # Errors
    /// Why there is none to grant.
    pub(crate) fn named(name: &str) -> Result<Self, Refused> {
        let (known, worth) = ALL
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or(Refused::Unknown)?;
        match worth {
            Worth::Never(reason) => Err(Refused::Never(reason)),
            Worth::Root(_) | Worth::Little => Ok(Self(known)),
        }
    }

    /// Why a command that has it is nearly root, if it is.
    pub(crate) fn amounts_to_root(self) -> Option<&'static str> {
        ALL.iter().find_map(|(known, worth)| match worth {
            Worth::Root(reason) if *known == self.0 => Some(*reason),
            Worth::Root(_) | Worth::Never(_) | Worth::Little => None,
        })
    }

    /// Every name there is.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
        ALL.iter().map(|(name, _)| *name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Why a capability cannot be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is none of that name.
    Unknown,
    /// It would undo the sandbox.
    Never(&'static str),
}

/// What a capability is worth to a command inside its sandbox.
enum Worth {
    /// It undoes the sandbox.
    Never(&'static str),
    /// Within what the profile opens, it is as good as root.
    Root(&'static str),
    /// One privilege, narrow enough.
    Little,
}

use Worth::{Little, Never, Root};

#[rustfmt::skip]
const ALL: [(&str, Worth); 41] = [
    ("CAP_AUDIT_CONTROL", Never("it switches the kernel's audit off")),
    ("CAP_AUDIT_READ", Never("it reads what all others do")),
    ("CAP_AUDIT_WRITE", Little),
    ("CAP_BLOCK_SUSPEND", Little),
    ("CAP_BPF", Never("it loads programs into the kernel")),
    ("CAP_CHECKPOINT_RESTORE", Never("it reaches into other processes")),
    ("CAP_CHOWN", Root("it takes over every file that the profile opens")),
    ("CAP_DAC_OVERRIDE", Root("it writes every file that `write` opens, whoever owns it")),
    ("CAP_DAC_READ_SEARCH", Root("it reads every file that the profile opens, whoever owns it")),
    ("CAP_FOWNER", Root("it changes the mode of every file that it can find")),
    ("CAP_FSETID", Root("it leaves set-id programs behind, which others run")),
    ("CAP_IPC_LOCK", Little),
    ("CAP_IPC_OWNER", Root("it reads and writes the shared memory of everybody")),
    ("CAP_KILL", Little),
    ("CAP_LEASE", Little),
    ("CAP_LINUX_IMMUTABLE", Little),
    ("CAP_MAC_ADMIN", Never("it changes the host's security policy")),
    ("CAP_MAC_OVERRIDE", Never("it passes by the host's security policy")),
    ("CAP_MKNOD", Never("it makes device files, through which every disk is read and written")),
    ("CAP_NET_ADMIN", Root("it reconfigures the host's network")),
    ("CAP_NET_BIND_SERVICE", Little),
    ("CAP_NET_BROADCAST", Little),
    ("CAP_NET_RAW", Root("it reads and forges the host's packets")),
    ("CAP_PERFMON", Never("it looks into the kernel and other processes")),
    ("CAP_SETFCAP", Never("it leaves programs with any capability behind, which others run")),
    ("CAP_SETGID", Root("it becomes any group")),
    ("CAP_SETPCAP", Never("it changes the capability sets that bound a command")),
    ("CAP_SETUID", Root("it becomes any user, root among them")),
    ("CAP_SYSLOG", Little),
    ("CAP_SYS_ADMIN", Never("it undoes nearly every other restriction")),
    ("CAP_SYS_BOOT", Never("it ends the running system")),
    ("CAP_SYS_CHROOT", Root("it shows programs another root directory")),
    ("CAP_SYS_MODULE", Never("it changes the kernel")),
    ("CAP_SYS_NICE", Little),
    ("CAP_SYS_PACCT", Little),
    ("CAP_SYS_PTRACE", Never("it reaches into other processes")),
    ("CAP_SYS_RAWIO", Never("it drives the hardware")),
    ("CAP_SYS_RESOURCE", Never("it lifts the limits that bound a command")),
    ("CAP_SYS_TIME", Little),
    ("CAP_SYS_TTY_CONFIG", Little),
    ("CAP_WAKE_ALARM", Little),
];
