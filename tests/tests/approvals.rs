//! Approvals: a call that needs one waits until somebody answers who may, and nothing
//! else lets it run.

use harness::{
    ALICE, Alone, BASE, BOB, CAROL, Client, Front, Lane, Process, Site, User, command_as,
    connect_as, eventually, unique,
};
use nix::sys::socket::SockType;
use serde_json::{Value, json};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Output};
use std::time::Duration;
use wire::{Reply, Request};

const SOON: Duration = Duration::from_secs(20);

const HELD: &str = r#"
[approvals]
unix_groups = ["mmtest-ops"]

[tool.held]
description = "Says a word, once somebody has approved it"
command = ["/usr/bin/printf", "%s", "{word}"]
profile = "plain"
ask = ["alice", "ops"]
[tool.held.args]
word = { type = "string" }

[tool.brief]
description = "Waits for two seconds at most"
command = ["/usr/bin/true"]
profile = "plain"
ask = ["alice"]
approval_timeout = "2s"

[tool.single]
description = "One at a time"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["alice"]
concurrency = 1
[tool.single.args]
time = { type = "string" }

[tool.hush]
description = "Is given a secret"
command = ["/usr/bin/printf", "--key={key}"]
profile = "plain"
ask = ["alice"]
[tool.hush.args]
key = { type = "string", secret = true }
"#;

fn site() -> Site {
    Site::with(&format!("{BASE}{HELD}")).start()
}

fn root() -> User {
    User {
        name: "root",
        ..ALICE
    }
}

/// An administrator's command, as `user`.
fn admin(site: &Site, user: User, words: &[&str]) -> Output {
    let program = site.program("mini-mcp");
    let mut command = match user.name {
        "root" => Command::new(program),
        _ => command_as(user, &program),
    };
    command.args(words).arg("--socket").arg(site.admin_socket());
    command.output().expect("it runs")
}

