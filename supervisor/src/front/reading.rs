//! One output stream of a command while it is read: here, or by a thread where it comes
//! in a flood.

use super::flood::{self, Flood, PIECE};
use super::live::Live;
use crate::lane::{Left, Reader};
use crate::output::{Capture, Captured};
use crate::runs::{Run, Runs, Stream};
use nix::fcntl::{FcntlArg, fcntl};
use std::os::fd::AsFd;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::Span;
use wire::StreamDigest;

/// Size of one read, in bytes: what a pipe holds.
pub(super) const READ_SIZE: usize = 64 * 1024;

/// Size of the first read, and of those of a command that prints much: its pipe is made
/// to hold that, so that it and this process take turns less often.
const READ_FIRST: usize = 4 * 1024;
const READ_MOST: usize = PIECE;

/// Where the output of a command goes.
#[derive(Clone)]
pub(super) struct Sink {
    /// All of it, as far as there is room.
    pub(super) runs: Arc<Runs>,
    pub(super) run: Arc<Run>,
    /// Its lines, if somebody wants them at once.
    pub(super) live: Option<Arc<Live>>,
    /// Bytes of each stream for the result.
    pub(super) output_max: u64,
}

impl Sink {
    /// Takes the next bytes of `stream`, of which `capture` keeps head and tail; waits in
    /// this thread for what is written to files.
    pub(super) fn take(&self, stream: Stream, capture: &mut Capture, bytes: &[u8]) {
        self.look_at(stream, capture, bytes);
        self.runs.keep_here(&self.run, stream, bytes);
    }

    fn look_at(&self, stream: Stream, capture: &mut Capture, bytes: &[u8]) {
        capture.push(bytes);
        if let Some(live) = &self.live {
            live.push(stream, bytes);
        }
    }
}

/// One output stream while it is read.
pub(super) struct Reading {
    /// `None` while nobody reads it, or a flood has it.
    reader: Option<Receiver>,
    stream: Stream,
    capture: Capture,
    /// Of all bytes, kept or not.
    blake3: blake3::Hasher,
    flood: Option<JoinHandle<Flood>>,
}

impl Reading {
    /// Nothing yet; `output_max` bytes are for the result.
    pub(super) fn new(stream: Stream, output_max: u64) -> Self {
        Self {
            reader: None,
            stream,
            capture: Capture::new(output_max),
            blake3: blake3::Hasher::new(),
            flood: None,
        }
    }

    /// Takes what a command has left that has ended.
    pub(super) async fn left(&mut self, reader: Reader, sink: &Sink) {
        match reader.left() {
            Ok(Left::All(bytes)) if bytes.is_empty() => {}
            Ok(Left::All(bytes)) => drop(self.take(sink, bytes).await),
            Ok(Left::Open(reader)) => {
                if let Ok(reader) = reader.watch() {
                    Box::pin(self.drain(reader, sink)).await;
                }
            }
            Err(error) => tracing::warn!(%error, "cannot read output"),
        }
    }

