//! TLS on the network: a certificate and its key from files, which are read again upon
//! a reload, so that a renewal needs no restart. Connections that are there go on.
//!
//! rustls with ring: TLS 1.3 alone, no resumption, no early data.

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, version};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a client may take to agree on keys.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// Anybody but owner and group.
const OTHERS: u32 = 0o007;

/// A certificate or key that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// Whoever may read it can pass himself off as this server.
    #[error("cannot use the key `{}`: every user of this host may read it", .0.display())]
    Exposed(PathBuf),
    /// It is no PEM, or not of this kind.
    #[error("cannot find {what} in `{}`", path.display())]
    Pem {
        what: &'static str,
        path: PathBuf,
        source: pem::Error,
    },
    /// Both do not go together, or are of a kind that is not known.
    #[error("cannot use the certificate `{}` with its key", path.display())]
    Unusable {
        path: PathBuf,
        source: rustls::Error,
    },
}

impl TlsError {
    /// What may cure it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => {
                "the user of the service must be able to read it: chgrp mini-mcp, chmod 640; \
                 or pass it as a systemd credential"
            }
            Self::Exposed(_) => "chmod o-rwx",
            Self::Pem { .. } => "PEM is wanted: the whole chain, its own certificate first",
            Self::Unusable { .. } => "the key must be that of the first certificate in the file",
        }
    }
}

/// Certificate and key, as they were read last.
#[derive(Debug)]
pub(crate) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// Files that cannot be used.
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(read(certificate, key)?),
        })
    }

    /// Reads them again, for connections to come.
    ///
    /// # Errors
    /// Files that cannot be used; what was read before stays.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let next = read(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// The directories where the files are found again when others take their place.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let files = [&self.certificate, &self.key].into_iter();
        let targets = files.clone().filter_map(|file| file.canonicalize().ok());
        let files = files.cloned().chain(targets);
        files
            .map(|file| crate::serve::directory(&file).to_owned())
            .collect()
    }

    fn current(&self) -> Arc<ServerConfig> {
        // Nothing can panic while it is held.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Agrees on keys with the client of `stream`.
    ///
    /// # Errors
    /// A client that does not speak TLS, or not this one, or is too slow.
    pub(crate) async fn handshake<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(self.current());
        tokio::time::timeout(HANDSHAKE_PATIENCE, acceptor.accept(stream)).await?
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable = |source| TlsError::Unusable {
        path: certificate.to_owned(),
        source,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain(certificate)?, secret(key)?)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = contents(path, |_| Ok(()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.and_then(|chain| match chain.is_empty() {
        true => Err(pem::Error::NoItemsFound),
        false => Ok(chain),
    });
    chain.map_err(|source| no_pem("a certificate", path, source))
}

fn secret(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = contents(path, |mode| match mode & OTHERS {
        0 => Ok(()),
        _ => Err(TlsError::Exposed(path.to_owned())),
    })?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|source| no_pem("a private key", path, source))
}

fn no_pem(what: &'static str, path: &Path, source: pem::Error) -> TlsError {
    TlsError::Pem {
        what,
        path: path.to_owned(),
        source,
    }
}

/// What stands in the file, if its mode is fine: that of the file which is read.
fn contents(
    path: &Path,
    is_fine: impl FnOnce(u32) -> Result<(), TlsError>,
) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let data = file.metadata().map_err(failed)?;
    is_fine(data.permissions().mode())?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}
