//! The paths that a profile grants as rules, and the ruleset that they make.

use super::DomainError;
use crate::sandbox::elf;
use ::landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use policy::{Access, Grant, Network, PathRule, Profile};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Devices that hold nothing and that programs take for granted.
const DEVICES: [(&str, bool); 5] = [
    ("/dev/null", true),
    ("/dev/full", true),
    ("/dev/zero", false),
    ("/dev/random", false),
    ("/dev/urandom", false),
];

/// Where they are.
const DEV: &str = "/dev";

/// What a program calls its terminal, where it has one.
const TERMINAL: &str = "/dev/tty";

/// What a rule lets a command do with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
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
pub(super) struct Rule {
    pub(super) path: Rc<Path>,
    pub(super) right: Right,
    /// How it belongs to [`DEV`].
    place: Dev,
    /// `None` for an optional path that does not exist.
    anchor: Option<Anchor>,
    /// Another rule has the same path.
    repeated: bool,
}

/// How a path belongs to the directory of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dev {
    /// Right in it.
    Entry,
    /// Somewhere beneath, or the directory itself.
    Beneath,
    /// Elsewhere.
    No,
}

impl Dev {
    fn of(path: &Path) -> Self {
        if path.parent() == Some(Path::new(DEV)) {
            Self::Entry
        } else if path.starts_with(DEV) {
            Self::Beneath
        } else {
            Self::No
        }
    }
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
    pub(super) fn new(path: &Path, right: Right, optional: bool) -> Result<Self, DomainError> {
        let anchor = match Anchor::new(path) {
            Ok(anchor) => Some(anchor),
            Err(error) if optional && error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(DomainError::Path(path.to_path_buf(), error)),
        };
        Ok(Self {
            path: path.into(),
            right,
            place: Dev::of(path),
            anchor,
            repeated: false,
        })
    }

    /// Whether it is a device, or stands where devices do.
    pub(super) fn is_device(&self) -> bool {
        matches!(self.right, Right::Device { .. }) || self.place != Dev::No
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

/// Everything that calls of a tool have in common.
#[derive(Debug)]
pub(super) struct Rules {
    all: Vec<Rule>,
    /// Of /dev, before anything there was looked up.
    devices: Option<Entries>,
}

/// A directory as long as nothing in it is replaced: device, inode, and when its entries
/// changed, in seconds and nanoseconds.
type Entries = (u64, u64, i64, i64);

impl Rules {
    /// Those of `grant`.
    pub(super) fn of(grant: &Grant) -> Result<Self, DomainError> {
        let devices = entries(Path::new(DEV));
        let mut all: Vec<Rule> = Vec::new();
        for rule in rules(grant)? {
            let repeated = all.iter().any(|one| one.path == rule.path);
            all.push(Rule { repeated, ..rule });
        }
        Ok(Self { all, devices })
    }

    /// Whether all paths are still what they were. Of devices, which are half of them and
    /// hardly ever replaced, their directory tells it.
    pub(super) fn are_current(&self) -> bool {
        let devices = self.devices.is_some() && entries(Path::new(DEV)) == self.devices;
        let known = |rule: &&Rule| rule.repeated || devices && rule.place == Dev::Entry;
        let mut others = self.all.iter().filter(|rule| !known(rule));
        others.all(Rule::is_current)
    }

    pub(super) fn all(&self) -> &[Rule] {
        &self.all
    }
}

fn entries(directory: &Path) -> Option<Entries> {
    let found = fs::metadata(directory).ok()?;
    let changed = (found.mtime(), found.mtime_nsec());
    Some((found.dev(), found.ino(), changed.0, changed.1))
}

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
pub(super) fn granted<'a>(profile: &'a Profile) -> impl Iterator<Item = (&'a PathRule, Right)> {
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

pub(super) fn build(
    abi: ABI,
    rules: &[Rule],
    network: &Network,
) -> Result<RulesetCreated, RulesetError> {
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
            let rights = rights(abi, rule.right, anchor.directory, serves(network));
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

/// Whether the filter lets a command under `network` listen on Unix sockets.
pub(in crate::sandbox) fn serves(network: &Network) -> bool {
    matches!(network, Network::Unix | Network::Loopback | Network::Full)
}

/// Device nodes are never made: `MakeChar` and `MakeBlock` are granted to nobody, and
/// neither are device commands. Sockets are where a command writes and `serves`.
pub(super) fn rights(abi: ABI, right: Right, directory: bool, serves: bool) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let never = AccessFs::Execute
        | AccessFs::MakeChar
        | AccessFs::MakeBlock
        | AccessFs::MakeSock
        | AccessFs::IoctlDev
        | AccessFs::ResolveUnix;
    let rights = match right {
        Right::Read => read,
        Right::Write if serves => (AccessFs::from_all(abi) & !never) | AccessFs::MakeSock,
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
mod tests {
    use super::*;
    use std::process;

    /// Something in /dev that is removed again.
    struct Device(PathBuf);

    impl Device {
        fn make(name: &str) -> Self {
            let path = Path::new(DEV).join(format!("mini-mcp-test-{}-{name}", process::id()));
            File::create(&path).unwrap();
            Self(path)
        }

        /// Puts another file in its place, as who replaces a device does.
        fn replace(&self) {
            let other = Self::make("other");
            fs::rename(&other.0, &self.0).unwrap();
        }
    }

    impl Drop for Device {
        fn drop(&mut self) {
            let _renamed = fs::remove_file(&self.0);
        }
    }

    fn rule(path: &Path, repeated: bool) -> Rule {
        let rule = Rule::new(path, Right::Read, false).unwrap();
        Rule { repeated, ..rule }
    }

    #[test]
    fn a_device_that_is_replaced_is_noticed() {
        let device = Device::make("device");
        let rules = Rules {
            devices: entries(Path::new(DEV)),
            all: vec![rule(&device.0, false)],
        };
        assert!(rules.are_current());
        // The clock of a directory may stand still for a tick.
        std::thread::sleep(std::time::Duration::from_millis(20));
        device.replace();
        assert!(!rules.are_current());
    }

    #[test]
    fn what_two_rules_name_is_looked_at_once() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        File::create(&path).unwrap();
        let rules = Rules {
            devices: None,
            all: vec![rule(&path, false), rule(&path, true)],
        };
        assert!(rules.are_current());
        let other = scratch.path().join("other");
        File::create(&other).unwrap();
        fs::rename(other, path).unwrap();
        assert!(!rules.are_current());
    }
}
