//! The administrator's socket: `mini-mcp status`, and who may not ask.

use harness::{
    ALICE, BASE, Client, FRONT, Site, SmallDisk, User, command_as, connect_as, eventually, unique,
};
use nix::sys::socket::SockType;
use serde_json::{Value, json};
use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use wire::{ADMIN_VERSION, About, Answer, Question};

fn root() -> User {
    User {
        name: "root",
        ..ALICE
    }
}

fn status(site: &Site, words: &[&str]) -> Output {
    let mut command = Command::new(site.program("mini-mcp"));
    command
        .arg("status")
        .arg("--socket")
        .arg(site.admin_socket());
    command.args(words).output().expect("it runs")
}

fn document(site: &Site) -> (Option<i32>, Value) {
    let output = status(site, &["--json"]);
    let document = serde_json::from_slice(&output.stdout);
    (
        output.status.code(),
        document.unwrap_or_else(|_| panic!("{output:?}")),
    )
}

#[test]
fn a_service_that_is_well_says_so() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let call = client.start_call("sleep", &json!({"time": unique()}));
    site.audited("the start", |entry| entry.is("start", "sleep"));
    let (code, told) = document(&site);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told["well"], true);
    assert_eq!(told["running"], 1);
    assert_eq!(told["pid"], site.worker().id());
    let trail = site.trail();
    let open = trail.first().expect("a line");
    assert_eq!(told["policy"], open.text("policy"));
    assert!(told["audit"]["seq"].as_u64() >= Some(3), "{told}");
    client.cancel(call);
    let text = String::from_utf8(status(&site, &[]).stdout).expect("text");
    assert!(
        text.contains("Landlock ABI") && text.contains("well"),
        "{text}"
    );
}

/// What somebody has to see to is told, and is the exit status.
#[test]
fn problems_are_told() {
    let disk = SmallDisk::mount();
    let mut site = Site::with(BASE).audit(disk.path("audit.jsonl")).start();
    site.file("policy.toml", "version = 7\n");
    site.worker().hang_up();
    eventually("it has tried", Duration::from_secs(10), || {
        let (code, told) = document(&site);
        let text = told["problems"].to_string();
        (code == Some(1) && text.contains("the former policy is in force")).then_some(())
    });
    site.file("policy.toml", &BASE.replace("@site@", &site.text()));
    site.worker().hang_up();
    eventually("it is well", Duration::from_secs(10), || {
        (document(&site).0 == Some(0)).then_some(())
    });

    disk.fill();
    let client = Client::attach(&site, ALICE);
    let mut calls = (0..64).map(|_| client.call("true", &json!({})));
    assert!(calls.any(|called| called.is_error()), "the disk is full");
    let (code, told) = document(&site);
    assert_eq!(code, Some(1));
    assert!(
        told["problems"]
            .to_string()
            .contains("cannot write audit trail"),
        "{told}"
    );
    disk.make_room();
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    assert_eq!(document(&site).0, Some(0));

    site.stop_worker();
    assert_eq!(status(&site, &[]).status.code(), Some(2));
}

/// Neither a user nor the supervisor can ask, and nobody can keep the worker waiting:
/// by silence, by nonsense, by numbers.
#[test]
fn only_root_asks_and_nobody_holds_the_worker_up() {
    let site = Site::with(BASE).start();
    let mode = fs::metadata(site.admin_socket())
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    for user in [ALICE, FRONT] {
        let mut command = command_as(user, &site.program("mini-mcp"));
        command
            .arg("status")
            .arg("--socket")
            .arg(site.admin_socket());
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("Permission denied"));
    }
    // Even where the file lets them in, the worker asks the kernel who it is.
    fs::set_permissions(site.admin_socket(), PermissionsExt::from_mode(0o777)).expect("root may");
    for user in [ALICE, FRONT] {
        let socket = connect_as(user, SockType::SeqPacket, &site.admin_socket());
        ask(&socket, ADMIN_VERSION);
        assert!(answer(&socket).is_none());
    }
    let silent: Vec<_> = (0..40).map(|_| own(&site.admin_socket())).collect();
    let noise = own(&site.admin_socket());
    drop(wire::send(noise.as_fd(), &[200; 5000], &[]));
    assert!(answer(&noise).is_none());
    let other = own(&site.admin_socket());
    ask(&other, ADMIN_VERSION + 1);
    assert_eq!(answer(&other), Some(Answer::Version(ADMIN_VERSION)));
    assert_eq!(document(&site).0, Some(0));
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    drop(silent);
}

fn own(path: &Path) -> std::os::fd::OwnedFd {
    connect_as(root(), SockType::SeqPacket, path)
}

fn ask(socket: &impl AsFd, version: u16) {
    let about = About::Status;
    let question = wire::encode(&Question { version, about }).expect("a message");
    drop(wire::send(socket.as_fd(), &question, &[]));
}

/// `None` when the worker hung up.
fn answer(socket: &impl AsRawFd) -> Option<Answer> {
    let mut packet = vec![0; wire::FRAME_MAX];
    let flags = nix::sys::socket::MsgFlags::empty();
    let length = nix::sys::socket::recv(socket.as_raw_fd(), &mut packet, flags);
    let length = length.unwrap_or(0);
    (length > 0).then(|| wire::decode(&packet[..length]).expect("an answer"))
}
