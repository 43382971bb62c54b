//! Certificates for tests, made by openssl(1), and where the service finds them.

use crate::FRONT;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A directory with a certificate for `localhost` and 127.0.0.1, and its key, which the
/// supervisor may read.
#[derive(Debug)]
pub struct Certificate(TempDir);

impl Certificate {
    /// A new one.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Certificate {
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("it is ours");
        let certificate = Certificate(directory);
        certificate.renew();
        certificate
    }

    /// Makes both anew, and puts them in the place of the former ones at once.
    ///
    /// # Panics
    /// When they cannot be made.
    pub fn renew(&self) {
        let (file, key) = (self.path("new.crt"), self.path("new.key"));
        let output = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .arg("-out")
            .arg(&file)
            .arg("-keyout")
            .arg(&key)
            .output()
            .expect("openssl starts");
        assert!(output.status.success(), "{output:?}");
        allow(&key, 0o640);
        fs::rename(file, self.file()).expect("the directory is ours");
        fs::rename(key, self.key()).expect("the directory is ours");
    }

    /// The certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.path("server.crt")
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.path("server.key")
    }

    /// The options by which the supervisor speaks TLS with it at `address`.
    #[must_use]
    pub fn options(&self, address: &str) -> Vec<String> {
        let (file, key) = (self.file(), self.key());
        let words = ["--http", address, "--tls-certificate"].map(str::to_owned);
        let file = [file.display().to_string(), "--tls-key".to_owned()];
        words
            .into_iter()
            .chain(file)
            .chain([key.display().to_string()])
            .collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}

fn allow(key: &Path, mode: u32) {
    chown(key, None, Some(FRONT.gid())).expect("root may");
    fs::set_permissions(key, Permissions::from_mode(mode)).expect("root may");
}
