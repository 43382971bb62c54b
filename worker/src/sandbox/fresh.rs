//! What of a command's namespaces is nobody else's, made while nobody waits: the copy of a
//! view with its temporary directories, and a network with a loopback of its own. Each serves
//! one command, and is given back by the lane when that has been answered: to take mounts
//! away the kernel waits for all processors.

use super::birth::give_up;
use super::landlock::open_own;
use super::prepared::{Shared, own_namespace};
use super::view::{self, View};
use crate::sys::{self, mount};
use landlock::RulesetCreated;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use policy::{Network, Profile};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

/// Namespaces in which nobody has been.
#[derive(Debug)]
pub(crate) struct Fresh {
    mounts: OwnedFd,
    /// Where the command is to have one with a loopback.
    network: Option<OwnedFd>,
}

impl Fresh {
    /// Takes this process to the mounts.
    pub(super) fn enter_mounts(&self) -> Result<(), Errno> {
        mount::enter(self.mounts.as_fd(), libc::CLONE_NEWNS)
    }

    /// Whether there is a network.
    pub(super) fn has_network(&self) -> bool {
        self.network.is_some()
    }

    /// Takes this process to the network, if there is one.
    pub(super) fn enter_network(&self) -> Result<(), Errno> {
        let enter = |network: &OwnedFd| mount::enter(network.as_fd(), libc::CLONE_NEWNET);
        self.network.as_ref().map_or(Ok(()), enter)
    }
}

/// What is made: for commands of a view and with a network.
#[derive(Debug)]
pub(crate) struct Recipe {
    view: View<'static>,
    pub network: Network,
    /// Whether a network is made as well.
    networks: bool,
    /// Whether they are born in the cell of their lane.
    pub in_cell: bool,
}

impl Recipe {
    /// For commands of `profile` that see `view`.
    pub(crate) fn of(view: &View<'_>, profile: &Profile, in_cell: bool) -> Self {
        Self {
            view: view.without_places(),
            network: profile.network.clone(),
            networks: in_cell && profile.network == Network::Loopback,
            in_cell,
        }
    }
}

/// For which tool something is made.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub key: String,
    pub shared: Rc<Shared>,
    pub recipe: Recipe,
}

/// What was made, with a ruleset that is open to it.
#[derive(Debug)]
pub(crate) struct Ready {
    wanted: Wanted,
    fresh: Rc<Fresh>,
    ruleset: RulesetCreated,
}

impl Ready {
    /// Whether it was made of `shared`.
    pub(crate) fn is_of(&self, shared: &Rc<Shared>) -> bool {
        Rc::ptr_eq(&self.wanted.shared, shared)
    }
}

/// What is kept from one command to the next, for one of them.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// What the next could be given.
    wanted: Option<Wanted>,
    ready: Option<Ready>,
    /// What the last was given.
    given: Option<(Rc<Shared>, Rc<Fresh>)>,
}

impl Ahead {
    /// What is ready, if that is for the tool of this key; for another it is given back.
    pub(crate) fn take(&mut self, key: &str) -> Option<Ready> {
        self.given = None;
        self.ready.take().filter(|ready| ready.wanted.key == key)
    }

    /// Gives it to the command that comes.
    pub(crate) fn give(&mut self, ready: Ready) -> RulesetCreated {
        self.given = Some((ready.wanted.shared, ready.fresh));
        ready.ruleset
    }

    /// What the command that comes has been given, if that was made of `shared`.
    pub(crate) fn given(&self, shared: &Rc<Shared>) -> Option<Rc<Fresh>> {
        let given = self.given.as_ref();
        let given = given.filter(|(of, _)| Rc::ptr_eq(of, shared));
        given.map(|(_, fresh)| Rc::clone(fresh))
    }

    /// Remembers what the next could be given.
    pub(crate) fn want(&mut self, wanted: Wanted) {
        self.wanted = Some(wanted);
    }

    /// Whether there is nothing to be made and nothing to be given back.
    pub(crate) fn is_idle(&self) -> bool {
        self.wanted.is_none() && self.ready.is_none() && self.given.is_none()
    }

    /// What is to be made, when the last command has ended.
    pub(crate) fn begin(&mut self) -> Option<Wanted> {
        self.given = None;
        self.ready = None;
        self.wanted.take()
    }

    /// Keeps what was made.
    pub(crate) fn keep(&mut self, wanted: Wanted, fresh: Rc<Fresh>, ruleset: RulesetCreated) {
        self.ready = Some(Ready {
            wanted,
            fresh,
            ruleset,
        });
    }
}

/// Makes what the next command of `recipe` has of its own besides `shared`, and opens
/// `domain` to it. Call it where the command will be born.
pub(crate) fn make(
    recipe: &Recipe,
    shared: &Shared,
    domain: &RulesetCreated,
) -> Result<Rc<Fresh>, Errno> {
    let kind = SockType::SeqPacket;
    let (ours, theirs) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
    let child = sys::spawn(0, None, &mut || {
        let told = furnish(recipe, shared, domain, theirs.as_fd());
        sys::exit(told.err().map_or(0, |errno| errno as i32))
    })?;
    drop(theirs);
    let ended = sys::wait(Some(child.pid))?;
    if ended.is_none_or(|(_, ended)| !libc::WIFEXITED(ended.status)) {
        give_up();
    }
    let packet = sys::receive(ours.as_fd(), &mut [0])?;
    let mut namespaces = packet.descriptors.into_iter();
    Ok(Rc::new(Fresh {
        mounts: namespaces.next().ok_or(Errno::EBADF)?,
        network: namespaces.next(),
    }))
}

fn furnish(
    recipe: &Recipe,
    shared: &Shared,
    domain: &RulesetCreated,
    to: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let serves = super::landlock::serves(&recipe.network);
    shared.enter()?;
    view::furnish(&recipe.view)?;
    if let Some(own) = recipe.view.own(serves) {
        open_own(domain, &own)?;
    }
    let mounts = own_namespace("mnt")?;
    if !recipe.networks {
        return tell(to, &[mounts.as_fd()]);
    }
    mount::unshare(libc::CLONE_NEWNET)?;
    mount::start_loopback()?;
    tell(to, &[mounts.as_fd(), own_namespace("net")?.as_fd()])
}

fn tell(to: BorrowedFd<'_>, namespaces: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    wire::send(to, b"f", namespaces).map_err(|_| Errno::EPIPE)
}
