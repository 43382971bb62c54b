//! What the calls of one tool have in common, looked up once and compared before each
//! call: rules, ruleset, and the prepared view of the host.

use super::rules::{Right, Rule, build, rights, rules, serves};
use super::{DomainError, holds};
use crate::open::Opened;
use crate::sandbox::cell::Cell;
use crate::sandbox::namespaces::{Shut, Sight};
use crate::sandbox::pin::{self, Fingerprint};
use crate::sandbox::prepared::{self, Mounts, Shared};
use crate::sandbox::program;
use crate::sandbox::view::{Place, Processes, View};
use crate::sys;
use ::landlock::{ABI, PathBeneath, RulesetCreated, RulesetCreatedAttr};
use nix::errno::Errno;
use policy::{Access, Grant, Identity, RunAs, Strength};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
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
}

#[derive(Debug)]
struct Prepared {
    rules: Vec<Rule>,
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
            cell: None,
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
            let right = Right::from(file.access);
            let rights = rights(abi, right, file.directory, serves(&profile.network));
            ruleset = ruleset.add_rule(PathBeneath::new(file.descriptor.as_fd(), rights))?;
        }
        Ok(ruleset)
    }

    /// What the command of `grant`, born in `cell`, sees of the file system. Call it after
    /// [`Domains::domain`], which looks the paths up.
    pub(crate) fn sight<'a>(
        &mut self,
        grant: &Grant,
        opened: &[(PathBuf, &'a Opened)],
        (whom, cell): (Option<&Identity>, Option<&Cell>),
    ) -> Result<Sight<'a>, DomainError> {
        let isolation = grant.profile().isolation;
        let view = |domains: &Self| domains.view(grant, opened, cell);
        let shared = match self.shut {
            Shut::Prepared if !isolated(grant) => self.shared_view(grant, (None, None))?,
            // A user of one run has nothing in common with others, and what an argument
            // names may have no place in a root that is made already.
            Shut::Prepared if opened.is_empty() && grant.profile().run_as != RunAs::Dynamic => {
                self.shared_view(grant, (whom, cell))?
            }
            Shut::Never if !isolation.mounts() => return Ok(Sight::Host),
            Shut::Prepared | Shut::Never | Shut::Made => None,
        };
        Ok(match shared {
            Some(shared) => Sight::Prepared(view(self)?, shared),
            None => Sight::Built(view(self)?),
        })
    }

    /// Where the command of `grant` is born, if others may have been born there before.
    pub(crate) fn cell(
        &mut self,
        grant: &Grant,
        whom: Option<&Identity>,
    ) -> Result<Option<Rc<Cell>>, DomainError> {
        if self.shut != Shut::Prepared || !Cell::serves(grant.profile(), whom) {
            return Ok(None);
        }
        if self.cell.as_ref().is_some_and(|cell| cell.has_ended()) {
            // Their /proc is that of nobody any more.
            self.forget_views();
            self.cell = None;
        }
        let cell = match self.cell.take() {
            Some(cell) => cell,
            None => Cell::new().map_err(DomainError::Cell)?,
        };
        Ok(Some(Rc::clone(self.cell.insert(cell))))
    }

    fn view<'a>(
        &self,
        grant: &Grant,
        opened: &[(PathBuf, &'a Opened)],
        cell: Option<&Cell>,
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
        let isolated = isolated(grant);
        if isolated && places.iter().any(|place| place.path == Path::new("/")) {
            return Err(DomainError::Whole(grant.profile().name.clone()));
        }
        Ok(View {
            strength: isolation.strength,
            private_tmp: isolation.private_tmp,
            tmp_size: isolation.tmp_size,
            processes: match (isolated, cell) {
                (false, _) => Processes::Host,
                (true, None) => Processes::Own,
                (true, Some(_)) => Processes::Kept,
            },
            places,
            directory: grant.profile().working_directory.clone(),
        })
    }

    /// What calls of this tool have in common of their view, if anything.
    fn shared_view(
        &mut self,
        grant: &Grant,
        (whom, cell): (Option<&Identity>, Option<&Cell>),
    ) -> Result<Option<Rc<Shared>>, DomainError> {
        if self.mounts.as_ref().is_none_or(Mounts::changed) {
            self.forget_views();
            // Watched from before the first view is made of them.
            let mounts =
                Mounts::watch().map_err(|error| DomainError::Path("/proc".into(), error))?;
            self.mounts = Some(mounts);
        }
        let kept = self.tools.get(key(grant).as_ref());
        match kept.and_then(|prepared| prepared.view.as_ref()) {
            Some(Kept::View(who, shared)) if who.as_ref() == whom => {
                return Ok(Some(Rc::clone(shared)));
            }
            Some(Kept::Nothing) => return Ok(None),
            Some(Kept::View(..)) | None => {}
        }
        let view = self.view(grant, &[], cell)?;
        let prepare = || prepared::prepare(&view, whom);
        let (kept, shared) = match cell.map_or_else(prepare, |cell| cell.bear(prepare)) {
            Ok(shared) => {
                let shared = Rc::new(shared);
                (Kept::View(whom.cloned(), Rc::clone(&shared)), Some(shared))
            }
            Err(Errno::EXDEV) => (Kept::Nothing, None),
            Err(errno) => return Err(DomainError::View(errno)),
        };
        if let Some(prepared) = self.tools.get_mut(key(grant).as_ref()) {
            prepared.view = Some(kept);
        }
        Ok(shared)
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
