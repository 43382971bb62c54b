//! The service manager's side of the supervisor: what it is told, sd_notify(3), and
//! the signs of life that it waits for, sd_watchdog_enabled(3).
//!
//! The socket is connected before the process confines itself; nothing is opened
//! later.

use crate::error::Error;
use std::convert::Infallible;
use std::env;
use std::ffi::OsStr;
use std::future::pending;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

/// Who started this process and watches it, if somebody does.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    socket: Option<UnixDatagram>,
    /// How often a sign of life is due.
    interval: Option<Duration>,
}

impl Manager {
    /// The manager that the environment names, if it does.
    ///
    /// # Errors
    /// [`Error::Notify`] when nobody answers there.
    pub(crate) fn find() -> Result<Self, Error> {
        let Some(address) = env::var_os("NOTIFY_SOCKET").filter(|value| !value.is_empty()) else {
            return Ok(Self::default());
        };
        Ok(Self {
            socket: Some(connected(&address).map_err(Error::Notify)?),
            interval: interval(),
        })
    }

    /// Tells that clients are served from now on.
    ///
    /// # Errors
    /// [`Error::Notify`] when it cannot be told.
    pub(crate) fn ready(&self, status: &str) -> Result<(), Error> {
        self.send(&format!("READY=1\nSTATUS={}", line(status)))
            .map_err(Error::Notify)
    }

    /// Tells how things are.
    pub(crate) fn status(&self, status: &str) {
        // The log has it too, and a manager that is gone watches nobody.
        let _ = self.send(&format!("STATUS={}", line(status)));
    }

    /// Tells that the end has begun.
    pub(crate) fn stopping(&self) {
        let _ = self.send("STOPPING=1");
    }

    /// Gives signs of life for as long as it is polled, which is as long as the one
    /// thread turns.
    pub(crate) async fn feed(&self) -> Infallible {
        let Some(interval) = self.interval else {
            return pending().await;
        };
        let mut turns = tokio::time::interval(interval);
        loop {
            turns.tick().await;
            // One that is lost is followed by another in time.
            let _ = self.send("WATCHDOG=1");
        }
    }

    fn send(&self, state: &str) -> io::Result<()> {
        match &self.socket {
            Some(socket) => socket.send(state.as_bytes()).map(drop),
            None => Ok(()),
        }
    }
}

/// A path, or an abstract name that begins with `@`. Without waiting: a manager that
/// does not read must not stop the supervisor.
fn connected(address: &OsStr) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A third of the time after which this process counts as stuck.
fn interval() -> Option<Duration> {
    let mine = env::var("WATCHDOG_PID").is_ok_and(|pid| pid == process::id().to_string());
    let micros: u64 = env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    (mine && micros > 0).then(|| Duration::from_micros(micros.div_ceil(3)))
}

/// The first line: what follows would be another variable.
fn line(status: &str) -> &str {
    status.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn signs_of_life_are_given_again_and_again() {
        let (socket, server) = UnixDatagram::pair().unwrap();
        server.set_nonblocking(true).unwrap();
        let server = tokio::net::UnixDatagram::from_std(server).unwrap();
        let manager = Manager {
            socket: Some(socket),
            interval: Some(Duration::from_millis(1)),
        };
        let mut buffer = [0; 64];
        for _ in 0..3 {
            tokio::select! {
                never = manager.feed() => match never {},
                length = server.recv(&mut buffer) => {
                    assert_eq!(&buffer[..length.unwrap()], b"WATCHDOG=1");
                }
            }
        }
    }

    #[test]
    fn a_status_is_one_line_of_a_manager_that_must_be_there() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("notify");
        assert!(connected(path.as_os_str()).is_err());
        let server = UnixDatagram::bind(&path).unwrap();
        let manager = Manager {
            socket: Some(connected(path.as_os_str()).unwrap()),
            interval: None,
        };
        manager.ready("well\nWATCHDOG=trigger").unwrap();
        let mut buffer = [0; 64];
        let length = server.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1\nSTATUS=well");
    }
}
