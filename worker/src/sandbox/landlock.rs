//! Which files a command may use, landlock(7). Every right that the running
//! kernel knows is handled, so what is not granted is refused; TCP and the
//! scopes for signals and abstract sockets likewise.
//!
//! Rules are looked up once for each tool and lane. Before each call the paths
//! are compared with what they were, so that a file replaced by an upgrade is
//! found; rules that a path argument adds make a ruleset of their own.

use super::abi::linux;
use super::namespaces::{Shut, Sight};
use super::prepared::{self, Mounts};
use super::view::{Own, Place, View};
use crate::open::Opened;
use crate::sandbox::elf;
use crate::sandbox::pin::{self, Fingerprint};
use crate::sandbox::program::{self, ProgramError};
use crate::sys;
use ::landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};
use policy::{Access, Grant, Network, PathRule, Profile, Strength};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use thiserror::Error;

/// Most tools whose rules a lane remembers.
const REMEMBERED: usize = 256;

/// The first ABI that holds TCP to ports.
const CONNECT_ABI: u32 = 4;

/// Devices that hold nothing and that programs take for granted.
const DEVICES: [(&str, bool); 5] = [
    ("/dev/null", true),
    ("/dev/full", true),
    ("/dev/zero", false),
    ("/dev/random", false),
    ("/dev/urandom", false),
];

/// What a program calls its terminal, where it has one.
const TERMINAL: &str = "/dev/tty";

