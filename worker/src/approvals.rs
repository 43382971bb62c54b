//! Calls that wait for an administrator, and approvals that stand for further calls:
//! kept by the worker's first process, in memory alone.
//!
//! A lane asks and waits; it cannot answer itself, and nothing that the supervisor can
//! say leads here. Everything is bounded: what waits, in all and for each caller, what
//! stands, and how long.

mod pace;

use crate::audit::{Proven, Waiting, Word};
use crate::brief;
use pace::{ASKED_EACH, Pace, WINDOW};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wire::{Asked, Calling, Covers, Denial, PAGE_MAX, Shown, Standing, Waits};

/// Most requests that wait at once.
const WAITING_MAX: usize = 32;

/// Most of them of one caller.
const WAITING_EACH: usize = 8;

/// Most approvals that stand for further calls.
const STANDING_MAX: usize = 64;

/// Longest time that an approval stands for.
const STANDING_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A request that waits.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The lane that waits.
    pub lane: u64,
    /// What for; its call has the name of the request.
    pub waiting: Waiting,
    /// On the clock since the boot.
    since: Duration,
    until: Duration,
}

/// An approval that stands.
#[derive(Debug)]
pub(crate) struct Stands {
    /// The call that was approved.
    pub waiting: Waiting,
    covers: Covers,
    by: u32,
    until: Duration,
    used: u32,
}

/// All of them, by number.
#[derive(Debug)]
pub(crate) struct Approvals {
    /// Tells requests of this worker from those of a former one.
    epoch: u64,
    next: u64,
    pending: BTreeMap<u64, Pending>,
    standing: BTreeMap<u64, Stands>,
    /// How often who asks.
    pace: Pace,
}

/// Who waits, as far as it concerns whom to approve for.
#[derive(PartialEq, Eq)]
enum Who<'a> {
    User(u32),
    Key(&'a str),
    Nobody,
}

