//! A pseudo-terminal for a command, pty(7), and the process that carries what the
//! command writes to it on to the supervisor's pipe.
//!
//! Who holds the other side of a terminal can type into it. So nobody gets it: it is
//! opened for reading only, and held by a relay that has become the command's user,
//! has no capability and two descriptors. Neither the supervisor nor a lane has it,
//! and no privileged process touches the output, unless the lane records it as bytes.

use super::privilege;
use crate::sys::{self, Fork, Process, terminal};
use caps::CapsHashSet;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{PtyMaster, posix_openpt, unlockpt};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::termios::{
    LocalFlags, OutputFlags, SetArg, SpecialCharacterIndices, tcgetattr, tcsetattr,
};
use nix::unistd::{self, Gid, Pid, Uid, setfsgid, setfsuid};
use policy::Identity;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Size of the window: wide enough that programs seldom break lines.
const SIZE: (u16, u16) = (40, 132);

/// How long the relay may take for the last output when the command has ended.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Both sides of a terminal that nobody uses yet.
#[derive(Debug)]
pub(crate) struct Terminal {
    master: PtyMaster,
    command: OwnedFd,
}

impl Terminal {
    /// A fresh one that belongs to `owner`; `None` for who this process is.
    pub(crate) fn open(owner: Option<&Identity>) -> Result<Self, Errno> {
        // Who opens the one side owns the other: a program may open its output by name.
        let master = as_owner(owner, || {
            posix_openpt(OFlag::O_RDONLY | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)
        })?;
        unlockpt(&master)?;
        let command = terminal::open_peer(master.as_fd())?;
        terminal::set_size(command.as_fd(), SIZE.0, SIZE.1)?;
        set_modes(command.as_fd())?;
        Ok(Self { master, command })
    }

    /// The command's side.
    pub(crate) fn command(&self) -> &OwnedFd {
        &self.command
    }

    /// Starts to carry what the command writes to `output`, as `identity`.
    pub(crate) fn relay(
        self,
        output: BorrowedFd<'_>,
        identity: Option<&Identity>,
    ) -> Result<Relay, Errno> {
        // The end shows only when nobody holds the command's side any more.
        drop(self.command);
        let lane = Pid::this();
        match sys::fork(0, None)? {
            Fork::Child => {
                let result = confined(lane, (self.master.as_fd(), output), identity);
                let carried = result.and_then(|()| carry().map_err(|_| Errno::EIO));
                sys::exit(i32::from(carried.is_err()))
            }
            Fork::Parent(process) => Ok(Relay(process)),
        }
    }
}

/// Runs `open` so that what it makes belongs to `owner`.
fn as_owner<T>(
    owner: Option<&Identity>,
    open: impl FnOnce() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let Some(owner) = owner else { return open() };
    let (gid, uid) = (Gid::from_raw(owner.gid), Uid::from_raw(owner.uid));
    let (own_gid, own_uid) = (setfsgid(gid), setfsuid(uid));
    let result = open();
    setfsuid(own_uid);
    setfsgid(own_gid);
    result
}

/// Lines end as they are written. Nobody types: whoever reads finds the end at once,
/// unless he asks the terminal for something else.
fn set_modes(command: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut modes = tcgetattr(command)?;
    modes.output_flags.remove(OutputFlags::OPOST);
    let none = LocalFlags::ICANON | LocalFlags::ECHO;
    modes.local_flags.remove(none);
    for index in [
        SpecialCharacterIndices::VMIN,
        SpecialCharacterIndices::VTIME,
    ] {
        if let Some(value) = modes.control_chars.get_mut(index as usize) {
            *value = 0;
        }
    }
    tcsetattr(command, SetArg::TCSANOW, &modes)
}

/// The process that reads the terminal.
#[derive(Debug)]
pub(crate) struct Relay(Process);

impl Relay {
    /// Its process, which is no part of the command.
    pub(super) fn pid(&self) -> Pid {
        self.0.pid
    }

    /// Waits until the last output of a command that has ended is carried, and ends it.
    pub(super) fn finish(self) {
        let patience = PollTimeout::try_from(LAST_OUTPUT).unwrap_or(PollTimeout::MAX);
        let pidfd = self.0.pidfd.as_fd();
        // A reader who takes nothing may be the reason why it does not end.
        let _ended = poll(&mut [PollFd::new(pidfd, PollFlags::POLLIN)], patience);
        let _ended_already = sys::pidfd_send_signal(pidfd, Signal::SIGKILL);
        let _reaped_already = sys::wait(Some(self.0.pid));
    }
}

/// Becomes the command's user, with the terminal as descriptor 0, the pipe as 1 and
/// nothing else.
fn confined(
    lane: Pid,
    (master, output): (BorrowedFd<'_>, BorrowedFd<'_>),
    identity: Option<&Identity>,
) -> Result<(), Errno> {
    unistd::dup2_stdin(master)?;
    unistd::dup2_stdout(output)?;
    sys::close_from(2)?;
    let none = CapsHashSet::new();
    if let Some(identity) = identity {
        privilege::set_groups(identity)?;
        privilege::set_gid(identity)?;
        privilege::set_uid(identity, &none)?;
    }
    privilege::set_capabilities(&none)?;
    privilege::verify(identity, &none, false)?;
    // It is a copy of the lane, whose memory is none of the command's business.
    prctl::set_dumpable(false)?;
    // The kernel forgets it when the user id changes.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if unistd::getppid() == lane {
        Ok(())
    } else {
        Err(Errno::ESRCH)
    }
}

/// Carries all there is. A terminal that nobody has open any more answers EIO.
fn carry() -> io::Result<()> {
    let mut from = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut to = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => to.write_all(buffer.get(..length).unwrap_or_default())?,
            Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
