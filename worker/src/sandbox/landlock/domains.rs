//! What the calls of one tool have in common, looked up once and compared before each
//! call: rules, ruleset, and what they see of the host.

mod sight;

use super::rules::{Right, Rules, build, rights, serves};
use super::{DomainError, holds};
use crate::open::Opened;
use crate::sandbox::cell::Cell;
use crate::sandbox::fresh::Ahead;
use crate::sandbox::namespaces::Shut;
use crate::sandbox::pin::{self, Fingerprint};
use crate::sandbox::prepared::{Mounts, Shared};
use crate::sandbox::program;
use crate::sys;
use ::landlock::{ABI, PathBeneath, RulesetCreated, RulesetCreatedAttr};
use policy::{Grant, Identity, Strength};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::rc::Rc;

/// Most tools whose rules a lane remembers.
const REMEMBERED: usize = 256;

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
    /// What isolated commands have in turn, once one needed it.
    cell: Option<Rc<Cell>>,
    /// By [`key`].
    tools: HashMap<String, Prepared>,
    /// What the next command may have of its own.
    ahead: Ahead,
}

#[derive(Debug)]
struct Prepared {
    rules: Rules,
    ruleset: RulesetCreated,
    /// Of the program, when the policy pins it.
    pinned: Option<Fingerprint>,
    /// A mount namespace with what calls have in common, once one needed it.
    view: Option<Kept>,
}

/// What is kept of the host's mounts for the calls of a tool.
#[derive(Debug)]
enum Kept {
    /// A view, looked up as this identity may where that matters.
    View(Option<Identity>, Rc<Shared>),
    /// A view of this tool cannot be shared.
    Nothing,
}

impl Prepared {
    fn is_current(&self, program: &Path) -> bool {
        let pinned = self.pinned.as_ref();
        self.rules.are_current() && pinned.is_none_or(|fingerprint| fingerprint.is_current(program))
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
            cell: None,
            tools: HashMap::new(),
            ahead: Ahead::default(),
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
        let abi = self.abi();
        self.look_up(grant, abi)?;
        if let Some(ruleset) = self.made_ahead(grant, opened) {
            return Ok(ruleset);
        }
        let prepared = self.known(grant)?;
        // What a mount namespace or a terminal adds must not get into the ruleset that calls share.
        if opened.is_empty() && !profile.isolation.mounts() && !profile.tty {
            let path = |error| DomainError::Path(grant.program().to_path_buf(), error);
            return prepared.ruleset.try_clone().map_err(path);
        }
        let mut ruleset = build(abi, prepared.rules.all(), &profile.network)?;
        for file in opened {
            let right = Right::from(file.access);
            let rights = rights(abi, right, file.directory, serves(&profile.network));
            ruleset = ruleset.add_rule(PathBeneath::new(file.descriptor.as_fd(), rights))?;
        }
        Ok(ruleset)
    }

    /// Looks up what calls of this tool have in common, unless that is done and current.
    fn look_up(&mut self, grant: &Grant, abi: ABI) -> Result<(), DomainError> {
        let key = key(grant);
        let known = self.tools.get(key.as_ref());
        if known.is_some_and(|prepared| prepared.is_current(grant.program())) {
            return Ok(());
        }
        program::check(grant.program(), self.user)?;
        let pin = grant.sha256();
        let pinned = pin.map(|wanted| pin::verify(grant.program(), wanted));
        let pinned = pinned.transpose()?;
        let rules = Rules::of(grant)?;
        let ruleset = build(abi, rules.all(), &grant.profile().network)?;
        if self.tools.len() >= REMEMBERED {
            self.tools.clear();
        }
        let prepared = Prepared {
            rules,
            ruleset,
            pinned,
            view: None,
        };
        self.tools.insert(key.into_owned(), prepared);
        Ok(())
    }

    fn known(&self, grant: &Grant) -> Result<&Prepared, DomainError> {
        let path = || grant.program().to_path_buf();
        let gone = || DomainError::Path(path(), io::ErrorKind::NotFound.into());
        self.tools.get(key(grant).as_ref()).ok_or_else(gone)
    }

    fn abi(&self) -> ABI {
        ABI::from(i32::try_from(self.abi).unwrap_or(i32::MAX))
    }
}

fn isolated(grant: &Grant) -> bool {
    grant.profile().isolation.strength == Strength::Isolated
}

/// What tells rules apart: the tool, and the caller where his rules are his alone.
/// No tool has a blank in its name.
fn key(grant: &Grant) -> Cow<'_, str> {
    match grant.only_for() {
        None => Cow::Borrowed(grant.tool()),
        Some(uid) => Cow::Owned(format!("{uid} {}", grant.tool())),
    }
}
