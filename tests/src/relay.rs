//! Ways to a service for clients that cannot take the one there is.

use crate::{Site, User, connect_as};
use nix::sys::socket::SockType;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;

/// A connection of either kind.
pub trait Stream: Read + Write + Send + Sized + 'static {
    /// Another handle of it.
    fn duplicate(&self) -> Self;
    /// Ends it both ways.
    fn close(&self);
}

impl Stream for TcpStream {
    fn duplicate(&self) -> Self {
        self.try_clone().expect("a socket")
    }

    fn close(&self) {
        drop(self.shutdown(Shutdown::Both));
    }
}

impl Stream for UnixStream {
    fn duplicate(&self) -> Self {
        self.try_clone().expect("a socket")
    }

    fn close(&self) {
        drop(self.shutdown(Shutdown::Both));
    }
}

/// Passes every connection to a free port of this host on to what `connect` opens, for
/// clients that know TCP only.
///
/// # Panics
/// When there is no port.
pub fn relay<S: Stream>(connect: impl Fn(&mut TcpStream) -> S + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        while let Ok((mut client, _)) = listener.accept() {
            let server = connect(&mut client);
            both_ways(client, server);
        }
    });
    address
}

/// A port that leads to the service's Unix socket, as `user`.
#[must_use]
pub fn to_socket(site: &Site, user: User) -> SocketAddr {
    let front = site.front();
    relay(move |_| UnixStream::from(connect_as(user, SockType::Stream, &front)))
}

/// A Unix socket at `path` that leads to the service's, as `user`: for clients that are
/// part of a test, and so root's.
///
/// # Panics
/// When it cannot be made.
pub fn as_user(site: &Site, user: User, path: &Path) -> PathBuf {
    let (front, listener) = (site.front(), UnixListener::bind(path).expect("a free path"));
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let server = UnixStream::from(connect_as(user, SockType::Stream, &front));
            both_ways(client, server);
        }
    });
    path.to_owned()
}

fn both_ways(client: impl Stream, server: impl Stream) {
    copy(client.duplicate(), server.duplicate());
    copy(server, client);
}

fn copy(mut from: impl Stream, mut to: impl Stream) {
    thread::spawn(move || {
        drop(io::copy(&mut from, &mut to));
        to.close();
    });
}