/// Files that cannot be restricted as the profile demands.
#[derive(Debug, Error)]
pub(crate) enum DomainError {
    /// The kernel is too old, or Landlock is switched off.
    #[error(
        "cannot restrict files: the kernel has Landlock ABI {have}, profile `{profile}` needs {need}\n\
         hint: use a newer kernel (ABI {need} is Linux {}){}", linux(*.need), accept(*.have)
    )]
    Kernel {
        /// The profile.
        profile: String,
        /// What it demands.
        need: u32,
        /// What there is; 0 for nothing.
        have: u32,
    },
    /// The root directory in a root directory of the command's own.
    #[error(
        "cannot isolate commands of profile `{0}`: it grants all of `/`\nhint: grant the directories in it that are needed"
    )]
    Whole(String),
    /// The kernel does not know TCP ports.
    #[error(
        "cannot restrict TCP to `connect`: the kernel has Landlock ABI {0}, ports need {CONNECT_ABI}\n\
         hint: use Linux 6.7 or newer, or `network = \"full\"`"
    )]
    Ports(u32),
    /// A path of the profile, or the program, cannot be opened.
    #[error("cannot grant `{0}`")]
    Path(PathBuf, #[source] io::Error),
    /// The mount namespace with what the commands of a tool see.
    #[error("cannot prepare what commands see of the host")]
    View(#[source] Errno),
    /// The program may have been replaced by somebody else.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The kernel refused a rule.
    #[error("cannot build a Landlock ruleset")]
    Ruleset(#[from] RulesetError),
}

fn accept(abi: u32) -> String {
    match abi {
        // Nothing runs without Landlock.
        0 => "; `landlock` must stand in /sys/kernel/security/lsm".to_owned(),
        abi => format!(", or accept less with `minimum_landlock = {abi}`"),
    }
}

/// Builds rulesets and remembers those that calls have in common.
#[derive(Debug)]
pub(crate) struct Domains {
    /// ABI of the running kernel.
    abi: u32,
    /// The single user who is served, if there is one; his programs are trusted.
    user: Option<u32>,
    /// How the host is shut to commands in the default strength.
    shut: Shut,
    /// The mounts that prepared views are made of; `None` while there is no view.
    mounts: Option<Mounts>,
    /// By [`key`].
    tools: HashMap<String, Prepared>,
}

#[derive(Debug)]
struct Prepared {
    rules: Vec<Rule>,
    ruleset: RulesetCreated,
    /// Of the program, when the policy pins it.
    pinned: Option<Fingerprint>,
    /// A mount namespace with what calls have in common, once one needed it.
    view: Option<Rc<OwnedFd>>,
}

impl Prepared {
    fn is_current(&self, program: &Path) -> bool {
        let pinned = self.pinned.as_ref();
        self.rules.iter().all(Rule::is_current)
            && pinned.is_none_or(|fingerprint| fingerprint.is_current(program))
    }
}

impl Domains {
    /// For the running kernel, and for the single `user` who is served, if any.
    pub(crate) fn new(user: Option<u32>, shut: Shut) -> Self {
        Self {
            abi: sys::landlock_abi(),
            user,
            shut,
            mounts: None,
            tools: HashMap::new(),
        }
    }

    /// The ruleset of one call.
    pub(crate) fn domain(
        &mut self,
        grant: &Grant,
        opened: &[&Opened],
    ) -> Result<RulesetCreated, DomainError> {
        let profile = grant.profile();
        holds(profile, self.abi)?;
        let abi = ABI::from(i32::try_from(self.abi).unwrap_or(i32::MAX));
        let prepared = self.prepared(grant, abi)?;
        // What a mount namespace or a terminal adds must not get into the ruleset that calls share.
        if opened.is_empty() && !profile.isolation.mounts() && !profile.tty {
            let path = |error| DomainError::Path(grant.program().to_path_buf(), error);
            return prepared.ruleset.try_clone().map_err(path);
        }
        let mut ruleset = build(abi, &prepared.rules, &profile.network)?;
        for file in opened {
            let rights = rights(abi, Right::from(file.access), file.directory);
            ruleset = ruleset.add_rule(PathBeneath::new(file.descriptor.as_fd(), rights))?;
        }
        Ok(ruleset)
    }

    /// What the command of `grant` sees of the file system. Call it after
    /// [`Domains::domain`], which looks the paths up.
    pub(crate) fn sight<'a>(
        &mut self,
        grant: &Grant,
        opened: &[(PathBuf, &'a Opened)],
    ) -> Result<Sight<'a>, DomainError> {
        let isolation = grant.profile().isolation;
        match self.shut {
            _ if isolation.mounts() => Ok(Sight::Built(self.view(grant, opened)?)),
            Shut::Never => Ok(Sight::Host),
            Shut::Made => Ok(Sight::Built(self.view(grant, opened)?)),
            Shut::Prepared => {
                let prepared = self.prepared_view(grant)?;
                Ok(Sight::Prepared(self.view(grant, opened)?, prepared))
            }
        }
    }

    fn view<'a>(
        &self,
        grant: &Grant,
        opened: &[(PathBuf, &'a Opened)],
    ) -> Result<View<'a>, DomainError> {
        let isolation = grant.profile().isolation;
        let prepared = self.tools.get(key(grant).as_ref());
        let rules = prepared.map_or_else(Vec::new, |prepared| prepared.rules.iter().collect());
        let common = rules.into_iter().map(|rule| Place {
            path: rule.path.clone(),
            opened: None,
            write: rule.right == Right::Write,
            execute: rule.right == Right::Execute,
            device: matches!(rule.right, Right::Device { .. }) || rule.path.starts_with("/dev"),
        });
        let chosen = opened.iter().map(|(path, file)| Place {
            path: path.clone(),
            opened: Some(file.descriptor.as_fd()),
            write: file.access != Access::Read,
            execute: false,
            device: false,
        });
        let places: Vec<Place<'_>> = common.chain(chosen).collect();
        let isolated = isolation.strength == Strength::Isolated;
        if isolated && places.iter().any(|place| place.path == Path::new("/")) {
            return Err(DomainError::Whole(grant.profile().name.clone()));
        }
        Ok(View {
            strength: isolation.strength,
            private_tmp: isolation.private_tmp,
            tmp_size: isolation.tmp_size,
            numbered: isolated,
            places,
            directory: grant.profile().working_directory.clone(),
        })
    }

    /// The view that calls of this tool have in common.
    fn prepared_view(&mut self, grant: &Grant) -> Result<Rc<OwnedFd>, DomainError> {
        if self.mounts.as_ref().is_none_or(Mounts::changed) {
            self.forget_views();
            // Watched from before the first view is made of them.
            let mounts =
                Mounts::watch().map_err(|error| DomainError::Path("/proc".into(), error))?;
            self.mounts = Some(mounts);
        }
        let known = |domains: &Self| domains.tools.get(key(grant).as_ref())?.view.clone();
        if let Some(view) = known(self) {
            return Ok(view);
        }
        let view = prepared::prepare(&self.view(grant, &[])?).map_err(DomainError::View)?;
        let view = Rc::new(view);
        if let Some(prepared) = self.tools.get_mut(key(grant).as_ref()) {
            prepared.view = Some(Rc::clone(&view));
        }
        Ok(view)
    }

    /// The mounts that prepared views are made of, to wait for a change.
    pub(crate) fn mounts(&self) -> Option<&Mounts> {
        self.mounts.as_ref()
    }

    /// Gives up what was made of mounts that may have changed.
    pub(crate) fn forget_views(&mut self) {
        self.mounts = None;
        self.tools.values_mut().for_each(|tool| tool.view = None);
    }

    fn prepared(&mut self, grant: &Grant, abi: ABI) -> Result<&Prepared, DomainError> {
        let key = key(grant);
        let current = self
            .tools
            .get(key.as_ref())
            .is_some_and(|prepared| prepared.is_current(grant.program()));
        if !current {
            program::check(grant.program(), self.user)?;
            let pin = grant.sha256();
            let pinned = pin.map(|wanted| pin::verify(grant.program(), wanted));
            let pinned = pinned.transpose()?;
            let rules = rules(grant)?;
            let ruleset = build(abi, &rules, &grant.profile().network)?;
            if self.tools.len() >= REMEMBERED {
                self.tools.clear();
            }
            self.tools.insert(
                key.clone().into_owned(),
                Prepared {
                    rules,
                    ruleset,
                    pinned,
                    view: None,
                },
            );
        }
        let gone = || {
            DomainError::Path(
                grant.program().to_path_buf(),
                io::ErrorKind::NotFound.into(),
            )
        };
        self.tools.get(key.as_ref()).ok_or_else(gone)
    }
}

/// Whether Landlock `abi` holds what `profile` asks of it.
///
/// # Errors
/// Why every call is refused.
pub(crate) fn holds(profile: &Profile, abi: u32) -> Result<(), DomainError> {
    let need = profile.minimum_landlock;
    if abi < need {
        return Err(DomainError::Kernel {
            profile: profile.name.clone(),
            need,
            have: abi,
        });
    }
    if matches!(profile.network, Network::Connect(_)) && abi < CONNECT_ABI {
        return Err(DomainError::Ports(abi));
    }
    Ok(())
}

/// Whether the paths that `profile` grants are there and can be granted; those that
/// depend on the caller are left to his call.
///
/// # Errors
/// Why every call is refused.
pub(crate) fn paths(profile: &Profile) -> Result<(), DomainError> {
    let granted = granted(profile).filter(|(rule, _)| !names_caller(&rule.path));
    for (PathRule { path, optional, .. }, right) in granted {
        Rule::new(path, right, *optional)?;
        if profile.isolation.strength == Strength::Isolated && path == Path::new("/") {
            return Err(DomainError::Whole(profile.name.clone()));
        }
    }
    Ok(())
}

fn names_caller(path: &Path) -> bool {
    path.to_string_lossy().contains("${caller.")
}

/// Whether this kernel refuses what a ruleset of its own ABI does not grant, in a
/// process that ends after the trial.
pub(crate) fn attempt(abi: u32) -> Result<(), Errno> {
    let abi = ABI::from(i32::try_from(abi).unwrap_or(i32::MAX));
    let domain = build(abi, &[], &Network::None).map_err(|_| Errno::ENOTSUP)?;
    restrict(&domain)?;
    match File::open("/") {
        Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) => Ok(()),
        Ok(_) | Err(_) => Err(Errno::ENOTSUP),
    }
}

/// What tells rules apart: the tool, and the caller where his rules are his alone.
/// No tool has a blank in its name.
fn key(grant: &Grant) -> Cow<'_, str> {
    match grant.only_for() {
        None => Cow::Borrowed(grant.tool()),
        Some(uid) => Cow::Owned(format!("{uid} {}", grant.tool())),
    }
}

