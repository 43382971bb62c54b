//! Questions that no client has answered yet: few of each owner, each for its time, and
//! each answered once.

use super::state::{About, Seal};
use crate::error::Error;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Most open questions of one owner, and of all.
pub(super) const EACH_MAX: usize = 8;
pub(super) const ALL_MAX: usize = 64;

/// What tells one question from all others.
pub(super) type Nonce = [u8; 16];

/// All open questions.
#[derive(Debug)]
pub(crate) struct Questions {
    seal: Seal,
    open: Mutex<HashMap<Nonce, Open>>,
}

/// One of them.
#[derive(Debug)]
struct Open {
    owner: String,
    asked: Instant,
    time: Duration,
    /// Tells whoever watches it when it is no longer open.
    _closed: DropGuard,
}

/// A question as whoever asked it holds it; it is open until this is dropped, unless it
/// is answered before.
#[derive(Debug)]
pub(super) struct Ticket {
    questions: Arc<Questions>,
    nonce: Nonce,
    /// It is no longer open.
    pub(super) closed: CancellationToken,
}

/// Why there is no question.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// As many are open as may.
    TooMany,
    /// The kernel gives no random numbers.
    NoRandom,
}

impl Questions {
    /// None yet.
    ///
    /// # Errors
    /// The kernel gives no random numbers for the key.
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            seal: Seal::new().map_err(Error::Random)?,
            open: Mutex::default(),
        })
    }

    /// Opens a question of `owner`, to be answered within `time`.
    pub(super) fn open(self: &Arc<Self>, owner: &str, time: Duration) -> Result<Ticket, NotOpened> {
        let mut nonce = Nonce::default();
        getrandom::fill(&mut nonce).map_err(|_| NotOpened::NoRandom)?;
        let mut open = self.lock();
        let own = open.values().filter(|one| one.owner == owner).count();
        if own >= EACH_MAX || open.len() >= ALL_MAX {
            return Err(NotOpened::TooMany);
        }
        let closed = CancellationToken::new();
        let question = Open {
            owner: owner.to_owned(),
            asked: Instant::now(),
            time,
            _closed: closed.clone().drop_guard(),
        };
        open.insert(nonce, question);
        Ok(Ticket {
            questions: Arc::clone(self),
            nonce,
            closed,
        })
    }

    /// What the client is to carry for the question of `ticket`, which is `about` a call.
    pub(super) fn sealed(&self, ticket: &Ticket, about: &About<'_>) -> String {
        let time = self.lock().get(&ticket.nonce).map(|open| open.time);
        self.seal
            .seal(ticket.nonce, about, time.unwrap_or_default())
    }

    /// Closes the question that the client has carried as `state`, if it is one `about`
    /// this call that is open; how long it was.
    pub(super) fn answered(&self, state: &str, about: &About<'_>) -> Option<Duration> {
        let nonce = self.seal.open(state, about)?;
        let open = self.lock().remove(&nonce)?;
        // The clock by which the state expires can be set back; this one cannot.
        let after = open.asked.elapsed();
        (after <= open.time).then_some(after)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Nonce, Open>> {
        // What a panic left behind is whole: only inserts and removals happen under it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Closes the question; whether it was still open.
    pub(super) fn close(&self) -> bool {
        self.questions.lock().remove(&self.nonce).is_some()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::Arguments;

    const TIME: Duration = Duration::from_secs(60);

    fn about<'a>(owner: &'a str, arguments: &'a Arguments) -> About<'a> {
        About {
            owner,
            connection: Some(1),
            tool: "t",
            background: false,
            arguments,
            policy: [7; 32],
        }
    }

    #[tokio::test]
    async fn an_owner_has_few_open_and_others_have_room() {
        let questions = Arc::new(Questions::new().unwrap());
        let mut held: Vec<Ticket> = (0..EACH_MAX)
            .map(|_| questions.open("a", TIME).unwrap())
            .collect();
        let refused = questions.open("a", TIME);
        assert!(matches!(refused, Err(NotOpened::TooMany)));
        for owner in 0..(ALL_MAX - EACH_MAX) {
            held.push(questions.open(&owner.to_string(), TIME).unwrap());
        }
        let refused = questions.open("z", TIME);
        assert!(matches!(refused, Err(NotOpened::TooMany)));
        held.clear();
        assert!(questions.open("a", TIME).is_ok());
        assert!(questions.lock().is_empty());
    }

    #[tokio::test]
    async fn a_question_is_answered_once() {
        let questions = Arc::new(Questions::new().unwrap());
        let arguments = Arguments::new();
        let ticket = questions.open("a", TIME).unwrap();
        let state = questions.sealed(&ticket, &about("a", &arguments));
        assert_eq!(questions.answered(&state, &about("b", &arguments)), None);
        assert!(!ticket.closed.is_cancelled());
        assert!(
            questions
                .answered(&state, &about("a", &arguments))
                .is_some()
        );
        assert!(ticket.closed.is_cancelled());
        assert_eq!(questions.answered(&state, &about("a", &arguments)), None);
        assert!(!ticket.close());
    }

    /// Whatever the wall clock says.
    #[tokio::test]
    async fn a_question_has_its_time() {
        let questions = Arc::new(Questions::new().unwrap());
        let arguments = Arguments::new();
        let short = Duration::from_millis(10);
        let ticket = questions.open("a", short).unwrap();
        let about_it = about("a", &arguments);
        let state = questions.seal.seal(ticket.nonce, &about_it, TIME);
        tokio::time::sleep(short * 2).await;
        assert_eq!(questions.answered(&state, &about("a", &arguments)), None);
    }

    /// Nothing but the key that this process has made opens a state.
    #[tokio::test]
    async fn a_state_of_another_process_opens_nothing() {
        let (one, other) = (Questions::new().unwrap(), Questions::new().unwrap());
        let (one, other) = (Arc::new(one), Arc::new(other));
        let arguments = Arguments::new();
        let ticket = one.open("a", TIME).unwrap();
        let state = one.sealed(&ticket, &about("a", &arguments));
        assert_eq!(other.answered(&state, &about("a", &arguments)), None);
        assert!(one.answered(&state, &about("a", &arguments)).is_some());
    }
}
