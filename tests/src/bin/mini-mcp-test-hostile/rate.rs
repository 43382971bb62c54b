//! More calls than the policy allows.

use crate::supervisor::{Attack, Supervisor, fd, tell, told};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use wire::{Claim, Request};

/// Lanes at once.
const LANES: usize = 24;

/// Three are allowed in an hour, and three a day.
pub(crate) fn evade(own: &mut Supervisor) -> Attack {
    let client = own.client();
    for tool in ["seldom", "daily"] {
        evade_for(own, &client, tool);
    }
    for tool in [
        "SELDOM",
        " seldom",
        "seldom ",
        "seldom\0",
        "seldom\n",
        "./seldom",
        "tool.seldom",
        "ѕeldom",
    ] {
        let lane = own.lane();
        let _pipes = lane.ask(own.run(tool, &[]), fd(&client));
        tell("spelled otherwise", &told(&lane));
    }
    Ok(())
}

fn evade_for(own: &Supervisor, client: &UnixStream, tool: &str) {
    // Given up at the very start, so that it may not count: it does.
    let lane = own.lane();
    let _pipes = lane.ask(own.run(tool, &[]), fd(client));
    lane.say(&Request::Cancel, &[]);
    tell("taken back at once", &told(&lane));
    // Its lane dies of what it hears next.
    let lane = own.lane();
    let _pipes = lane.ask(own.run(tool, &[]), fd(client));
    lane.say_bytes(&[255; 9], &[]);
    let _started = lane.hear();
    let _hung_up = lane.hear();
    // Many at once.
    let at_once: Vec<_> = (0..LANES)
        .map(|_| {
            let lane = own.lane();
            let run = own.run(tool, &[]);
            let client = client.try_clone().expect("a descriptor");
            std::thread::spawn(move || {
                let _pipes = lane.ask(run, Some(client.as_fd()));
                told(&lane)
            })
        })
        .collect();
    for one in at_once {
        tell("many at once", &one.join().expect("no panic"));
    }
    // One after the other, each on a connection of its own, as another program.
    for number in 0..LANES {
        let lane = own.lane();
        let mut run = own.run(tool, &[]);
        run.claim = Some(Claim {
            name: format!("program {number}"),
            version: "1".to_owned(),
        });
        run.correlation.request = number.to_string();
        let _pipes = lane.ask(run, fd(client));
        tell("one after the other", &told(&lane));
    }
}

/// One at a time is allowed.
pub(crate) fn crowd(own: &mut Supervisor) -> Attack {
    let client = own.client();
    let run = |lane: harness::Lane, own: &Supervisor| {
        let (run, client) = (
            own.run("single", &[]),
            client.try_clone().expect("a descriptor"),
        );
        std::thread::spawn(move || {
            let _pipes = lane.ask(run, Some(client.as_fd()));
            told(&lane)
        })
    };
    for _round in 0..4 {
        let all: Vec<_> = (0..LANES).map(|_| run(own.lane(), own)).collect();
        for one in all {
            tell("at once", &one.join().expect("no panic"));
        }
        // Killed by what it hears: its place is free when its command has ended.
        let lane = own.lane();
        let _pipes = lane.ask(own.run("single", &[]), fd(&client));
        let _started = lane.hear();
        lane.say_bytes(&[255; 9], &[]);
    }
    Ok(())
}