/// Enters the domain; there is no way back.
pub(super) fn restrict(domain: &RulesetCreated) -> Result<(), Errno> {
    let status = copy(domain)?.restrict_self().map_err(|_| Errno::last())?;
    if status.ruleset == RulesetStatus::FullyEnforced {
        Ok(())
    } else {
        Err(Errno::EOPNOTSUPP)
    }
}

/// `domain`, whose denials the kernel writes to its audit log; needs ABI 7.
pub(crate) fn logged(domain: RulesetCreated) -> Result<RulesetCreated, DomainError> {
    Ok(domain.log_new_exec(true)?)
}

/// What is used up is a copy: the lane may share this memory, and keeps its own.
fn copy(domain: &RulesetCreated) -> Result<RulesetCreated, Errno> {
    let raw = |error: io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    domain.try_clone().map_err(raw)
}

/// `domain`, opened to what a command's view has of its own, by the names it has there.
pub(super) fn open_own(domain: &RulesetCreated, own: &Own) -> Result<RulesetCreated, Errno> {
    let abi = ABI::from(i32::try_from(sys::landlock_abi()).unwrap_or(i32::MAX));
    let listed = own
        .listed
        .iter()
        .map(|path| (*path, AccessFs::ReadDir.into()));
    let each = |right| move |path: &&'static CStr| (*path, rights(abi, right, true));
    let all = listed
        .chain(own.read.iter().map(each(Right::Read)))
        .chain(own.write.iter().map(each(Right::Write)))
        .chain(own.terminals.iter().map(each(Right::Terminal)));
    let mut domain = copy(domain)?;
    for (path, rights) in all {
        let file = match open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
            // The host has none, so the view has none.
            Err(Errno::ENOENT) if path.to_bytes().starts_with(b"/dev/") => continue,
            file => file?,
        };
        let directory = fstat(&file)?.st_mode & libc::S_IFMT == libc::S_IFDIR;
        let rights = if directory {
            rights
        } else {
            rights & AccessFs::from_file(abi)
        };
        let rule = PathBeneath::new(&file, rights);
        domain = domain.add_rule(rule).map_err(|_| Errno::last())?;
    }
    Ok(domain)
}

