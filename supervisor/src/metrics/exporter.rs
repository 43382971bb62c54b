//! Where a monitoring system reads the numbers: /metrics over HTTP, on this host alone
//! unless said otherwise.

use crate::error::Error;
use crate::http::{Reply, converse, plain};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Most connections at once; further ones wait.
const CONNECTIONS_MAX: usize = 16;

/// How long to wait when there is no descriptor for the next connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Version of the text format.
const KIND: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// On the network.
    Network(SocketAddr),
    /// At a Unix socket, which whoever may open it can read.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(_) => Err("write unix: and an absolute path"),
            None => text
                .parse()
                .map(Self::Network)
                .map_err(|_| "write ADDRESS:PORT, such as 127.0.0.1:9464, or unix:PATH"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A listening socket, made before the process confines itself.
#[derive(Debug)]
pub(crate) enum Exporter {
    /// On the network.
    Network(TcpListener),
    /// At a path.
    Unix(UnixListener),
}

impl Exporter {
    /// Listens at `address`; `anywhere` it may be beyond this host.
    ///
    /// # Errors
    /// [`Error::Exposed`] for an address beyond this host.
    pub(crate) async fn listen(address: &Address, anywhere: bool) -> Result<Self, Error> {
        let failed = |source| Error::ListenMetrics {
            address: address.clone(),
            source,
        };
        match address {
            Address::Network(at) if !anywhere && !at.ip().to_canonical().is_loopback() => {
                Err(Error::Exposed(*at))
            }
            Address::Network(at) => {
                let listener = TcpListener::bind(at).await;
                listener.map(Self::Network).map_err(failed)
            }
            Address::Unix(path) => bind(path).map(Self::Unix).map_err(failed),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> io::Result<Address> {
        Ok(match self {
            Self::Network(listener) => Address::Network(listener.local_addr()?),
            Self::Unix(listener) => {
                let address = listener.local_addr()?;
                Address::Unix(address.as_pathname().unwrap_or(Path::new("")).to_owned())
            }
        })
    }

    /// Answers each request for /metrics with what `page` says then.
    pub(crate) async fn serve(&self, page: impl AsyncPage) -> Infallible {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            // It is never closed.
            let place = Arc::clone(&places).acquire_owned().await;
            let accepted = match self {
                Self::Network(listener) => listener.accept().await.map(|(stream, _)| {
                    tokio::spawn(attend(stream, page.clone(), place));
                }),
                Self::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                    tokio::spawn(attend(stream, page.clone(), place));
                }),
            };
            if let Err(error) = accepted {
                tracing::warn!(%error, "cannot accept a connection for metrics");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What makes a page when it is asked for.
pub(crate) trait AsyncPage: Clone + Send + Sync + 'static {
    /// The page as it is now.
    fn page(&self) -> impl Future<Output = String> + Send;
}

async fn attend<S, T>(stream: S, page: impl AsyncPage, place: T)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let answer = |request: Request<Incoming>| {
        let page = page.clone();
        async move { reply(&request, page).await }
    };
    converse(stream, answer, CancellationToken::new()).await;
    drop(place);
}

async fn reply(request: &Request<Incoming>, page: impl AsyncPage) -> Reply {
    if request.uri().path() != "/metrics" {
        return plain(
            StatusCode::NOT_FOUND,
            "Not Found: the numbers are at /metrics",
        );
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "Method Not Allowed: use GET",
        );
    }
    let mut reply = plain(StatusCode::OK, page.page().await);
    reply.headers_mut().insert(CONTENT_TYPE, KIND);
    reply
}

/// Listens at `path`, in the place of a socket that nobody answers on. Who may connect
/// is what the umask and the directory say.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_dead(path) => {
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        result => result,
    }
}

fn is_dead(path: &Path) -> bool {
    let socket = fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_socket());
    socket && Probe::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood() {
        let address = |text: &str| text.parse::<Address>();
        let network = Address::Network("127.0.0.1:9464".parse().unwrap());
        assert_eq!(address("127.0.0.1:9464"), Ok(network));
        assert_eq!(address("unix:/run/m"), Ok(Address::Unix("/run/m".into())));
        for wrong in ["unix:m", "9464", "localhost:1", ""] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn beyond_this_host_only_when_said() {
        for (text, anywhere, fine) in [
            ("127.0.0.1:0", false, true),
            ("[::ffff:127.0.0.1]:0", false, true),
            ("0.0.0.0:0", false, false),
            ("0.0.0.0:0", true, true),
        ] {
            let listening = Exporter::listen(&text.parse().unwrap(), anywhere).await;
            assert_eq!(listening.is_ok(), fine, "{text}");
        }
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("m");
        let listener = bind(&path).unwrap();
        assert!(bind(&path).is_err(), "somebody answers");
        drop(listener);
        drop(bind(&path).unwrap());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert!(bind(&path).is_err(), "it is no socket");
    }
}
