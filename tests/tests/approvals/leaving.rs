//! What waits no longer without an answer: its caller, its policy or its worker has gone.

use super::{
    HELD, SOON, admin, document, done, events, held, nothing_waits, pending, root, site, waiting,
};
use harness::{ALICE, Alone, BASE, BOB, Client, Process, eventually};
use serde_json::json;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

/// Whoever does not wait any more, by word or by vanishing, leaves nothing waiting; nor
/// does a lane that is killed.
#[test]
fn what_nobody_waits_for_is_withdrawn() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "cancelled");
    waiting(&site);
    client.cancel(call);
    nothing_waits(&site);

    held(&client, "vanished");
    waiting(&site);
    client.vanish();
    nothing_waits(&site);

    let client = Client::attach(&site, ALICE);
    let call = held(&client, "lost");
    waiting(&site);
    site.lanes().into_iter().for_each(Process::kill);
    nothing_waits(&site);
    assert_eq!(client.called(call).failed(), "worker");

    let call = held(&client, "killed");
    let id = waiting(&site);
    let trail = site.trail();
    let withdrawn = trail.iter().filter(|entry| entry.is("withdrawn", "held"));
    assert_eq!(withdrawn.count(), 3);
    done(&site, &["approve", &id]);
    assert_eq!(client.called(call).success(), "killed");
}

/// What waits is decided anew by a new policy, and what was approved stands no more. What
/// the policy says of groups counts at once.
#[test]
fn a_new_policy_decides_anew() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "granted");
    let first = waiting(&site);
    done(&site, &["approve", &first, "--for", "1h"]);
    assert_eq!(client.called(call).success(), "granted");

    let waits = held(&client, "waits");
    let before = waiting(&site);
    let closed = HELD.replace("unix_groups = [\"mmtest-ops\"]", "");
    let text = format!("{BASE}{closed}");
    site.file("policy.toml", &text.replace("@site@", &site.text()));
    site.supervisor().hang_up();
    let after = eventually("it waits again", SOON, || {
        let id = pending(&site).first()?["id"].as_str()?.to_owned();
        (id != before).then_some(id)
    });
    assert!(document(&site, "grants").is_empty());
    assert_eq!(
        admin(&site, BOB, &["approve", &after]).status.code(),
        Some(2)
    );
    let socket = fs::metadata(site.admin_socket()).expect("it is there");
    assert_eq!(socket.mode() & 0o777, 0o600);

    let text = format!("{BASE}{HELD}").replace("ask = [\"alice\", \"ops\"]", "allow = [\"alice\"]");
    site.file("policy.toml", &text.replace("@site@", &site.text()));
    site.supervisor().hang_up();
    assert_eq!(client.called(waits).success(), "waits");
    nothing_waits(&site);
    let socket = fs::metadata(site.admin_socket()).expect("it is there");
    assert_eq!(
        (socket.mode() & 0o777, vec![socket.gid()]),
        (0o660, BOB.group_ids())
    );
    let trail = site.trail();
    let revoked = trail.iter().find(|entry| entry.event() == "revoked");
    assert_eq!(revoked.expect("it is told").text("approval"), first);
    let withdrawn = trail.iter().filter(|entry| entry.is("withdrawn", "held"));
    assert_eq!(withdrawn.count(), 2);
}

/// A worker that stops leaves nobody waiting, and says so in the trail.
#[test]
fn a_worker_that_stops_lets_nobody_wait() {
    let mut site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "x");
    waiting(&site);
    site.stop_worker();
    assert_eq!(client.called(call).failed(), "worker");
    let told = events(&site);
    let end: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(end[end.len() - 3..], ["waiting", "withdrawn", "close"]);
}

/// What waited in a worker that is killed is told as such, and does not wait in the next.
#[test]
fn a_killed_worker_leaves_nothing_waiting() {
    let mut site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "x");
    let id = waiting(&site);
    site.kill_worker();
    assert_eq!(client.called(call).failed(), "worker");
    site.start_worker();
    assert!(pending(&site).is_empty());
    assert_eq!(
        admin(&site, root(), &["approve", &id]).status.code(),
        Some(1)
    );
    let mut command = Command::new(site.program("mini-mcp"));
    command.arg("audit").arg("--audit").arg(site.trail_file());
    let output = command.output().expect("it runs");
    let list = String::from_utf8(output.stdout).expect("text");
    assert!(
        list.contains("worker_lost: the worker was killed"),
        "{list}"
    );
}

/// Where there is no socket for administrators, nobody is kept waiting.
#[test]
fn without_an_administrator_nothing_waits() {
    let policy = "version = 1\n[profile.p]\nread = [\"/usr\", \"/etc\"]\n[tool.asked]\n\
                  description = \"x\"\ncommand = [\"/usr/bin/true\"]\nprofile = \"p\"\nask = [\"self\"]\n";
    let alone = Alone::with(policy, "auto");
    let called = alone.client().call("asked", &json!({}));
    assert_eq!(called.denied(), "needs_approval");
}