/// Opens a terminal of the command's own to `domain`.
pub(crate) fn open_terminal(
    domain: RulesetCreated,
    terminal: &OwnedFd,
) -> Result<RulesetCreated, Errno> {
    let abi = ABI::from(i32::try_from(sys::landlock_abi()).unwrap_or(i32::MAX));
    let rule = PathBeneath::new(terminal, rights(abi, Right::Terminal, false));
    domain.add_rule(rule).map_err(|_| Errno::last())
}

/// What a rule lets a command do with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Read,
    Write,
    Execute,
    /// To a Unix socket by its name; no right of the file's content.
    Connect,
    Device {
        writable: bool,
    },
    /// The command's own: with the device commands that the filter leaves.
    Terminal,
}

impl From<Access> for Right {
    fn from(access: Access) -> Self {
        match access {
            Access::Read => Self::Read,
            Access::Write | Access::Create => Self::Write,
        }
    }
}

/// One path and what it was when it was looked up.
#[derive(Debug)]
struct Rule {
    path: PathBuf,
    right: Right,
    /// `None` for an optional path that does not exist.
    anchor: Option<Anchor>,
}

/// Device, inode, owner and mode.
type Identity = (u64, u64, u32, u32);

#[derive(Debug)]
struct Anchor {
    /// Opened with `O_PATH`; holds the inode, so that its number is not used again.
    file: File,
    identity: Identity,
    directory: bool,
}

impl Rule {
    fn new(path: &Path, right: Right, optional: bool) -> Result<Self, DomainError> {
        let anchor = match Anchor::new(path) {
            Ok(anchor) => Some(anchor),
            Err(error) if optional && error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(DomainError::Path(path.to_path_buf(), error)),
        };
        Ok(Self {
            path: path.to_path_buf(),
            right,
            anchor,
        })
    }

    fn is_current(&self) -> bool {
        let now = fs::metadata(&self.path).ok().as_ref().map(identity);
        now == self.anchor.as_ref().map(|anchor| anchor.identity)
    }
}

