//! What the user at the client is asked: exactly what would run.
//!
//! Much of it was made up by whoever calls, so every word is shown as what it looks like,
//! in one line, and apart from the next.

use crate::sanitize::{harmless_word, one_line, shell_word};
use policy::{RunAs, Stdin, Tool, Unconfirmed};
use rmcp::model::{ElicitRequestParams, ElicitationSchema};
use std::collections::BTreeMap;

/// Longest question, in bytes: what nobody can look at, nobody can confirm.
const QUESTION_MAX: usize = 8 * 1024;

/// Longest call, in bytes, with what is secret and not shown: so much is kept of it.
const CALL_MAX: usize = 32 * 1024;

/// Longest part of a tool's description that is repeated, in bytes.
const DESCRIPTION_MAX: usize = 200;

/// The question about `held`, a call of `tool`; `None` when that is too long.
pub(super) fn question(tool: Option<&Tool>, held: &Unconfirmed) -> Option<ElicitRequestParams> {
    if size(held) > CALL_MAX {
        return None;
    }
    let message = message(tool, held);
    (message.len() <= QUESTION_MAX).then(|| ElicitRequestParams::FormElicitationParams {
        meta: None,
        message,
        // To accept is the answer: there is nothing to fill in.
        requested_schema: ElicitationSchema::new(BTreeMap::new()),
    })
}

fn size(held: &Unconfirmed) -> usize {
    let reads = match held.stdin() {
        Stdin::Text(text) => text.len(),
        Stdin::Null | Stdin::File(_) => 0,
    };
    held.argv().iter().map(String::len).sum::<usize>() + reads
}

fn message(tool: Option<&Tool>, held: &Unconfirmed) -> String {
    let about = tool.and_then(|tool| tool.description().lines().next());
    let about = about.map_or_else(String::new, |about| {
        format!(" ({})", one_line(&harmless_word(about, DESCRIPTION_MAX)))
    });
    let mut text = format!("Run the tool {}{about}?\n\n", shell_word(held.tool()));
    let mut row = |name: &str, value: &str| text.push_str(&format!("{name}: {value}\n"));
    row("command", &argv(held).join(" "));
    row("runs as", &user(held));
    if let Some(directory) = held.directory() {
        row("in", &shell_word(&directory));
    }
    match held.stdin() {
        Stdin::Null => {}
        Stdin::Text(_) if held.stdin_is_secret() => row("reads", "a text that is secret"),
        Stdin::Text(words) => row("reads", &format!("the text {}", shell_word(words))),
        Stdin::File(path) => {
            let path = path.path().display().to_string();
            row("reads", &format!("the file {}", shell_word(&path)));
        }
    }
    if held.needs_approval() {
        text.push_str("\nAn administrator must approve it besides.\n");
    }
    text
}

fn argv(held: &Unconfirmed) -> Vec<String> {
    let word = |(index, text): (usize, &String)| {
        let mut secrets = held.secrets().iter();
        let secret = secrets.find(|secret| secret.element == index);
        match secret.map(|secret| text.split_at_checked(secret.prefix)) {
            None => shell_word(text),
            Some(None | Some(("", _))) => "‹secret›".to_owned(),
            Some(Some((prefix, _))) => format!("{}‹secret›", shell_word(prefix)),
        }
    };
    held.argv().iter().enumerate().map(word).collect()
}

fn user(held: &Unconfirmed) -> String {
    match (&held.profile().run_as, held.identity()) {
        (RunAs::User { name, .. }, _) => one_line(name),
        (RunAs::Caller, Some(own)) => format!("you (uid {})", own.uid),
        (RunAs::Caller | RunAs::Dynamic, _) => "a user that only this run has".to_owned(),
    }
}