impl Approvals {
    /// None yet.
    pub(crate) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            epoch: since.unwrap_or_default().as_secs() & 0xf_ffff,
            next: 0,
            pending: BTreeMap::new(),
            standing: BTreeMap::new(),
            pace: Pace::default(),
        }
    }

    /// The approval that stands and covers `waiting`.
    pub(crate) fn covering(&mut self, waiting: &Waiting, now: Duration) -> Option<String> {
        self.expire(now);
        let mut standing = self.standing.iter_mut();
        let (number, found) = standing.find(|(_, stands)| stands.covers(waiting))?;
        found.used = found.used.saturating_add(1);
        let number = *number;
        Some(self.id(number))
    }

    /// Why `waiting` may not wait.
    pub(crate) fn refusal(&self, waiting: &Waiting, now: Duration) -> Option<Denial> {
        let denial = |code: &str, reason: String| Denial {
            code: code.to_owned(),
            rule: waiting.rule.clone(),
            reason,
        };
        let own = self.pending.values();
        let own = own.filter(|one| who(&one.waiting) == who(waiting)).count();
        let size = wire::encode(&asked(String::new(), waiting)).map_or(usize::MAX, |one| one.len());
        if size > PAGE_MAX {
            let reason = "the call is too long for anybody to look at and approve".to_owned();
            Some(denial("approval_too_large", reason))
        } else if own >= WAITING_EACH {
            let reason = format!("{own} calls of yours wait for approval already; wait for those");
            Some(denial("too_many_waiting", reason))
        } else if self.pending.len() >= WAITING_MAX {
            let all = self.pending.len();
            let reason = format!("{all} calls wait for approval already; try again later");
            Some(denial("too_many_waiting", reason))
        } else {
            let wait = self.pace.wait(&caller(waiting), now)?;
            let (minute, next) = (WINDOW.as_secs(), wait.as_secs() + 1);
            let reason = format!(
                "{ASKED_EACH} calls of yours began to wait for approval within {minute}s; the \
                 next one may in {next}s"
            );
            Some(denial("too_many_waiting", reason))
        }
    }

    /// The name of the next request.
    pub(crate) fn name(&mut self) -> (u64, String) {
        self.next += 1;
        (self.next, self.id(self.next))
    }

    /// Lets `waiting` of `lane` wait as `number`.
    pub(crate) fn wait(&mut self, number: u64, lane: u64, waiting: Waiting, now: Duration) {
        let pending = Pending {
            lane,
            since: now,
            until: now.saturating_add(waiting.timeout),
            waiting,
        };
        self.pace.note(caller(&pending.waiting), now);
        self.pending.insert(number, pending);
    }

    /// The request `id`, if it still waits.
    pub(crate) fn pending(&self, id: &str, now: Duration) -> Option<&Pending> {
        let pending = self.pending.get(&self.number(id)?)?;
        (pending.until > now).then_some(pending)
    }

    /// Lets `id` wait no longer.
    pub(crate) fn answered(&mut self, id: &str) -> Option<Pending> {
        self.pending.remove(&self.number(id)?)
    }

    /// The request that `lane` waits for, which waits no longer, and its name.
    pub(crate) fn left(&mut self, lane: u64) -> Option<(String, Pending)> {
        let mut pending = self.pending.iter();
        let number = *pending.find(|(_, one)| one.lane == lane)?.0;
        Some((self.id(number), self.pending.remove(&number)?))
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Why no approval may stand for so long now.
    pub(crate) fn unable(&mut self, time: Duration, now: Duration) -> Option<String> {
        self.expire(now);
        if time.is_zero() || time > STANDING_TIME {
            Some("an approval stands for at most 24h".to_owned())
        } else if self.standing.len() >= STANDING_MAX {
            Some(format!(
                "{STANDING_MAX} approvals stand already; revoke one first"
            ))
        } else {
            None
        }
    }

    /// Lets the approval of `waiting`, request `id`, stand for further calls.
    pub(crate) fn stand(
        &mut self,
        (id, waiting): (&str, Waiting),
        (covers, time): (Covers, Duration),
        by: u32,
        now: Duration,
    ) {
        if let Some(number) = self.number(id) {
            let stands = Stands {
                waiting,
                covers,
                by,
                until: now.saturating_add(time),
                used: 0,
            };
            self.standing.insert(number, stands);
        }
    }

    /// The approval `id`, if it stands.
    pub(crate) fn standing(&mut self, id: &str, now: Duration) -> Option<&Stands> {
        self.expire(now);
        self.standing.get(&self.number(id)?)
    }

    /// How many stand.
    pub(crate) fn standing_now(&mut self, now: Duration) -> usize {
        self.expire(now);
        self.standing.len()
    }

    /// Takes the approval `id` back.
    pub(crate) fn revoke(&mut self, id: &str) {
        if let Some(number) = self.number(id) {
            self.standing.remove(&number);
        }
    }

    /// Takes every approval back; what stood.
    pub(crate) fn revoke_all(&mut self, now: Duration) -> Vec<(String, Stands)> {
        self.expire(now);
        let standing = std::mem::take(&mut self.standing).into_iter();
        standing
            .map(|(number, one)| (self.id(number), one))
            .collect()
    }

    /// What waits after request `after`, as far as there is room to tell.
    pub(crate) fn page(&self, after: Option<&str>, now: Duration) -> (Vec<Asked>, bool) {
        let after = after.and_then(|id| self.number(id)).unwrap_or(0);
        let later = self.pending.range(after.saturating_add(1)..);
        let told = later.filter(|(_, one)| one.until > now);
        fitting(told.map(|(number, one)| Asked {
            waited_ms: milliseconds(now.saturating_sub(one.since)),
            left_ms: milliseconds(one.until.saturating_sub(now)),
            ..asked(self.id(*number), &one.waiting)
        }))
    }

    /// What waits, in few words.
    pub(crate) fn brief(&self, now: Duration) -> impl Iterator<Item = Waits> {
        let pending = self.pending.iter().filter(move |(_, one)| one.until > now);
        pending.map(move |(number, one)| Waits {
            id: self.id(*number),
            who: brief::who(&one.waiting.principal, one.waiting.call.caller.as_ref()),
            tool: brief::cut(&one.waiting.call.tool, 64),
            argv: brief::argv(&one.waiting.argv),
            waited_ms: milliseconds(now.saturating_sub(one.since)),
            left_ms: milliseconds(one.until.saturating_sub(now)),
        })
    }

    /// What stands after `after`, as far as there is room to tell.
    pub(crate) fn standing_page(
        &mut self,
        after: Option<&str>,
        now: Duration,
    ) -> (Vec<Standing>, bool) {
        self.expire(now);
        let after = after.and_then(|id| self.number(id)).unwrap_or(0);
        let later = self.standing.range(after.saturating_add(1)..);
        fitting(later.map(|(number, one)| Standing {
            id: self.id(*number),
            calling: calling(&one.waiting),
            covers: one.covers,
            by: one.by,
            left_ms: milliseconds(one.until.saturating_sub(now)),
            used: one.used,
        }))
    }

    fn expire(&mut self, now: Duration) {
        self.standing.retain(|_, one| one.until > now);
    }

    fn id(&self, number: u64) -> String {
        format!("{:05x}-{number}", self.epoch)
    }

    fn number(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        let number = number.parse().ok()?;
        (self.id(number) == id && !epoch.is_empty()).then_some(number)
    }
}

