//! `mini-mcp connect`: bytes between stdio and the service's socket.
//!
//! Three threads, since each of three things may block: input, output, and the
//! wait for the client to vanish. Without the third, a client that dies while a
//! command runs silently would go unnoticed, and its command on.

use crate::cli::Connect;
use crate::error::Error;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const CHUNK: usize = 64 * 1024;

/// Passes bytes until the service has closed the connection.
pub(crate) fn connect(options: &Connect) -> Result<(), Error> {
    let socket = attach(&options.socket)?;
    let (input, output) = streams().map_err(Error::Bridge)?;
    let watched = output.try_clone().map_err(Error::Bridge)?;
    // Whether something is left unanswered if no answer ever comes.
    let expecting = Arc::new(AtomicBool::new(true));
    watch(watched, socket.try_clone().map_err(Error::Bridge)?);
    send(
        input,
        socket.try_clone().map_err(Error::Bridge)?,
        Arc::clone(&expecting),
    );
    let received = pass(Patient(&socket), &output);
    match received {
        Ok(0) if expecting.load(Ordering::Relaxed) => Err(Error::Refused {
            path: options.socket.clone(),
        }),
        Ok(_) => Ok(()),
        // The client has gone, which ends the connection too.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Error::Bridge(error)),
    }
}

/// A connection to the service whose socket is at `path`.
pub(crate) fn attach(path: &Path) -> Result<UnixStream, Error> {
    UnixStream::connect(path).map_err(|source| Error::Connect {
        path: path.to_owned(),
        source,
    })
}

/// Standard input and output without the buffers of the standard library.
fn streams() -> io::Result<(File, File)> {
    let plain = |descriptor: io::Result<OwnedFd>| descriptor.map(File::from);
    let input = plain(io::stdin().as_fd().try_clone_to_owned())?;
    let output = plain(io::stdout().as_fd().try_clone_to_owned())?;
    Ok((input, output))
}

/// Passes input on; its end is passed on as a half-close, after which the
/// answers still come.
fn send(input: File, socket: UnixStream, expecting: Arc<AtomicBool>) {
    thread::spawn(move || {
        let sent = pass(&input, &socket);
        if matches!(sent, Ok(0)) {
            expecting.store(false, Ordering::Relaxed);
        }
        // Fails only when the service has closed the connection.
        let _ = socket.shutdown(Shutdown::Write);
    });
}

/// Closes the connection when nobody reads the output any more: the kernel then
/// reports an error on a pipe and a hang-up on a socket, unasked; see poll(2).
fn watch(output: File, socket: UnixStream) {
    thread::spawn(move || {
        loop {
            let mut watched = [PollFd::new(output.as_fd(), PollFlags::empty())];
            match poll(&mut watched, PollTimeout::NONE) {
                Ok(_) => break,
                Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return,
            }
        }
        let _ = socket.shutdown(Shutdown::Both);
    });
}

/// Reads a socket when there is something. Who is blocked in read(2) instead is woken by the
/// kernel also when the other end has read what was said, with each request for nothing.
struct Patient<'a>(&'a UnixStream);

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        poll(
            &mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)],
            PollTimeout::NONE,
        )?;
        self.0.read(buffer)
    }
}

/// Copies until the end of `from`; how many bytes came.
fn pass(mut from: impl Read, mut to: impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // The service closed with bytes of ours unread.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(total),
            Err(error) => return Err(error),
        };
        to.write_all(buffer.get(..length).unwrap_or_default())?;
        total += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pass_as_they_are() {
        let input: Vec<u8> = (0..=255).cycle().take(200_000).collect();
        let mut output = Vec::new();
        let passed = pass(input.as_slice(), &mut output).unwrap();
        assert_eq!(passed, 200_000);
        assert_eq!(output, input);
    }
}
