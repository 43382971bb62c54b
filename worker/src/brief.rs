//! Calls in so few words that many of them fit an answer to an administrator.

use crate::audit::{Call, Proven, Word};
use std::time::Duration;
use wire::{Shown, Who};

/// Most bytes of an argument vector.
const ARGV_MAX: usize = 200;

/// A call that has started, until it ends.
#[derive(Debug)]
pub(crate) struct Brief {
    pub who: Who,
    pub tool: String,
    pub argv: Vec<Shown>,
    /// On the clock since the boot.
    pub since: Duration,
}

impl Brief {
    /// Of `call`, which began at `since`.
    pub(crate) fn new(call: &Call, principal: &str, words: &[Word], since: Duration) -> Self {
        Self {
            who: who(principal, call.caller.as_ref()),
            tool: cut(&call.tool, 64),
            argv: argv(words),
            since,
        }
    }
}

/// Who calls.
pub(crate) fn who(principal: &str, caller: Option<&Proven>) -> Who {
    let (uid, key) = match caller {
        Some(Proven::Peer { uid, .. }) => (Some(*uid), None),
        Some(Proven::Key { name, .. }) => (None, Some(cut(name, 64))),
        None => (None, None),
    };
    Who {
        principal: cut(principal, 64),
        uid,
        key,
    }
}

/// The first of `words`; what has no room is told by `…`.
pub(crate) fn argv(words: &[Word]) -> Vec<Shown> {
    let (mut shown, mut room) = (Vec::new(), ARGV_MAX);
    for word in words {
        if room == 0 {
            shown.push(Shown::Text("…".to_owned()));
            break;
        }
        let (one, length) = match word {
            Word::Plain(text) => (Shown::Text(cut(text, room)), text.len()),
            Word::Secret(prefix, _) => (Shown::Secret(cut(prefix, room)), prefix.len()),
        };
        shown.push(one);
        room = room.saturating_sub(length + 1);
    }
    shown
}

/// `text`, and of what is longer than `max` bytes the beginning and `…`.
pub(crate) fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut ends = (0..=max).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    format!(
        "{}…",
        text.get(..end.unwrap_or_default()).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("aéb", 2), "a…");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn a_command_is_cut_and_says_so() {
        let plain = |text: &str| Word::Plain(text.to_owned());
        let words = [plain("/bin/x"), plain(&"y".repeat(500)), plain("z")];
        let shown = argv(&words);
        assert_eq!(shown.len(), 3);
        assert_eq!(shown[2], Shown::Text("…".to_owned()));
        let secret = Word::Secret("--key=".to_owned(), "hunter2".to_owned());
        assert_eq!(argv(&[secret]), [Shown::Secret("--key=".to_owned())]);
    }
}
