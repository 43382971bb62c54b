//! What gets no line in the trail, because many of its kind did: it is counted, and told
//! by the next of its kind, or where none follows, by a line of its own.

use super::sparing::{Sparing, WINDOW};
use super::{Worker, say};
use crate::explain::explain;
use std::time::Instant;

/// Lines of one kind, of which there are not more than there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spared {
    /// Keys that are none.
    WrongKey,
    /// Keys that are valid.
    KeyUse,
    /// Clients that attach themselves.
    Attach,
    /// What the supervisor does that breaks the protocol.
    BySupervisor,
    /// What administrators do.
    ByAdministrators,
    /// What strangers do.
    ByStrangers,
    /// The supervisor has the policy loaded again, which changes nothing.
    Reload,
    /// A signal does.
    Signal,
    /// Calls of whoever cannot be attested.
    Unproven,
}

impl Spared {
    /// Those that tell what nobody may do.
    pub(crate) const VIOLATIONS: [Self; 3] = [
        Self::BySupervisor,
        Self::ByAdministrators,
        Self::ByStrangers,
    ];

    /// Each of them; those of one event stand together.
    pub(crate) const ALL: [Self; 9] = [
        Self::WrongKey,
        Self::KeyUse,
        Self::Attach,
        Self::BySupervisor,
        Self::ByAdministrators,
        Self::ByStrangers,
        Self::Reload,
        Self::Signal,
        Self::Unproven,
    ];

    /// The event that there would be, and on which socket or by whose doing.
    pub(crate) fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::WrongKey => ("wrong_key", None),
            Self::KeyUse => ("key_use", None),
            Self::Attach => ("attach", None),
            Self::BySupervisor => ("violation", Some("supervisor")),
            Self::ByAdministrators => ("violation", Some("administrator")),
            Self::ByStrangers => ("violation", Some("stranger")),
            Self::Reload => ("reload", Some("supervisor")),
            Self::Signal => ("reload", Some("signal")),
            Self::Unproven => ("refuse", None),
        }
    }
}

impl Worker {
    /// Counts one that gets no line, and sees to it that this is told.
    pub(super) fn leave_out(&mut self, what: Spared) {
        self.metrics.left_out(what);
        self.left_out_due
            .get_or_insert_with(|| Instant::now() + WINDOW);
    }

    /// Tells what was left out and that nothing of its kind has followed; when `ending`,
    /// all of it.
    pub(super) fn tell_left_out(&mut self, ending: bool) {
        let now = Instant::now();
        let due = self.left_out_due.is_some_and(|due| due <= now);
        if !due && !ending {
            return;
        }
        let mut counts: Vec<(Spared, u64)> = Vec::new();
        let mut owed = false;
        for (what, lines) in self.spared() {
            let count = lines.overdue(now, ending);
            owed |= lines.owes();
            match counts.iter_mut().find(|(one, _)| *one == what) {
                Some((_, all)) => *all += count,
                None => counts.push((what, count)),
            }
        }
        self.left_out_due = owed.then(|| now + WINDOW);
        for (what, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            if let Err(error) = self.log.left_out(what, count) {
                say(&explain(&error));
            }
        }
    }

    /// All that is spared.
    fn spared(&mut self) -> impl Iterator<Item = (Spared, &mut Sparing)> {
        let (key_uses, attaching) = self.clients.spared();
        [
            (Spared::WrongKey, &mut self.wrong_keys),
            (Spared::KeyUse, key_uses),
            (Spared::Unproven, &mut self.unproven),
        ]
        .into_iter()
        .chain(self.violations.spared())
        .chain(self.reloads.spared())
        .chain(attaching.map(|lines| (Spared::Attach, lines)))
    }
}
