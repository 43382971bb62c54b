//! Signed lines on their way to the disk.
//!
//! A forked process waits for it, one at a time, so that no call does. Of what is signed
//! meanwhile the newest copy is kept until that one has ended. Where the trail must not go
//! on before all is on the disk, as when its file is turned, the first process waits.

use super::place::{HeadCopy, head};
use super::{AuditError, Log};
use crate::explain::explain;
use crate::sys::{self, Ended, Fork};
use crate::worker::say;
use nix::unistd::{Pid, alarm};
use std::io;
use std::time::{Duration, Instant};

/// How long one may wait for the disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is not on the disk yet, as far as it is signed. Lanes have a copy, which is of no
/// use to them: the process is no child of theirs.
#[derive(Debug, Default)]
pub(super) struct Underway {
    /// The process that waits, and since when.
    process: Option<(Pid, Instant)>,
    /// What was signed since, the newest of it.
    next: Option<HeadCopy>,
}

impl Log {
    /// The process that waits for the disk. It is no leftover of a lane.
    pub(crate) fn process(&self) -> Option<Pid> {
        self.underway.process.map(|(pid, _)| pid)
    }

    /// Notes which children of the first process have ended.
    ///
    /// # Errors
    /// What the one met that has waited for the disk.
    pub(crate) fn ended(&mut self, reaped: &[(Pid, Ended)]) -> Result<(), AuditError> {
        let own = self.process();
        let Some((_, ended)) = reaped.iter().find(|(pid, _)| Some(*pid) == own) else {
            return Ok(());
        };
        self.underway.process = None;
        let put = self.told(outcome(ended.status));
        match self.underway.next.take() {
            Some(copy) => put.and(self.put_apart(copy)),
            None => put,
        }
    }

    /// Waits until all that is signed is on the disk. What fails is said.
    pub(super) fn settle(&mut self) {
        if let Some((pid, _)) = self.underway.process.take() {
            say_failed(self.told(await_end(pid)));
        }
        if let Some(copy) = self.underway.next.take() {
            say_failed(self.put(&copy));
        }
    }

    /// Has `copy` put on the disk after all before it, now or when the process has ended
    /// that waits for the disk already.
    pub(super) fn put_apart(&mut self, copy: HeadCopy) -> Result<(), AuditError> {
        let late = |(_, since): (Pid, Instant)| since.elapsed() > PATIENCE;
        if self.underway.process.is_some_and(late) {
            // No signal ends it. What the disk has not taken must not grow for ever.
            self.settle();
        }
        if self.underway.process.is_some() {
            self.underway.next = Some(copy);
            return Ok(());
        }
        match sys::fork(0, None) {
            Ok(Fork::Child) => self.put_and_exit(&copy),
            Ok(Fork::Parent(process)) => {
                self.underway.process = Some((process.pid, Instant::now()));
                Ok(())
            }
            // No process is to be had: nothing better is left.
            Err(_) => self.put(&copy),
        }
    }

    /// Waits until the disk has all lines, and then `copy`.
    pub(super) fn put(&self, copy: &HeadCopy) -> Result<(), AuditError> {
        let put = self.file.sync().and_then(|()| copy.keep());
        self.told(put)
    }

    /// The same in a process of its own, whose exit status is the error's number. It may
    /// outlive the first process, and then keeps the lock until it ends, which a new worker
    /// waits for. The end of a lane or a client is seen by the end of its socket, so none
    /// is kept open here.
    fn put_and_exit(&self, copy: &HeadCopy) -> ! {
        alarm::set(u32::try_from(PATIENCE.as_secs()).unwrap_or(u32::MAX));
        let alone = self.file.keep_alone();
        let put = alone
            .and_then(|()| self.file.sync())
            .and_then(|()| copy.keep());
        sys::exit(match put {
            Ok(()) => 0,
            Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
        })
    }

    fn told(&self, put: io::Result<()>) -> Result<(), AuditError> {
        put.map_err(|error| AuditError::Write(head(self.file.path()), error))
    }
}

fn await_end(pid: Pid) -> io::Result<()> {
    match sys::wait(Some(pid))? {
        Some((_, ended)) => outcome(ended.status),
        None => Ok(()),
    }
}

/// What a process met that has ended with the wait status `status`.
fn outcome(status: i32) -> io::Result<()> {
    if !libc::WIFEXITED(status) {
        let killed =
            format!("the process that waited for the disk was lost (wait status {status})");
        return Err(io::Error::other(killed));
    }
    match libc::WEXITSTATUS(status) {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

fn say_failed(put: Result<(), AuditError>) {
    if let Err(error) = put {
        say(&explain(&error));
    }
}
