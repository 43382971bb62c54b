//! Where connections of the supervisor come from.

use crate::sys;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{AcceptConn, PeerCredentials, SockType as SocketKind};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, getsockname, getsockopt,
    listen, socket,
};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Pid, Uid, User, chown, dup2_stdin, setfsgid};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// How long to leave a connection waiting when there is no room for it.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(50);

/// A door that cannot be opened, or that leads nowhere any more.
#[derive(Debug, Error)]
pub(crate) enum DoorError {
    /// There is no such user.
    #[error("cannot find the supervisor's user `{0}`\nhint: give an existing name, or an id")]
    User(String),
    /// What the service manager has made is not the worker's door.
    #[error(
        "cannot use the socket of the service manager: it is no listening SOCK_SEQPACKET socket at `{0}`\nhint: ListenSequentialPacket= of the socket unit must be the path of --socket"
    )]
    Foreign(PathBuf),
    /// Another process answers there.
    #[error("cannot listen on `{0}`: another worker does")]
    Taken(PathBuf),
    /// The socket cannot be made.
    #[error("cannot listen on `{0}`")]
    Listen(PathBuf, #[source] io::Error),
    /// Nothing can be received any more.
    #[error("cannot accept connections")]
    Accept(#[source] Errno),
}

/// Accepts connections of one user only.
#[derive(Debug)]
pub(crate) struct Door {
    socket: OwnedFd,
    entrance: Entrance,
    /// The one user.
    user: Uid,
    /// Whoever is in one of these groups comes in too.
    groups: Vec<u32>,
}

#[derive(Debug)]
enum Entrance {
    /// A listening socket at this path, made by this process.
    Listener { path: PathBuf, owner: Pid },
    /// A listening socket that the service manager made and keeps.
    HandedOver,
    /// A socket over which the parent process passes connections.
    Parent,
}

/// What came through a door.
#[derive(Debug)]
pub(crate) enum Visit {
    /// A connection of the supervisor.
    Connection(OwnedFd),
    /// Somebody else, by user id, who is to be turned away.
    Stranger(Uid, OwnedFd),
    /// No descriptor or memory for a connection at the moment.
    Shortage(Errno),
    /// No connection: the peer was gone already, or sent nonsense.
    Nobody,
    /// No more connections will come.
    Closed,
}

impl Door {
    /// Listens at `path` for `supervisor`, a name or an id.
    pub(crate) fn listen(path: &Path, supervisor: &str) -> Result<Self, DoorError> {
        let user = find_user(supervisor)?;
        let failed = |error: io::Error| DoorError::Listen(path.to_path_buf(), error);
        let address = UnixAddr::new(path).map_err(|errno| failed(errno.into()))?;
        let socket = new_socket().map_err(|errno| failed(errno.into()))?;
        remove_stale(path, &address)?;
        // Nobody but root connects before the owner is set.
        let before = umask(Mode::from_bits_truncate(0o177));
        let bound = bind(socket.as_raw_fd(), &address);
        umask(before);
        bound
            .and_then(|()| chown(path, Some(user), None))
            .and_then(|()| listen(&socket, Backlog::new(128)?))
            .map_err(|errno| failed(errno.into()))?;
        Ok(Self {
            socket,
            entrance: Entrance::Listener {
                path: path.to_path_buf(),
                owner: Pid::this(),
            },
            user,
            groups: Vec::new(),
        })
    }

    /// Takes over `socket`, which must listen at `path`, for `supervisor`.
    pub(crate) fn take_over(
        socket: OwnedFd,
        path: &Path,
        supervisor: &str,
    ) -> Result<Self, DoorError> {
        let user = find_user(supervisor)?;
        if !listens_at(&socket, path) {
            return Err(DoorError::Foreign(path.to_path_buf()));
        }
        Ok(Self {
            socket,
            entrance: Entrance::HandedOver,
            user,
            groups: Vec::new(),
        })
    }

    /// Takes connections from the process that started this one, over descriptor 0.
    pub(crate) fn parent(null: &OwnedFd) -> Result<Self, DoorError> {
        let socket = io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|_| DoorError::Accept(Errno::EBADF))?;
        // Lanes inherit descriptor 0: the parent must see the end of the first process,
        // not that of the last lane.
        dup2_stdin(null).map_err(DoorError::Accept)?;
        Ok(Self {
            socket,
            entrance: Entrance::Parent,
            user: Uid::effective(),
            groups: Vec::new(),
        })
    }

    /// Call when the descriptor is readable.
    pub(crate) fn accept(&self) -> Result<Visit, DoorError> {
        let connection = match &self.entrance {
            Entrance::Listener { .. } | Entrance::HandedOver => {
                match sys::accept(self.socket.as_fd()) {
                    Ok(connection) => connection,
                    Err(Errno::ECONNABORTED | Errno::EINTR | Errno::EAGAIN) => {
                        return Ok(Visit::Nobody);
                    }
                    Err(
                        errno @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM),
                    ) => {
                        // It stays in the queue until there is room again.
                        std::thread::sleep(SHORTAGE_PAUSE);
                        return Ok(Visit::Shortage(errno));
                    }
                    Err(errno) => return Err(DoorError::Accept(errno)),
                }
            }
            Entrance::Parent => match sys::receive(self.socket.as_fd(), &mut [0]) {
                Ok(packet) if packet.length == 0 => return Ok(Visit::Closed),
                Ok(packet) => match packet.descriptors.into_iter().next() {
                    Some(connection) => connection,
                    None => return Ok(Visit::Nobody),
                },
                Err(Errno::ECONNRESET) => return Ok(Visit::Closed),
                Err(errno) => return Err(DoorError::Accept(errno)),
            },
        };
        Ok(self.check(connection))
    }

    fn check(&self, connection: OwnedFd) -> Visit {
        let Ok(peer) = getsockopt(&connection, PeerCredentials) else {
            return Visit::Nobody;
        };
        let user = Uid::from_raw(peer.uid());
        if user == self.user || self.takes(&connection, peer.gid()) {
            Visit::Connection(connection)
        } else {
            Visit::Stranger(user, connection)
        }
    }

    /// Whether the peer, whose primary group is `gid`, is in one of the groups.
    fn takes(&self, connection: &OwnedFd, gid: u32) -> bool {
        if self.groups.is_empty() {
            return false;
        }
        let others = sys::peer_groups(connection.as_fd()).unwrap_or_default();
        let mut all = others.iter().chain(std::iter::once(&gid));
        all.any(|one| self.groups.contains(one))
    }

    /// Lets in who is in one of `groups`, besides the one user. File permissions keep
    /// everybody else from connecting where that is one group; where there are more, the
    /// kernel's word on the peer alone does.
    pub(crate) fn open_to(&mut self, groups: &[u32]) -> Result<(), Errno> {
        self.groups.clear();
        if let Entrance::Listener { path, .. } = &self.entrance {
            let mode = |mode| fs::set_permissions(path, Permissions::from_mode(mode));
            mode(0o600).map_err(|_| Errno::EPERM)?;
            match groups {
                [] => {}
                [one] => {
                    give(path, *one)?;
                    mode(0o660).map_err(|_| Errno::EPERM)?;
                }
                _ => mode(0o666).map_err(|_| Errno::EPERM)?,
            }
        }
        self.groups = groups.to_vec();
        Ok(())
    }

    /// The one user.
    pub(crate) fn user(&self) -> u32 {
        self.user.as_raw()
    }
}