/// What `words` print, which must succeed for root.
#[track_caller]
fn done(site: &Site, words: &[&str]) -> String {
    let output = admin(site, root(), words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn document(site: &Site, word: &str) -> Vec<Value> {
    serde_json::from_str(&done(site, &[word, "--json"])).expect("a document")
}

fn pending(site: &Site) -> Vec<Value> {
    document(site, "pending")
}

/// The request that waits; the only one.
#[track_caller]
fn waiting(site: &Site) -> String {
    eventually("one waits", SOON, || match pending(site).as_slice() {
        [one] => Some(one["id"].as_str().expect("an id").to_owned()),
        _ => None,
    })
}

#[track_caller]
fn nothing_waits(site: &Site) {
    eventually("nothing waits", SOON, || {
        pending(site).is_empty().then_some(())
    });
}

fn held(client: &Client, word: &str) -> u64 {
    client.start_call("held", &json!({ "word": word }))
}

fn events(site: &Site) -> Vec<String> {
    let trail = site.trail();
    let told = trail.iter().map(|entry| entry.event().to_owned());
    told.filter(|event| event != "checkpoint").collect()
}

/// The whole of it: it waits, others see what it is, one approves, it runs; the trail
/// tells all of it and is whole.
#[test]
fn a_call_waits_is_approved_and_runs() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let tools = client.request("tools/list", &json!({})).expect("an answer");
    assert!(
        tools.to_string().contains("must approve each call"),
        "{tools}"
    );
    let call = client.start(
        "tools/call",
        &json!({
            "name": "held",
            "arguments": {"word": "a \u{1b}[2J b"},
            "_meta": {"progressToken": "p"},
        }),
    );
    assert!(
        client.answer(call).is_some(),
        "control characters never wait"
    );
    let call = client.start(
        "tools/call",
        &json!({
            "name": "held",
            "arguments": {"word": "two words"},
            "_meta": {"progressToken": "p"},
        }),
    );
    let id = waiting(&site);
    let progress = client.next_unclaimed();
    let message = progress["params"]["message"].as_str().expect("words");
    assert!(
        message.contains("approval") && message.contains(&id),
        "{message}"
    );

    let told = &pending(&site)[0];
    assert_eq!(told["argv"], json!(["/usr/bin/printf", "%s", "two words"]));
    assert_eq!(told["uid"], ALICE.uid());
    assert_eq!(
        (&told["principal"], &told["tool"]),
        (&json!("alice"), &json!("held"))
    );
    assert_eq!(told["rule"], "tool.held.ask");
    let text = done(&site, &["pending"]);
    assert!(text.contains("/usr/bin/printf %s 'two words'"), "{text}");
    let status = done(&site, &["status", "--json"]);
    let status: Value = serde_json::from_str(&status).expect("a document");
    assert_eq!(
        (&status["pending"], &status["running"]),
        (&json!(1), &json!(0))
    );

    // A group of the policy may, and the kernel says who is in it.
    let approved = admin(&site, BOB, &["approve", &id]);
    assert!(approved.status.success(), "{approved:?}");
    assert_eq!(client.called(call).success(), "two words");
    assert_eq!(
        admin(&site, root(), &["approve", &id]).status.code(),
        Some(1)
    );
    nothing_waits(&site);

    let trail = site.trail();
    let find = |event: &str| {
        let mut entries = trail.iter();
        entries.find(|entry| entry.is(event, "held") && entry.text("approval") == id)
    };
    let asked = find("waiting").expect("it is told");
    assert_eq!(asked.field("uid"), ALICE.uid());
    assert_eq!(asked.field("argv")[2], "two words");
    let given = find("approved").expect("it is told");
    assert_eq!(given.field("administrator"), BOB.uid());
    assert_eq!(given.text("scope"), "once");
    assert!(find("start").is_some());
    let verify = ["audit", "verify", "--audit"];
    let mut verified = Command::new(site.program("mini-mcp"));
    verified.args(verify).arg(site.trail_file());
    assert!(verified.output().expect("it runs").status.success());
}

/// A denial is clear; a second one is too late.
#[test]
fn a_call_is_denied_with_a_reason() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "no");
    let id = waiting(&site);
    let reason = "not before the backup\nhas run";
    done(&site, &["deny", &id, "--reason", reason]);
    let called = client.called(call);
    assert_eq!(called.denied(), "approval_denied");
    assert!(
        called.reason().ends_with(": not before the backup has run"),
        "{}",
        called.reason()
    );
    assert_eq!(admin(&site, root(), &["deny", &id]).status.code(), Some(1));
    let denial = site.audited("the denial", |entry| entry.is("deny", "held"));
    assert_eq!(denial.text("by"), "administrator");
    assert_eq!(denial.field("administrator"), 0);
    assert_eq!(denial.text("approval"), id);
    assert!(!events(&site).contains(&"start".to_owned()));
}

/// Nobody answers: the caller is told how to go on, and an answer is too late then.
#[test]
fn a_call_that_nobody_answers_expires() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = client.start_call("brief", &json!({}));
    let id = waiting(&site);
    let called = client.called(call);
    assert_eq!(called.denied(), "approval_expired");
    assert!(
        called.reason().contains("within 2s") && called.reason().contains("mini-mcp pending"),
        "{}",
        called.reason()
    );
    assert_eq!(
        admin(&site, root(), &["approve", &id]).status.code(),
        Some(1)
    );
    assert!(pending(&site).is_empty());
    let denial = site.audited("the denial", |entry| entry.is("deny", "brief"));
    assert_eq!(denial.text("by"), "worker");
}

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

