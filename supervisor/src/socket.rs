//! A client's socket that wakes this process when the client says something, and not
//! whenever it has read something.
//!
//! tokio's own is watched for both at once, so that each answer that is read costs a wake-up
//! on top of that of the next request.

use crate::watch::watch;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, recv, send, shutdown};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::UnixStream;

/// What a client says.
#[derive(Debug)]
pub(crate) struct Reader(AsyncFd<Arc<OwnedFd>>);

/// What it is told. Ends nothing when it is dropped.
#[derive(Debug)]
pub(crate) struct Writer {
    socket: Arc<OwnedFd>,
    /// Watched for writing while the client does not read, which hardly ever is.
    full: Option<AsyncFd<Arc<OwnedFd>>>,
}

/// Both halves of `stream`.
///
/// # Errors
/// Too few descriptors, or too much that is watched.
pub(crate) fn halves(stream: UnixStream) -> io::Result<(Reader, Writer)> {
    let socket = Arc::new(OwnedFd::from(stream.into_std()?));
    let reader = Reader(watch(Arc::clone(&socket), Interest::READABLE)?);
    let full = None;
    Ok((reader, Writer { socket, full }))
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.0.poll_read_ready(task))?;
            let room = buffer.initialize_unfilled();
            let wanted = room.len();
            let flags = MsgFlags::MSG_DONTWAIT;
            match recv(ready.get_inner().as_raw_fd(), room, flags) {
                Ok(length) => {
                    // All that there was: what comes later is told. An end stays.
                    if 0 < length && length < wanted {
                        ready.clear_ready();
                    }
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(errno) => return Poll::Ready(Err(errno.into())),
            }
        }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            let ready = match &self.full {
                Some(full) => Some(ready!(full.poll_write_ready(task))?),
                None => None,
            };
            match (send(self.socket.as_raw_fd(), bytes, flags), ready) {
                (Ok(length), _) => {
                    if length == bytes.len() {
                        self.full = None;
                    }
                    return Poll::Ready(Ok(length));
                }
                (Err(Errno::EAGAIN), Some(mut ready)) => ready.clear_ready(),
                (Err(Errno::EAGAIN), None) => {
                    // A descriptor is watched once, so this needs another of the same socket.
                    let twin = Arc::new(self.socket.try_clone()?);
                    self.full = Some(watch(twin, Interest::WRITABLE)?);
                }
                (Err(Errno::EINTR), _) => {}
                (Err(errno), _) => return Poll::Ready(Err(errno.into())),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(shutdown(self.socket.as_raw_fd(), Shutdown::Write)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    const SHORT: Duration = Duration::from_millis(50);

    fn pair() -> ((Reader, Writer), UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        (halves(here).unwrap(), there)
    }

    #[tokio::test]
    async fn what_is_said_is_heard_to_the_end() {
        let ((mut reader, _writer), mut client) = pair();
        let mut buffer = [0; 4];
        for said in ["ab", "abcd", "abc"] {
            client.write_all(said.as_bytes()).await.unwrap();
            let length = reader.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..length], said.as_bytes());
        }
        assert!(timeout(SHORT, reader.read(&mut buffer)).await.is_err());
        client.write_all(b"more than one read").await.unwrap();
        drop(client);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "more than one read");
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_waited_for() {
        let ((_reader, mut writer), mut client) = pair();
        let long = vec![b'x'; 4 << 20];
        let writing = writer.write_all(&long);
        tokio::pin!(writing);
        assert!(timeout(SHORT, &mut writing).await.is_err());
        let mut heard = vec![0; long.len()];
        let (written, read) = tokio::join!(writing, client.read_exact(&mut heard));
        written.unwrap();
        read.unwrap();
        assert_eq!(heard, long);
    }

    #[tokio::test]
    async fn what_is_read_wakes_nobody() {
        let ((reader, mut writer), mut client) = pair();
        client.write_all(b"x").await.unwrap();
        let mut reader = reader;
        let mut buffer = [0; 16];
        assert_eq!(reader.read(&mut buffer).await.unwrap(), 1);
        writer.write_all(b"answer").await.unwrap();
        client.read_exact(&mut [0; 6]).await.unwrap();
        assert!(
            timeout(
                SHORT,
                reader.0.ready(Interest::WRITABLE | Interest::READABLE)
            )
            .await
            .is_err()
        );
        assert!(writer.full.is_none());
    }

    #[tokio::test]
    async fn nobody_is_told_who_has_gone() {
        let ((_reader, mut writer), client) = pair();
        drop(client);
        let error = writer.write_all(b"x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
