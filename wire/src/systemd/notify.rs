//! The service manager: what it is told, sd_notify(3), and the signs of life that it
//! waits for, sd_watchdog_enabled(3).

use super::connected;
use std::env;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::process;
use std::time::Duration;
use thiserror::Error;

/// There is an address, and nobody to be told.
#[derive(Debug, Error)]
#[error("cannot reach the service manager at NOTIFY_SOCKET")]
pub struct ManagerError(#[from] io::Error);

/// Who started this process and watches it, if somebody does.
#[derive(Debug, Default)]
pub struct Manager {
    socket: Option<UnixDatagram>,
    interval: Option<Duration>,
}

impl Manager {
    /// The manager that the environment names, if it does.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn find() -> Result<Self, ManagerError> {
        let Some(address) = env::var_os("NOTIFY_SOCKET").filter(|value| !value.is_empty()) else {
            return Ok(Self::default());
        };
        Ok(Self::reached(connected(&address)?, interval())?)
    }

    /// A manager at the other end of `socket`, to be told of life every `interval`.
    ///
    /// # Errors
    /// A socket that cannot be made one that waits for nobody: a manager that does not
    /// read must not stop a service.
    fn reached(socket: UnixDatagram, interval: Option<Duration>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: Some(socket),
            interval,
        })
    }

    /// Tells that the service is there from now on, and how things are.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn ready(&self, status: &str) -> Result<(), ManagerError> {
        Ok(self.send(&format!("READY=1\nSTATUS={}", line(status)))?)
    }

    /// Tells how things are.
    pub fn status(&self, status: &str) {
        // The log has it too, and a manager that is gone watches nobody.
        let _untold = self.send(&format!("STATUS={}", line(status)));
    }

    /// Tells that the end has begun.
    pub fn stopping(&self) {
        let _untold = self.send("STOPPING=1");
    }

    /// Gives a sign of life.
    pub fn alive(&self) {
        // One that is lost is followed by another in time.
        let _lost = self.send("WATCHDOG=1");
    }

    /// How often a sign of life is due: a third of the time after which this process
    /// counts as stuck. `None` when nobody waits for one.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.interval
    }

    fn send(&self, state: &str) -> io::Result<()> {
        match &self.socket {
            Some(socket) => socket.send(state.as_bytes()).map(drop),
            None => Ok(()),
        }
    }
}

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
    #![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

    use super::*;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(line("fine\nREADY=0"), "fine");
        assert_eq!(line(""), "");
    }

    #[test]
    fn a_manager_is_told_by_path_and_by_name() {
        let name = format!("mini-mcp-test-{}", process::id());
        let path = env::temp_dir().join(&name);
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        assert!(connected(path.as_os_str()).is_err(), "nobody is there yet");
        let servers = [
            (path.clone().into_os_string(), UnixDatagram::bind(&path)),
            (
                format!("@{name}").into(),
                UnixDatagram::bind_addr(&abstract_name),
            ),
        ];
        for (address, server) in servers {
            let server = server.unwrap();
            let manager = Manager::reached(connected(&address).unwrap(), None).unwrap();
            manager.ready("well\nWATCHDOG=trigger").unwrap();
            manager.alive();
            let mut buffer = [0; 64];
            for expected in ["READY=1\nSTATUS=well", "WATCHDOG=1"] {
                let length = server.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..length], expected.as_bytes());
            }
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn without_a_manager_nothing_is_said() {
        let nobody = Manager::default();
        nobody.ready("well").unwrap();
        nobody.alive();
        assert_eq!(nobody.interval(), None);
    }
}
