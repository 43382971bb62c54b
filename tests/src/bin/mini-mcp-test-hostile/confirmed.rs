//! What nobody has confirmed, and keys of others.

use crate::supervisor::{Attack, Supervisor, ask, fd, tell, told, word};
use harness::Lane;
use std::os::fd::BorrowedFd;
use wire::{Correlation, Denial, Identify, Presented, Report, Request, Secret};

/// Says that it is confirmed, of each tool that wants it and of those that do not.
pub(crate) fn forge(own: &mut Supervisor) -> Attack {
    let client = own.client();
    let call = |tool: &str, name: &str, confirmed, background| {
        let lane = own.lane();
        let named = [("name", name)];
        let arguments = if tool == "roots" { &[][..] } else { &named };
        let mut run = own.run(tool, arguments);
        (run.confirmed, run.background) = (confirmed, background);
        let _pipes = lane.ask(run, fd(&client));
        // One that must be approved waits; it is taken back.
        match told(&lane) {
            answer if answer.starts_with("waiting ") => {
                lane.say(&Request::Cancel, &[]);
                format!("waits, {}", told(&lane))
            }
            answer => answer,
        }
    };
    for background in [false, true] {
        let not = call("sure", "forged", false, background);
        tell("not confirmed", &not);
        let not = call("doubly", "forged", false, background);
        tell("neither confirmed nor approved", &not);
        let said = call("doubly", "forged", true, background);
        tell("said to be confirmed, not approved", &said);
        tell("of another", &call("roots", "forged", true, background));
    }
    tell("said to be confirmed", &call("sure", "said", true, false));
    let needless = call("mark", "needless", true, false);
    tell("need not be confirmed", &needless);
    Ok(())
}

/// A key that it has seen, which its owner has presented to it.
pub(crate) fn steal_a_key(own: &mut Supervisor) -> Attack {
    let client = own.client();
    let key = ask("key");
    let present = |address: &str| Presented {
        key: Secret::new(key.clone()),
        address: address.parse().expect("an address"),
    };
    let lane = own.lane();
    let run = |lane: &Lane, tool: &str, address: &str, client: Option<BorrowedFd<'_>>| {
        let mut run = own.run(tool, &[]);
        run.key = Some(present(address));
        let _pipes = lane.ask(run, client);
        told(lane)
    };
    let stolen = run(&lane, "keyed", "127.0.0.1", None);
    tell("for what its owner may", &stolen);
    for tool in ["seldom", "single", "roots"] {
        let other = run(&lane, tool, "127.0.0.1", None);
        tell("for what others may", &other);
    }
    tell("from elsewhere", &run(&lane, "keyed", "192.0.2.1", None));
    let both = run(&lane, "keyed", "127.0.0.1", fd(&client));
    tell("with another's socket", &both);
    for (name, presented, socket) in [
        ("report with it", present("192.0.2.1"), None),
        ("report with both", present("127.0.0.1"), fd(&client)),
    ] {
        lane.say(&report(presented), socket.as_slice());
        tell(name, &word(lane.hear()));
    }
    lane.say(
        &Request::Identify(Identify {
            presented: present("192.0.2.1"),
            correlation: Correlation::default(),
        }),
        &[],
    );
    tell("whose it is", &word(lane.hear()));
    Ok(())
}

fn report(key: Presented) -> Request {
    Request::Report(Report {
        correlation: Correlation::default(),
        tool: "keyed".to_owned(),
        arguments: None,
        denial: Denial {
            code: "stolen".to_owned(),
            rule: String::new(),
            reason: String::new(),
        },
        claim: None,
        key: Some(key),
    })
}
