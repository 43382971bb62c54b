//! Which system calls a command may make, seccomp(2).
//!
//! [`table`] is the list as data; [`compile`] lays it out as a binary search
//! over ranges of numbers, because the kernel evaluates a filter once for every
//! system call number when it is installed, and a linear chain makes that the
//! dearest step of a launch.

mod compile;
mod lane;
#[cfg(test)]
mod reference;
mod table;

use crate::sys;
use compile::Countersigned;
use nix::errno::Errno;
use policy::{Network, Policy, Profile, Refusal, Strength, SystemCalls};
use seccompiler::BpfProgram;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// What happens to a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// It is made.
    Allow,
    /// It fails with this error number.
    Refuse(i32),
    /// It depends on one argument.
    Check(Check),
    /// It is made where each argument, by its position from 0, has this value in its low
    /// 32 bits, and is else refused with `EPERM`.
    Just(&'static [(u8, u32)]),
    /// socket(2), socketpair(2): made for one of these, and else refused with `EACCES`.
    Socket(&'static [Sockets]),
}

/// A condition on the low 32 bits of one argument, and its two results. The
/// kernel's own type of every argument checked here is 32 bits wide, so the high
/// bits say nothing: comparing them would let `TIOCSTI | 1 << 32` through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Check {
    /// Which argument, from 0.
    argument: u8,
    /// What is asked of it.
    test: Test,
    /// Error number where the call is not made.
    errno: i32,
}

/// A question about an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    /// Allowed when it is one of these.
    OneOf(&'static [u32]),
    /// Allowed when it is none of these.
    NoneOf(&'static [u32]),
    /// Allowed when it has none of these bits.
    Without(u32),
}

/// Sockets of one family and type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sockets {
    domain: u32,
    /// Without `SOCK_CLOEXEC` and `SOCK_NONBLOCK`.
    kind: u32,
    protocols: &'static [u32],
}

/// The bits of the second argument of socket(2) that are the type, `SOCK_TYPE_MASK`.
const KIND: u32 = 0xf;

/// What a filter is compiled for: system calls by name, and what is around the command.
type Key = (SystemCalls, Around);

/// What a command finds around it, as far as a filter must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Around {
    network: Reach,
    /// Whether names and numbers of the host mean something.
    strength: Strength,
}

/// A network as far as a filter can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    None,
    Unix,
    /// TCP to others, and nothing that others connect to.
    Connect,
    /// TCP and UDP.
    Full,
}

impl From<&Network> for Reach {
    fn from(network: &Network) -> Self {
        match network {
            Network::Unix => Self::Unix,
            Network::Connect(_) => Self::Connect,
            // A filter sees no address: a namespace keeps the first to itself.
            Network::Loopback | Network::Full => Self::Full,
            Network::None | _ => Self::None,
        }
    }
}

/// What is not allowed: fails with an error number, or is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    Fails(i32),
    Killed,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotPermitted => Self::Fails(libc::EPERM),
            Refusal::NotImplemented => Self::Fails(libc::ENOSYS),
            Refusal::Kill => Self::Killed,
        }
    }
}

/// The filters of a policy, one for each list of system calls and network that its
/// profiles have.
///
/// A lane wears what they have in common, as far as it keeps to that itself, and with its
/// first command the rest of that one's filter, but for the calls that it countersigns. Its
/// commands inherit both for nothing; so it serves none of another filter. Where the rest
/// takes something away that the lane itself needs, each command installs it.
#[derive(Debug)]
pub(crate) struct Filters {
    each: BTreeMap<Key, Layers>,
    common: BTreeMap<u32, Action>,
    base: BpfProgram,
    /// Whether the policy has lanes look callers up, as the library does it that knows of
    /// no countersign.
    look_up: bool,
    worn: Worn,
}

/// The filter for one key: by itself, and where the base is there already.
#[derive(Debug)]
struct Layers {
    actions: BTreeMap<u32, Action>,
    denied: Denied,
    whole: BpfProgram,
    rest: BpfProgram,
}

/// What this process has installed, for itself and for what it starts.
#[derive(Debug)]
enum Worn {
    Nothing,
    /// What all filters have in common.
    Base,
    /// The whole filter for one key.
    All(Key),
}

