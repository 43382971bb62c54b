//! Readiness of descriptors that have no type of their own in tokio.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Watches `descriptor` for `interest`.
///
/// # Errors
/// A descriptor that epoll(7) does not take, such as a regular file's.
#[expect(
    deprecated,
    reason = "its successor is unsafe on behalf of types whose descriptor may change or close; an owned one does neither"
)]
pub(crate) fn watch(
    descriptor: Arc<OwnedFd>,
    interest: Interest,
) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    AsyncFd::with_interest(descriptor, interest)
}
