//! What the trail is told of a command that is to start.

use crate::admission::Bound;
use crate::audit::{self, Call, Entry, RunUser, Word};
use policy::{Grant, Secret, Stdin};
use sha2::{Digest, Sha256};

/// That the command of `grant` starts, for which `bounds` leave room.
pub(super) fn start(call: Call, bounds: Vec<Bound>, grant: &Grant, sandbox: [u8; 32]) -> Entry {
    Entry::Start {
        stdin: read(grant.stdin(), grant.stdin_is_secret()),
        argv: words(grant.argv(), grant.secrets()),
        sandbox,
        call,
        principal: grant.principal().to_owned(),
        rule: grant.rule().to_owned(),
        directory: grant.directory(),
        patience: grant.queue_timeout(),
        user: match grant.identity() {
            Some(_) => RunUser::Known,
            None => RunUser::Fresh,
        },
        bounds,
        record: grant.record(),
    }
}

/// The argument vector, for the trail.
pub(super) fn words(argv: &[String], secrets: &[Secret]) -> Vec<Word> {
    let word = |(index, text): (usize, &String)| {
        let mut secrets = secrets.iter();
        let secret = secrets.find(|secret| secret.element == index);
        match secret.and_then(|secret| text.split_at_checked(secret.prefix)) {
            Some((prefix, secret)) => Word::Secret(prefix.to_owned(), secret.to_owned()),
            None => Word::Plain(text.clone()),
        }
    };
    argv.iter().enumerate().map(word).collect()
}

/// What the command reads, for the trail: of a text only the digest.
pub(super) fn read(stdin: &Stdin, secret: bool) -> Option<audit::Input> {
    match stdin {
        Stdin::Null => None,
        Stdin::Text(text) if secret => Some(audit::Input::Secret(text.clone())),
        Stdin::File(path) => Some(audit::Input::File(path.path().display().to_string())),
        Stdin::Text(text) => Some(audit::Input::Text {
            sha256: Sha256::digest(text).into(),
            bytes: text.len() as u64,
        }),
    }
}