impl Filters {
    /// Those of `policy`.
    pub(crate) fn of(policy: &Policy) -> Self {
        let keys: BTreeSet<Key> = policy.terms().map(key).collect();
        let tables = keys.into_iter().map(|key| {
            let actions = table::actions(&key.0, key.1);
            (key, actions)
        });
        let tables: Vec<_> = tables.collect();
        let all: Vec<_> = tables.iter().map(|(_, actions)| actions).collect();
        let common = lane::common(&all);
        let each = tables.into_iter().map(|(key, actions)| {
            let denied = key.0.refusal.into();
            let layers = Layers {
                whole: compile::program(&actions, denied),
                rest: compile::rest(&actions, denied, &common, None),
                actions,
                denied,
            };
            (key, layers)
        });
        Self {
            each: each.collect(),
            base: compile::base(&common),
            common,
            look_up: policy.names_callers(),
            worn: Worn::Nothing,
        }
    }

    /// Confines this process, and with it all that it starts, to what it and the commands
    /// of the policy need.
    pub(crate) fn wear(&mut self) -> Result<(), Errno> {
        install(&self.base)?;
        self.worn = Worn::Base;
        Ok(())
    }

    /// Confines it further to what commands of `profile` may do and what it countersigns,
    /// so that they need not be confined one by one; if it can go on like that.
    pub(crate) fn wear_that_of(&mut self, profile: &Profile) -> Result<(), Errno> {
        if self.look_up || !matches!(self.worn, Worn::Base) {
            return Ok(());
        }
        let key = key(profile);
        let wearable = |layers: &&Layers| lane::can_wear(&layers.actions, key.1);
        let Some(layers) = self.each.get(&key).filter(wearable) else {
            return Ok(());
        };
        let own = Countersigned {
            calls: lane::beyond(),
            word: sys::draw_countersign()?,
        };
        let (actions, denied) = (&layers.actions, layers.denied);
        install(&compile::rest(actions, denied, &self.common, Some(&own)))?;
        self.worn = Worn::All(key);
        Ok(())
    }

    /// Whether this process can start commands of `profile`: what it wears it cannot take
    /// off again.
    pub(crate) fn serves(&self, profile: &Profile) -> bool {
        match &self.worn {
            Worn::Nothing | Worn::Base => true,
            Worn::All((calls, around)) => {
                *calls == profile.system_calls && *around == Around::of(profile)
            }
        }
    }

    /// What a command of `profile` is still to install.
    ///
    /// # Errors
    /// There is no filter for it here.
    pub(crate) fn left_to(&self, profile: &Profile) -> Result<Option<&BpfProgram>, NoFilter> {
        let layers = || self.each.get(&key(profile)).ok_or(NoFilter);
        match &self.worn {
            Worn::Nothing => layers().map(|layers| Some(&layers.whole)),
            Worn::Base => layers().map(|layers| Some(&layers.rest)),
            Worn::All(_) if self.serves(profile) => Ok(None),
            Worn::All(_) => Err(NoFilter),
        }
    }
}

/// A profile is none of the policy's, or another's filter is worn.
#[derive(Debug)]
pub(crate) struct NoFilter;

impl Around {
    fn of(profile: &Profile) -> Self {
        Self {
            network: Reach::from(&profile.network),
            strength: profile.isolation.strength,
        }
    }
}

fn key(profile: &Profile) -> Key {
    (profile.system_calls.clone(), Around::of(profile))
}

/// A command without a network.
const fn alone(strength: Strength) -> Around {
    Around {
        network: Reach::None,
        strength,
    }
}

/// The filter of a profile that says nothing.
pub(crate) fn default_filter() -> BpfProgram {
    let list = SystemCalls::default();
    let actions = table::actions(&list, alone(Strength::Default));
    compile::program(&actions, list.refusal.into())
}

/// The system calls that need no mention in a profile, by name and sorted: those that
/// are always refused, or made for a network, are not there. Those that only the default
/// strength refuses are, since programs do without them.
pub(crate) fn default_calls() -> Vec<&'static str> {
    let actions = table::actions(&SystemCalls::default(), alone(Strength::Isolated));
    let made = actions
        .into_iter()
        .filter(|(_, action)| !matches!(action, Action::Refuse(_)));
    let mut names: Vec<_> = made
        .filter_map(|(number, _)| SystemCalls::name(number.into()))
        .collect();
    names.sort_unstable();
    names
}

/// Installs `filter` for this process; there is no way back.
pub(crate) fn install(filter: &BpfProgram) -> Result<(), Errno> {
    seccompiler::apply_filter(filter).map_err(|error| match error {
        seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => raw(&error),
        seccompiler::Error::Backend(_)
        | seccompiler::Error::EmptyFilter
        | seccompiler::Error::ThreadSync(_) => Errno::EINVAL,
    })
}

fn raw(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw)
}