    /// Reads to the end. What was read stays when the reading is given up, once that has
    /// [settled](Self::settle).
    pub(super) async fn drain(&mut self, reader: Receiver, sink: &Sink) {
        self.reader = Some(reader);
        let (mut buffer, mut size) = (Vec::new(), READ_FIRST);
        while let Some(reader) = &mut self.reader {
            buffer.clear();
            buffer.reserve(size);
            let length = match reader.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(length) => length,
            };
            buffer = self.take(sink, buffer).await;
            // A pipe is full with less than it can hold, where pages of it are not.
            let filled = length >= size / 2;
            if filled && size == READ_MOST {
                // A flood has room of its own.
                buffer = Vec::new();
                self.flood(sink).await;
            } else if filled {
                size = self.larger(size);
            }
        }
    }

    /// The size of the next read after one that was filled.
    fn larger(&self, size: usize) -> usize {
        match (size, &self.reader) {
            (READ_FIRST, _) => READ_SIZE,
            (READ_SIZE, Some(reader)) => {
                let most = i32::try_from(READ_MOST).unwrap_or(i32::MAX);
                // A user may have so many of them, fcntl(2); then it stays as it is.
                let _ = fcntl(reader.as_fd(), FcntlArg::F_SETPIPE_SZ(most));
                READ_MOST
            }
            _ => size,
        }
    }

    async fn take(&mut self, sink: &Sink, bytes: Vec<u8>) -> Vec<u8> {
        self.blake3.update(&bytes);
        sink.look_at(self.stream, &mut self.capture, &bytes);
        sink.runs.keep(&sink.run, self.stream, bytes).await
    }

    /// Has a thread read what comes without a pause, if there is one to spare.
    async fn flood(&mut self, sink: &Sink) {
        let Some(place) = flood::place() else { return };
        let Some(Ok(reader)) = self.reader.take().map(Receiver::into_nonblocking_fd) else {
            return;
        };
        let flood = Flood {
            reader,
            stream: self.stream,
            capture: std::mem::take(&mut self.capture),
            blake3: std::mem::take(&mut self.blake3),
        };
        let (sink, span) = (sink.clone(), Span::current());
        self.flood = Some(spawn_blocking(move || {
            let _place = place;
            span.in_scope(|| flood.read(&sink))
        }));
        self.settle().await;
    }

    /// Waits until no thread reads it any more.
    pub(super) async fn settle(&mut self) {
        let Some(flood) = &mut self.flood else { return };
        let read = flood.await;
        self.flood = None;
        if let Ok(read) = read {
            self.reader = Receiver::from_owned_fd_unchecked(read.reader).ok();
            self.capture = read.capture;
            self.blake3 = read.blake3;
        }
    }

    /// Whether nothing has come.
    pub(super) fn is_empty(&self) -> bool {
        self.capture.total() == 0
    }

    /// All of the stream so far, for the audit trail.
    pub(super) fn digest(&self) -> StreamDigest {
        StreamDigest {
            blake3: self.blake3.finalize().into(),
            bytes: self.capture.total(),
        }
    }

    /// What is there for the result, once it has settled.
    pub(super) fn finish(self, run: &Run) -> Captured {
        Captured {
            kept: run.stream(self.stream).extent().kept,
            ..self.capture.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::{Door, Pool};
    use std::io::Write;

    /// What writes so many pieces of 10,000 bytes, and what reads them.
    async fn read(pieces: usize) -> Reading {
        let pipes = Pool::new(Door::Socket("/w".into()), [0; 32])
            .pipes()
            .unwrap();
        let [writer, _] = pipes.writers().map(|end| end.try_clone_to_owned().unwrap());
        let (reader, _) = pipes.into_readers();
        let written = std::thread::spawn(move || {
            let mut writer = std::fs::File::from(writer);
            for _ in 0..pieces {
                writer.write_all(&[b'x'; 10_000]).unwrap();
            }
        });
        let (runs, run) = crate::runs::of_test();
        let sink = Sink {
            runs,
            run,
            live: None,
            output_max: 1000,
        };
        let mut reading = Reading::new(Stream::Stdout, sink.output_max);
        reading.drain(reader.watch().unwrap(), &sink).await;
        written.join().unwrap();
        reading
    }

    #[tokio::test]
    async fn a_stream_is_read_to_its_end_in_bounded_memory() {
        let captured = read(1000).await.capture.finish();
        assert_eq!(captured.bytes, 10_000_000);
        assert!(captured.truncated);
        assert!(captured.text.len() < 1100);
    }

    /// Time that this thread had on a processor, in nanoseconds.
    fn own_time() -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    }

    /// The thread that serves everybody does not digest what one command prints.
    #[tokio::test]
    async fn a_flood_is_digested_elsewhere() {
        let began = own_time();
        let digest = blake3::hash(&vec![b'x'; 200_000_000]);
        let digesting = own_time() - began;
        let began = own_time();
        let reading = read(20_000).await;
        let reading_it = own_time() - began;
        assert_eq!(reading.digest().blake3, *digest.as_bytes());
        assert!(
            reading_it < digesting / 2,
            "{reading_it} ns here, {digesting} ns to digest"
        );
    }
}
