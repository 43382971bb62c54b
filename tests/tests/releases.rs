//! Supervisor and worker of different releases: they refuse each other in words, and of
//! the two the older one ends, so that the service manager starts what is installed.

use harness::{ALICE, BASE, Client, Hangup, Lane, Site, eventually};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, accept, bind, listen, recv,
    send, socket,
};
use serde_json::json;
use std::fs::{self, Permissions, set_permissions};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;
use wire::{Hello, Reply, Request, VERSION, Welcome};

const SOON: Duration = Duration::from_secs(15);

/// A worker of another release in the place of the site's: it greets whoever comes, and
/// hangs up.
fn worker_of(version: u16, site: &Site) {
    let (path, policy) = (site.worker_socket(), site.digest());
    let kind = (AddressFamily::Unix, SockType::SeqPacket);
    let door = socket(kind.0, kind.1, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    let address = UnixAddr::new(&path).expect("short");
    bind(door.as_raw_fd(), &address).expect("ours");
    set_permissions(&path, Permissions::from_mode(0o666)).expect("ours");
    listen(&door, Backlog::new(16).expect("few")).expect("bound");
    thread::spawn(move || {
        while let Ok(lane) = accept(door.as_raw_fd()) {
            let mut hello = [0; 64];
            let length = recv(lane, &mut hello, MsgFlags::empty()).expect("a greeting");
            let hello: Request = wire::decode(&hello[..length]).expect("understood");
            assert!(matches!(hello, Request::Hello(_)), "{hello:?}");
            let welcome = Reply::Welcome(Welcome { version, policy });
            let welcome = wire::encode(&welcome).expect("small");
            send(lane, &welcome, MsgFlags::MSG_NOSIGNAL).expect("it listens");
            nix::unistd::close(lane).expect("ours");
        }
    });
}

/// What a process says before it ends by itself with 1.
fn ends(mut child: Child) -> String {
    let status = eventually("it ends", SOON, || child.try_wait().expect("ours"));
    assert_eq!(status.code(), Some(1));
    let mut said = String::new();
    let mut errors = child.stderr.expect("piped");
    errors.read_to_string(&mut said).expect("text");
    said
}

const SAME: &str = "\nhint: install supervisor and worker of the same release";

#[test]
fn a_supervisor_whose_worker_is_newer_says_so_and_ends() {
    let site = Site::with(BASE).prepare();
    worker_of(VERSION + 1, &site);
    let mut command = site.supervisor_command();
    let child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let said = ends(child);
    let (theirs, ours) = (VERSION + 1, VERSION);
    let words =
        format!("cannot understand the worker: it speaks version {theirs}, not {ours}{SAME}");
    assert!(said.contains(&words), "{said}");
}

/// The worker is about to be started anew; until then calls fail in words.
#[test]
fn a_supervisor_whose_worker_is_older_stays_and_says_so() {
    let mut site = Site::with(BASE).prepare();
    worker_of(VERSION - 1, &site);
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    let failure = client.call("true", &json!({}));
    let said = format!("{failure:?}");
    let older = VERSION - 1;
    let words = format!("it speaks version {older}, not {VERSION}");
    assert!(said.contains(&words), "{said}");
    assert!(said.contains("install supervisor and worker of the same release"));
}

#[test]
fn a_worker_that_was_replaced_says_so_and_ends_for_a_newer_supervisor() {
    let site = Site::with(BASE).prepare();
    let mut command = site.worker_command();
    let child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    eventually("it listens", SOON, || {
        site.worker_socket().exists().then_some(())
    });
    let policy = site.digest();
    let greet = |version| {
        let lane = Lane::open(&site);
        lane.say(&Request::Hello(Hello { version, policy }), &[]);
        let answer = lane.hear();
        let welcomed = matches!(&answer, Ok(Reply::Welcome(welcome)) if welcome.version == VERSION);
        assert!(welcomed, "{answer:?}");
        assert_eq!(lane.hear(), Err(Hangup));
    };
    // One that is older is the one to end.
    greet(VERSION - 1);
    drop(Lane::greeted(&site));
    // One that only says that it is newer changes nothing: limits do not begin anew.
    greet(VERSION + 1);
    drop(Lane::greeted(&site));
    site.audited("it is told", |entry| entry.event() == "violation");
    let (program, fresh) = (site.program("mini-mcp-worker"), site.path("fresh"));
    fs::copy(&program, &fresh).expect("ours");
    fs::rename(&fresh, &program).expect("ours");
    greet(VERSION + 1);
    let said = ends(child);
    let newer = VERSION + 1;
    let words =
        format!("cannot understand the supervisor: it speaks version {newer}, not {VERSION}{SAME}");
    assert!(said.contains(&words), "{said}");
}
