//! Lines without end: what the supervisor can have written as often as it likes.

use crate::supervisor::{Attack, Supervisor, ask, tell, word};
use harness::Lane;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;
use wire::{Reply, Request};

/// As many reloads as have a line, and many more.
const RELOADS: u32 = 200;

/// The policy again and again: another than the file's, and the one that is in force.
pub(crate) fn reload(own: &mut Supervisor) -> Attack {
    let lane = own.lane();
    for number in 0..RELOADS {
        lane.say(&Request::Reload([u8::try_from(number)?; 32]), &[]);
        tell("another digest", &word(lane.hear()));
    }
    for _ in 0..50 {
        let lane = own.silent();
        let answer = match lane.greet(own.policy) {
            Ok(Reply::Welcome(_)) => {
                lane.say(&Request::Reload(own.policy), &[]);
                word(lane.hear())
            }
            other => word(other),
        };
        tell("the same digest", &answer);
    }
    // An administrator has a policy loaded that cannot be used, and one that can.
    let next = ask("administrator");
    own.follow(&next);
    let lane = own.lane();
    lane.say(&Request::Reload([9; 32]), &[]);
    tell("afterwards", &word(lane.hear()));
    Ok(())
}

/// Calls of clients who are none, and denials of nobody.
pub(crate) fn nobody(own: &mut Supervisor) -> Attack {
    let (pair, _other) = UnixStream::pair()?;
    let lane = own.lane();
    for number in 0..150 {
        if number % 2 == 0 {
            let _pipes = lane.ask(own.run("mark", &[("name", "forged")]), Some(pair.as_fd()));
        } else {
            let report = crate::spoof::report([&number.to_string(), "", ""]);
            lane.say(&report, &[pair.as_fd()]);
        }
        tell("nobody", &word(lane.hear()));
    }
    tell("somebody", &{
        let client = own.client();
        own.mark(Some(client.as_fd()), "right")
    });
    Ok(())
}

/// Denials of one client's in a loop, on `LANES` lanes, while another's is told once.
pub(crate) fn denials(own: &mut Supervisor) -> Attack {
    const LANES: usize = 8;
    const EACH: u32 = 50;
    let client = own.client();
    let end = UnixStream::connect(&own.front)?;
    let itself = own.listener.accept()?.0;
    let began = Instant::now();
    let lanes: Vec<_> = (0..LANES)
        .map(|_| {
            let (lane, client) = (own.lane(), client.try_clone().expect("a descriptor"));
            std::thread::spawn(move || {
                (0..EACH)
                    .filter(|number| told(&lane, &client, *number))
                    .count()
            })
        })
        .collect();
    ask("status");
    // Whoever hangs up is not rid of it: what it said is told, and its lane waits.
    let lane = own.lane();
    lane.say(
        &crate::spoof::report(["hung up", "", ""]),
        &[client.as_fd()],
    );
    drop(lane);
    let lane = own.lane();
    assert!(told(&lane, &itself, 0), "another's is told");
    for lane in lanes {
        let recorded = lane.join().expect("no panic");
        tell("recorded", &recorded.to_string());
    }
    tell("all took ms", &began.elapsed().as_millis().to_string());
    drop(end);
    Ok(())
}

fn told(lane: &Lane, client: &UnixStream, number: u32) -> bool {
    let code = format!("flood {number}");
    lane.say(&crate::spoof::report([&code, "", ""]), &[client.as_fd()]);
    matches!(lane.hear(), Ok(Reply::Recorded))
}
