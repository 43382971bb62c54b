//! The service's Unix socket: handed over by the service manager, whose it stays, or
//! made here: taken over when stale, open to all, gone at the end.

use crate::error::Error;
use listenfd::ListenFd;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as Probe};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// Most connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// A listening socket that removes its file when dropped, if it made it.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: UnixListener,
    /// `None` when the service manager keeps it.
    own: Option<Own>,
}

/// The file of a socket that this process made.
#[derive(Debug)]
struct Own {
    path: PathBuf,
    /// Device and inode, to remove no file but our own.
    identity: (u64, u64),
}

impl Listener {
    /// The socket that the service manager handed over, sd_listen_fds(3), or else one
    /// that is made at `path`.
    ///
    /// # Errors
    /// [`Error::TakeOver`] when something else was handed over; those of
    /// [`Listener::bind`].
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let mut handed_over = ListenFd::from_env();
        if handed_over.len() == 0 {
            return Self::bind(path);
        }
        let taken = match handed_over.len() {
            1 => handed_over.take_unix_listener(0),
            _ => Err(io::Error::other("there is more than one")),
        };
        taken
            .and_then(|listener| listener.ok_or_else(|| io::Error::other("there is none")))
            .and_then(|listener| Self::take_over(listener, path))
            .map_err(|source| Error::TakeOver {
                path: path.to_owned(),
                source,
            })
    }

    /// Takes over a socket, which must be bound at `path`: the worker believes callers
    /// on sockets of that path only.
    fn take_over(listener: StdListener, path: &Path) -> io::Result<Self> {
        if listener.local_addr()?.as_pathname() != Some(path) {
            return Err(io::Error::other("it is bound elsewhere"));
        }
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: UnixListener::from_std(listener)?,
            own: None,
        })
    }

    /// Whether its file is to be removed at the end.
    pub(crate) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Listens at `path`, in the place of a socket that nobody answers on.
    ///
    /// Everybody may connect; the policy says who may stay.
    ///
    /// # Errors
    /// [`Error::Occupied`] when somebody does answer.
    pub(crate) fn bind(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Listen {
            path: path.to_owned(),
            source,
        };
        let listener = match bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => take_over(path)?,
            result => result.map_err(failed)?,
        };
        let identity = identity(path).map_err(failed)?;
        let path = path.to_owned();
        Ok(Self {
            listener,
            own: Some(Own { path, identity }),
        })
    }

    /// The next client.
    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = self.listener.accept().await?;
        Ok(stream)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // Left behind, it would only be taken over by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn take_over(path: &Path) -> Result<UnixListener, Error> {
    let failed = |source| Error::Listen {
        path: path.to_owned(),
        source,
    };
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    if !metadata.file_type().is_socket() {
        return Err(failed(io::Error::other(
            "a file that is no socket is there",
        )));
    }
    match Probe::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) => return Err(failed(error)),
        Ok(_) => {
            let path = path.to_owned();
            return Err(Error::Occupied { path });
        }
    }
    fs::remove_file(path).map_err(failed)?;
    bind(path).map_err(failed)
}

/// Everybody may connect from the moment on that anybody can.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o666))?;
    socket.listen(BACKLOG)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_open_to_all_and_removed_at_the_end() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        let listener = Listener::bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o666);
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_that_was_handed_over_stays() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        let made = StdListener::bind(&path).unwrap();
        let listener = Listener::take_over(made.try_clone().unwrap(), &path).unwrap();
        assert!(!listener.is_own());
        let client = Probe::connect(&path).unwrap();
        listener.accept().await.unwrap();
        drop((listener, client));
        assert!(path.exists());
        assert!(Listener::take_over(made, &scratch.path().join("other")).is_err());
    }

    #[tokio::test]
    async fn a_stale_socket_is_taken_over() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        drop(StdListener::bind(&path).unwrap());
        assert!(path.exists());
        let _listener = Listener::bind(&path).unwrap();
        Probe::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn a_socket_that_answers_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        let _first = Listener::bind(&path).unwrap();
        let refused = Listener::bind(&path).unwrap_err();
        assert!(matches!(refused, Error::Occupied { .. }), "{refused:?}");
        Probe::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn another_file_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(Listener::bind(&path), Err(Error::Listen { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_successor_keeps_its_socket() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        let first = Listener::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _second = Listener::bind(&path).unwrap();
        drop(first);
        Probe::connect(&path).unwrap();
    }
}
