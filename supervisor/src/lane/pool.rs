//! A few lanes kept ready, and a bound on how many there are at once.

use super::connection::Connection;
use super::filters::Filter;
use super::idle::{Idle, watch};
use super::pipes::Pipes;
use super::turns::{Turn, Turns};
use super::{Door, LaneError};
use crate::telemetry::Lanes;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wire::{Identify, PolicyDigest, Reply, Request, Run};

/// Most commands at once; further ones wait their turn. Callers share them, so that one
/// alone has half.
const RUNS_MAX: usize = 128;

/// Most reports at once. They are short and wait for no command, so that a
/// denial is answered however busy the lanes are.
const REPORTS_MAX: usize = 8;

/// How often a request is sent that no lane has taken.
const TRIES: u32 = 5;

/// The lanes of one worker under one policy.
#[derive(Debug)]
pub(crate) struct Pool {
    door: Door,
    policy: PolicyDigest,
    idle: Idle,
    /// For the output of the next command.
    pipes: Mutex<Option<Pipes>>,
    runs: Arc<Turns>,
    reports: Arc<Turns>,
}

impl Pool {
    /// An empty pool; lanes are opened when they are needed.
    pub(crate) fn new(door: Door, policy: PolicyDigest) -> Self {
        Self {
            door,
            policy,
            idle: Idle::default(),
            pipes: Mutex::default(),
            runs: Turns::new(RUNS_MAX),
            reports: Turns::new(REPORTS_MAX),
        }
    }

    /// How many lanes are busy with a call, and how many are kept ready.
    pub(crate) fn lanes(&self) -> Lanes {
        Lanes {
            busy: self.runs.taken(),
            idle: self.idle.len(),
        }
    }

    /// Opens a lane ahead of the first call, to learn whether the worker is usable.
    pub(crate) async fn warm_up(&self) -> Result<(), LaneError> {
        // The first asks for no watching.
        let _ = self.idle.keep(self.open().await?);
        Ok(())
    }

