//! Notices that a client is gone for good.
//!
//! rmcp notices the end of a client's input, which is not the same: a client
//! that has only finished sending still waits for its answers. What counts is
//! that nobody is left to read them, which the kernel reports as `EPOLLHUP` on
//! a socket or terminal and as `EPOLLERR` on a pipe; see poll(2), unix(7), pipe(7).

use crate::watch::watch;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How long to wait before asking again after a false alarm.
const RECHECK: Duration = Duration::from_millis(100);

/// Waits until nobody can read what is written to `descriptor`; for ever where
/// the kernel cannot tell, as with a regular file.
///
/// Only `EPOLLPRI` is asked for, so neither input nor its end wakes this up;
/// hang-up and error are always reported.
pub(crate) async fn vanished(descriptor: Arc<OwnedFd>) {
    match watch(descriptor, Interest::PRIORITY) {
        Ok(watched) => wait(&watched).await,
        Err(_) => std::future::pending().await,
    }
}

async fn wait(watched: &AsyncFd<Arc<OwnedFd>>) {
    while let Ok(mut guard) = watched.ready(Interest::PRIORITY | Interest::ERROR).await {
        if is_abandoned(watched.get_ref()) {
            return;
        }
        // Commands die by this, so readiness alone, which may be spurious, is not enough.
        guard.clear_ready();
        tokio::time::sleep(RECHECK).await;
    }
}

/// What the kernel says now: hang-up and error are reported unasked.
fn is_abandoned(descriptor: &OwnedFd) -> bool {
    let mut asked = [PollFd::new(descriptor.as_fd(), PollFlags::empty())];
    matches!(poll(&mut asked, PollTimeout::ZERO), Ok(1..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;
    use tokio::time::timeout;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(5);

    fn pair() -> (Arc<OwnedFd>, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        (Arc::new(here.into()), there)
    }

    #[tokio::test]
    async fn a_closed_socket_is_noticed() {
        let (here, there) = pair();
        let waiting = tokio::spawn(vanished(here));
        tokio::time::sleep(SHORT).await;
        assert!(!waiting.is_finished());
        drop(there);
        timeout(LONG, waiting).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_socket_that_is_already_closed_is_noticed() {
        let (here, there) = pair();
        drop(there);
        timeout(LONG, vanished(here)).await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_only_stopped_sending_is_still_there() {
        let (here, mut there) = pair();
        there.write_all(b"last words").unwrap();
        there.shutdown(Shutdown::Write).unwrap();
        assert!(timeout(SHORT, vanished(here)).await.is_err());
    }

    #[tokio::test]
    async fn a_pipe_without_readers_is_noticed() {
        let (read, write) = nix::unistd::pipe().unwrap();
        let waiting = tokio::spawn(vanished(Arc::new(write)));
        tokio::time::sleep(SHORT).await;
        assert!(!waiting.is_finished());
        drop(read);
        timeout(LONG, waiting).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_regular_file_never_vanishes() {
        let file = tempfile::tempfile().unwrap();
        assert!(
            timeout(SHORT, vanished(Arc::new(file.into())))
                .await
                .is_err()
        );
    }
}