impl Drop for Door {
    /// Removes the socket from the file system, unless this is a lane's copy.
    fn drop(&mut self) {
        if let Entrance::Listener { path, owner } = &self.entrance
            && *owner == Pid::this()
        {
            let _gone_already = fs::remove_file(path);
        }
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Gives `path` to `group`. Without `CAP_CHOWN` its owner may do so who is in the group,
/// as which the group for file systems counts, chown(2) and setfsgid(2).
fn give(path: &Path, group: u32) -> Result<(), Errno> {
    let group = Gid::from_raw(group);
    let former = setfsgid(group);
    let given = chown(path, None, Some(group));
    setfsgid(former);
    given
}

fn new_socket() -> nix::Result<OwnedFd> {
    socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
}

fn listens_at(socket: &OwnedFd, path: &Path) -> bool {
    let bound = getsockname::<UnixAddr>(socket.as_raw_fd());
    getsockopt(socket, SocketKind) == Ok(SockType::SeqPacket)
        && getsockopt(socket, AcceptConn) == Ok(true)
        && bound.is_ok_and(|address| address.path() == Some(path))
}

fn find_user(name: &str) -> Result<Uid, DoorError> {
    if let Ok(id) = name.parse() {
        return Ok(Uid::from_raw(id));
    }
    let user = User::from_name(name).ok().flatten();
    user.map(|user| user.uid)
        .ok_or_else(|| DoorError::User(name.to_owned()))
}

/// A socket that a killed worker left is removed; one that answers is not, and
/// neither is a file of another kind.
fn remove_stale(path: &Path, address: &UnixAddr) -> Result<(), DoorError> {
    let failed = |error| DoorError::Listen(path.to_path_buf(), error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(failed(io::Error::other(
                "a file that is no socket is there",
            )));
        }
        Ok(_) => {}
    }
    let probe = new_socket().map_err(|errno| failed(errno.into()))?;
    match connect(probe.as_raw_fd(), address) {
        Err(Errno::ECONNREFUSED) => fs::remove_file(path).map_err(failed),
        Ok(()) => Err(DoorError::Taken(path.to_path_buf())),
        Err(errno) => Err(failed(errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn listen(path: &Path) -> Result<Door, DoorError> {
        Door::listen(path, &Uid::effective().to_string())
    }

    #[test]
    fn only_a_dead_socket_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let living = listen(&path).unwrap();
        assert!(matches!(listen(&path), Err(DoorError::Taken(_))));
        drop(living);
        assert!(!path.exists());
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "as a killed worker leaves it");
        // What another test forks just then has it open for a moment, too.
        let listened = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            listen(&path).is_ok()
        });
        assert!(listened);
    }

