//! Packets on a `SOCK_SEQPACKET` socket, and the wire protocol on top of them.

use super::LaneError;
use super::filters::Filter;
use crate::watch::watch;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use wire::{
    FRAME_MAX, FrameError, Hello, PolicyDigest, Reply, Request, SendError, VERSION, Welcome,
};

thread_local! {
    /// Room for a packet while it is read, one byte more than the largest has, to tell a
    /// larger one. All lanes share it, since none keeps anything there.
    static ROOM: RefCell<Box<[u8]>> = RefCell::new(vec![0; FRAME_MAX + 1].into());
}

/// A non-blocking `SOCK_SEQPACKET` socket.
#[derive(Debug)]
pub(crate) struct Packets {
    socket: AsyncFd<Arc<OwnedFd>>,
}

impl Packets {
    /// Takes over `socket`, which must be non-blocking.
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Self> {
        // Not for writing: each packet that the other end takes would wake this process.
        let socket = watch(Arc::new(socket), Interest::READABLE)?;
        Ok(Self { socket })
    }

    /// Sends one packet with duplicates of `descriptors`.
    pub(crate) async fn send(
        &self,
        packet: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), LaneError> {
        loop {
            match wire::send(self.socket.get_ref().as_fd(), packet, descriptors) {
                Err(SendError::Socket(Errno::EAGAIN)) => {
                    self.room().await.map_err(LaneError::Send)?;
                }
                result => return result.map_err(|error| LaneError::Send(to_io(error))),
            }
        }
    }

    /// Waits until there may be room for another packet, which there hardly ever is not.
    async fn room(&self) -> io::Result<()> {
        // A descriptor is watched once, so this needs another of the same socket.
        let twin = Arc::new(self.socket.get_ref().try_clone()?);
        watch(twin, Interest::WRITABLE)?.writable().await.map(drop)
    }

    /// What the next packet says, which is longer than [`FRAME_MAX`] when it
    /// was too large; `None` at the end. Descriptors that came along are not
    /// taken: without room for them the kernel closes them, recvmsg(2).
    async fn receive(&self) -> Result<Option<Result<Reply, FrameError>>, LaneError> {
        let receive = |socket: &Arc<OwnedFd>| {
            ROOM.with_borrow_mut(|room| {
                let length = recv(socket.as_raw_fd(), room, MsgFlags::empty())?;
                let packet = room.get(..length).filter(|packet| !packet.is_empty());
                Ok(packet.map(wire::decode))
            })
        };
        match self.socket.async_io(Interest::READABLE, receive).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            received => received.map_err(LaneError::Receive),
        }
    }

    /// Whether the other end is there and has said nothing.
    fn is_quiet(&self) -> bool {
        let peek = || {
            let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
            recv(self.socket.as_raw_fd(), &mut [0], flags)
        };
        let mut peeked = None;
        // What is found empty here is not tried again before the kernel tells of a packet.
        let _ = self.socket.try_io(Interest::READABLE, |_| {
            let found = *peeked.insert(peek());
            Ok(found?)
        });
        // Where it was empty before, that is looked at all the same.
        peeked.unwrap_or_else(peek) == Err(Errno::EAGAIN)
    }

    /// Ends the conversation in both directions.
    pub(crate) fn shut(&self) {
        let how = nix::sys::socket::Shutdown::Both;
        // It fails only when the other end has gone already.
        let _ = nix::sys::socket::shutdown(self.socket.as_raw_fd(), how);
    }
}

fn to_io(error: SendError) -> io::Error {
    match error {
        SendError::Socket(errno) => errno.into(),
        frame @ SendError::Frame(_) => io::Error::new(io::ErrorKind::InvalidData, frame),
    }
}

/// A lane to the worker, greeted and ready.
#[derive(Debug)]
pub(crate) struct Connection {
    packets: Packets,
    /// That of the commands it has been asked to run.
    filter: Option<Filter>,
}

impl Connection {
    /// Greets the worker at the other end of `packets`.
    ///
    /// # Errors
    /// A worker of another version or with another policy, or none.
    pub(crate) async fn greet(packets: Packets, policy: PolicyDigest) -> Result<Self, LaneError> {
        let mut connection = Self::of(packets);
        let version = VERSION;
        let hello = Request::Hello(Hello { version, policy });
        connection.send(&wire::encode(&hello)?, &[]).await?;
        match connection.receive().await? {
            Reply::Welcome(welcome) => check(&welcome, policy)?,
            other @ (Reply::Started { .. }
            | Reply::Waiting { .. }
            | Reply::Queued { .. }
            | Reply::Denied(_)
            | Reply::Failed(_)
            | Reply::Finished(_)
            | Reply::Recorded
            | Reply::Identified(_)
            | Reply::Reloaded
            | Reply::Attached(_)) => return Err(LaneError::out_of_turn(&other)),
        }
        Ok(connection)
    }