    /// Whether the worker answers a greeting, on a lane of its own.
    ///
    /// # Errors
    /// Why it does not. One that is of another policy is well.
    pub(crate) async fn probe(&self) -> Result<(), LaneError> {
        match self.open().await {
            Ok(_) | Err(LaneError::OtherPolicy(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Pipes for the output of a command.
    ///
    /// # Errors
    /// Too few descriptors.
    pub(crate) fn pipes(&self) -> Result<Pipes, LaneError> {
        let ready = self.lock_pipes().take();
        ready.map_or_else(Pipes::new, Ok).map_err(LaneError::Pipe)
    }

    /// Makes pipes for the next command, while this one is being launched.
    pub(crate) fn make_pipes(&self) {
        let mut ready = self.lock_pipes();
        if ready.is_none() {
            // Whoever needs them will find the same, and say so.
            *ready = Pipes::new().ok();
        }
    }

    fn lock_pipes(&self) -> MutexGuard<'_, Option<Pipes>> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `run` of `caller` executed under `filter`, on a lane of its own, when it is his
    /// turn.
    ///
    /// A lane that ended before it took the request is replaced; a request is never
    /// sent twice to a worker that may have taken it.
    pub(crate) async fn run(
        self: &Arc<Self>,
        caller: &Arc<str>,
        (run, filter): (Run, Filter),
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Lease, LaneError> {
        let request = (&Request::Run(run), Some(filter));
        self.send(caller, request, descriptors).await
    }

    /// The same with a `request` that runs no command.
    pub(crate) async fn submit(
        self: &Arc<Self>,
        caller: &Arc<str>,
        request: &Request,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Lease, LaneError> {
        self.send(caller, (request, None), descriptors).await
    }

    async fn send(
        self: &Arc<Self>,
        caller: &Arc<str>,
        (request, filter): (&Request, Option<Filter>),
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Lease, LaneError> {
        let packet = wire::encode(request).map_err(LaneError::Request)?;
        let turns = match filter {
            Some(_) => &self.runs,
            None => &self.reports,
        };
        let turn = turns.take(caller).await;
        let turn = turn.map_err(|_| LaneError::Crowded)?;
        let mut connection = self.deliver(&packet, filter, descriptors).await?;
        connection.runs(filter);
        Ok(Lease {
            connection,
            pool: Arc::clone(self),
            caller: Arc::clone(caller),
            turn: Some(turn),
        })
    }

    /// The name of a key, if it is valid.
    ///
    /// # Errors
    /// A worker that cannot be used.
    pub(crate) async fn identify(
        self: &Arc<Self>,
        question: &Identify,
    ) -> Result<Option<String>, LaneError> {
        // Nobody knows yet who it is.
        let caller = format!("address {}", question.presented.address).into();
        let request = Request::Identify(question.clone());
        let mut lane = self.submit(&caller, &request, &[]).await?;
        match lane.reply().await? {
            Reply::Identified(name) => {
                lane.settle();
                Ok(name)
            }
            other @ (Reply::Welcome(_)
            | Reply::Started { .. }
            | Reply::Waiting { .. }
            | Reply::Queued { .. }
            | Reply::Denied(_)
            | Reply::Failed(_)
            | Reply::Finished(_)
            | Reply::Recorded
            | Reply::Reloaded
            | Reply::Attached(_)) => Err(LaneError::out_of_turn(&other)),
        }
    }

    /// Has the worker load its policy again and use it if it has the digest `policy`.
    /// A worker that has done so already is fine.
    ///
    /// # Errors
    /// [`LaneError::Reload`] when the worker keeps what it has.
    pub(crate) async fn reload(&self, policy: PolicyDigest) -> Result<(), LaneError> {
        let loaded = match Connection::greet(self.door.open().await?, policy).await {
            Ok(_) => return Ok(()),
            Err(LaneError::OtherPolicy(loaded)) => loaded,
            Err(error) => return Err(error),
        };
        let mut connection = Connection::greet(self.door.open().await?, loaded).await?;
        connection
            .send(&wire::encode(&Request::Reload(policy))?, &[])
            .await?;
        match connection.receive().await? {
            Reply::Reloaded => Ok(()),
            Reply::Failed(failure) => Err(LaneError::Reload(failure.reason)),
            other @ (Reply::Welcome(_)
            | Reply::Started { .. }
            | Reply::Waiting { .. }
            | Reply::Queued { .. }
            | Reply::Denied(_)
            | Reply::Finished(_)
            | Reply::Identified(_)
            | Reply::Recorded
            | Reply::Attached(_)) => Err(LaneError::out_of_turn(&other)),
        }
    }

    /// Ends a worker of our own, and with it all its lanes.
    pub(crate) fn shut(&self) {
        self.idle.clear();
        self.door.shut();
    }

    /// Sends an encoded request on an idle lane, or on a new one.
    async fn deliver(
        &self,
        packet: &[u8],
        filter: Option<Filter>,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Connection, LaneError> {
        let mut idle = self.idle.take(filter);
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match self.try_deliver(idle.take(), packet, descriptors).await {
                // Idle for too long, or of a policy that is just being replaced.
                Err(error) if error.is_gone() && tries > 0 => {}
                result => return result,
            }
        }
    }

    async fn try_deliver(
        &self,
        idle: Option<Connection>,
        packet: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Connection, LaneError> {
        let connection = match idle {
            Some(connection) => connection,
            None => Box::pin(self.open()).await?,
        };
        connection.send(packet, descriptors).await?;
        Ok(connection)
    }

    async fn open(&self) -> Result<Connection, LaneError> {
        Connection::greet(self.door.open().await?, self.policy).await
    }

    fn keep(self: &Arc<Self>, connection: Connection) {
        if self.idle.keep(connection) {
            tokio::spawn(watch(Arc::downgrade(self)));
        }
    }
}

impl AsRef<Idle> for Pool {
    fn as_ref(&self) -> &Idle {
        &self.idle
    }
}

/// A lane for the time of one request. Dropping it hangs up, which kills what
/// runs there.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Connection,
    pool: Arc<Pool>,
    caller: Arc<str>,
    turn: Option<Turn>,
}

impl Lease {
    /// Waits for the next reply.
    pub(crate) async fn reply(&mut self) -> Result<Reply, LaneError> {
        self.connection.receive().await
    }

    /// Makes room for other commands, since this one waits for somebody.
    pub(crate) fn pause(&mut self) {
        self.turn = None;
    }

    /// Takes its room again: others wait for it, for it may run by now.
    pub(crate) fn go_on(&mut self) {
        let turns = &self.pool.runs;
        let caller = &self.caller;
        self.turn.get_or_insert_with(|| turns.take_again(caller));
    }

    /// Says what has no reply.
    pub(crate) async fn tell(&self, request: &Request) -> Result<(), LaneError> {
        let packet = wire::encode(request).map_err(LaneError::Request)?;
        self.connection.send(&packet, &[]).await
    }

    /// Gives the lane back after the last reply to its request.
    pub(crate) fn settle(self) {
        self.pool.keep(self.connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{
        AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, accept, bind, listen, recv,
        send, socket,
    };
    use std::os::fd::{AsRawFd, RawFd};
    use std::sync::mpsc::{Receiver, channel};
    use std::thread;
    use std::time::Duration;
    use wire::{Correlation, Denial, Report, Welcome};

    const POLICY: PolicyDigest = [3; 32];

    /// A worker that answers `requests` messages of each lane, the greeting
    /// included, and then hangs up; it tells when a lane begins and ends.
    fn worker(requests: usize) -> (tempfile::TempDir, Arc<Pool>, Receiver<&'static str>) {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("worker.sock");
        let (unix, packets) = (AddressFamily::Unix, SockType::SeqPacket);
        let listener = socket(unix, packets, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        listen(&listener, Backlog::new(8).unwrap()).unwrap();
        let (tell, told) = channel();
        thread::spawn(move || {
            while let Ok(lane) = accept(listener.as_raw_fd()) {
                let tell = tell.clone();
                let _ = tell.send("begins");
                thread::spawn(move || {
                    let _ = (0..requests).try_for_each(|_| answer_one(lane));
                    nix::unistd::close(lane).unwrap();
                    let _ = tell.send("ends");
                });
            }
        });
        let pool = Pool::new(Door::Socket(path), POLICY);
        (scratch, Arc::new(pool), told)
    }

    /// Answers a greeting and reports; a run is left without answer.
    fn answer_one(lane: RawFd) -> Option<()> {
        let mut buffer = [0; 4096];
        let length = recv(lane, &mut buffer, MsgFlags::empty()).ok()?;
        let reply = match wire::decode(&buffer[..length]).ok()? {
            Request::Hello(hello) => Reply::Welcome(Welcome {
                version: hello.version,
                policy: POLICY,
            }),
            Request::Report(_) => Reply::Recorded,
            Request::Identify(_) => Reply::Identified(None),
            Request::Run(_)
            | Request::Reload(_)
            | Request::Cancel
            | Request::Output(_)
            | Request::Attach(_)
            | Request::Detach(_) => {
                return Some(());
            }
        };
        let packet = wire::encode(&reply).unwrap();
        send(lane, &packet, MsgFlags::MSG_NOSIGNAL).ok().map(drop)
    }

    fn report(reason: &str) -> Request {
        Request::Report(Report {
            correlation: Correlation::default(),
            tool: "t".to_owned(),
            arguments: None,
            denial: Denial {
                code: "c".to_owned(),
                rule: "r".to_owned(),
                reason: reason.to_owned(),
            },
            claim: None,
            key: None,
        })
    }

    fn run(filter: usize) -> (Run, Filter) {
        let run = Run {
            correlation: Correlation::default(),
            policy: POLICY,
            tool: "t".to_owned(),
            arguments: Vec::new(),
            claim: None,
            key: None,
            background: false,
            confirmed: false,
        };
        (run, Filter::numbered(filter))
    }

    async fn one_report(pool: &Arc<Pool>) {
        let mut lane = pool.submit(&"a".into(), &report("no"), &[]).await.unwrap();
        assert_eq!(lane.reply().await.unwrap(), Reply::Recorded);
        lane.settle();
    }

    #[tokio::test]
    async fn a_settled_lane_is_used_again() {
        let (_scratch, pool, told) = worker(10);
        for _ in 0..3 {
            one_report(&pool).await;
        }
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["begins"]);
    }

    #[tokio::test]
    async fn dropping_a_lane_hangs_up() {
        let (_scratch, pool, told) = worker(10);
        let mut lane = pool.run(&"a".into(), run(0), &[]).await.unwrap();
        let unanswered = tokio::time::timeout(Duration::from_millis(50), lane.reply());
        assert!(unanswered.await.is_err());
        drop(lane);
        let next = || told.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!([next(), next()], ["begins", "ends"]);
        assert_eq!(pool.runs.taken(), 0);
    }

    #[tokio::test]
    async fn a_denial_is_recorded_while_every_turn_is_taken() {
        let (_scratch, pool, _told) = worker(10);
        let _taken: Vec<Turn> = (0..RUNS_MAX)
            .map(|_| pool.runs.take_again(&"a".into()))
            .collect();
        one_report(&pool).await;
    }

    #[tokio::test]
    async fn an_idle_lane_that_ended_is_replaced() {
        let (_scratch, pool, told) = worker(2);
        one_report(&pool).await;
        let next = || told.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!([next(), next()], ["begins", "ends"]);
        one_report(&pool).await;
        assert_eq!(next(), "begins");
    }

    #[tokio::test]
    async fn a_request_too_large_costs_no_lane() {
        let (_scratch, pool, told) = worker(10);
        let large = report(&"x".repeat(wire::FRAME_MAX));
        let refused = pool.submit(&"a".into(), &large, &[]).await;
        assert!(matches!(refused, Err(LaneError::Request(_))));
        assert_eq!(told.try_iter().count(), 0);
    }

    #[tokio::test]
    async fn a_worker_that_is_not_there_is_named() {
        let pool = Arc::new(Pool::new(Door::Socket("/nonexistent/w".into()), POLICY));
        let refused = pool
            .submit(&"a".into(), &report("no"), &[])
            .await
            .unwrap_err();
        let failure = refused.failure();
        assert_eq!(failure.code, "worker");
        assert!(failure.reason.contains("/nonexistent/w"), "{failure:?}");
        assert!(failure.reason.contains("\nhint: "), "{failure:?}");
    }
}