impl Anchor {
    fn new(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_CLOEXEC)
            .open(path)?;
        let metadata = file.metadata()?;
        Ok(Self {
            file,
            identity: identity(&metadata),
            directory: metadata.is_dir(),
        })
    }
}

fn identity(metadata: &Metadata) -> Identity {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.uid(),
        metadata.mode(),
    )
}

/// Everything that calls of this tool have in common.
fn rules(grant: &Grant) -> Result<Vec<Rule>, DomainError> {
    let profile = grant.profile();
    let mut rules = Vec::new();
    for (device, writable) in DEVICES {
        rules.push(Rule::new(
            Path::new(device),
            Right::Device { writable },
            true,
        )?);
    }
    if profile.tty || profile.isolation.mounts() {
        rules.push(Rule::new(Path::new(TERMINAL), Right::Terminal, true)?);
    }
    for (PathRule { path, optional, .. }, right) in granted(profile) {
        rules.push(Rule::new(path, right, *optional)?);
    }
    for path in executables(grant.program(), profile) {
        rules.push(Rule::new(&path, Right::Execute, false)?);
    }
    Ok(rules)
}

/// The paths of `profile`, and what each is granted for.
fn granted<'a>(profile: &'a Profile) -> impl Iterator<Item = (&'a PathRule, Right)> {
    let all = [
        (&profile.read, Right::Read),
        (&profile.write, Right::Write),
        (&profile.execute, Right::Execute),
        (&profile.unix_sockets, Right::Connect),
    ];
    let each =
        |(rules, right): (&'a Vec<PathRule>, Right)| rules.iter().map(move |rule| (rule, right));
    all.into_iter().flat_map(each)
}

/// The program, and the loaders that it and the profile's executables ask for.
fn executables(program: &Path, profile: &Profile) -> Vec<PathBuf> {
    let granted = profile.execute.iter().map(|rule| rule.path.as_path());
    let mut loaders: Vec<PathBuf> = granted
        .chain([program])
        .filter_map(elf::interpreter)
        .collect();
    loaders.sort();
    loaders.dedup();
    loaders.push(program.to_path_buf());
    loaders
}

fn build(abi: ABI, rules: &[Rule], network: &Network) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))?;
    // Under the others the filter or a network namespace decides.
    let open = matches!(network, Network::Loopback | Network::Full);
    if abi >= ABI::V4 && !open {
        ruleset = ruleset.handle_access(AccessNet::from_all(abi))?;
    }
    if abi >= ABI::V6 {
        ruleset = ruleset.scope(Scope::from_all(abi))?;
    }
    let mut created = ruleset.create()?;
    for rule in rules {
        if let Some(anchor) = &rule.anchor {
            let rights = rights(abi, rule.right, anchor.directory);
            // Before ABI 9 there is nothing to grant.
            if rights.is_empty() {
                continue;
            }
            created = created.add_rule(PathBeneath::new(anchor.file.as_fd(), rights))?;
        }
    }
    if let Network::Connect(ports) = network {
        for port in ports {
            created = created.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
    }
    Ok(created)
}

/// Device nodes are never made: `MakeChar` and `MakeBlock` are granted to nobody,
/// and neither are sockets and device commands.
fn rights(abi: ABI, right: Right, directory: bool) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let never = AccessFs::Execute
        | AccessFs::MakeChar
        | AccessFs::MakeBlock
        | AccessFs::MakeSock
        | AccessFs::IoctlDev
        | AccessFs::ResolveUnix;
    let rights = match right {
        Right::Read => read,
        Right::Write => AccessFs::from_all(abi) & !never,
        Right::Execute => read | AccessFs::Execute,
        Right::Connect => AccessFs::ResolveUnix.into(),
        Right::Device { writable: true } => AccessFs::ReadFile | AccessFs::WriteFile,
        Right::Device { writable: false } => AccessFs::ReadFile.into(),
        Right::Terminal => read | AccessFs::WriteFile | AccessFs::IoctlDev,
    };
    let known = AccessFs::from_all(abi);
    if directory {
        rights & known
    } else {
        rights & AccessFs::from_file(abi)
    }
}

#[cfg(test)]
mod tests;
