//! From a command line to a grant, by the ordinary road: the command becomes one
//! more text of the policy, and the policy decides.

use super::error::OnceError;
use super::options::Once;
use super::program;
use crate::context::Trust;
use crate::source::PolicyError;
use nix::unistd::{Gid, Uid, User, getgrouplist};
use policy::{
    Arguments, Caller, Decision, Grant, Login, Peer, Policy, Profile, Setting, TRIAL_NAME, Trial,
};
use policy_files::PolicyFiles;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::Path;
use std::sync::Arc;

/// What the trial's profile, tool and principal are called.
const NAME: &str = "mini-mcp-run";

/// Where programs are when the profile does not say it.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A grant, and what it was given by and for.
#[derive(Debug)]
pub(super) struct Granted {
    pub policy: Policy,
    pub trust: Trust,
    pub grant: Grant,
}

/// Reads the policy, adds the command to it and has it decided.
pub(super) fn granted(options: &Once) -> Result<Granted, OnceError> {
    let (setting, trust) = caller(options.user.as_deref())?;
    let peer = match &trust {
        Trust::Only(peer) | Trust::Administrator(peer) => peer.clone(),
        Trust::Front { .. } => return Err(OnceError::Lost),
    };
    let files = files(options, &setting)?;
    let known = files.parse(&setting).map_err(PolicyError::from)?;
    let profile = profile(&known, &options.profile)?;
    let name = unused(&files);
    let text = trial(options, profile, &peer)?.text(&name, &setting)?;
    let policy = files.and(TRIAL_NAME, text).parse(&setting);
    let policy = policy.map_err(PolicyError::from)?;
    match policy.decide(&Caller::from(peer), &name, &Arguments::new()) {
        Decision::Allow(grant) => Ok(Granted {
            policy,
            trust,
            grant,
        }),
        Decision::Ask(ask) => Err(OnceError::Denied(ask.denial())),
        Decision::Confirm(held) => Err(OnceError::Denied(held.denial())),
        Decision::Deny(denial) => Err(OnceError::Denied(denial)),
    }
}

/// For whom the policy is read, and who calls: the user himself, or whom root names.
fn caller(user: Option<&str>) -> Result<(Setting, Trust), OnceError> {
    let own = Uid::effective();
    let named = user.map(account).transpose()?;
    if own.is_root() {
        let user = match named {
            Some(user) => user,
            None => account("0")?,
        };
        return Ok((Setting::System, Trust::Administrator(peer(user)?)));
    }
    if let Some(other) = named.filter(|user| user.uid != own) {
        return Err(OnceError::NotRoot(other.name));
    }
    let setting = Setting::SingleUser {
        uid: own.as_raw(),
        workspace: std::env::current_dir().map_err(OnceError::Here)?,
    };
    let login = User::from_uid(own).ok().flatten().map(login);
    Ok((
        setting,
        Trust::Only(Peer {
            login,
            ..Trust::own()?
        }),
    ))
}

/// The user `text`, a name or else a user id.
fn account(text: &str) -> Result<User, OnceError> {
    let named = User::from_name(text).ok().flatten();
    let numbered = || {
        User::from_uid(Uid::from_raw(text.parse().ok()?))
            .ok()
            .flatten()
    };
    named
        .or_else(numbered)
        .ok_or_else(|| OnceError::NoUser(text.to_owned()))
}

/// The user with all the groups that the account database gives him.
fn peer(user: User) -> Result<Peer, OnceError> {
    let name =
        CString::new(user.name.as_str()).map_err(|_| OnceError::NoUser(user.name.clone()))?;
    let groups = getgrouplist(&name, user.gid)?;
    Ok(Peer {
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
        login: Some(login(user)),
    })
}

fn login(User { name, dir, .. }: User) -> Login {
    Login { name, home: dir }
}

/// The policy that was named, with the shipped profiles where it has none of their
/// names; without one, these alone.
fn files(options: &Once, setting: &Setting) -> Result<PolicyFiles, OnceError> {
    let Some(main) = &options.policy else {
        return Ok(PolicyFiles::shipped());
    };
    let packs = options.packs.as_deref();
    let packs = packs.unwrap_or(Path::new(policy_files::PACKS));
    let files = PolicyFiles::read(std::slice::from_ref(main), packs, setting);
    let files = files.map_err(PolicyError::from)?;
    let own = files.parse(setting).map_err(PolicyError::from)?;
    let shipped = PolicyFiles::shipped();
    let names = shipped.parse(setting).map_err(PolicyError::from)?;
    let mut names = names.profiles().map(|profile| &profile.name);
    let clash = names.any(|name| own.profiles().any(|profile| &profile.name == name));
    Ok(if clash { files } else { files.with(shipped) })
}

fn profile<'p>(policy: &'p Policy, name: &str) -> Result<&'p Profile, OnceError> {
    let found = policy.profiles().find(|profile| profile.name == name);
    found.map(Arc::as_ref).ok_or_else(|| {
        let all = policy.profiles().map(|one| format!("`{}`", one.name));
        let all: Vec<String> = all.collect();
        OnceError::NoProfile(name.to_owned(), all.join(", "))
    })
}

/// A name that the policy has for nothing.
fn unused(files: &PolicyFiles) -> String {
    let mut name = NAME.to_owned();
    while files.mention(&name) {
        name.push('_');
    }
    name
}

fn trial(options: &Once, profile: &Profile, peer: &Peer) -> Result<Trial, OnceError> {
    // The last of several counts.
    let variables: BTreeMap<_, _> = options.environment.iter().cloned().collect();
    let its_own = profile.environment.iter().find(|(name, _)| name == "PATH");
    let its_own = its_own.map_or(PATH, |(_, path)| path.as_str());
    let path = variables.get("PATH").map_or(its_own, String::as_str);
    let mut command = options.command.clone();
    if let Some(program) = command.first_mut() {
        let found = program::find(program, path)?;
        *program = found.to_string_lossy().into_owned();
    }
    let mut keys = options.keys.clone();
    // Root runs nothing as root unless somebody says so, here as everywhere.
    if options.user.is_some() && peer.uid == 0 {
        keys.push(("run_as", "root".to_owned()));
    }
    Ok(Trial {
        profile: options.profile.clone(),
        read: options.read.clone(),
        write: options.write.clone(),
        execute: options.execute.clone(),
        connect: options.connect.clone(),
        environment: variables.into_iter().collect(),
        keys,
        command,
        caller: peer.uid,
    })
}
