//! The stages of a command's set-up by name, and how a process that fails in one tells its
//! lane.

use nix::errno::Errno;
use std::fmt;

/// A named step of a child's set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    Signals = 1,
    Session,
    Streams,
    Limits,
    Scheduling,
    UserNamespace,
    Namespaces,
    Keyring,
    BoundingSet,
    Groups,
    GroupId,
    UserId,
    Capabilities,
    Verify,
    ParentDeath,
    Admission,
    Directory,
    Input,
    NoNewPrivileges,
    Landlock,
    Descriptors,
    Seccomp,
    Execute,
}

/// In the order in which they happen.
const STAGES: [(Stage, &str); 23] = [
    (Stage::Signals, "reset signals"),
    (Stage::Session, "start a session"),
    (Stage::Streams, "connect standard streams"),
    (Stage::Limits, "set resource limits"),
    (Stage::Scheduling, "set priorities"),
    (Stage::UserNamespace, "map the user into a namespace"),
    (Stage::Namespaces, "build what the command sees of the host"),
    (Stage::Keyring, "make a session keyring"),
    (Stage::BoundingSet, "drop the capability bounding set"),
    (Stage::Groups, "set supplementary groups"),
    (Stage::GroupId, "set the group id"),
    (Stage::UserId, "set the user id"),
    (Stage::Capabilities, "drop capabilities"),
    (Stage::Verify, "verify that privileges are gone"),
    (Stage::ParentDeath, "tie the command to its lane"),
    (Stage::Admission, "wait until the start is recorded"),
    (Stage::Directory, "enter the working directory"),
    (Stage::Input, "open the standard input"),
    (Stage::NoNewPrivileges, "forbid new privileges"),
    (Stage::Landlock, "restrict files with Landlock"),
    (Stage::Descriptors, "close other descriptors"),
    (Stage::Seccomp, "install the system call filter"),
    (Stage::Execute, "execute the program"),
];

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = STAGES
            .iter()
            .find(|(stage, _)| stage == self)
            .map_or("set up the command", |(_, words)| words);
        formatter.write_str(words)
    }
}

/// A stage that did not succeed, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Which one.
    pub stage: Stage,
    /// What the kernel said.
    pub errno: Errno,
}

/// Length of an encoded [`Failure`].
pub(crate) const FAILURE_SIZE: usize = 5;

impl Failure {
    /// The start of the command is not recorded.
    pub(super) const NOT_ADMITTED: Self = Self {
        stage: Stage::Admission,
        errno: Errno::ECANCELED,
    };

    pub(super) fn encode(self) -> [u8; FAILURE_SIZE] {
        let [a, b, c, d] = (self.errno as i32).to_le_bytes();
        [self.stage as u8, a, b, c, d]
    }

    /// The failure that a child wrote.
    pub(crate) fn decode([stage, errno @ ..]: [u8; FAILURE_SIZE]) -> Option<Self> {
        let (stage, _) = STAGES.iter().find(|(known, _)| *known as u8 == stage)?;
        Some(Self {
            stage: *stage,
            errno: Errno::from_raw(i32::from_le_bytes(errno)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_pipe() {
        for (stage, _) in STAGES {
            let failure = Failure {
                stage,
                errno: Errno::EACCES,
            };
            assert_eq!(Failure::decode(failure.encode()), Some(failure));
        }
        assert_eq!(Failure::decode([0, 1, 0, 0, 0]), None);
    }
}
