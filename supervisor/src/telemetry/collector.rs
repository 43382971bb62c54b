//! Which collector there is, and how it is reached: found out before the process
//! confines itself, and then for good.

use crate::error::Error;
use clap::Args;
use hyper::Uri;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// The word for the endpoint that the environment tells.
const ENVIRONMENT: &str = "environment";

/// Where OpenTelemetry's SDKs look for it.
const VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Whether and where traces and metrics go.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Otlp {
    /// Send traces and metrics of calls by OTLP to this collector: http://HOST:PORT,
    /// unix:PATH, or `environment` for what OTEL_EXPORTER_OTLP_ENDPOINT says
    #[arg(long = "otlp", value_name = "ENDPOINT")]
    endpoint: Option<String>,
}

impl Otlp {
    /// The collector, if there is to be one.
    ///
    /// # Errors
    /// An endpoint that is none, or has a name without an address.
    pub(super) fn collector(&self) -> Result<Option<Collector>, Error> {
        let Some(endpoint) = self.endpoint.as_deref() else {
            return Ok(None);
        };
        if endpoint != ENVIRONMENT {
            return Collector::find(endpoint).map(Some);
        }
        let named = std::env::var(VARIABLE).unwrap_or_default();
        Collector::find(&named).map(Some)
    }
}

/// A collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collector {
    place: Place,
    /// What requests say: scheme, authority and the path that others begin with.
    base: String,
}

/// Where a collector listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the network, or on this host.
    Network(SocketAddr),
    /// At a Unix socket.
    Socket(PathBuf),
}

impl Collector {
    /// The one at `endpoint`, whose name is resolved.
    fn find(endpoint: &str) -> Result<Self, Error> {
        if let Some(path) = endpoint.strip_prefix("unix:") {
            let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
            return match path.is_absolute() {
                true => Ok(Self {
                    place: Place::Socket(path),
                    base: "http://localhost".to_owned(),
                }),
                false => Err(Error::Endpoint(endpoint.to_owned())),
            };
        }
        let (uri, host, port) = parts(endpoint).ok_or_else(|| wrong(endpoint))?;
        let address = address(&host, port).map_err(|source| Error::FindCollector {
            name: host.clone(),
            source,
        })?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        Ok(Self {
            place: Place::Network(address),
            base: format!("http://{authority}{}", uri.path().trim_end_matches('/')),
        })
    }

    /// Where it listens.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Its address on the network, which is let through; a Unix socket needs nothing.
    pub(crate) fn network(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Network(address) => Some(*address),
            Place::Socket(_) => None,
        }
    }

    /// Where it takes `signal`, `traces` or `metrics`.
    pub(super) fn url(&self, signal: &str) -> String {
        format!("{}/v1/{signal}", self.base)
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Network(address) => address.fmt(f),
            Place::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// It may have a secret in it.
fn wrong(endpoint: &str) -> Error {
    let shown = endpoint.split_once('@').map_or(endpoint, |(_, rest)| rest);
    Error::Endpoint(shown.to_owned())
}

/// What `endpoint` says; TLS, credentials and questions are not for it.
fn parts(endpoint: &str) -> Option<(Uri, String, u16)> {
    let uri: Uri = endpoint.parse().ok()?;
    let authority = uri.authority()?;
    let plain = uri.scheme_str() == Some("http") && uri.query().is_none();
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let port = authority.port_u16().filter(|port| *port != 0)?;
    (plain && !authority.as_str().contains('@')).then_some((uri, host, port))
}

fn address(host: &str, port: u16) -> io::Result<SocketAddr> {
    let mut found = (host, port).to_socket_addrs()?;
    let none = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
    found.next().ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_a_name_or_a_socket() {
        let base = |endpoint| Collector::find(endpoint).unwrap().url("traces");
        let place = |endpoint| Collector::find(endpoint).unwrap().place;
        let address = |text: &str| Place::Network(text.parse().unwrap());
        assert_eq!(place("http://127.0.0.1:4318"), address("127.0.0.1:4318"));
        assert_eq!(place("http://[::1]:4318/"), address("[::1]:4318"));
        let socket = Place::Socket("/run/c.sock".into());
        assert_eq!(place("unix:/run/c.sock"), socket);
        assert_eq!(place("unix:///run/c.sock"), socket);
        assert_eq!(base("http://[::1]:4318/"), "http://[::1]:4318/v1/traces");
        assert_eq!(base("http://[::1]:1/a/"), "http://[::1]:1/a/v1/traces");
        assert_eq!(base("unix:/c"), "http://localhost/v1/traces");
        let local = Collector::find("http://localhost:4318").unwrap();
        assert!(local.network().unwrap().ip().is_loopback());
    }

    #[test]
    fn nothing_else_is_one_and_no_password_is_shown() {
        for wrong in [
            "",
            "collector",
            "127.0.0.1:4318",
            "http://127.0.0.1",
            "http://127.0.0.1:0",
            "https://127.0.0.1:4318",
            "http://me:secret@127.0.0.1:4318",
            "http://127.0.0.1:4318/?key=1",
            "unix:relative",
        ] {
            let error = Collector::find(wrong).unwrap_err();
            assert!(matches!(error, Error::Endpoint(_)), "{wrong}");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
