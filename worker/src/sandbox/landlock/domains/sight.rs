//! What commands see of the host, and have of their own: kept for a tool, made for a call, or
//! made ahead for the next one.

use super::{Domains, Kept, Right, build, isolated, key};
use crate::open::Opened;
use crate::sandbox::cell::Cell;
use crate::sandbox::fresh::{self, Ahead, Recipe, Wanted};
use crate::sandbox::landlock::DomainError;
use crate::sandbox::namespaces::{Shut, Sight};
use crate::sandbox::prepared::{self, Mounts, Shared};
use crate::sandbox::view::{Place, Processes, View};
use landlock::RulesetCreated;
use nix::errno::Errno;
use policy::{Access, Grant, Identity, RunAs};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

impl Domains {
    /// What the command of `grant` sees of the file system, which is born in `cell`, or else
    /// `held` by a pid namespace. Call it after [`Domains::domain`], which looks the paths up.
    pub(crate) fn sight<'a>(
        &mut self,
        grant: &Grant,
        opened: &[(PathBuf, &'a Opened)],
        (whom, cell): (Option<&Identity>, Option<&Cell>),
        held: bool,
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
        let mut view = view(self)?;
        if held {
            view.processes = Processes::Own;
        }
        let Some(shared) = shared else {
            return Ok(Sight::Built(view));
        };
        if view.has_own() && view.processes != Processes::Own && opened.is_empty() {
            self.ahead.want(Wanted {
                key: key(grant).into_owned(),
                shared: Rc::clone(&shared),
                recipe: Recipe::of(&view, grant.profile(), cell.is_some()),
            });
        }
        Ok(match self.ahead.given(&shared) {
            Some(fresh) => Sight::Fresh(view, shared, fresh),
            None => Sight::Prepared(view, shared),
        })
    }

    /// The ruleset that was made for this call, if what stands behind it still holds.
    pub(super) fn made_ahead(
        &mut self,
        grant: &Grant,
        opened: &[&Opened],
    ) -> Option<RulesetCreated> {
        let ready = self.ahead.take(key(grant).as_ref())?;
        if self.mounts.as_ref().is_none_or(Mounts::changed) {
            self.forget_views();
        }
        let kept = self.known(grant).ok()?.view.as_ref();
        let stands = matches!(kept, Some(Kept::View(_, shared)) if ready.is_of(shared));
        // An argument and a terminal are opened for one call.
        if !stands || !opened.is_empty() || grant.profile().tty {
            return None;
        }
        Some(self.ahead.give(ready))
    }

    /// Whether [`Domains::prepare`] has nothing to do.
    pub(crate) fn is_prepared(&self) -> bool {
        self.ahead.is_idle()
    }

    /// Makes what the next command will have of its own, if it is of the same tool, and
    /// gives back what the last one had. What cannot be made is told to whom it is for.
    pub(crate) fn prepare(&mut self) {
        let Some(wanted) = self.ahead.begin() else {
            return;
        };
        let Some(prepared) = self.tools.get(&wanted.key) else {
            return;
        };
        let network = &wanted.recipe.network;
        let Ok(ruleset) = build(self.abi(), prepared.rules.all(), network) else {
            return;
        };
        let make = || fresh::make(&wanted.recipe, &wanted.shared, &ruleset);
        let born = self.cell.as_ref().filter(|_| wanted.recipe.in_cell);
        let made = born.map_or_else(make, |cell| cell.bear(make));
        if let Ok(fresh) = made {
            self.ahead.keep(wanted, fresh, ruleset);
        }
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
            self.forget_cell();
        }
        let cell = match self.cell.take() {
            Some(cell) => cell,
            None => Cell::new().map_err(DomainError::Cell)?,
        };
        Ok(Some(Rc::clone(self.cell.insert(cell))))
    }

    /// Ends the cell, and with it everything in it.
    pub(crate) fn forget_cell(&mut self) {
        if self.cell.is_some() {
            // Their /proc is that of nobody any more.
            self.forget_views();
            self.cell = None;
        }
    }

    fn view<'a>(
        &self,
        grant: &Grant,
        opened: &[(PathBuf, &'a Opened)],
        cell: Option<&Cell>,
    ) -> Result<View<'a>, DomainError> {
        let isolation = grant.profile().isolation;
        let prepared = self.tools.get(key(grant).as_ref());
        let rules = prepared.map_or(&[][..], |prepared| prepared.rules.all());
        let common = rules.iter().map(|rule| Place {
            path: Rc::clone(&rule.path),
            opened: None,
            write: rule.right == Right::Write,
            execute: rule.right == Right::Execute,
            device: rule.is_device(),
        });
        let chosen = opened.iter().map(|(path, file)| Place {
            path: path.as_path().into(),
            opened: Some(file.descriptor.as_fd()),
            write: file.access != Access::Read,
            execute: false,
            device: false,
        });
        let places: Vec<Place<'_>> = common.chain(chosen).collect();
        let isolated = isolated(grant);
        if isolated && places.iter().any(|place| *place.path == *Path::new("/")) {
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
        self.ahead = Ahead::default();
        self.tools.values_mut().for_each(|tool| tool.view = None);
    }
}