/// A caller does not approve himself, whatever group he is in, unless the policy says so.
#[test]
fn nobody_approves_his_own_call() {
    let site = site();
    let bob = Client::attach(&site, BOB);
    let call = held(&bob, "own");
    let id = waiting(&site);
    let refused = admin(&site, BOB, &["approve", &id]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("a call of your own"), "{words}");
    done(&site, &["approve", &id]);
    assert_eq!(bob.called(call).success(), "own");

    let policy =
        format!("{BASE}{HELD}").replace("[approvals]", "[approvals]\nself_approval = true");
    let site = Site::with(&policy).start();
    let bob = Client::attach(&site, BOB);
    let call = held(&bob, "own");
    let id = waiting(&site);
    assert!(admin(&site, BOB, &["approve", &id]).status.success());
    assert_eq!(bob.called(call).success(), "own");
}

/// Who is neither root nor in the group does not even connect; where file permissions
/// would let him, the kernel's word on him keeps him out. A member sees what waits, and
/// no more.
#[test]
fn strangers_do_not_approve() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "x");
    let id = waiting(&site);
    let socket = fs::metadata(site.admin_socket()).expect("it is there");
    assert_eq!(socket.mode() & 0o777, 0o660);
    assert_eq!(vec![socket.gid()], BOB.group_ids());
    for user in [ALICE, CAROL, harness::FRONT] {
        for words in [&["pending"][..], &["approve", &id], &["grants"]] {
            let refused = admin(&site, user, words);
            assert_eq!(refused.status.code(), Some(2), "{refused:?}");
            let words = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(words.contains("Permission denied"), "{words}");
        }
    }
    fs::set_permissions(site.admin_socket(), PermissionsExt::from_mode(0o666)).expect("root may");
    for user in [ALICE, CAROL, harness::FRONT] {
        assert_eq!(admin(&site, user, &["approve", &id]).status.code(), Some(2));
    }
    assert_eq!(admin(&site, BOB, &["status"]).status.code(), Some(2));
    assert!(admin(&site, BOB, &["pending"]).status.success());
    assert_eq!(waiting(&site), id);
    done(&site, &["approve", &id]);
    assert_eq!(client.called(call).success(), "x");
}

/// An approval for a time covers exactly the same call, or any of the tool, of the same
/// caller; it is listed, taken back, and ends.
#[test]
fn an_approval_for_a_time_is_narrow() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "same");
    let id = waiting(&site);
    done(&site, &["approve", &id, "--for", "1h"]);
    assert_eq!(client.called(call).success(), "same");
    let again = client.call("held", &json!({"word": "same"}));
    assert_eq!(again.success(), "same");
    let grants = document(&site, "grants");
    assert_eq!(grants[0]["id"], id.as_str());
    assert_eq!(
        (&grants[0]["scope"], &grants[0]["used"]),
        (&json!("exact"), &json!(1))
    );
    assert_eq!(grants[0]["administrator"], 0);

    // Other arguments, and another caller, wait.
    let other = held(&client, "other");
    let wide = waiting(&site);
    let bob = Client::attach(&site, BOB);
    let bobs = held(&bob, "same");
    eventually("both wait", SOON, || {
        (pending(&site).len() == 2).then_some(())
    });
    done(&site, &["approve", &wide, "--for", "1h", "--scope", "tool"]);
    assert_eq!(client.called(other).success(), "other");
    assert_eq!(
        client.call("held", &json!({"word": "third"})).success(),
        "third"
    );
    let bob_waits = waiting(&site);
    done(&site, &["deny", &bob_waits]);
    assert_eq!(bob.called(bobs).denied(), "approval_denied");

    done(&site, &["revoke", &wide]);
    let call = held(&client, "third");
    let third = waiting(&site);
    assert_eq!(
        client.call("held", &json!({"word": "same"})).success(),
        "same"
    );
    done(&site, &["approve", &third, "--for", "2s"]);
    assert_eq!(client.called(call).success(), "third");
    eventually("it has ended", SOON, || {
        (document(&site, "grants").len() == 1).then_some(())
    });
    let call = held(&client, "third");
    let last = waiting(&site);
    done(&site, &["deny", &last]);
    assert_eq!(client.called(call).denied(), "approval_denied");

    for words in [
        &["revoke", &wide][..],
        &["approve", "00000-1"],
        &["approve", &last],
    ] {
        assert_eq!(admin(&site, root(), words).status.code(), Some(1));
    }
    let revoked = site.audited("it is told", |entry| entry.event() == "revoked");
    assert_eq!(revoked.text("approval"), wide);
    let starts = site.audit().into_iter();
    let by_first = starts.filter(|entry| entry.is("start", "held") && entry.text("approval") == id);
    assert_eq!(by_first.count(), 3);
}

