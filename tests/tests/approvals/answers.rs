//! A call that waits is looked at, and approved or denied, or nobody answers.

use super::{admin, done, events, held, nothing_waits, pending, root, site, waiting};
use harness::{ALICE, BOB, Client};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

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
