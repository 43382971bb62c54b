//! Calls that wait for a place: who gets the next one, and what becomes of those who do
//! not. What waits holds no place and is not counted.

use super::Worker;
use super::approving::why;
use super::overview::milliseconds;
use super::recording::{lost_line, no_user_left};
use crate::admission::{Admission, Now};
use crate::audit::{Call, Entry, Left, Note, Proven, RunUser, Waiting};
use crate::brief;
use crate::fresh_users::FreshUsers;
use crate::queue::Full;
use std::time::{Duration, Instant};
use wire::{Denial, Failure};

/// Shortest time between two words on how many are before a call.
const PACE: Duration = Duration::from_secs(1);

/// A call that waits.
#[derive(Debug)]
pub(super) struct Queued {
    /// What is to be recorded when it starts.
    start: Entry,
    since: Instant,
    /// How many its lane knows to be before it, and since when.
    told: Option<(usize, Instant)>,
}

impl Worker {
    /// Lets the command of a call begin, wait, or be refused.
    pub(super) fn admit(&mut self, number: u64, start: Entry) -> Note {
        let now = Now::read();
        if let Some(denial) = self.refusal(&start, now) {
            return self.deny(&start, denial);
        }
        match no_place(&self.admission, &self.users, &start) {
            Some(full) => self.queue_up(number, start, full),
            None => self.begin(number, start, now),
        }
    }

    /// Why a call would not start, were there a place.
    fn refusal(&mut self, start: &Entry, now: Now) -> Option<Denial> {
        let Entry::Start { bounds, .. } = start else {
            return None;
        };
        self.admission.refusal(bounds, now)
    }

    /// Lets a call wait, for which there is no place because of `full`.
    fn queue_up(&mut self, number: u64, start: Entry, full: Denial) -> Note {
        let Entry::Start { call, patience, .. } = &start else {
            return Note::Stop;
        };
        if patience.is_zero() || self.places_to_wait() == 0 {
            return self.deny(&start, full);
        }
        let caller = name(call);
        if let Err(why) = self.queue.room(&caller, self.places_to_wait()) {
            let denial = self.queue_full(&full, why);
            return self.deny(&start, denial);
        }
        if self.queue.holds(number) {
            return Note::Stop;
        }
        let queued = Queued {
            start,
            since: Instant::now(),
            told: None,
        };
        self.queue.join(&caller, number, queued);
        self.news(number).unwrap_or(Note::Stop)
    }

    /// Starts those whose turn it is, as far as there are places, and tells the others
    /// how far they have come.
    pub(super) fn let_next_start(&mut self) {
        if self.queue.is_empty() || self.deadline.is_some() {
            return;
        }
        let before = self.queue.len();
        while let Some((lane, queued)) = self.next_queued() {
            let start = queued.start();
            let now = Now::read();
            // Others of his may have used a rate or a quota up meanwhile.
            let note = match self.refusal(&start, now) {
                Some(denial) => self.deny(&start, denial),
                None => self.begin(lane, start, now),
            };
            self.tell(lane, &note);
        }
        if self.queue.len() < before {
            self.tell_how_many_are_ahead();
        }
    }

    fn next_queued(&mut self) -> Option<(u64, Queued)> {
        let (admission, users) = (&self.admission, &self.users);
        self.queue
            .next(|queued| no_place(admission, users, &queued.start).is_none())
    }

    /// The lane `number` does not wait for a place any more, if it did.
    pub(super) fn gives_place_up(&mut self, number: u64, left: Left) -> Note {
        let Some(queued) = self.queue.leave(number) else {
            return Note::Left;
        };
        let full = no_place(&self.admission, &self.users, &queued.start);
        let waited = queued.since.elapsed();
        let start = queued.start();
        let answer = match (left, full) {
            (Left::Expired, Some(full)) => {
                let denial = self.too_late(&full, waited);
                Some(self.deny(&start, denial))
            }
            _ => self.refused(start, left),
        };
        if let Some(answer) = answer {
            self.tell(number, &answer);
        }
        Note::Left
    }

    /// Another policy is in force: whatever waits is decided anew.
    pub(super) fn send_all_away(&mut self) {
        let all: Vec<_> = self.queue.drain().collect();
        for (number, queued) in all {
            let answer = self.refused(queued.start(), Left::Reloaded);
            self.tell(number, &answer.unwrap_or(Note::Stale));
        }
    }

    /// Records that a call was not carried out; what its lane is told where that fails.
    fn refused(&mut self, start: Entry, left: Left) -> Option<Note> {
        let Entry::Start { call, .. } = start else {
            return None;
        };
        let failure = match left {
            Left::Expired => Failure {
                code: "withdrawn".to_owned(),
                reason: "its time was up when a place came free".to_owned(),
            },
            Left::Cancelled | Left::CallerGone | Left::Reloaded | Left::Stopped | Left::Lost => {
                why(left)
            }
        };
        let entry = Entry::Refuse {
            call,
            failure,
            left_out: 0,
        };
        match self.log.record(&entry, None) {
            Ok(()) => {
                self.seen(&entry);
                None
            }
            Err(error) => Some(lost_line(&error)),
        }
    }

