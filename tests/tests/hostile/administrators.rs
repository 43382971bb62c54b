//! The administrators' socket, and whoever would keep others from it.

use super::{Ground, POLICY, administrator};
use harness::{ALICE, BOB, FRONT, Front, Lane, User, command_as, connect_as, eventually};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::SockType;
use nix::unistd::Pid;
use serde_json::Value;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use wire::{ADMIN_VERSION, About, Answer, Asked, Question};

/// Longest that an administrator is kept waiting on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(5);

fn visit(ground: &Ground, user: User) -> Lane {
    let admin = ground.site.admin_socket();
    Lane::from(connect_as(user, SockType::SeqPacket, &admin))
}

fn question(about: About) -> Vec<u8> {
    let version = ADMIN_VERSION;
    wire::encode(&Question { version, about }).expect("a message")
}

/// Ended when dropped, also by a test that fails.
struct Flood(Child);

impl Drop for Flood {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A program of `user`'s that connects again and again, says something or not, and
/// leaves or not.
fn flood(ground: &Ground, user: User) -> Flood {
    let script = "
import os, random, socket, sys
kept = []
while True:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        one.connect(sys.argv[1])
        one.send(os.urandom(random.choice([1, 2, 9, 5000])))
    except OSError:
        pass
    kept.append(one)
    if len(kept) > 200:
        kept = kept[100:]
";
    let mut command = command_as(user, "/usr/bin/python3".as_ref());
    command
        .args(["-I", "-c", script])
        .arg(ground.site.admin_socket());
    Flood(command.stdin(Stdio::null()).spawn().expect("it starts"))
}

fn assert_answered_in_time(ground: &Ground) {
    let began = Instant::now();
    assert_eq!(ground.status()["pid"], ground.worker.id());
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

/// Neither strangers nor those of the group keep root from an answer, however many
/// connections they make, and both are told in the trail, within bounds.
#[test]
fn floods_keep_nobody_out() {
    // With two groups, everybody may connect, and is turned away.
    let policy = POLICY.replace("[\"mmtest-ops\"]", "[\"mmtest-ops\", \"adm\"]");
    let ground = Ground::with(&policy);
    let floods = [ALICE, FRONT, BOB, BOB].map(|user| flood(&ground, user));
    std::thread::sleep(Duration::from_millis(300));
    for _ in 0..10 {
        assert_answered_in_time(&ground);
    }
    drop(floods);
    assert_answered_in_time(&ground);
    ground.assert_unharmed();
    let lines = ground.lines("violation");
    assert!(lines.len() <= 240, "{}", lines.len());
    let of = |user: User| {
        let mut lines = lines.iter();
        lines.any(|one| one.field("uid") == user.uid() && one.text("socket") == "admin")
    };
    assert!(of(BOB) && (of(ALICE) || of(FRONT)), "each kind is told");
}

/// Whoever connects and says nothing, or half of it, or reads nothing, makes room.
#[test]
fn slow_administrators_make_room() {
    let ground = Ground::new();
    let before = ground.worker.descriptors().len();
    let silent: Vec<Lane> = (0..40).map(|_| visit(&ground, BOB)).collect();
    let whole = question(About::Status);
    for one in silent.iter().take(10) {
        one.say_bytes(&whole[..whole.len() - 1], &[]);
    }
    let unread: Vec<Lane> = (0..40)
        .map(|_| {
            let one = visit(&ground, BOB);
            for _ in 0..50 {
                one.say_bytes(&question(About::Pending(None)), &[]);
            }
            one
        })
        .collect();
    assert_answered_in_time(&ground);
    assert!(ground.worker.descriptors().len() <= before + 16, "bounded");
    drop((silent, unread));
    ground.assert_unharmed();
}

/// A descriptor that takes a minute to close does not keep the worker waiting.
#[test]
fn a_lingering_descriptor_keeps_nobody_waiting() {
    let ground = Ground::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    for asks in [true, false] {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let peer = listener.accept().expect("it came").0;
        stream.set_nonblocking(true).expect("a socket");
        while stream.write(&[0; 65_536]).is_ok() {}
        let time = libc::linger {
            l_onoff: 1,
            l_linger: 60,
        };
        nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::Linger, &time)
            .expect("a socket");
        let visitor = visit(&ground, BOB);
        let packet = if asks {
            question(About::Pending(None))
        } else {
            vec![255]
        };
        // On its way it must be the last copy.
        let worker = Pid::from_raw(ground.worker.id());
        kill(worker, Signal::SIGSTOP).expect("it lives");
        visitor.say_bytes(&packet, &[stream.as_fd()]);
        drop((stream, visitor));
        kill(worker, Signal::SIGCONT).expect("it lives");
        assert_answered_in_time(&ground);
        drop(peer);
    }
    ground.assert_unharmed();
}

/// Requests as long as they may be are told in pages that all fit, each once.
#[test]
fn big_pages_fit() {
    let long = r#"
[tool.long]
description = "Is given a long text"
command = ["/usr/bin/true", "{text}"]
profile = "plain"
ask = ["alice"]
args = { text = { type = "string", max_length = 16384 } }
"#;
    let ground = Ground::with(&format!("{POLICY}{long}"));
    let listener = harness::listen(&ground.site.front());
    let front = Front {
        site: harness::Site::with("version = 1\n").prepare(),
        listener,
    };
    let policy = ground.site.digest();
    let waiting: Vec<(Lane, _)> = (0..8)
        .map(|number| {
            let end = connect_as(ALICE, SockType::Stream, &ground.site.front());
            let client = front.listener.accept().expect("she connected").0;
            let lane = Lane::open(&ground.site);
            assert!(lane.greet(policy).is_ok());
            let text = format!("{number}{}", "\u{fffd}x".repeat(3000 + 100 * number));
            let run = harness::request(policy, "long", &[("text", &text)]);
            let pipes = lane.ask(run, Some(client.as_fd()));
            assert!(matches!(lane.hear(), Ok(wire::Reply::Waiting { .. })));
            (lane, (client, end, pipes))
        })
        .collect();
    let told = pages(&ground);
    assert_eq!(told.len(), waiting.len());
    let output = administrator(&ground.site, &["pending", "--json"]);
    let document: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a document");
    let ids = document
        .iter()
        .map(|one| one["id"].as_str().expect("an id"));
    assert!(ids.eq(told.iter().map(|one| one.id.as_str())));
    drop(waiting);
    eventually("nothing waits", Duration::from_secs(20), || {
        pages(&ground).is_empty().then_some(())
    });
    ground.assert_unharmed();
}

/// What waits, page by page.
fn pages(ground: &Ground) -> Vec<Asked> {
    let (mut all, mut after) = (Vec::<Asked>::new(), None);
    loop {
        let visitor = visit(ground, BOB);
        visitor.say_bytes(&question(About::Pending(after)), &[]);
        let packet = visitor.hear_bytes().expect("an answer");
        assert!(packet.len() <= wire::FRAME_MAX, "{} bytes", packet.len());
        let answer = wire::decode(&packet).expect("an answer");
        let Answer::Pending(page, more) = answer else {
            panic!("{answer:?}")
        };
        all.extend(page);
        if !more {
            return all;
        }
        after = all.last().map(|one| one.id.clone());
    }
}
