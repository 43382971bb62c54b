//! The service manager's side of the first process: the socket that it hands over,
//! sd_listen_fds(3), and what it is told in return, sd_notify(3).
//!
//! Nothing of this reaches a lane or a command: descriptors are close-on-exec, lanes
//! drop theirs, and the environment of commands is built, not inherited.

use crate::sys;
use nix::errno::Errno;
use nix::unistd::Pid;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};
use thiserror::Error;

/// A service manager that cannot be worked with.
#[derive(Debug, Error)]
pub(crate) enum ServiceError {
    /// There is an address, and nobody to be told.
    #[error("cannot reach the service manager at NOTIFY_SOCKET")]
    Notify(#[source] io::Error),
    /// The worker has one door.
    #[error(
        "cannot take over {0} sockets of the service manager: the worker has one\nhint: leave one ListenSequentialPacket= in the socket unit"
    )]
    Sockets(String),
    /// What was handed over is no descriptor.
    #[error("cannot take over the socket of the service manager")]
    Descriptor(#[from] Errno),
}

/// Who started this process and watches it, if somebody does.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    socket: Option<UnixDatagram>,
    watchdog: Option<Watchdog>,
}

/// How often a sign of life is due.
#[derive(Debug)]
struct Watchdog {
    interval: Duration,
    due: Instant,
}

impl Manager {
    /// The manager that the environment names, if it does.
    pub(crate) fn find() -> Result<Self, ServiceError> {
        let Some(address) = env::var_os("NOTIFY_SOCKET").filter(|value| !value.is_empty()) else {
            return Ok(Self::default());
        };
        let socket = connected(&address).map_err(ServiceError::Notify)?;
        Ok(Self {
            socket: Some(socket),
            watchdog: interval().map(|interval| Watchdog {
                interval,
                due: Instant::now(),
            }),
        })
    }

    /// Tells that connections are taken from now on, and how things are.
    pub(crate) fn ready(&self, status: &str) -> Result<(), ServiceError> {
        self.send(&format!("READY=1\nSTATUS={}", line(status)))
            .map_err(ServiceError::Notify)
    }

    /// Tells how things are.
    pub(crate) fn status(&self, status: &str) {
        // The log has it too, and a manager that is gone watches nobody.
        let _untold = self.send(&format!("STATUS={}", line(status)));
    }

    /// Tells that the end has begun.
    pub(crate) fn stopping(&self) {
        let _untold = self.send("STOPPING=1");
    }

    /// Gives a sign of life when one is due; call it in each turn of the main loop.
    pub(crate) fn feed(&mut self) {
        let now = Instant::now();
        if let Some(watchdog) = &mut self.watchdog
            && watchdog.due <= now
        {
            watchdog.due = now + watchdog.interval;
            // One that is lost is followed by another in time.
            let _lost = self.send("WATCHDOG=1");
        }
    }

    /// When the next sign of life is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(|watchdog| watchdog.due)
    }

    fn send(&self, state: &str) -> io::Result<()> {
        match &self.socket {
            Some(socket) => socket.send(state.as_bytes()).map(drop),
            None => Ok(()),
        }
    }
}

/// A path, or an abstract name that begins with `@`. Without waiting: a manager that
/// does not read must not stop the worker.
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

/// A third of the time after which this process counts as stuck,
/// sd_watchdog_enabled(3).
fn interval() -> Option<Duration> {
    let mine = env::var("WATCHDOG_PID").is_ok_and(|pid| pid == Pid::this().to_string());
    let micros: u64 = env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    (mine && micros > 0).then(|| Duration::from_micros(micros.div_ceil(3)))
}

/// The first line: what follows would be another variable.
fn line(status: &str) -> &str {
    status.lines().next().unwrap_or_default()
}

/// The listening socket that was handed over to this very process, if one was.
/// Call it once.
pub(crate) fn handed_over() -> Result<Option<OwnedFd>, ServiceError> {
    let mine = env::var("LISTEN_PID").is_ok_and(|pid| pid == Pid::this().to_string());
    match env::var("LISTEN_FDS") {
        Ok(count) if mine && count == "1" => Ok(Some(sys::handed_over()?)),
        Ok(count) if mine && count != "0" => Err(ServiceError::Sockets(count)),
        Ok(_) | Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(line("fine\nREADY=0"), "fine");
        assert_eq!(line(""), "");
    }

    #[test]
    fn a_manager_is_told_by_path_and_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let name = format!("mini-mcp-test-{}", Pid::this());
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        let servers = [
            (path.clone().into_os_string(), UnixDatagram::bind(&path)),
            (
                format!("@{name}").into(),
                UnixDatagram::bind_addr(&abstract_name),
            ),
        ];
        for (address, server) in servers {
            let server = server.unwrap();
            let manager = Manager {
                socket: Some(connected(&address).unwrap()),
                watchdog: None,
            };
            manager.ready("well\nbad").unwrap();
            let mut buffer = [0; 64];
            let length = server.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1\nSTATUS=well");
        }
    }

    #[test]
    fn a_sign_of_life_is_given_when_it_is_due() {
        let (socket, server) = UnixDatagram::pair().unwrap();
        server.set_nonblocking(true).unwrap();
        let mut manager = Manager {
            socket: Some(socket),
            watchdog: Some(Watchdog {
                interval: Duration::from_secs(3600),
                due: Instant::now(),
            }),
        };
        manager.feed();
        manager.feed();
        let mut buffer = [0; 64];
        assert_eq!(server.recv(&mut buffer).unwrap(), b"WATCHDOG=1".len());
        assert!(server.recv(&mut buffer).is_err(), "the next is due later");
    }
}
