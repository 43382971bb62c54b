//! Where the output of runs is kept, how much of it, and for how long.

use super::{Directory, Runs};
use crate::error::Error;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of one run.
    pub(crate) run: u64,
    /// Bytes of one principal.
    pub(crate) each: u64,
    /// Bytes of all.
    pub(crate) all: u64,
    /// From the end of a run.
    pub(crate) expiry: Duration,
}

/// What can be typed about it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Spool {
    /// Directory in which long output is kept to be read in pages; this user's alone
    /// [default: $CACHE_DIRECTORY, for stdio $XDG_STATE_HOME/mini-mcp/spool; else none]
    #[arg(long = "spool", value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// How much output is kept of one run
    #[arg(long = "spool-run", value_name = "SIZE", default_value = "64M", value_parser = size)]
    pub(crate) run: u64,
    /// How much output is kept for one principal, such as `256M`
    #[arg(long = "spool-quota", value_name = "SIZE", default_value = "256M", value_parser = size)]
    pub(crate) each: u64,
    /// How much output is kept for all of them
    #[arg(long = "spool-max", value_name = "SIZE", default_value = "1G", value_parser = size)]
    pub(crate) all: u64,
    /// How long output and record are kept from the end of a run on, such as `1h`
    #[arg(long = "spool-expiry", value_name = "TIME", default_value = "1h", value_parser = time)]
    pub(crate) expiry: Duration,
}

fn size(text: &str) -> Result<u64, &'static str> {
    policy::size(text).ok_or("a number of bytes, perhaps with K, M, G or T")
}

fn time(text: &str) -> Result<Duration, &'static str> {
    let time = policy::duration(text).filter(|time| !time.is_zero());
    time.ok_or("a time above zero, such as 90s, 5min or 1h30min")
}

impl Spool {
    /// What keeps output, in the directory that is named here or in `usual`.
    ///
    /// # Errors
    /// A directory that cannot be used.
    pub(crate) fn open(&self, usual: Option<PathBuf>) -> Result<Arc<Runs>, Error> {
        let bounds = Bounds {
            run: self.run,
            each: self.each,
            all: self.all,
            expiry: self.expiry,
        };
        let directory = match (&self.directory, usual) {
            (Some(named), _) => {
                let path = std::path::absolute(named).map_err(Error::Process)?;
                Some(Directory::open(path)?)
            }
            (None, Some(usual)) => usable(usual),
            (None, None) => None,
        };
        if directory.is_none() {
            tracing::warn!("no directory to keep long output in: only its head and tail are there");
        }
        Ok(Runs::new(directory, bounds))
    }
}

/// The directory at `path` that nobody has asked for, if it can be used.
fn usable(path: PathBuf) -> Option<Directory> {
    let opened = Directory::open(path);
    opened
        .inspect_err(|error| tracing::warn!("{}", error.text()))
        .ok()
}

/// The directory that the service manager has made for this service, systemd.exec(5).
pub(crate) fn service_directory() -> Option<PathBuf> {
    let value = std::env::var_os("CACHE_DIRECTORY")?;
    // Several are joined by colons; ours has one.
    let path = PathBuf::from(value);
    path.is_absolute().then_some(path)
}
