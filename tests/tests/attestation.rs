//! Whom a hijacked supervisor could pretend to act for: sockets that prove nobody.

use harness::{ALICE, BASE, FRONT, Front, Lane, bound_and_connected, connect_as, listen};
use nix::sys::socket::SockType;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use wire::{Failure, Reply};

/// A fresh lane, asked for `true` in the name of `client`, refuses and records it.
#[track_caller]
fn assert_not_attested(front: &Front, client: impl AsFd, what: &str) {
    let lane = Lane::greeted(&front.site);
    let _pipes = lane.run(&front.site, client.as_fd(), "true", &[]);
    let reply = lane.hear();
    match reply {
        Ok(Reply::Failed(Failure { ref code, .. })) if code == "attestation" => {}
        other => panic!("{what}: {other:?}"),
    }
    let refusal = front
        .site
        .audited("the refusal is recorded", |entry| entry.event() == "refuse");
    assert_eq!(refusal.text("code"), "attestation");
    assert!(refusal.field("uid").is_null(), "{refusal:?}");
    assert!(
        front
            .site
            .audit()
            .iter()
            .all(|entry| entry.event() != "start"),
        "{what}: it ran"
    );
}

/// Sockets that no client connected to the front: the supervisor's own pair.
#[test]
fn a_socket_pair_proves_nobody() {
    let front = Front::with(BASE);
    let (one, _other) = UnixStream::pair().expect("a pair");
    assert_not_attested(&front, one, "a pair");
}

/// A socket that Alice connected to another listener.
#[test]
fn a_socket_of_another_listener_proves_nobody() {
    let front = Front::with(BASE);
    let path = front.site.path("front/other.sock");
    let other = listen(&path);
    let _end = connect_as(ALICE, SockType::Stream, &path);
    let (accepted, _) = other.accept().expect("she connected");
    assert_not_attested(&front, accepted, "another listener");
}

/// The supervisor connects to a daemon of root's and passes its own end, whose
/// peer is root; even bound to the front's address before.
#[test]
fn a_borrowed_daemon_proves_nobody() {
    let front = Front::with(BASE);
    let path = front.site.path("worker/daemon.sock");
    let _daemon = listen(&path);
    assert_not_attested(
        &front,
        connect_as(FRONT, SockType::Stream, &path),
        "a daemon's client",
    );

    let Front { site, listener } = front;
    drop(listener);
    std::fs::remove_file(site.front()).expect("the supervisor owns the directory");
    let forged = bound_and_connected(FRONT, &site.front(), &path);
    std::fs::remove_file(site.front()).expect("the supervisor owns the directory");
    let listener = listen(&site.front());
    let front = Front { site, listener };
    assert_not_attested(&front, forged, "a daemon's client with the front's address");
}

/// The listener itself, a client's end instead of ours, no socket, nothing.
#[test]
fn what_is_no_accepted_socket_proves_nobody() {
    let front = Front::with(BASE);
    assert_not_attested(&front, &front.listener, "the listener");
    let (_accepted, end) = front.client(ALICE);
    assert_not_attested(&front, end, "a client's own end");
    let file = File::open("/etc/passwd").expect("a file");
    assert_not_attested(&front, file, "a file");
    assert_not_attested(
        &front,
        Lane::open(&front.site).as_fd(),
        "the worker's own socket",
    );

    let lane = Lane::greeted(&front.site);
    let _pipes = lane.run_without_client(&front.site, "true");
    assert!(
        matches!(lane.hear(), Ok(Reply::Failed(Failure { code, .. })) if code == "attestation")
    );
}

/// A client that has gone cannot be acted for.
#[test]
fn a_client_that_hung_up_proves_nobody() {
    let front = Front::with(BASE);
    let (accepted, end) = front.client(ALICE);
    drop(end);
    assert_not_attested(&front, accepted, "a gone client");
}
