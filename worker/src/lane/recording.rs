//! The output of a command on its way to the supervisor, recorded as it passes.
//!
//! The command gets pipes of the lane's own. What comes out of them is written to the
//! files of the run and digested, and only then handed on: the supervisor has no byte
//! that is not recorded, and cannot tell others. Nothing here looks at the bytes.

use super::HangUp;
use crate::audit::{Recorded, RecordedStream};
use crate::launcher::Streams;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::pipe2;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};
use wire::Blocked;

/// Bytes that are carried at once: what a pipe holds.
const CARRIED: usize = 64 * 1024;

/// Most reads of what a command has left in a pipe: more than the largest pipe holds.
const LEFT_MAX: usize = 64;

/// How long the supervisor may take for the last output.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Pipes between a command and the supervisor.
#[derive(Debug)]
pub(super) struct Passage {
    /// What the command prints.
    from: [File; 2],
    /// Where the supervisor reads it.
    to: [File; 2],
}

impl Passage {
    /// Between the pipes of `supervisor` and what is returned for the command.
    pub(super) fn dig(supervisor: &Streams) -> Result<(Self, Streams), Errno> {
        let to = [own(&supervisor.stdout)?, own(&supervisor.stderr)?];
        let ((stdout, out_end), (stderr, err_end)) = (pipe()?, pipe()?);
        let command = Streams {
            stdin: None,
            stdout: out_end,
            stderr: err_end,
        };
        let from = [stdout, stderr];
        Ok((Self { from, to }, command))
    }

    /// Records what passes in `files`, at most `max` bytes.
    pub(super) fn recorded(self, files: Vec<OwnedFd>, max: u64) -> Result<Recording, HangUp> {
        let files = <[OwnedFd; 2]>::try_from(files).map_err(|_| HangUp::Records)?;
        let [out, err] = files.map(File::from);
        let ([out_from, err_from], [out_to, err_to]) = (self.from, self.to);
        Ok(Recording {
            streams: [
                Stream::new(out_from, out_to, out),
                Stream::new(err_from, err_to, err),
            ],
            room: max,
            broken: None,
            buffer: vec![0; CARRIED],
        })
    }
}

/// Opens the other process's pipe once more: it cannot take away from this one that
/// writing never waits, and with it the deadline of its command.
fn own(pipe: &OwnedFd) -> Result<File, Errno> {
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    open(path.as_str(), flags, Mode::empty()).map(File::from)
}

/// The command may open its output by name (`/dev/stderr`), as another user.
fn pipe() -> Result<(File, OwnedFd), Errno> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    fchmod(&writer, Mode::from_bits_truncate(0o622))?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((reader.into(), writer))
}

/// Why the rest is not recorded.
#[derive(Debug)]
enum Broken {
    /// There is more than one run may print.
    TooMuch,
    /// The files cannot be written.
    Write(io::Error),
}

/// A recording that goes on.
#[derive(Debug)]
pub(super) struct Recording {
    streams: [Stream; 2],
    /// Bytes that may yet be recorded.
    room: u64,
    broken: Option<Broken>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Stream {
    /// `None` at its end.
    from: Option<File>,
    /// `None` when nobody reads it any more.
    to: Option<File>,
    file: File,
    sha256: Sha256,
    bytes: u64,
    /// What is recorded and not yet handed on.
    pending: Vec<u8>,
}

impl Recording {
    /// What to wait for before [`Self::carry`] can do anything.
    pub(super) fn events(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.streams.iter().filter_map(Stream::event)
    }

    /// Carries what can be carried without waiting; whether all of it is recorded.
    pub(super) fn carry(&mut self) -> bool {
        for stream in &mut self.streams {
            stream.hand_on();
            if stream.pending.is_empty() && self.broken.is_none() {
                let taken = stream.take(&mut self.buffer, &mut self.room);
                self.broken = taken.err();
                stream.hand_on();
            }
        }
        self.broken.is_none()
    }

    /// Records all that is there, so that what writes it need not wait for the reader.
    pub(super) fn catch_up(&mut self) {
        for stream in &mut self.streams {
            for _ in 0..LEFT_MAX {
                if self.broken.is_some() {
                    return;
                }
                match stream.take(&mut self.buffer, &mut self.room) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(broken) => self.broken = Some(broken),
                }
            }
        }
    }

