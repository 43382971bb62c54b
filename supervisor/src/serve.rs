//! `mini-mcp serve`: the service's socket and the clients that attach to it.

use crate::cli::Serve;
use crate::confine::{Needs, confine};
use crate::error::Error;
use crate::front::{Client, Front, Generation, Questions, Web, attend};
use crate::http::{Framing, framing};
use crate::inet::Inet;
use crate::lane::{Door, Pool, outdated};
use crate::listener::Listener;
use crate::metrics::{AsyncPage, Exporter, FRONT, Now};
use crate::reload::{Reloading, state};
use crate::runs::service_directory;
use crate::service::{Manager, feed};
use crate::socket::{Reader, Writer, halves};
use crate::telemetry::{Exporting, Prepared};
use crate::vanish::vanished;
use crate::{peer, signals};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{Shutdown, shutdown};
use policy::{Proof, Setting};
use policy_files::PolicyFiles;
use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::join;
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Most clients at once; further ones are closed. Fewer where there are not enough
/// descriptors.
const CLIENTS_MAX: usize = 10_240;

/// Descriptors of a client, and those that are kept for calls and everything else.
const DESCRIPTORS_EACH: usize = 2;
const DESCRIPTORS_KEPT: usize = 2048;

/// How long to wait when there is no descriptor for the next client.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long calls that run may take to end when the service stops: as long as the worker
/// lets their commands go on.
const DRAIN: Duration = Duration::from_secs(5);

/// How often it is looked whether they have; and how long their answers take to be written.
const DRAIN_STEP: Duration = Duration::from_millis(20);

/// How long clients may take to read their last answers when the service stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(options: Serve) -> Result<(), Error> {
    let policy =
        PolicyFiles::read_or_embedded(Some(&options.policy), &options.packs, &Setting::System)?
            .parse(&Setting::System)?;
    let manager = Arc::new(Manager::find()?);
    // Before this process confines itself, after which it can make no such socket.
    let inet = options.http.listen().await?;
    let exporter = match &options.metrics {
        Some(address) => Some(Exporter::listen(address, false).await?),
        None => None,
    };
    let telemetry = Prepared::new(&options.otlp)?;
    let places = places(raise_descriptor_limit());
    let pool = Arc::new(Pool::new(
        Door::Socket(options.worker.clone()),
        policy.digest(),
    ));
    if let Err(error) = pool.warm_up().await {
        // It may start later; until then calls fail with this reason.
        tracing::warn!(reason = ?error.failure().reason, "worker not usable yet");
    }
    let runs = options.spool.open(service_directory())?;
    let listener = Listener::open(&options.socket)?;
    let tls = inet.as_ref().and_then(Inet::tls).cloned();
    let renewed = tls.as_ref().map(|tls| tls.directories());
    let renewed = renewed.iter().flatten().map(PathBuf::as_path);
    let needs = Needs {
        // Packs need not be installed.
        read: [directory(&options.policy), &options.packs]
            .into_iter()
            .filter(|path| path.exists())
            .chain(renewed)
            .collect(),
        socket: listener.is_own().then(|| directory(&options.socket)),
        spool: runs.directory(),
        collector: telemetry.as_ref().and_then(|one| one.collector().network()),
        child: false,
    };
    confine(&needs)?;
    tracing::info!(socket = ?options.socket, policy = ?options.policy, "serving");
    if let Some(address) = inet.as_ref().and_then(|inet| inet.address().ok()) {
        tracing::info!(%address, tls = tls.is_some(), "serving HTTP");
    }
    let front = Front::new(Generation::new(policy, pool), runs, Questions::new()?);
    let traced_by = telemetry.as_ref().map(|one| Arc::clone(one.telemetry()));
    let front = Arc::new(front.traced_by(traced_by));
    let stop = CancellationToken::new();
    let service = Service {
        web: Arc::new(Web::new(&front, &options.http, &stop)),
        front,
        stop,
        places: Arc::new(Semaphore::new(places)),
        clients: TaskTracker::new(),
    };
    let exporting = telemetry.map(|telemetry| service.export(telemetry));
    let mut ending = signals::Ending::watch().map_err(Error::Process)?;
    let reloading =
        Reloading::watch(&options, &service.front, &manager, tls).map_err(Error::Process)?;
    let serving = state(service.front.generation().policy());
    manager.ready(&serving)?;
    let mut end = Ok(());
    tokio::select! {
        () = service.accept_all(&listener) => {}
        () = service.accept_network(inet.as_ref()) => {}
        never = feed(&manager, async || service.works().await) => match never {},
        never = service.serve_metrics(exporter) => match never {},
        never = reloading.run() => match never {},
        signal = ending.signal() => tracing::info!(signal, "stopping"),
        newer = outdated() => end = Err(newer.into()),
    }
    manager.stopping();
    drop((listener, inet));
    tokio::select! {
        () = service.drain() => {}
        _ = ending.signal() => {}
    }
    service.say_farewell().await;
    if let Some(exporting) = exporting {
        exporting.end().await;
    }
    end
}