    #[test]
    fn a_socket_that_was_handed_over_is_the_managers_to_remove() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let made = listen(&path).unwrap();
        let socket = made.socket.try_clone().unwrap();
        let user = Uid::effective().to_string();
        drop(Door::take_over(socket, &path, &user).unwrap());
        assert!(path.exists());
    }

    #[test]
    fn only_the_worker_s_own_door_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let stream = UnixListener::bind(&path).unwrap();
        let user = Uid::effective().to_string();
        let taken = Door::take_over(stream.into(), &path, &user);
        assert!(matches!(taken, Err(DoorError::Foreign(_))), "a stream");
        fs::remove_file(&path).unwrap();
        let living = listen(&path).unwrap();
        let elsewhere = directory.path().join("elsewhere");
        let taken = Door::take_over(living.socket.try_clone().unwrap(), &elsewhere, &user);
        assert!(matches!(taken, Err(DoorError::Foreign(_))), "another path");
        let deaf = new_socket().unwrap();
        bind(deaf.as_raw_fd(), &UnixAddr::new(&elsewhere).unwrap()).unwrap();
        let taken = Door::take_over(deaf, &elsewhere, &user);
        assert!(matches!(taken, Err(DoorError::Foreign(_))), "not listening");
    }

    #[test]
    fn another_file_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("precious");
        fs::write(&path, "content").unwrap();
        assert!(matches!(listen(&path), Err(DoorError::Listen(..))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "content");
    }
}
