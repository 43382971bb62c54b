//! What both processes say to systemd, each of itself: nothing here passes between them.
//!
//! Everything is connected once, before the process confines itself.

mod journal;
mod notify;

pub use journal::{Journal, Record, Severity};
pub use notify::{Manager, ManagerError};

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// A datagram socket to a path, or to an abstract name that begins with `@`.
fn connected(address: &OsStr) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    Ok(socket)
}
