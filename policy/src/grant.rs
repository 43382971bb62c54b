//! The verdict on one call, and the terms it carries.

use crate::quote::quoted;
use crate::{Access, Ask, Background, Existence, FileKind, Limit, Profile};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The verdict on one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The command may run, on these terms.
    Allow(Grant),
    /// It may run once somebody has approved it, and not before.
    Ask(Ask),
    /// It may not.
    Deny(Denial),
}

/// Leave to run one command on exactly these terms. Only [`crate::Policy::decide`]
/// and [`Ask::approved`] make one; it has no public constructor and never crosses the
/// wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub(crate) tool: String,
    pub(crate) principal: String,
    pub(crate) rule: String,
    pub(crate) argv: Vec<String>,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) paths: Vec<PathGrant>,
    pub(crate) stdin: Stdin,
    pub(crate) stdin_is_secret: bool,
    pub(crate) starts_in: Option<usize>,
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) identity: Option<Identity>,
    pub(crate) profile: Arc<Profile>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) queue_timeout: Duration,
    pub(crate) only_for: Option<u32>,
    pub(crate) approval: Option<String>,
    pub(crate) background: Background,
}

impl Grant {
    /// The tool that was called.
    #[must_use]
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// The principal that the caller was matched as.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// The rule that allowed the call, such as `tool.tail_log.allow`.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The argument vector; the first element is the absolute path of the program.
    #[must_use]
    pub fn argv(&self) -> &[String] {
        &self.argv
    }

    /// What of the argument vector no record may repeat.
    #[must_use]
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// SHA-256 of the restrictions and of the user to run under: equal exactly where
    /// these terms are, as long as the worker is of the same version.
    #[must_use]
    pub fn sandbox_digest(&self) -> [u8; 32] {
        // What is derived names every field, so that none can be forgotten here.
        let terms = format!("{:?} {:?}", self.profile, self.identity);
        Sha256::digest(terms).into()
    }

    /// The absolute path of the program.
    #[must_use]
    pub fn program(&self) -> &Path {
        Path::new(self.argv.first().map_or("", String::as_str))
    }

    /// One entry for each path argument that is present.
    #[must_use]
    pub fn paths(&self) -> &[PathGrant] {
        &self.paths
    }

    /// What the command reads as its standard input.
    #[must_use]
    pub fn stdin(&self) -> &Stdin {
        &self.stdin
    }

    /// Whether no record may repeat what stands in [`Grant::stdin`].
    #[must_use]
    pub fn stdin_is_secret(&self) -> bool {
        self.stdin_is_secret
    }

    /// Which of [`Grant::paths`] the command starts in; `None` for the working
    /// directory of the profile.
    #[must_use]
    pub fn starts_in(&self) -> Option<usize> {
        self.starts_in
    }

    /// The path of that directory.
    #[must_use]
    pub fn directory(&self) -> Option<String> {
        let path = self.paths.get(self.starts_in?)?;
        Some(path.path().display().to_string())
    }

    /// The approval by which the command may run; `None` where none is needed.
    #[must_use]
    pub fn approval(&self) -> Option<&str> {
        self.approval.as_deref()
    }

    /// SHA-256 that the program must have.
    #[must_use]
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.sha256
    }

    /// The user and groups to run as; `None` for a user that only this run has, which
    /// whoever runs it chooses.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The limits that must leave room for one more call, the widest first. Policy
    /// cannot know whether they do: whoever runs the command counts.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// How long it may wait until [`Grant::limits`] leave a place for one more command at
    /// the same time; zero when it is refused instead.
    #[must_use]
    pub fn queue_timeout(&self) -> Duration {
        self.queue_timeout
    }

    /// The user id for whom alone the profile is as it is; `None` when every caller
    /// of the tool has the same.
    #[must_use]
    pub fn only_for(&self) -> Option<u32> {
        self.only_for
    }

    /// How long it may run when its caller does not wait; `connected` is whether he has
    /// a connection that whoever runs it watches.
    ///
    /// # Errors
    /// The denial where he has to wait.
    pub fn in_background(&self, connected: bool) -> Result<Background, Denial> {
        let denied = |code, key: &str, why: &str| Denial {
            code,
            rule: format!("tool.{}.{key}", self.tool),
            reason: format!("tool {} {why}", quoted(&self.tool)),
        };
        match self.background {
            Background::Never => Err(denied(
                "not_background",
                "background",
                "does not run in the background: call it by its own name and wait",
            )),
            Background::Connected if !connected => Err(denied(
                "no_connection",
                "outlives_connection",
                "runs in the background only as long as its caller is connected, and over HTTP \
                 nobody stays connected: call it by its own name and wait",
            )),
            allowed @ (Background::Connected | Background::Outliving) => Ok(allowed),
        }
    }

    /// The restrictions to run under.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }
}

/// An element of an argument vector that ends in a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    /// Index of the element.
    pub element: usize,
    /// How many bytes stand before the secret in it.
    pub prefix: usize,
}

/// A path argument: leave to use one file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathGrant {
    /// The declared directory that the path must not leave.
    pub root: PathBuf,
    /// The rest of the path, relative to `root`: without `..`, without empty or
    /// `.` components; `.` alone for the root itself.
    pub beneath: PathBuf,
    /// What it may be used for.
    pub access: Access,
    /// What it must be.
    pub kind: FileKind,
    /// Whether it must exist.
    pub exists: Existence,
}

impl PathGrant {
    /// The absolute path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        if self.beneath == Path::new(".") {
            self.root.clone()
        } else {
            self.root.join(&self.beneath)
        }
    }
}

/// What a command reads as its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stdin {
    /// Nothing, `/dev/null`.
    Null,
    /// This text.
    Text(String),
    /// This file, as far as the user it runs as may read it.
    File(PathGrant),
}

/// Unix credentials that a command runs under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Real, effective and saved user id.
    pub uid: u32,
    /// Real, effective and saved group id.
    pub gid: u32,
    /// Supplementary group ids, exactly.
    pub groups: Vec<u32>,
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Stable word for programs, such as `path_outside`.
    pub code: &'static str,
    /// The part of the policy that refused, such as `tool.tail_log.args.file`.
    pub rule: String,
    /// One sentence for people, lower case, without final period.
    pub reason: String,
}
