//! A stream that comes without a pause.
//!
//! A thread reads, digests and keeps it, until the command pauses. Others are served
//! meanwhile, and the task that waits for the command is not woken by each write.

use super::reading::Sink;
use crate::output::Capture;
use crate::runs::Stream;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Size of a piece, in bytes: what an enlarged pipe holds.
pub(super) const PIECE: usize = 256 * 1024;

/// How long it is read at a time: so long whoever gives up has to wait.
const TURN: Duration = Duration::from_millis(200);

/// How long a command may pause, in milliseconds, and take for one piece: what comes
/// slower is no flood, and somebody may be waiting to see it.
const PAUSE: u8 = 1;
const PATIENCE: Duration = Duration::from_millis(10);

/// Most floods at once, so that threads are left for names and files.
const AT_ONCE: usize = 4;

static FLOODS: Semaphore = Semaphore::const_new(AT_ONCE);

/// Whether one more may be read so, for as long as the answer is kept.
pub(super) fn place() -> Option<SemaphorePermit<'static>> {
    FLOODS.try_acquire().ok()
}

/// One stream, on loan from who reads it otherwise.
pub(super) struct Flood {
    /// Does not block.
    pub(super) reader: OwnedFd,
    pub(super) stream: Stream,
    pub(super) capture: Capture,
    pub(super) blake3: blake3::Hasher,
}

impl Flood {
    /// Reads in this thread until the command pauses or prints no more, or for long
    /// enough. The end of the stream is left to be found again.
    pub(super) fn read(mut self, sink: &Sink) -> Self {
        let mut reader = File::from(self.reader);
        let (mut room, end) = (vec![0; PIECE], Instant::now() + TURN);
        while Instant::now() < end {
            let piece = fill(&mut reader, &mut room);
            self.blake3.update(piece);
            sink.take(self.stream, &mut self.capture, piece);
            if piece.len() < PIECE {
                break;
            }
        }
        self.reader = reader.into();
        self
    }
}

/// The next piece, whole unless the command pauses or ends.
fn fill<'a>(reader: &mut File, room: &'a mut [u8]) -> &'a [u8] {
    let (mut length, until) = (0, Instant::now() + PATIENCE);
    while let Some(rest) = room.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() != ErrorKind::WouldBlock => break,
            Err(_) if Instant::now() < until && goes_on(reader) => {}
            Err(_) => break,
        }
    }
    room.get(..length).unwrap_or_default()
}

/// Whether the command prints more before its pause is over.
fn goes_on(reader: &File) -> bool {
    let mut asked = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut asked, PollTimeout::from(PAUSE)), Ok(1..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::OFlag;
    use nix::unistd::pipe2;
    use std::io::Write;
    use std::sync::mpsc::channel;
    use std::thread;

    /// A flood of what is written by `write`, in another thread.
    fn flood(write: impl FnOnce(File) + Send + 'static) -> Flood {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
        thread::spawn(move || write(File::from(writer)));
        Flood {
            reader,
            stream: Stream::Stdout,
            capture: Capture::new(1000),
            blake3: blake3::Hasher::new(),
        }
    }

    fn sink() -> Sink {
        let (runs, run) = crate::runs::of_test();
        Sink {
            runs,
            run,
            live: None,
            output_max: 1000,
        }
    }

    /// Writes all of `bytes`, however full the pipe is.
    fn write_all(file: &mut File, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match file.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(_) => thread::yield_now(),
            }
        }
    }

    #[test]
    fn every_byte_is_taken_and_digested_in_its_order() {
        let whole: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let written = whole.clone();
        let flood = flood(move |mut file| write_all(&mut file, &written));
        let sink = sink();
        let mut read = flood;
        // A pause is no end.
        while read.capture.total() < whole.len() as u64 {
            read = read.read(&sink);
        }
        assert_eq!(read.blake3.finalize(), blake3::hash(&whole));
        assert_eq!(sink.run.stream(Stream::Stdout).extent().seen, 3_000_000);
        let captured = read.capture.finish();
        assert_eq!(captured.bytes, 3_000_000);
        assert!(captured.truncated);
    }

    #[test]
    fn a_pause_ends_it_and_nothing_is_lost() {
        let (told, wait) = channel::<()>();
        let flood = flood(move |mut file| {
            write_all(&mut file, b"a");
            let _ = wait.recv_timeout(Duration::from_secs(60));
            write_all(&mut file, b"b");
        });
        let sink = sink();
        let mut read = flood;
        while read.capture.total() < 1 {
            read = read.read(&sink);
        }
        told.send(()).unwrap();
        while read.capture.total() < 2 {
            read = read.read(&sink);
        }
        assert_eq!(read.blake3.finalize(), blake3::hash(b"ab"));
    }

    #[test]
    fn what_drips_is_handed_over_soon() {
        let flood = flood(|mut file| {
            while file.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_micros(50));
            }
        });
        let began = Instant::now();
        // A whole piece would take longer than a quarter of a minute.
        let read = flood.read(&sink());
        assert!(read.capture.total() < PIECE as u64);
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_has_no_end_is_given_back() {
        let flood = flood(|mut file| {
            // It ends with the reader.
            while !matches!(file.write(&[b'x'; PIECE]), Err(error) if error.kind() == ErrorKind::BrokenPipe)
            {
            }
        });
        let (mut read, sink) = (flood, sink());
        // It may begin late, on a busy machine.
        while read.capture.total() == 0 {
            let began = Instant::now();
            read = read.read(&sink);
            assert!(began.elapsed() < TURN + Duration::from_secs(10));
        }
    }

    #[test]
    fn there_are_few_at_once() {
        let places: Vec<_> = std::iter::from_fn(place).take(AT_ONCE + 1).collect();
        assert!(places.len() <= AT_ONCE);
    }
}
