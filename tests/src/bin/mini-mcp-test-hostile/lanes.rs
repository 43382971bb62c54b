//! Connections that are of no use to anybody.

use crate::supervisor::{Attack, Supervisor, ask, fd, tell, told, word};
use harness::Lane;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;
use wire::{Correlation, Identify, Presented, Reply, Request, Secret};

/// More than the worker takes.
const MANY: usize = 400;

/// Nothing is said on them, or half of it.
pub(crate) fn crowd(own: &mut Supervisor) -> Attack {
    let all: Vec<Lane> = (0..MANY).map(|_| own.silent()).collect();
    // The worker looks at the last one after all others.
    let last = all.last().is_some_and(|last| last.speaks_within(20_000));
    assert!(last, "all are let in");
    // What is turned away is closed by another process, a moment later.
    let count = || all.iter().filter(|lane| lane.speaks_within(0)).count();
    let _in_time = (0..200).find(|_| {
        std::thread::sleep(Duration::from_millis(50));
        count() >= MANY - 320
    });
    ask("status");
    let closed = count();
    tell("let in", &(MANY - closed).to_string());
    drop(all);
    let hello = wire::encode(&Request::Hello(wire::Hello {
        version: wire::VERSION,
        policy: own.policy,
    }))?;
    let client = own.client();
    // Those that were dropped end one after the other.
    let outcome = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        let lane = own.silent();
        lane.greet(own.policy).ok()?;
        let _pipes = lane.ask(own.run("mark", &[("name", "right")]), fd(&client));
        Some(told(&lane))
    });
    tell("afterwards", &outcome.unwrap_or_default());
    for length in 0..hello.len() {
        let lane = own.silent();
        lane.say_bytes(&hello[..length], &[]);
        tell("half a greeting", &word(lane.hear()));
    }
    let (reader, _writer) = std::io::pipe()?;
    let lane = own.lane();
    lane.say_bytes(&hello, &[reader.as_fd(); 200]);
    tell("many descriptors", &word(lane.hear()));
    Ok(())
}

/// Never reads, and so would keep a lane from what it watches.
pub(crate) fn deaf(own: &mut Supervisor) -> Attack {
    let client = own.client();
    let room = answers_that_fit()?;
    let deaf: Vec<Lane> = (0..3)
        .map(|_| {
            let lane = own.lane();
            for _ in 0..room {
                leave_unread(&lane);
            }
            // There is no room to tell that it has started.
            let _pipes = lane.ask(own.run("sleep", &[]), fd(&client));
            lane
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    // And each reload would be told to all of them.
    for _ in 0..400 {
        let lane = own.silent();
        if lane.greet(own.policy).is_ok() {
            lane.say(&Request::Reload(own.policy), &[]);
            let _reloaded = lane.hear();
        }
    }
    ask("status");
    tell("afterwards", &own.mark(fd(&client), "right"));
    drop(deaf);
    Ok(())
}

/// How many answers a socket holds that nobody reads.
fn answers_that_fit() -> Result<usize, Box<dyn std::error::Error>> {
    let flags = SockFlag::SOCK_NONBLOCK;
    let (one, _other) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
    let packet = wire::encode(&Reply::Identified(None))?;
    let fit = (0..100_000).take_while(|_| wire::send(one.as_fd(), &packet, &[]).is_ok());
    Ok(fit.count())
}

/// Has the worker give one more answer that is not read.
fn leave_unread(lane: &Lane) {
    let question = Request::Identify(Identify {
        presented: Presented {
            key: Secret::new("unread".to_owned()),
            address: "::1".parse().expect("an address"),
        },
        correlation: Correlation::default(),
    });
    lane.say(&question, &[]);
}

/// Takes a call back with a socket that lingers: whoever closes it waits for its peer.
pub(crate) fn linger(own: &mut Supervisor) -> Attack {
    let client = own.client();
    for packet in [wire::encode(&Request::Cancel)?, vec![255; 9]] {
        let lane = own.lane();
        let _pipes = lane.ask(own.run("sleep", &[]), fd(&client));
        tell("it runs", &word(lane.hear()));
        let (lingering, peer) = lingering()?;
        lane.say_bytes(&packet, &[lingering.as_fd()]);
        drop(lingering);
        ask("ended");
        drop(peer);
    }
    // Nobody takes this one: its lane goes after the greeting, and the connection with it.
    let (lingering, _peer) = lingering()?;
    let lane = own.silent();
    lane.say_hello([0; 32]);
    lane.say_bytes(&[255; 9], &[lingering.as_fd()]);
    drop(lingering);
    tell("of another policy", &word(lane.hear()));
    tell("that lane", &word(lane.hear()));
    tell("afterwards", &own.mark(fd(&client), "right"));
    Ok(())
}

/// Has a lane launch commands under two filters, of which it can wear one.
pub(crate) fn filters(own: &mut Supervisor) -> Attack {
    let client = own.client();
    for (first, second) in [("mark", "talk"), ("talk", "mark")] {
        let lane = own.lane();
        let _pipes = lane.ask(own.run(first, &[("name", "first")]), fd(&client));
        tell("the first", &told(&lane));
        let _pipes = lane.ask(own.run(first, &[("name", "again")]), fd(&client));
        tell("the same", &told(&lane));
        let _pipes = lane.ask(own.run(second, &[("name", "forged")]), fd(&client));
        tell("the other", &told(&lane));
    }
    tell("afterwards", &own.mark(fd(&client), "right"));
    Ok(())
}

/// A connection whose peer does not read what was sent.
pub(crate) fn lingering() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut stream = TcpStream::connect(listener.local_addr()?)?;
    let peer = listener.accept()?.0;
    stream.set_nonblocking(true)?;
    while stream.write(&[0; 65_536]).is_ok() {}
    let time = libc::linger {
        l_onoff: 1,
        l_linger: 60,
    };
    let option = nix::sys::socket::sockopt::Linger;
    nix::sys::socket::setsockopt(&stream, option, &time)?;
    Ok((stream, peer))
}
