//! `mini-mcp-worker doctor`: what of the sandbox holds on this kernel, found out by
//! trying it, and what that means for each profile of a policy.
//!
//! It has no judgement of its own: what refuses a profile here is what refuses its
//! calls, by the same functions. It changes nothing that stays: what is tried is
//! tried in processes that end, and the cgroup it makes is removed.

mod feature;
mod host;
mod missing;
mod report;
mod trial;
mod verdict;

use crate::options::Doctor;
use crate::sandbox::delegation::Visit;
use crate::source::Source;
use host::Host;
pub(crate) use missing::missing;
use nix::unistd::geteuid;
use policy::{Policy, Setting, Tool};
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use verdict::Verdict;
pub(crate) use verdict::refusals;

/// The policy of this machine's service.
const SYSTEM: &str = "/etc/mini-mcp/policy.toml";

/// Prints the report of `options`; true when everything that the policy asks is held.
///
/// # Errors
/// A policy that cannot be used.
pub(crate) fn doctor(options: &Doctor) -> Result<bool, Box<dyn Error>> {
    let source = source(options)?;
    let policy = source.as_ref().map(Source::load).transpose()?;
    let user = matches!(&source, Some(Source { setting: Setting::SingleUser { uid, .. }, .. }) if *uid != 0)
        .then(|| geteuid().as_raw());
    // Ends after the host, whose group must be gone by then.
    let _visit = Visit::begin();
    let host = Host::look(options.containment, user);
    let features = feature::features(&host);
    let verdicts = policy.as_ref().map(|policy| verdicts(policy, &host));
    let verdicts = verdicts.unwrap_or_default();
    let report = report::Report {
        host: &host,
        policy: source.as_ref().map(Source::name),
        features,
        verdicts,
    };
    let text = if options.json {
        report.json()
    } else {
        report.text()
    };
    print(&text)?;
    Ok(report.fine())
}

/// Of each profile; and of what is made of it for a resource or a prompt, where that
/// cannot be used: else it is held as that profile is.
fn verdicts<'p>(policy: &'p Policy, host: &Host) -> Vec<Verdict<'p>> {
    let verdict = |profile| Verdict::new(profile, policy, host);
    let mut all: Vec<_> = policy.profiles().map(|profile| verdict(profile)).collect();
    let derived = policy.commands_of_its_own().map(Tool::profile);
    let mut refused: Vec<_> = derived
        .map(verdict)
        .filter(|one| !one.refusals.is_empty())
        .collect();
    refused.sort_by(|one, other| one.profile.name.cmp(&other.profile.name));
    refused.dedup_by(|one, other| one.profile.name == other.profile.name);
    all.append(&mut refused);
    all
}

/// Root is shown what the service would do, everybody else what `mini-mcp stdio`
/// would do for him.
fn source(options: &Doctor) -> io::Result<Option<Source>> {
    let packs = options.packs.clone();
    if geteuid().is_root() && options.workspace.is_none() {
        let installed = || Some(PathBuf::from(SYSTEM)).filter(|file| file.exists());
        let path = options.policy.clone().or_else(installed);
        return Ok(path.map(|path| Source {
            path: Some(path),
            packs,
            setting: Setting::System,
        }));
    }
    let workspace = options.workspace.as_deref().unwrap_or(Path::new("."));
    Ok(Some(Source {
        path: options.policy.clone(),
        packs,
        setting: Setting::SingleUser {
            uid: geteuid().as_raw(),
            workspace: workspace.canonicalize()?,
        },
    }))
}

/// Whoever closed standard output has read enough.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
