//! A supervisor that says whatever it likes.

use super::{HELD, events, nothing_waits};
use harness::{ALICE, BASE, Front, Lane, connect_as};
use nix::sys::socket::SockType;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use wire::{Reply, Request};

/// Whatever a hijacked supervisor says, what must be approved does not run.
#[test]
fn a_hijacked_supervisor_approves_nothing() {
    let front = Front::with(&format!("{BASE}{HELD}"));
    let site = &front.site;
    let (client, end) = front.client(ALICE);
    let run = |lane: &Lane, word: &str| {
        let pipes = lane.run(site, client.as_fd(), "held", &[("word", word)]);
        match lane.hear() {
            Ok(Reply::Waiting { id, .. }) => (id, pipes),
            other => panic!("{other:?}"),
        }
    };
    // It takes the call back.
    let lane = Lane::greeted(site);
    let (_, pipes) = run(&lane, "a");
    lane.say(&Request::Cancel, &[]);
    assert!(matches!(lane.hear(), Ok(Reply::Failed(failure)) if failure.code == "cancelled"));
    assert_eq!(pipes.text(), "");
    // Whatever else it says hangs up: a second run, replies of the worker's own, noise.
    let output = Request::Output(wire::Output {
        stdout: digest(),
        stderr: digest(),
    });
    let second = Request::Run(lane.request(site, "true"));
    let noise = [wire::encode(&output), wire::encode(&second)].map(|one| one.expect("bytes"));
    let replies = [0_u8, 1, 2, 3, 4, 5, 6, 7, 200].map(|byte| vec![byte; 7]);
    for packet in noise.iter().chain(&replies) {
        let lane = Lane::greeted(site);
        let (id, pipes) = run(&lane, "b");
        lane.say_bytes(packet, &[]);
        while lane.hear().is_ok() {}
        assert_eq!(pipes.text(), "", "{id}");
    }
    // It says that the caller is still there, who has gone.
    let lane = Lane::greeted(site);
    let (_, pipes) = run(&lane, "c");
    drop(end);
    match lane.hear() {
        Ok(Reply::Failed(failure)) => assert_eq!(failure.code, "attestation"),
        other => panic!("{other:?}"),
    }
    assert_eq!(pipes.text(), "");
    // It cannot reach the administrators' socket, nor use it.
    fs::set_permissions(site.admin_socket(), PermissionsExt::from_mode(0o666)).expect("root may");
    let socket = connect_as(harness::FRONT, SockType::SeqPacket, &site.admin_socket());
    let about = wire::About::Pending(None);
    let version = wire::ADMIN_VERSION;
    let question = wire::encode(&wire::Question { version, about }).expect("bytes");
    drop(wire::send(socket.as_fd(), &question, &[]));
    let mut packet = [0; 64];
    let flags = nix::sys::socket::MsgFlags::empty();
    let heard =
        nix::sys::socket::recv(std::os::fd::AsRawFd::as_raw_fd(&socket), &mut packet, flags);
    assert_eq!(heard.unwrap_or(0), 0);

    nothing_waits(site);
    let told = events(site);
    assert!(!told.contains(&"start".to_owned()) && !told.contains(&"approved".to_owned()));
    let waited = told.iter().filter(|event| *event == "waiting").count();
    assert_eq!(
        told.iter().filter(|event| *event == "withdrawn").count(),
        waited
    );
}

fn digest() -> wire::StreamDigest {
    wire::StreamDigest {
        blake3: [0; 32],
        bytes: 0,
    }
}