/// Longer than a day nothing stands.
#[test]
fn an_approval_ends_within_a_day() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "x");
    let id = waiting(&site);
    let refused = admin(&site, root(), &["approve", &id, "--for", "25h"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(waiting(&site), id, "it still waits");
    done(&site, &["approve", &id]);
    assert_eq!(client.called(call).success(), "x");
    assert!(document(&site, "grants").is_empty());
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

/// Calls that wait are bounded for each caller and do not keep others from running.
#[test]
fn calls_that_wait_are_bounded_and_hold_up_nothing() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let calls: Vec<u64> = (0..12).map(|n| held(&client, &n.to_string())).collect();
    eventually("eight wait", SOON, || {
        (pending(&site).len() == 8).then_some(())
    });
    let refused = || {
        let answered = calls.iter().filter_map(|call| client.poll(*call));
        answered.collect::<Vec<_>>()
    };
    let mut answered = Vec::new();
    eventually("four are refused", SOON, || {
        answered.extend(refused());
        (answered.len() == 4).then_some(())
    });
    for called in &answered {
        assert_eq!(called.denied(), "too_many_waiting");
    }
    // Others go on, of the same caller and of others.
    let bob = Client::attach(&site, BOB);
    for client in [&client, &bob] {
        assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    }
    held(&bob, "bob");
    eventually("his waits too", SOON, || {
        (pending(&site).len() == 9).then_some(())
    });
    // What waits is no running command.
    let status = done(&site, &["status", "--json"]);
    let status: Value = serde_json::from_str(&status).expect("a document");
    assert_eq!(status["running"], 0);
    for one in pending(&site) {
        done(&site, &["deny", one["id"].as_str().expect("an id")]);
    }
    nothing_waits(&site);
}

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
        sha256: [0; 32],
        bytes: 0,
    }
}

/// A secret is shown to nobody, and the same secret is the same call.
#[test]
fn a_secret_waits_unseen() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = client.start_call("hush", &json!({"key": "hunter2"}));
    let id = waiting(&site);
    let told = pending(&site)[0].to_string() + &done(&site, &["pending"]);
    assert!(
        !told.contains("hunter2") && told.contains("secret"),
        "{told}"
    );
    done(&site, &["approve", &id, "--for", "1h"]);
    assert_eq!(client.called(call).success(), "--key=hunter2");
    let same = client.call("hush", &json!({"key": "hunter2"}));
    assert_eq!(same.success(), "--key=hunter2");
    let other = client.start_call("hush", &json!({"key": "hunter3"}));
    waiting(&site);
    client.cancel(other);
    let trail = fs::read_to_string(site.trail_file()).expect("it is there");
    assert!(!trail.contains("hunter2"));
}

