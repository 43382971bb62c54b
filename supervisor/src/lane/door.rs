//! Where lanes come from: the system's worker behind its socket, or a worker of
//! our own behind a control socket.

use super::{LaneError, Packets};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket, socketpair};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for room in the worker's backlog, in all and each time.
const BACKLOG_TRIES: u32 = 200;
const BACKLOG_PAUSE: Duration = Duration::from_millis(5);

/// One byte that carries the descriptor of a new lane.
const NEW_LANE: &[u8] = &[0];

/// Where lanes come from.
#[derive(Debug)]
pub(crate) enum Door {
    /// The system's worker: each lane is a connection to its socket.
    Socket(PathBuf),
    /// A worker that this process started: each lane is a socket pair, one end
    /// of which goes over the control socket.
    Control(Packets),
}

impl Door {
    /// A new lane, not yet greeted.
    pub(crate) async fn open(&self) -> Result<Packets, LaneError> {
        match self {
            Self::Socket(path) => open_socket(path).await,
            Self::Control(control) => open_pair(control).await,
        }
    }

    /// Lets a worker of our own end.
    pub(crate) fn shut(&self) {
        match self {
            Self::Socket(_) => {}
            Self::Control(control) => control.shut(),
        }
    }
}

async fn open_socket(path: &Path) -> Result<Packets, LaneError> {
    let failed = |source| LaneError::Connect {
        path: path.to_owned(),
        source,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let lane = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)
        .map_err(|errno| failed(errno.into()))?;
    let address = UnixAddr::new(path).map_err(|errno| failed(errno.into()))?;
    attach(&lane, &address).await.map_err(failed)?;
    Packets::new(lane).map_err(LaneError::Open)
}

/// A non-blocking connect(2) answers `EAGAIN` while the backlog is full, and no
/// readiness tells when it no longer is.
async fn attach(lane: &OwnedFd, address: &UnixAddr) -> io::Result<()> {
    for _ in 0..BACKLOG_TRIES {
        match connect(lane.as_raw_fd(), address) {
            Err(Errno::EAGAIN) => tokio::time::sleep(BACKLOG_PAUSE).await,
            result => return Ok(result?),
        }
    }
    Err(Errno::EAGAIN.into())
}

async fn open_pair(control: &Packets) -> Result<Packets, LaneError> {
    let (ours, theirs) = pair().map_err(LaneError::Open)?;
    control.send(NEW_LANE, &[theirs.as_fd()]).await?;
    Packets::new(ours).map_err(LaneError::Open)
}

/// A socket pair whose first end is ours, non-blocking, and whose second is the
/// worker's, blocking.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((ours, theirs))
}
