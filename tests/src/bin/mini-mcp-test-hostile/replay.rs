//! Packets that were good once.

use crate::supervisor::{Attack, Supervisor, ask, fd, tell, told, word};
use harness::Lane;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use wire::{Hello, Request, VERSION};

/// The very bytes again: on the same lane, on another, without what came with them,
/// and under the next policy.
pub(crate) fn replay(own: &mut Supervisor) -> Attack {
    let client = own.client();
    let hello = packet(&Request::Hello(Hello {
        version: VERSION,
        policy: own.policy,
    }));
    let run = packet(&Request::Run(own.run("mark", &[("name", "replayed")])));
    let lane = own.lane();
    for _ in 0..2 {
        say_run(&lane, &run, &client)?;
        tell("again", &told(&lane));
    }
    lane.say_bytes(&run, &[]);
    tell("without descriptors", &word(lane.hear()));
    let lane = own.lane();
    lane.say_bytes(&hello, &[]);
    tell("second greeting", &word(lane.hear()));
    let old = own.lane();
    let policy = ask("reload");
    own.follow(&policy);
    // It has been told to end, or not yet: either way nothing runs.
    say_run(&old, &run, &client)?;
    tell("on an old lane", &told(&old));
    let silent = own.silent();
    silent.say_bytes(&hello, &[]);
    tell("old greeting", &word(silent.hear()));
    tell("after an old greeting", &word(silent.hear()));
    let lane = own.lane();
    say_run(&lane, &run, &client)?;
    tell("under the next policy", &told(&lane));
    // Now that it is forbidden, the same in the words of the next policy.
    tell("in new words", &own.mark(fd(&client), "replayed"));
    Ok(())
}

/// Runs that are sent at the very moment when lanes of a former policy have become
/// free: each of them could take one more call.
pub(crate) fn late(own: &mut Supervisor) -> Attack {
    let client = own.client();
    let start = |number: u64| {
        let lane = own.lane();
        let (mut output, end) = std::io::pipe()?;
        let (_error, error_end) = std::io::pipe()?;
        let run = Request::Run(own.run("nap", &[]));
        lane.say(&run, &[end.as_fd(), error_end.as_fd(), client.as_fd()]);
        assert_eq!(word(lane.hear()), "started");
        drop(end);
        let client = client.try_clone()?;
        let run = packet(&Request::Run(own.run("mark", &[("name", "late")])));
        std::io::Result::Ok(std::thread::spawn(move || {
            output.read_to_end(&mut Vec::new()).expect("a pipe");
            // Before the lane knows that its command has ended, this would be too early.
            std::thread::sleep(Duration::from_micros(number * 150));
            say_run(&lane, &run, &client).expect("a pipe");
            let ended = word(lane.hear());
            format!("{ended}, {}", told(&lane))
        }))
    };
    let lanes: Result<Vec<_>, _> = (0..16).map(start).collect();
    ask("reload");
    for lane in lanes? {
        tell("late", &lane.join().expect("no panic"));
    }
    Ok(())
}

fn packet(request: &Request) -> Vec<u8> {
    wire::encode(request).expect("a message")
}

fn say_run(lane: &Lane, run: &[u8], client: &UnixStream) -> std::io::Result<()> {
    let (output, error) = (std::io::pipe()?.1, std::io::pipe()?.1);
    lane.say_bytes(run, &[output.as_fd(), error.as_fd(), client.as_fd()]);
    Ok(())
}