/// The administrator's program is told of what waits: as nobody, with nothing but the
/// request. That it hangs or fails changes nothing.
#[test]
fn a_program_is_told_of_what_waits() {
    let prepared = Site::with(&format!("{BASE}{HELD}")).prepare();
    let drop = prepared.path("drop");
    fs::set_permissions(&drop, PermissionsExt::from_mode(0o777)).expect("root may");
    let marker = unique();
    let hook = prepared.file(
        "hook",
        &format!(
            "#!/bin/sh\ncat > {0}/request\n{{ id -u; id -G; env; ls /proc/self/fd; }} > {0}/who\n\
             exec sleep {marker}\n",
            drop.display()
        ),
    );
    fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).expect("root may");
    let text = hook.display().to_string();
    let mut site = prepared;
    site.add_worker_option("--on-request", &text);
    site.start_worker();
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "it's \"me\"");
    let id = waiting(&site);
    let request: Value = eventually("it is told", SOON, || {
        let text = fs::read_to_string(drop.join("request")).ok()?;
        serde_json::from_str(&text).ok()
    });
    assert_eq!(request["id"], id.as_str());
    assert_eq!(request["argv"][2], "it's \"me\"");
    assert_eq!(request["uid"], ALICE.uid());
    let who = eventually("it says who it is", SOON, || {
        let text = fs::read_to_string(drop.join("who")).ok()?;
        text.contains("PATH=").then_some(text)
    });
    let nobody = nix::unistd::User::from_name("nobody")
        .expect("passwd")
        .expect("nobody");
    let mut lines = who.lines();
    assert_eq!(lines.next(), Some(nobody.uid.to_string().as_str()));
    assert_eq!(lines.next(), Some(nobody.gid.to_string().as_str()));
    assert!(!who.contains("MINI_MCP") && !who.contains("SITE="), "{who}");
    done(&site, &["approve", &id]);
    assert_eq!(client.called(call).success(), "it's \"me\"");
    eventually("it is ended", Duration::from_secs(30), || {
        Process::with_argument(&marker).is_empty().then_some(())
    });
}

/// A program that others could replace is not run at all.
#[test]
fn a_program_that_others_may_write_is_refused() {
    let site = Site::with(BASE).prepare();
    let hook = site.file("hook", "#!/bin/sh\n");
    fs::set_permissions(&hook, PermissionsExt::from_mode(0o777)).expect("root may");
    let mut command = site.worker_command();
    let output = command
        .arg("--on-request")
        .arg(&hook)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("cannot trust program"), "{words}");
}

/// What the readers of the trail make of it.
#[test]
fn the_trail_is_read_with_its_approvals() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "one");
    let id = waiting(&site);
    done(&site, &["approve", &id, "--for", "1h"]);
    let run = client
        .called(call)
        .field("run_id")
        .as_str()
        .expect("a run")
        .to_owned();
    let call = held(&client, "two");
    waiting(&site);
    client.cancel(call);
    nothing_waits(&site);
    let call = held(&client, "three");
    waiting(&site);
    let tell = |words: &[&str]| {
        let mut command = Command::new(site.program("mini-mcp"));
        command.args(words).arg("--audit").arg(site.trail_file());
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let list = tell(&["audit"]);
    for words in [
        &format!("root approves {id}, held: exact, until "),
        "exit 0",
        "withdrawn",
        "waiting",
    ] {
        assert!(list.contains(words), "no `{words}` in {list}");
    }
    let shown = tell(&["audit", "show", &run]);
    for words in ["waiting", "approved", "start", "administrator"] {
        assert!(shown.contains(words), "no `{words}` in {shown}");
    }
    let page = site.path("report.html");
    tell(&["report", "--output", &page.display().to_string()]);
    client.cancel(call);
    nothing_waits(&site);

    let mut replay = Command::new(site.program("mini-mcp"));
    replay.arg("replay").arg(site.trail_file()).arg("--json");
    let output = replay
        .arg("--policy")
        .arg(site.policy())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// With several groups the kernel's word alone decides who is let in.
#[test]
fn each_of_several_groups_may_approve() {
    let policy = HELD.replace("[\"mmtest-ops\"]", "[\"mmtest-ops\", \"adm\"]");
    let site = Site::with(&format!("{BASE}{policy}")).start();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "x");
    let id = waiting(&site);
    let socket = fs::metadata(site.admin_socket()).expect("it is there");
    assert_eq!(socket.mode() & 0o777, 0o666);
    for user in [ALICE, CAROL, harness::FRONT] {
        let refused = admin(&site, user, &["approve", &id]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
    assert_eq!(waiting(&site), id);
    assert!(admin(&site, BOB, &["approve", &id]).status.success());
    assert_eq!(client.called(call).success(), "x");
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