    /// Records what the command has left, which has ended, and hands on what the
    /// supervisor takes of it. What stopped the command, if its output did.
    pub(super) fn finish(mut self) -> (Recorded, Option<Blocked>) {
        self.catch_up();
        let patience = Instant::now() + LAST_OUTPUT;
        let is_left = |stream: &Stream| stream.to.is_some() && !stream.pending.is_empty();
        while self.streams.iter().any(is_left) && Instant::now() < patience {
            for stream in &mut self.streams {
                stream.from = None;
            }
            let mut events: Vec<PollFd<'_>> = self.events().collect();
            let _whatever_is_ready = poll(&mut events, until(patience));
            drop(events);
            self.streams.iter_mut().for_each(Stream::hand_on);
        }
        for stream in &self.streams {
            // On the disk before the trail names it.
            if let Err(error) = stream.file.sync_data() {
                self.broken.get_or_insert(Broken::Write(error));
            }
        }
        let blocked = self.broken.as_ref().map(|broken| match broken {
            Broken::TooMuch => Blocked::RecordMax,
            Broken::Write(_) => Blocked::Record,
        });
        let failure = self.broken.as_ref().map(|broken| match broken {
            Broken::TooMuch => "cannot record more of one run than --record-max".to_owned(),
            Broken::Write(error) => format!("cannot record output: {error}"),
        });
        let [stdout, stderr] = self.streams.map(Stream::digest);
        let recorded = Recorded {
            stdout,
            stderr,
            failure,
        };
        (recorded, blocked)
    }
}

impl Stream {
    fn new(from: File, to: File, file: File) -> Self {
        Self {
            from: Some(from),
            to: Some(to),
            file,
            sha256: Sha256::new(),
            bytes: 0,
            pending: Vec::new(),
        }
    }

    fn event(&self) -> Option<PollFd<'_>> {
        match (&self.to, &self.from) {
            (Some(to), _) if !self.pending.is_empty() => {
                Some(PollFd::new(to.as_fd(), PollFlags::POLLOUT))
            }
            (_, Some(from)) => Some(PollFd::new(from.as_fd(), PollFlags::POLLIN)),
            (_, None) => None,
        }
    }

    /// Takes what the command has printed, as far as it is there, and records it.
    fn take(&mut self, buffer: &mut [u8], room: &mut u64) -> Result<usize, Broken> {
        let Some(from) = &mut self.from else {
            return Ok(0);
        };
        let read = match from.read(buffer) {
            Ok(0) => {
                self.from = None;
                return Ok(0);
            }
            Err(error) if is_passing(&error) => return Ok(0),
            result => result.map_err(Broken::Write)?,
        };
        let fits = usize::try_from(*room).unwrap_or(usize::MAX).min(read);
        let fitting = buffer.get(..fits).unwrap_or_default();
        let written = self.record(fitting);
        *room -= fits as u64;
        written.map_err(Broken::Write)?;
        match fits == read {
            true => Ok(read),
            false => Err(Broken::TooMuch),
        }
    }

    /// What is written in part counts in part.
    fn record(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = match self.file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            };
            let (done, rest) = bytes.split_at(written.min(bytes.len()));
            self.sha256.update(done);
            self.bytes += done.len() as u64;
            self.pending.extend_from_slice(done);
            bytes = rest;
        }
        Ok(())
    }

    /// Hands on what the supervisor takes now. When it reads no more, the command is
    /// told as it would be by a pipe to it.
    fn hand_on(&mut self) {
        while let (Some(to), false) = (&mut self.to, self.pending.is_empty()) {
            match to.write(&self.pending) {
                Ok(written) => drop(self.pending.drain(..written)),
                Err(error) if is_passing(&error) => return,
                Err(_) => (self.to, self.from) = (None, None),
            }
        }
        if self.to.is_none() {
            self.pending.clear();
        }
    }

    fn digest(self) -> RecordedStream {
        RecordedStream {
            sha256: self.sha256.finalize().into(),
            bytes: self.bytes,
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn until(moment: Instant) -> PollTimeout {
    let left = moment.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}
