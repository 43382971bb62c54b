//! Pipes for the output of a command, made before anybody waits for them.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{pipe2, read};
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tokio::net::unix::pipe::Receiver;

/// What a pipe holds that nobody has enlarged, in bytes.
const PIPE_SIZE: usize = 64 * 1024;

thread_local! {
    /// Room for what lies in a pipe. All share it, since none keeps anything there.
    static ROOM: RefCell<Box<[u8]>> = RefCell::new(vec![0; PIPE_SIZE].into());
}

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
    pub(crate) fn into_readers(self) -> (Reader, Reader) {
        (Reader(self.stdout.reader), Reader(self.stderr.reader))
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
}

/// The end of a pipe to read. Nobody watches it yet: most commands end within a moment and
/// print less than a pipe holds, and what they have printed is taken at their end.
#[derive(Debug)]
pub(crate) struct Reader(OwnedFd);

/// What lies in a pipe.
pub(crate) enum Left {
    /// These bytes, and nothing will come after them.
    All(Vec<u8>),
    /// Somebody holds the end to write, so more may come.
    Open(Reader),
}

impl Reader {
    /// The same end, watched from now on.
    ///
    /// # Errors
    /// A descriptor that cannot be watched.
    pub(crate) fn watch(self) -> io::Result<Receiver> {
        // Of the end to read alone; a command would not expect it of its own.
        fcntl(&self.0, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // What it could check is known.
        Receiver::from_owned_fd_unchecked(self.0)
    }

    /// Takes what a command has left that has ended. Does not wait.
    ///
    /// # Errors
    /// The kernel's, of which there is none that a pipe should have.
    pub(crate) fn left(self) -> io::Result<Left> {
        let mut asked = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut asked, PollTimeout::ZERO)?;
        let [found] = asked.map(|one| one.revents().unwrap_or(PollFlags::empty()));
        if !found.contains(PollFlags::POLLHUP) {
            return Ok(Left::Open(self));
        }
        let mut bytes = Vec::new();
        if found.contains(PollFlags::POLLIN) {
            self.empty(&mut bytes)?;
        }
        Ok(Left::All(bytes))
    }

    /// Reads to the end, which is not waited for: nobody writes any more.
    fn empty(&self, bytes: &mut Vec<u8>) -> io::Result<()> {
        ROOM.with_borrow_mut(|room| {
            loop {
                let length = match read(&self.0, room) {
                    Err(Errno::EINTR) => continue,
                    length => length?,
                };
                bytes.extend_from_slice(room.get(..length).unwrap_or_default());
                // What does not fill the room is the rest.
                if length < room.len() {
                    return Ok(());
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;
    use tokio::io::AsyncReadExt;

    fn open() -> ([File; 2], (Reader, Reader)) {
        let pipes = Pipes::new().unwrap();
        let ends = pipes.writers().map(|end| end.try_clone_to_owned().unwrap());
        (ends.map(File::from), pipes.into_readers())
    }

    #[tokio::test]
    async fn what_is_written_is_read_to_the_end() {
        let ([mut out, mut err], (stdout, stderr)) = open();
        let (mut stdout, mut stderr) = (stdout.watch().unwrap(), stderr.watch().unwrap());
        out.write_all(b"out").unwrap();
        err.write_all(b"err").unwrap();
        drop((out, err));
        let (mut first, mut second) = (String::new(), String::new());
        stdout.read_to_string(&mut first).await.unwrap();
        stderr.read_to_string(&mut second).await.unwrap();
        assert_eq!([first, second], ["out", "err"]);
    }

    #[test]
    fn what_is_left_is_taken_whole() {
        for length in [0, 1, PIPE_SIZE - 1, PIPE_SIZE] {
            let ([mut out, _err], (stdout, _)) = open();
            out.write_all(&vec![b'x'; length]).unwrap();
            drop(out);
            let Ok(Left::All(bytes)) = stdout.left() else {
                panic!("nobody writes any more");
            };
            assert_eq!(bytes, vec![b'x'; length]);
        }
    }

    #[tokio::test]
    async fn nothing_is_taken_of_what_somebody_may_write_to() {
        let ([mut out, _err], (stdout, _)) = open();
        out.write_all(b"x").unwrap();
        let Ok(Left::Open(stdout)) = stdout.left() else {
            panic!("it is open");
        };
        out.write_all(b"y").unwrap();
        drop(out);
        let mut all = String::new();
        let mut stdout = stdout.watch().unwrap();
        stdout.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "xy");
    }
}