    /// Why a call that must be approved could not start or wait now, even if it were.
    pub(super) fn turns_away(&mut self, waiting: &Waiting) -> Option<Denial> {
        if let Some(denial) = self.admission.refusal(&waiting.bounds, Now::read()) {
            return Some(denial);
        }
        let full = self.admission.full(&waiting.bounds)?;
        let most = self.places_to_wait();
        if waiting.patience.is_zero() || most == 0 {
            return Some(full);
        }
        let room = self.queue.room(&name(&waiting.call), most);
        room.err().map(|why| self.queue_full(&full, why))
    }

    /// What waits for a place, in few words, whose turn comes first first.
    pub(super) fn queued(&self) -> Vec<wire::Queues> {
        let calls = self.queue.calls();
        let told = calls.filter_map(|(lane, queued)| queued.brief(self.queue.ahead(lane)?));
        let mut told: Vec<wire::Queues> = told.collect();
        told.sort_by_key(|one| one.ahead);
        told
    }

    fn tell_how_many_are_ahead(&mut self) {
        for lane in self.queue.lanes() {
            if let Some(note) = self.news(lane) {
                self.tell(lane, &note);
            }
        }
    }

    /// How many are before the call of `lane`, if that is news for it and not too soon.
    fn news(&mut self, lane: u64) -> Option<Note> {
        let ahead = self.queue.ahead(lane)?;
        let queued = self.queue.call(lane)?;
        let soon = |(known, since): (usize, Instant)| known == ahead || since.elapsed() < PACE;
        if queued.told.is_some_and(soon) {
            return None;
        }
        queued.told = Some((ahead, Instant::now()));
        Some(Note::Queued(u32::try_from(ahead).unwrap_or(u32::MAX)))
    }

    fn places_to_wait(&self) -> usize {
        usize::try_from(self.context.policy.queue().calls).unwrap_or(usize::MAX)
    }

    fn queue_full(&self, full: &Denial, why: Full) -> Denial {
        let (all, most) = (self.queue.len(), self.places_to_wait());
        let waiting = match why {
            Full::All => format!("{all} wait for a place already, as many as may"),
            Full::Share(own) => format!(
                "{own} of yours wait for a place already, and the rest of the {most} that may \
                 is left to others"
            ),
        };
        Denial {
            code: "queue_full".to_owned(),
            rule: "limits.queue".to_owned(),
            reason: format!(
                "{}; {waiting}; call again when some of yours have ended, and fewer at once",
                full.reason
            ),
        }
    }

    fn too_late(&self, full: &Denial, waited: Duration) -> Denial {
        let waited = Duration::from_millis(u64::try_from(waited.as_millis()).unwrap_or_default());
        Denial {
            code: "queue_timeout".to_owned(),
            rule: full.rule.clone(),
            reason: format!(
                "no place came free within {}: {}, and {} more wait; call again later",
                humantime::format_duration(waited),
                full.reason,
                self.queue.len()
            ),
        }
    }
}

impl Queued {
    fn brief(&self, ahead: usize) -> Option<wire::Queues> {
        let Entry::Start {
            call,
            principal,
            argv,
            patience,
            ..
        } = &self.start
        else {
            return None;
        };
        let waited = self.since.elapsed();
        Some(wire::Queues {
            who: brief::who(principal, call.caller.as_ref()),
            tool: brief::cut(&call.tool, 64),
            argv: brief::argv(argv),
            waited_ms: milliseconds(waited),
            left_ms: milliseconds(patience.saturating_sub(waited)),
            ahead: u32::try_from(ahead).unwrap_or(u32::MAX),
        })
    }

    /// What is to be recorded, with the time that it has waited.
    fn start(mut self) -> Entry {
        if let Entry::Start { call, .. } = &mut self.start {
            call.queued = Some(self.since.elapsed());
        }
        self.start
    }
}

/// Why there is no place for `start` now.
fn no_place(admission: &Admission, users: &FreshUsers, start: &Entry) -> Option<Denial> {
    let Entry::Start { bounds, user, .. } = start else {
        return None;
    };
    let no_user = || (*user != RunUser::Known && !users.are_left()).then(no_user_left);
    admission.full(bounds).or_else(no_user)
}

/// Who has his turn with this call: as limits tell callers apart.
pub(super) fn name(call: &Call) -> String {
    match &call.caller {
        Some(Proven::Peer { uid, .. }) => format!("uid {uid}"),
        Some(Proven::Key { name, .. }) => format!("key {name}"),
        None => String::new(),
    }
}