impl Stands {
    /// The same caller as the same principal, the same tool, and what else is covered.
    fn covers(&self, waiting: &Waiting) -> bool {
        let own = &self.waiting;
        let same = who(own) != Who::Nobody
            && who(own) == who(waiting)
            && own.principal == waiting.principal
            && own.call.tool == waiting.call.tool;
        same && match self.covers {
            Covers::Exact => own.exact == waiting.exact,
            Covers::Tool => true,
        }
    }
}

fn who(waiting: &Waiting) -> Who<'_> {
    match &waiting.call.caller {
        Some(Proven::Peer { uid, .. }) => Who::User(*uid),
        Some(Proven::Key { name, .. }) => Who::Key(name),
        None => Who::Nobody,
    }
}

/// What the calls of one caller are counted by.
fn caller(waiting: &Waiting) -> String {
    match who(waiting) {
        Who::User(uid) => format!("uid {uid}"),
        Who::Key(name) => format!("key {name}"),
        Who::Nobody => String::new(),
    }
}

/// The user id of who calls; none of who has a key.
pub(crate) fn caller_uid(waiting: &Waiting) -> Option<u32> {
    match who(waiting) {
        Who::User(uid) => Some(uid),
        Who::Key(_) | Who::Nobody => None,
    }
}

/// The first of `all` that fit an answer, and whether there are more.
fn fitting<T: serde::Serialize>(all: impl Iterator<Item = T>) -> (Vec<T>, bool) {
    let (mut page, mut room) = (Vec::new(), PAGE_MAX);
    for one in all {
        let size = wire::encode(&one).map_or(usize::MAX, |one| one.len());
        if size > room && !page.is_empty() {
            return (page, true);
        }
        room = room.saturating_sub(size);
        page.push(one);
    }
    (page, false)
}

/// What an administrator is told of a request, without its times.
pub(crate) fn asked(id: String, waiting: &Waiting) -> Asked {
    let claim = waiting.call.claim.as_ref();
    Asked {
        id,
        calling: calling(waiting),
        stdin: waiting.reads.clone(),
        directory: waiting.directory.clone(),
        client: claim.map(|claim| format!("{} {}", claim.name, claim.version)),
        rule: waiting.rule.clone(),
        waited_ms: 0,
        left_ms: milliseconds(waiting.timeout),
        confirmed: waiting.call.confirmed,
    }
}

fn calling(waiting: &Waiting) -> Calling {
    let key = match who(waiting) {
        Who::Key(name) => Some(name.to_owned()),
        Who::User(_) | Who::Nobody => None,
    };
    Calling {
        principal: waiting.principal.clone(),
        uid: caller_uid(waiting),
        key,
        tool: waiting.call.tool.clone(),
        argv: waiting.argv.iter().map(shown).collect(),
    }
}

