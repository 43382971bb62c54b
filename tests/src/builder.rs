//! What differs between the installations that tests make.

use crate::{ALICE, FRONT, Site, scratch_in};
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Every way to keep hold of a process tree, as `--containment` calls it.
pub const CONTAINMENTS: [&str; 3] = ["cgroup", "pid-namespace", "subreaper"];

/// What differs from the usual installation.
#[derive(Debug)]
pub struct SiteBuilder {
    policy: String,
    containment: String,
    audit: Option<PathBuf>,
    worker_options: Vec<String>,
    further: Vec<String>,
    apart: bool,
    folder: PathBuf,
}

impl SiteBuilder {
    pub(crate) fn new(policy: &str) -> SiteBuilder {
        SiteBuilder {
            policy: policy.to_owned(),
            containment: "auto".to_owned(),
            audit: None,
            worker_options: Vec::new(),
            further: Vec::new(),
            apart: false,
            folder: env::temp_dir(),
        }
    }

    /// How to keep hold of process trees; `auto` otherwise.
    #[must_use]
    pub fn containment(mut self, containment: &str) -> SiteBuilder {
        containment.clone_into(&mut self.containment);
        self
    }

    /// Further arguments of the supervisor.
    #[must_use]
    pub fn serving(mut self, words: &[&str]) -> SiteBuilder {
        self.further = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Each process has a session of its own, as a service manager gives it one: where
    /// sessions are scheduled as groups, what is measured does not share one with who measures.
    #[must_use]
    pub fn apart(mut self) -> SiteBuilder {
        self.apart = true;
        self
    }

    /// Where the site's directory is made; among temporary ones otherwise, in whose place
    /// isolated commands have their own.
    #[must_use]
    pub fn beneath(mut self, folder: &str) -> SiteBuilder {
        self.folder = folder.into();
        self
    }

    /// Where the audit trail goes; a file of its own otherwise.
    #[must_use]
    pub fn audit(mut self, path: PathBuf) -> SiteBuilder {
        self.audit = Some(path);
        self
    }

    /// Another option of the worker, and its value.
    #[must_use]
    pub fn worker_option(mut self, name: &str, value: &str) -> SiteBuilder {
        self.worker_options
            .extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Another option of the worker, without a value.
    #[must_use]
    pub fn worker_flag(mut self, name: &str) -> SiteBuilder {
        self.worker_options.push(name.to_owned());
        self
    }

    /// Makes the directory and the policy, and starts nothing.
    ///
    /// # Panics
    /// When a step fails.
    #[must_use]
    pub fn prepare(self) -> Site {
        let directory = scratch_in(&self.folder);
        make_folders(directory.path());
        let own = directory.path().join("audit/audit.jsonl");
        let audit = self.audit.unwrap_or(own);
        let site = Site::new(
            directory,
            audit,
            self.containment,
            self.worker_options,
            (self.further, self.apart),
        );
        site.file("policy.toml", &self.policy.replace("@site@", &site.text()));
        site
    }

    /// Starts the worker, but no supervisor.
    #[must_use]
    pub fn worker_only(self) -> Site {
        let mut site = self.prepare();
        site.start_worker();
        site
    }

    /// Starts worker and supervisor.
    #[must_use]
    pub fn start(self) -> Site {
        let mut site = self.worker_only();
        site.start_supervisor();
        site
    }
}

/// `front` and `spool` are the supervisor's, `drop` is Alice's, the rest is root's.
fn make_folders(base: &Path) {
    for name in ["front", "spool", "worker", "audit", "data", "drop"] {
        fs::create_dir(base.join(name)).expect("the directory is ours");
    }
    let private = Permissions::from_mode(0o700);
    fs::set_permissions(base.join("spool"), private).expect("the directory is ours");
    for (name, owner) in [("front", FRONT), ("spool", FRONT), ("drop", ALICE)] {
        let (uid, gid) = (owner.uid(), owner.gid());
        chown(base.join(name), Some(uid), Some(gid)).expect("root may");
    }
}