/// The directory that holds `file`.
pub(crate) fn directory(file: &Path) -> &Path {
    let parent = file.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or(Path::new("."))
}

/// What the service needs for each client.
struct Service {
    front: Arc<Front>,
    web: Arc<Web>,
    stop: CancellationToken,
    places: Arc<Semaphore>,
    clients: TaskTracker,
}

impl Service {
    async fn accept_all(&self, listener: &Listener) {
        for number in 1.. {
            match listener.accept().await {
                Ok(stream) => {
                    if let Err(error) = self.admit(stream, number) {
                        tracing::warn!(%error, "cannot attach a client");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a client");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves HTTP on the network, where that is asked for. Never ends.
    async fn accept_network(&self, inet: Option<&Inet>) {
        match inet {
            Some(inet) => inet.accept_all(&self.web, &self.clients, &self.stop).await,
            None => std::future::pending().await,
        }
    }

    /// Attaches a client that the policy knows; hangs up on everybody else.
    fn admit(&self, stream: UnixStream, number: u64) -> io::Result<()> {
        let peer = peer::of(&stream.peer_cred()?);
        let (uid, pid) = (peer.uid, stream.peer_cred()?.pid());
        let proof = Proof::Peer(peer);
        // Root may ask for a new policy, whether or not he may call anything.
        if !proof.is_root() && !self.front.generation().policy().knows(&proof) {
            FRONT.refused();
            tracing::warn!(
                uid,
                pid,
                code = "unknown_principal",
                "client refused: no principal of the policy matches"
            );
            return Ok(());
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            FRONT.refused();
            tracing::warn!(
                uid,
                pid,
                code = "too_many_clients",
                "client refused: there are too many"
            );
            return Ok(());
        };
        let socket = Arc::new(stream.as_fd().try_clone_to_owned()?);
        let client = Client::new(proof, Some(Arc::clone(&socket)));
        let client = Arc::new(client);
        let span = tracing::info_span!("client", client = number, uid, pid);
        let stop = self.stop.child_token();
        let (front, web) = (Arc::clone(&self.front), Arc::clone(&self.web));
        let attending = async move {
            tracing::debug!(pid, "client attached");
            if let Some(framing) = spoken(&stream, &socket, &stop).await {
                match halves(stream) {
                    Ok(halves) => {
                        attend_in(framing, (front, web), client, halves, socket, stop).await;
                    }
                    Err(error) => tracing::warn!(%error, "cannot attach a client"),
                }
            }
            tracing::debug!("client detached");
            drop::<OwnedSemaphorePermit>(place);
        };
        self.clients.spawn(attending.instrument(span));
        Ok(())
    }

    /// Serves this process's own numbers, where that is asked for.
    async fn serve_metrics(&self, exporter: Option<Exporter>) -> Infallible {
        let Some(exporter) = exporter else {
            return std::future::pending().await;
        };
        if let Ok(address) = exporter.address() {
            tracing::info!(%address, "serving metrics");
        }
        let page = Page {
            web: Arc::clone(&self.web),
            clients: self.clients.clone(),
        };
        exporter.serve(page).await
    }

    /// Whether a call could be carried out: the worker answers.
    async fn works(&self) -> Result<(), Error> {
        Ok(self.front.generation().pool().probe().await?)
    }

    /// Exports traces and metrics from now on.
    fn export(&self, telemetry: Prepared) -> Exporting {
        tracing::info!(collector = %telemetry.collector(), "exporting traces and metrics");
        let (clients, front) = (self.clients.clone(), Arc::clone(&self.front));
        telemetry.begin(
            move || clients.len(),
            move || front.generation().pool().lanes(),
        )
    }

    /// Lets calls that run end, and be answered.
    async fn drain(&self) {
        let busy = || self.front.generation().pool().lanes().busy;
        let ended = async {
            while busy() > 0 {
                tokio::time::sleep(DRAIN_STEP).await;
            }
            tokio::time::sleep(DRAIN_STEP).await;
        };
        if busy() > 0 && tokio::time::timeout(DRAIN, ended).await.is_err() {
            tracing::warn!(calls = busy(), "commands that still run are ended");
        }
    }

    async fn say_farewell(&self) {
        self.stop.cancel();
        self.clients.close();
        let gone = async {
            self.clients.wait().await;
            self.front.farewells().close();
            self.front.farewells().wait().await;
        };
        if tokio::time::timeout(FAREWELL, gone).await.is_err() {
            tracing::warn!("some clients did not read their last answers");
        }
    }
}

/// What tells this process's numbers.
#[derive(Clone)]
struct Page {
    web: Arc<Web>,
    clients: TaskTracker,
}

impl AsyncPage for Page {
    async fn page(&self) -> String {
        FRONT.text(Now {
            connections: self.clients.len(),
            sessions: self.web.sessions().await,
        })
    }
}

/// Serves one client in the framing that it speaks.
async fn attend_in(
    framing: Framing,
    (front, web): (Arc<Front>, Arc<Web>),
    client: Arc<Client>,
    (reader, writer): (Reader, Writer),
    socket: Arc<OwnedFd>,
    stop: CancellationToken,
) {
    // Boxed: while it is silent, a client needs no room for either.
    match framing {
        Framing::Lines => {
            let served = Arc::clone(&socket);
            Box::pin(attend(front, client, (reader, writer), served, stop)).await;
            end(&socket);
        }
        Framing::Http => {
            let stream = join(reader, writer);
            Box::pin(web.attend(client, stream, socket, stop)).await;
        }
    }
}

/// Ends a connection for whoever holds it: the lane of a run in the background watches
/// it too.
fn end(socket: &OwnedFd) {
    // It fails only when the client has ended it.
    let _ = shutdown(socket.as_raw_fd(), Shutdown::Both);
}

/// How the client of `stream` speaks, once it has said something; `None` when it left
/// or the service stops before that.
async fn spoken(
    stream: &UnixStream,
    socket: &Arc<OwnedFd>,
    stop: &CancellationToken,
) -> Option<Framing> {
    tokio::select! {
        framing = framing(stream) => framing.ok(),
        () = vanished(Arc::clone(socket)) => None,
        () = stop.cancelled() => None,
    }
}

/// How many clients there are descriptors for.
fn places(descriptors: u64) -> usize {
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    let for_clients = descriptors.saturating_sub(DESCRIPTORS_KEPT) / DESCRIPTORS_EACH;
    for_clients.clamp(DESCRIPTORS_KEPT / 32, CLIENTS_MAX)
}

/// Lifts the limit of open descriptors as far as it goes; the limit then. Commands do
/// not inherit it: the worker sets theirs.
fn raise_descriptor_limit() -> u64 {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(errno) => {
            tracing::debug!(%errno, "descriptor limit left as it is");
            soft
        }
    }
}