fn shown(word: &Word) -> Shown {
    match word {
        Word::Plain(text) => Shown::Text(text.clone()),
        Word::Secret(prefix, _) => Shown::Secret(prefix.clone()),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Call;

    const NOW: Duration = Duration::from_secs(1000);

    fn waiting(uid: u32, tool: &str, exact: u8) -> Waiting {
        Waiting {
            call: Call {
                correlation: wire::Correlation::default(),
                policy: [0; 32],
                caller: Some(Proven::Peer {
                    uid,
                    gid: uid,
                    groups: Vec::new(),
                }),
                claim: None,
                approval: None,
                background: false,
                queued: None,
                confirmed: false,
                tool: tool.to_owned(),
                arguments: None,
            },
            principal: "p".to_owned(),
            rule: format!("tool.{tool}.ask"),
            argv: vec![Word::Plain("/bin/true".to_owned())],
            stdin: None,
            reads: None,
            directory: None,
            exact: [exact; 32],
            timeout: Duration::from_secs(60),
            bounds: Vec::new(),
            patience: Duration::ZERO,
        }
    }

    fn wait(approvals: &mut Approvals, lane: u64, waiting: Waiting) -> String {
        assert_eq!(approvals.refusal(&waiting, NOW), None);
        let (number, id) = approvals.name();
        approvals.wait(number, lane, waiting, NOW);
        id
    }

    #[test]
    fn what_waits_is_bounded_for_each_and_in_all() {
        let mut approvals = Approvals::new();
        for uid in 0..4 {
            for _ in 0..WAITING_EACH {
                wait(&mut approvals, u64::from(uid), waiting(uid, "t", 0));
            }
            let refused = approvals.refusal(&waiting(uid, "t", 0), NOW).unwrap();
            assert_eq!(refused.code, "too_many_waiting");
        }
        assert!(approvals.refusal(&waiting(9, "t", 0), NOW).is_some());
        assert!(approvals.left(3).is_some());
        assert_eq!(approvals.refusal(&waiting(9, "t", 0), NOW), None);
    }

    #[test]
    fn a_call_that_nobody_can_look_at_does_not_wait() {
        let mut long = waiting(1, "t", 0);
        long.argv.push(Word::Plain("x".repeat(PAGE_MAX)));
        assert_eq!(
            Approvals::new().refusal(&long, NOW).unwrap().code,
            "approval_too_large"
        );
    }

    #[test]
    fn a_request_is_answered_once_and_in_time() {
        let mut approvals = Approvals::new();
        let id = wait(&mut approvals, 1, waiting(1, "t", 0));
        assert!(approvals.pending(&id, NOW).is_some());
        assert!(
            approvals
                .pending(&id, NOW + Duration::from_secs(60))
                .is_none()
        );
        for other in ["", "-", "1", "-1", "00000-1x"] {
            assert!(approvals.pending(other, NOW).is_none(), "{other}");
        }
        assert!(approvals.answered(&id).is_some());
        assert!(approvals.answered(&id).is_none());
    }

    #[test]
    fn an_approval_covers_no_more_than_it_says() {
        let mut approvals = Approvals::new();
        let time = Duration::from_secs(60);
        let id = wait(&mut approvals, 1, waiting(1, "t", 7));
        approvals.stand((&id, waiting(1, "t", 7)), (Covers::Exact, time), 0, NOW);
        let mut covering = |asked: &Waiting, now| approvals.covering(asked, now).is_some();
        assert!(covering(&waiting(1, "t", 7), NOW));
        assert!(!covering(&waiting(1, "t", 8), NOW), "other arguments");
        assert!(!covering(&waiting(2, "t", 7), NOW), "another caller");
        assert!(!covering(&waiting(1, "u", 7), NOW), "another tool");
        let mut other = waiting(1, "t", 7);
        other.principal = "q".to_owned();
        assert!(!covering(&other, NOW), "another principal");
        assert!(!covering(&waiting(1, "t", 7), NOW + time), "too late");

        approvals.stand((&id, waiting(1, "t", 7)), (Covers::Tool, time), 0, NOW);
        assert!(approvals.covering(&waiting(1, "t", 8), NOW).is_some());
        assert!(approvals.covering(&waiting(2, "t", 8), NOW).is_none());
        approvals.revoke(&id);
        assert!(approvals.covering(&waiting(1, "t", 8), NOW).is_none());
    }

    #[test]
    fn pages_tell_of_everything_once() {
        let mut approvals = Approvals::new();
        for uid in 0..4 {
            let mut long = waiting(uid, "t", 0);
            long.argv.push(Word::Plain("x".repeat(PAGE_MAX / 2)));
            wait(&mut approvals, u64::from(uid), long);
        }
        let (mut told, mut after) = (Vec::new(), None);
        loop {
            let (page, more) = approvals.page(after.as_deref(), NOW);
            after = page.last().map(|one| one.id.clone());
            told.extend(page.into_iter().map(|one| one.calling.uid));
            if !more {
                break;
            }
        }
        assert_eq!(told, [Some(0), Some(1), Some(2), Some(3)]);
    }
}
