//! Pipes for the output of a command, made before anybody waits for them.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::pipe2;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tokio::net::unix::pipe::Receiver;

/// Two pipes that nothing has gone through: for standard output and standard error.
#[derive(Debug)]
pub(crate) struct Pipes {
    stdout: Pipe,
    stderr: Pipe,
}

#[derive(Debug)]
struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Pipes {
    /// New ones.
    ///
    /// # Errors
    /// Too few descriptors.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            stdout: Pipe::new()?,
            stderr: Pipe::new()?,
        })
    }

    /// The ends that the command writes to.
    pub(crate) fn writers(&self) -> [BorrowedFd<'_>; 2] {
        [self.stdout.writer.as_fd(), self.stderr.writer.as_fd()]
    }

    /// The ends to read, when the others are passed on: those end here.
    ///
    /// # Errors
    /// A descriptor that cannot be watched.
    pub(crate) fn into_readers(self) -> io::Result<(Receiver, Receiver)> {
        Ok((self.stdout.into_reader()?, self.stderr.into_reader()?))
    }
}

impl Pipe {
    /// The command runs as another user, and may open its output by name
    /// (`/dev/stderr`), which needs permission to write.
    fn new() -> io::Result<Self> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
        fchmod(&writer, Mode::from_bits_truncate(0o622))?;
        Ok(Self { reader, writer })
    }

    fn into_reader(self) -> io::Result<Receiver> {
        drop(self.writer);
        // Of the end to read alone; a command would not expect it of its own.
        fcntl(&self.reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // What it could check is known.
        Receiver::from_owned_fd_unchecked(self.reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn what_is_written_is_read_to_the_end() {
        let pipes = Pipes::new().unwrap();
        let [out, err] = pipes.writers().map(|end| end.try_clone_to_owned().unwrap());
        let (mut stdout, mut stderr) = pipes.into_readers().unwrap();
        File::from(out).write_all(b"out").unwrap();
        File::from(err).write_all(b"err").unwrap();
        let (mut first, mut second) = (String::new(), String::new());
        stdout.read_to_string(&mut first).await.unwrap();
        stderr.read_to_string(&mut second).await.unwrap();
        assert_eq!([first, second], ["out", "err"]);
    }
}
