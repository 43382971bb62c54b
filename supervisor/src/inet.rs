//! HTTP on the network: off unless asked for, and on this host alone unless TLS is
//! spoken, here or in front of it.
//!
//! The socket is bound before the process confines itself; afterwards it can make no
//! socket of the network, only accept on this one.

use crate::error::Error;
use crate::front::Web;
use crate::metrics::FRONT;
use crate::tls::Tls;
use clap::Args;
use nix::sys::socket::{setsockopt, sockopt};
use policy::Subnet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Most connections at once; further ones are closed. Apart from those of the Unix
/// socket, so that nobody out there takes the places of users of this host.
const CONNECTIONS_MAX: usize = 256;

/// A silent peer is asked after so many seconds whether it is there, then every so many,
/// and so often, tcp(7): it is given up after 60 s.
const PROBE_AFTER: u32 = 30;
const PROBE_EVERY: u32 = 10;
const PROBES: u32 = 3;

/// How long to wait when there is no descriptor for the next connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whether and where HTTP is served on the network.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Http {
    /// Serve MCP over HTTP at /mcp on this address too, to principals with an API key
    #[arg(long = "http", value_name = "ADDRESS:PORT")]
    pub(crate) address: Option<SocketAddr>,
    /// Name by which clients reach it, in the Host header, beside the address itself
    /// and localhost; may be given several times
    #[arg(long = "http-host", value_name = "NAME", requires = "address")]
    pub(crate) hosts: Vec<String>,
    /// Address or network of a reverse proxy that speaks TLS and tells the client's
    /// address in X-Forwarded-For; may be given several times
    #[arg(long = "trusted-proxy", value_name = "ADDRESS[/BITS]", requires = "address", value_parser = subnet)]
    pub(crate) proxies: Vec<Subnet>,
    /// Speak TLS with the certificate in this PEM file, followed by its chain
    #[arg(long = "tls-certificate", value_name = "FILE", requires_all = ["address", "key"])]
    pub(crate) certificate: Option<PathBuf>,
    /// Its private key, a PEM file that not every user may read; read again with the
    /// certificate at each reload
    #[arg(long = "tls-key", value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
}

fn subnet(text: &str) -> Result<Subnet, String> {
    Subnet::parse(text).ok_or_else(|| "it is no address and no network such as 10.0.0.0/8".into())
}

impl Http {
    /// The names that a Host header may have.
    pub(crate) fn names(&self) -> Vec<String> {
        let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let bound = self.address.map(|address| address.ip());
        let bound = bound.filter(|address| !address.is_unspecified());
        own.into_iter()
            .chain(bound.map(|address| address.to_string()))
            .chain(self.hosts.iter().cloned())
            .collect()
    }

    /// Listens where HTTP is to be served, if it is.
    ///
    /// # Errors
    /// [`Error::Clear`] for an address beyond this host without TLS or a proxy.
    pub(crate) async fn listen(&self) -> Result<Option<Inet>, Error> {
        let Some(address) = self.address else {
            return Ok(None);
        };
        let tls = self.tls()?;
        let clear = tls.is_none() && !address.ip().to_canonical().is_loopback();
        if clear && self.proxies.is_empty() {
            return Err(Error::Clear(address));
        }
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| Error::ListenHttp { address, source })?;
        Ok(Some(Inet {
            listener,
            proxies_alone: clear,
            tls,
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        }))
    }
}

impl Http {
    fn tls(&self) -> Result<Option<Arc<Tls>>, Error> {
        let files = self.certificate.as_ref().zip(self.key.as_ref());
        let load = |(certificate, key): (&PathBuf, &PathBuf)| Tls::load(certificate, key);
        Ok(files.map(load).transpose()?.map(Arc::new))
    }
}

/// A listening socket of the network.
#[derive(Debug)]
pub(crate) struct Inet {
    listener: TcpListener,
    /// Only trusted proxies may connect: keys come in the clear.
    proxies_alone: bool,
    tls: Option<Arc<Tls>>,
    places: Arc<Semaphore>,
}

impl Inet {
    /// Where it listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What it speaks TLS with, if it does.
    pub(crate) fn tls(&self) -> Option<&Arc<Tls>> {
        self.tls.as_ref()
    }

    /// Lets `web` serve every connection until `stop`.
    pub(crate) async fn accept_all(
        &self,
        web: &Arc<Web>,
        clients: &TaskTracker,
        stop: &CancellationToken,
    ) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer, web, clients, stop),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        web: &Arc<Web>,
        clients: &TaskTracker,
        stop: &CancellationToken,
    ) {
        if self.proxies_alone && !web.is_proxy(peer.ip()) {
            FRONT.refused();
            tracing::warn!(address = %peer.ip(), code = "no_proxy", "connection refused: it is of no trusted proxy");
            return;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            FRONT.refused();
            tracing::warn!(address = %peer.ip(), code = "too_many_connections", "connection refused: there are {CONNECTIONS_MAX}");
            return;
        };
        let (web, stop, tls) = (Arc::clone(web), stop.child_token(), self.tls.clone());
        prepare(&stream);
        let serving = async move {
            match tls {
                None => web.attend_network(stream, peer.ip(), stop).await,
                Some(tls) => match tls.handshake(stream).await {
                    Ok(stream) => web.attend_network(stream, peer.ip(), stop).await,
                    Err(error) => tracing::debug!(%error, "no TLS"),
                },
            }
            drop(place);
        };
        let span = tracing::info_span!("connection", %peer);
        clients.spawn(serving.instrument(span));
    }
}

/// Answers are written whole, so waiting for more only delays them. A peer that is gone
/// without a word, because its host or the network is, shows when it is asked. A socket
/// that refuses either serves all the same.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = setsockopt(stream, sockopt::TcpKeepIdle, &PROBE_AFTER);
    let _ = setsockopt(stream, sockopt::TcpKeepInterval, &PROBE_EVERY);
    let _ = setsockopt(stream, sockopt::TcpKeepCount, &PROBES);
    let _ = setsockopt(stream, sockopt::KeepAlive, &true);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(address: &str, proxies: &[&str]) -> Http {
        Http {
            address: Some(address.parse().unwrap()),
            hosts: Vec::new(),
            proxies: proxies.iter().map(|text| subnet(text).unwrap()).collect(),
            ..Http::default()
        }
    }

    #[tokio::test]
    async fn beyond_this_host_a_proxy_is_needed() {
        for (address, proxies, fine) in [
            ("127.0.0.1:0", &[][..], true),
            ("127.3.2.1:0", &[], true),
            ("[::ffff:127.0.0.1]:0", &[], true),
            ("0.0.0.0:0", &[], false),
            ("[::]:0", &[], false),
            ("192.0.2.1:0", &[], false),
            ("0.0.0.0:0", &["10.0.0.1"], true),
        ] {
            let listening = http(address, proxies).listen().await;
            let clear = matches!(listening, Err(Error::Clear(_)));
            assert_eq!(clear, !fine, "{address}");
        }
    }
}
