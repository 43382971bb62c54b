//! Whom the supervisor could pretend to act for.

use crate::supervisor::{Attack, Supervisor, ask, fd, listen, tell, told, word};
use harness::Lane;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, bind, connect, socket, socketpair,
};
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use wire::{Correlation, Denial, Identify, Presented, Report, Request, Secret};

/// Sockets of anybody that can be made, had or kept.
pub(crate) fn forge(own: &mut Supervisor) -> Attack {
    let try_out = |own: &Supervisor, name: &str, client: BorrowedFd<'_>| {
        tell(name, &own.mark(Some(client), "forged"));
        let lane = own.lane();
        lane.say(&report("forged"), &[client]);
        tell(&format!("report by {name}"), &word(lane.hear()));
    };
    tell("none", &own.mark(None, "forged"));
    let (pair, _other) = UnixStream::pair()?;
    try_out(own, "pair", pair.as_fd());
    for kind in [SockType::Datagram, SockType::SeqPacket] {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (pair, _other) = socketpair(AddressFamily::Unix, kind, None, flags)?;
        try_out(own, "pair of another kind", pair.as_fd());
    }
    try_out(own, "own listener", own.listener.as_fd());
    let elsewhere = own.front.with_file_name("other.sock");
    let other = listen(&elsewhere.display().to_string())?;
    let _end = UnixStream::connect(&elsewhere)?;
    try_out(own, "another listener", other.accept()?.0.as_fd());
    try_out(own, "own lane", own.lane().as_fd());
    let daemon = ask("daemon");
    try_out(own, "daemon of root", UnixStream::connect(&daemon)?.as_fd());
    let bound = bound_to_the_front(own, &daemon)?;
    try_out(own, "daemon of root, own address", bound.as_fd());
    let network = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(network.local_addr()?)?;
    try_out(own, "network", stream.as_fd());
    try_out(own, "file", File::open("/etc/passwd")?.as_fd());
    let (reader, _writer) = std::io::pipe()?;
    try_out(own, "pipe", reader.as_fd());
    // Itself: proven, and nobody.
    let end = UnixStream::connect(&own.front)?;
    let accepted = own.listener.accept()?.0;
    try_out(own, "itself", accepted.as_fd());
    try_out(own, "its own client's end", end.as_fd());
    kept(own)
}

/// A socket whose client is gone, on its lane and on another.
fn kept(own: &mut Supervisor) -> Attack {
    let client = own.client();
    let lane = own.lane();
    let _pipes = lane.ask(own.run("mark", &[("name", "right")]), fd(&client));
    tell("while he is there", &told(&lane));
    let _pipes = lane.ask(own.run("roots", &[]), fd(&client));
    tell("what is not his", &told(&lane));
    let _pipes = lane.ask(own.run("mark", &[("name", "../../forged")]), fd(&client));
    tell("what no rule allows", &told(&lane));
    ask("leave");
    let _pipes = lane.ask(own.run("mark", &[("name", "forged")]), fd(&client));
    tell("after he has gone", &told(&lane));
    tell("after he has gone", &own.mark(fd(&client), "forged"));
    Ok(())
}

/// Bound to the address of clients' sockets, and connected to a daemon of root's.
fn bound_to_the_front(own: &mut Supervisor, daemon: &str) -> nix::Result<std::os::fd::OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    fs::remove_file(&own.front).expect("ours");
    let made = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    bind(made.as_raw_fd(), &UnixAddr::new(&own.front)?)?;
    connect(made.as_raw_fd(), &UnixAddr::new(daemon)?)?;
    fs::remove_file(&own.front).expect("ours");
    own.listener = listen(&own.front.display().to_string()).expect("ours");
    Ok(made)
}

fn report(code: &str) -> Request {
    Request::Report(Report {
        correlation: Correlation::default(),
        tool: "mark".to_owned(),
        arguments: None,
        denial: Denial {
            code: code.to_owned(),
            rule: String::new(),
            reason: String::new(),
        },
        claim: None,
        key: None,
    })
}

/// Keys that are none, are no longer, or are another's.
pub(crate) fn guess_keys(own: &mut Supervisor) -> Attack {
    let present = |key: &str, address: &str| Presented {
        key: Secret::new(key.to_owned()),
        address: address.parse().expect("an address"),
    };
    let ask_for = |lane: &Lane, tool: &str, key: Presented, client| {
        let mut run = own.run(tool, &[]);
        run.key = Some(key);
        let _pipes = lane.ask(run, client);
        told(lane)
    };
    let lane = own.lane();
    for guess in ["", "ci", "mmcp_", "\0", "root", &"x".repeat(30_000)] {
        let key = present(guess, "127.0.0.1");
        tell("guess", &ask_for(&lane, "keyed", key, None));
    }
    for number in 0..100 {
        let presented = present(&format!("mmcp_{number:043}"), "127.0.0.1");
        let correlation = Correlation::default();
        let question = Identify {
            presented,
            correlation,
        };
        lane.say(&Request::Identify(question), &[]);
        tell("question", &word(lane.hear()));
    }
    let key = ask("key");
    let right = |tool: &str| ask_for(&lane, tool, present(&key, "127.0.0.1"), None);
    tell("right key", &right("keyed"));
    tell("right key, another's tool", &right("mark"));
    let afar = present(&key, "203.0.113.9");
    tell("right key, from afar", &ask_for(&lane, "keyed", afar, None));
    let client = own.client();
    let both = present(&key, "127.0.0.1");
    tell(
        "key and socket",
        &ask_for(&lane, "keyed", both, fd(&client)),
    );
    ask("revoke");
    tell("revoked key", &right("keyed"));
    Ok(())
}
