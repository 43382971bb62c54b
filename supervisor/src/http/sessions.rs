//! Whose the sessions are. Clients of the initialize handshake get one, and an id that
//! leads to it; the id alone must not be enough to enter.

use rmcp::transport::streamable_http_server::session::SessionId;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most sessions of one owner; with one more, his oldest ends.
const OF_ONE_MAX: usize = 32;

/// Most sessions of all owners; with one more, the oldest of whoever has most ends.
const OF_ALL_MAX: usize = 1000;

/// Sessions in the order they began, with their owners.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<VecDeque<(SessionId, String)>>);

impl Sessions {
    /// Whether the session `id` is of `owner`.
    pub(super) fn belongs(&self, id: &str, owner: &str) -> bool {
        self.lock()
            .iter()
            .any(|(session, its)| **session == *id && its == owner)
    }

    /// Notes a session that has begun, and those that have ended meanwhile; the one
    /// that must end for it.
    pub(super) async fn begun(
        &self,
        manager: &LocalSessionManager,
        id: SessionId,
        owner: &str,
    ) -> Option<SessionId> {
        let living = manager.sessions.read().await;
        let mut sessions = self.lock();
        sessions.retain(|(session, _)| living.contains_key(session));
        sessions.push_back((id, owner.to_owned()));
        surplus(&sessions).and_then(|at| Some(sessions.remove(at)?.0))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(SessionId, String)>> {
        // What a panic left behind is whole: only pushes and removals happen under it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session that must end now that there is the last one.
fn surplus(sessions: &VecDeque<(SessionId, String)>) -> Option<usize> {
    let of = |owner: &String| sessions.iter().filter(|(_, its)| its == owner).count();
    let (_, newest) = sessions.back()?;
    let owner = if of(newest) > OF_ONE_MAX {
        newest
    } else if sessions.len() > OF_ALL_MAX {
        sessions
            .iter()
            .map(|(_, owner)| owner)
            .max_by_key(|owner| of(owner))?
    } else {
        return None;
    };
    sessions.iter().position(|(_, its)| its == owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(owners: &[&str]) -> VecDeque<(SessionId, String)> {
        let numbered = owners.iter().enumerate();
        numbered
            .map(|(number, owner)| (number.to_string().into(), (*owner).to_owned()))
            .collect()
    }

    #[test]
    fn the_oldest_of_the_same_owner_ends() {
        let mut owners = vec!["b"];
        owners.extend(["a"; OF_ONE_MAX]);
        assert_eq!(surplus(&sessions(&owners)), None);
        owners.push("a");
        assert_eq!(surplus(&sessions(&owners)), Some(1));
    }

    #[test]
    fn an_owner_with_few_is_not_driven_out() {
        let names: Vec<String> = (0..OF_ALL_MAX)
            .map(|number| (number / 2).to_string())
            .collect();
        let mut owners: Vec<&str> = names.iter().map(String::as_str).collect();
        owners.extend(["a", "a", "a"]);
        assert_eq!(surplus(&sessions(&owners)), Some(OF_ALL_MAX));
    }

    #[test]
    fn an_id_opens_nothing_to_others() {
        let sessions = Sessions(Mutex::new(sessions(&["a", "b"])));
        assert!(sessions.belongs("0", "a"));
        assert!(!sessions.belongs("0", "b"));
        assert!(!sessions.belongs("2", "a"));
    }
}
