//! A few lanes kept ready, and a bound on how many there are at once.

use super::connection::Connection;
use super::{Door, LaneError};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::{PolicyDigest, Reply, Request};

/// Most lanes at once; further calls wait their turn.
const LANES_MAX: usize = 64;

/// Most lanes kept ready between calls.
const IDLE_MAX: usize = 8;

/// The lanes of one worker under one policy.
#[derive(Debug)]
pub(crate) struct Pool {
    door: Door,
    policy: PolicyDigest,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Pool {
    /// An empty pool; lanes are opened when they are needed.
    pub(crate) fn new(door: Door, policy: PolicyDigest) -> Self {
        Self {
            door,
            policy,
            idle: Mutex::new(Vec::new()),
            turns: Arc::new(Semaphore::new(LANES_MAX)),
        }
    }

    /// Opens a lane ahead of the first call, to learn whether the worker is usable.
    pub(crate) async fn warm_up(&self) -> Result<(), LaneError> {
        let connection = self.open().await?;
        self.keep(connection);
        Ok(())
    }

    /// Sends `request` on a lane of its own.
    ///
    /// An idle lane whose worker has gone is replaced once; a request is never
    /// sent twice to a worker that may have taken it.
    pub(crate) async fn submit(
        self: &Arc<Self>,
        request: &Request,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Lease, LaneError> {
        let packet = wire::encode(request).map_err(LaneError::Request)?;
        let turn = Arc::clone(&self.turns);
        // The semaphore is never closed.
        let turn = turn.acquire_owned().await.map_err(|_| LaneError::HungUp)?;
        let connection = match self.idle() {
            Some(idle) => match idle.send(&packet, descriptors).await {
                Err(error) if error.is_gone() => self.first(&packet, descriptors).await?,
                result => result.map(|()| idle)?,
            },
            None => self.first(&packet, descriptors).await?,
        };
        Ok(Lease {
            connection,
            pool: Arc::clone(self),
            _turn: turn,
        })
    }

    /// Ends a worker of our own, and with it all its lanes.
    pub(crate) fn shut(&self) {
        self.take_all();
        self.door.shut();
    }

    /// Sends the first request of a new lane.
    async fn first(
        &self,
        packet: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Connection, LaneError> {
        let connection = self.open().await?;
        connection.send(packet, descriptors).await?;
        Ok(connection)
    }

    async fn open(&self) -> Result<Connection, LaneError> {
        Connection::greet(self.door.open().await?, self.policy).await
    }

    /// An idle lane that is still there. The most recent comes first, so that
    /// those beyond the need stay untouched.
    fn idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }

    fn take_all(&self) -> Vec<Connection> {
        std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A lane for the time of one request. Dropping it hangs up, which kills what
/// runs there.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Connection,
    pool: Arc<Pool>,
    _turn: OwnedSemaphorePermit,
}

impl Lease {
    /// Waits for the next reply.
    pub(crate) async fn reply(&mut self) -> Result<Reply, LaneError> {
        self.connection.receive().await
    }

    /// Gives the lane back after the last reply to its request.
    pub(crate) fn settle(self) {
        self.pool.keep(self.connection);
    }
}
