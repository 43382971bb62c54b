//! Clients that come and go, as the supervisor says.

use crate::supervisor::{Attack, Supervisor, fd, tell, word};
use harness::Lane;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use wire::{Attach, Claim, Correlation, Presented, Reply, Request, Secret, Speech};

/// More than are told apart in a minute.
const MANY: usize = 200;

/// Sockets that prove nobody, keys that are none, names that nobody has.
pub(crate) fn forge(own: &mut Supervisor) -> Attack {
    let client = own.client();
    let lane = own.lane();
    let (pair, _other) = UnixStream::pair()?;
    let end = UnixStream::connect(&own.front)?;
    let accepted = own.listener.accept()?.0;
    let (reader, _writer) = std::io::pipe()?;
    for nobody in [
        None,
        fd(&pair),
        fd(&end),
        fd(&own.listener),
        fd(&reader),
        fd(&lane),
    ] {
        tell("nobody", &word(attach(&lane, &plain(), nobody)));
    }
    for key in ["", "ci", "mmcp_none", &"x".repeat(20_000)] {
        let keyed = Attach {
            key: Some(Presented {
                key: Secret::new(key.to_owned()),
                address: "127.0.0.1".parse()?,
            }),
            ..plain()
        };
        tell("a key that is none", &word(attach(&lane, &keyed, None)));
        let both = attach(&lane, &keyed, fd(&client));
        tell("a key and a socket", &word(both));
    }
    let boast = Attach {
        claim: Some(Claim {
            name: "root\u{1b}[2J\"}\n".repeat(1500),
            version: "\u{202e}".repeat(7000),
        }),
        correlation: Correlation {
            request: "\0".repeat(9000),
            trace: Some("none".repeat(500)),
        },
        ..plain()
    };
    let alice = named(attach(&lane, &boast, fd(&client)));
    let itself = named(attach(&lane, &plain(), fd(&accepted)));
    tell("as many names", &(alice != itself).to_string());
    for name in ["", "c", "c-1", "c0-1", "\0\n", "root", &"c".repeat(50_000)] {
        tell("of another kind", &word(detach(&lane, name)));
    }
    let (own_kind, _number) = alice.split_once('-').ok_or("a name")?;
    for number in ["0", "3", "99999999999999999999", "", "1 ", "\u{1b}[2J"] {
        let name = format!("{own_kind}-{number}");
        tell("never given", &word(detach(&lane, &name)));
    }
    // He is there, and what he does is told all the same.
    tell("who is there", &word(detach(&own.lane(), &alice)));
    tell("twice", &word(detach(&lane, &alice)));
    tell("his call", &own.mark(fd(&client), "right"));
    flood(&lane, client.as_fd());
    tell(
        "another meanwhile",
        &word(attach(&lane, &plain(), fd(&accepted))),
    );
    Ok(())
}

/// The same client again and again, who goes again or does not.
fn flood(lane: &Lane, client: BorrowedFd<'_>) {
    let mut told = 0;
    for number in 0..MANY {
        match attach(lane, &plain(), Some(client)) {
            Ok(Reply::Attached(Some(name))) => {
                told += 1;
                if number % 2 == 0 {
                    let _recorded = detach(lane, &name);
                }
            }
            other => assert_eq!(word(other), "attached None"),
        }
    }
    tell("of a flood", &told.to_string());
}

fn plain() -> Attach {
    Attach {
        correlation: Correlation::default(),
        claim: None,
        key: None,
        speech: Speech::Lines,
    }
}

fn attach(
    lane: &Lane,
    attach: &Attach,
    client: Option<BorrowedFd<'_>>,
) -> Result<Reply, harness::Hangup> {
    let descriptors: Vec<BorrowedFd<'_>> = client.into_iter().collect();
    lane.say(&Request::Attach(attach.clone()), &descriptors);
    lane.hear()
}

fn named(reply: Result<Reply, harness::Hangup>) -> String {
    match reply {
        Ok(Reply::Attached(Some(name))) => name,
        other => panic!("{other:?}"),
    }
}

fn detach(lane: &Lane, name: &str) -> Result<Reply, harness::Hangup> {
    lane.say(&Request::Detach(name.to_owned()), &[]);
    lane.hear()
}