    /// One that is not greeted yet.
    pub(super) fn of(packets: Packets) -> Self {
        Self {
            packets,
            filter: None,
        }
    }

    /// Whether it can run a command under `filter`, or any request that runs none.
    pub(super) fn serves(&self, filter: Option<Filter>) -> bool {
        self.filter.is_none() || filter.is_none() || self.filter == filter
    }

    /// Notes that it is asked to run a command under `filter`, if it is.
    pub(super) fn runs(&mut self, filter: Option<Filter>) {
        self.filter = filter.or(self.filter);
    }

    /// Sends an encoded [`Request`] with its descriptors.
    pub(crate) async fn send(
        &self,
        packet: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), LaneError> {
        self.packets.send(packet, descriptors).await
    }

    /// Waits for the next reply. Nothing is lost when the waiting is given up.
    pub(crate) async fn receive(&mut self) -> Result<Reply, LaneError> {
        match self.packets.receive().await? {
            Some(reply) => Ok(reply?),
            None => Err(LaneError::HungUp),
        }
    }

    /// Whether it can carry another request.
    pub(crate) fn is_quiet(&self) -> bool {
        self.packets.is_quiet()
    }
}

fn check(welcome: &Welcome, policy: PolicyDigest) -> Result<(), LaneError> {
    if welcome.version != VERSION {
        super::note_version(welcome.version);
        return Err(LaneError::Version(welcome.version));
    }
    if welcome.policy != policy {
        return Err(LaneError::OtherPolicy(welcome.policy));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    const POLICY: PolicyDigest = [7; 32];

    fn pair() -> (Packets, Packets) {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (here, there) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).unwrap();
        (Packets::new(here).unwrap(), Packets::new(there).unwrap())
    }

    async fn greeted_by(packet: &[u8]) -> Result<Connection, LaneError> {
        let (here, there) = pair();
        there.send(packet, &[]).await.unwrap();
        Connection::greet(here, POLICY).await
    }

    fn welcome(version: u16, policy: PolicyDigest) -> Vec<u8> {
        wire::encode(&Reply::Welcome(Welcome { version, policy })).unwrap()
    }

    #[tokio::test]
    async fn a_worker_with_the_same_version_and_policy_is_used() {
        assert!(greeted_by(&welcome(VERSION, POLICY)).await.is_ok());
    }

    #[tokio::test]
    async fn another_version_or_policy_is_refused() {
        let refused = greeted_by(&welcome(VERSION + 1, POLICY)).await;
        assert!(matches!(refused, Err(LaneError::Version(_))));
        let refused = greeted_by(&welcome(VERSION, [8; 32])).await;
        assert!(matches!(refused, Err(LaneError::OtherPolicy(_))));
    }

    #[tokio::test]
    async fn what_is_no_welcome_is_refused() {
        let recorded = wire::encode(&Reply::Recorded).unwrap();
        let refused = greeted_by(&recorded).await;
        assert!(matches!(refused, Err(LaneError::OutOfTurn("Recorded"))));

        let mut trailing = welcome(VERSION, POLICY);
        trailing.push(0);
        let refused = greeted_by(&trailing).await;
        assert!(matches!(refused, Err(LaneError::Frame(_))));

        let refused = greeted_by(&vec![0; FRAME_MAX + 2]).await;
        assert!(matches!(refused, Err(LaneError::Frame(_))));
    }

    #[tokio::test]
    async fn a_worker_that_hangs_up_is_noticed() {
        let (here, there) = pair();
        drop(there);
        let refused = Connection::greet(here, POLICY).await.unwrap_err();
        assert!(refused.is_gone(), "{refused:?}");
    }

    #[tokio::test]
    async fn a_lane_that_spoke_or_ended_is_not_quiet() {
        let (here, there) = pair();
        assert!(here.is_quiet());
        there.send(b"x", &[]).await.unwrap();
        assert!(!here.is_quiet());
        let (here, there) = pair();
        drop(there);
        assert!(!here.is_quiet());
    }
}
