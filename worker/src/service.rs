//! The service manager's side of the first process: the socket that it hands over,
//! sd_listen_fds(3), and the signs of life that it waits for.
//!
//! Nothing of this reaches a lane or a command: descriptors are close-on-exec, lanes
//! drop theirs, and the environment of commands is built, not inherited.

use crate::sys;
use nix::errno::Errno;
use nix::unistd::Pid;
use std::env;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use thiserror::Error;
use wire::systemd::ManagerError;

/// A service manager that cannot be worked with.
#[derive(Debug, Error)]
pub(crate) enum ServiceError {
    /// There is an address, and nobody to be told.
    #[error(transparent)]
    Notify(#[from] ManagerError),
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
    manager: wire::systemd::Manager,
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
        let manager = wire::systemd::Manager::find()?;
        let due = Instant::now();
        let watchdog = manager.interval();
        let watchdog = watchdog.map(|interval| Watchdog { interval, due });
        Ok(Self { manager, watchdog })
    }

    /// Gives a sign of life when one is due and `works` says so; call it in each turn of
    /// the main loop.
    pub(crate) fn feed(&mut self, works: impl FnOnce() -> bool) {
        let now = Instant::now();
        if let Some(watchdog) = &mut self.watchdog
            && watchdog.due <= now
        {
            watchdog.due = now + watchdog.interval;
            if works() {
                self.manager.alive();
            }
        }
    }

    /// When the next sign of life is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(|watchdog| watchdog.due)
    }
}

impl Deref for Manager {
    type Target = wire::systemd::Manager;

    fn deref(&self) -> &Self::Target {
        &self.manager
    }
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

    /// Asked once when it is due, and not again before the next time.
    #[test]
    fn a_sign_of_life_depends_on_what_works_when_it_is_due() {
        let interval = Duration::from_secs(3600);
        let mut manager = Manager {
            manager: wire::systemd::Manager::default(),
            watchdog: Some(Watchdog {
                interval,
                due: Instant::now(),
            }),
        };
        let mut asked = 0;
        for _ in 0..3 {
            manager.feed(|| {
                asked += 1;
                false
            });
        }
        assert_eq!(asked, 1, "the next is due later");
        assert!(manager.due() > Some(Instant::now() + interval / 2));
    }
}
