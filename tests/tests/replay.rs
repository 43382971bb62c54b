//! `mini-mcp replay`: a trail that a real installation wrote, decided again.

use harness::{ALICE, BASE, BOB, Client, Site};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

const MORE: &str = r#"
[tool.count]
description = "Counts what it reads"
command = ["/usr/bin/wc", "-c"]
stdin = "{text}"
profile = "plain"
allow = ["alice"]
args = { text = { type = "string" } }

[tool.many]
description = "Prints words"
command = ["/usr/bin/echo", "{words}", "{number}"]
profile = "plain"
allow = ["alice"]
rate = "2/h"
[tool.many.args]
words = { type = "list", of = { type = "string" } }
number = { type = "number", optional = true }

[tool.asked]
description = "Needs approval"
command = ["/usr/bin/true"]
profile = "plain"
ask = ["alice"]
approval_timeout = "1s"
"#;

/// A site with a trail of calls of every kind.
fn site() -> Site {
    let site = Site::with(&format!("{BASE}{MORE}")).start();
    let (alice, bob) = (Client::attach(&site, ALICE), Client::attach(&site, BOB));
    let call = |client: &Client, tool: &str, arguments: Value| {
        let _answer = client.call(tool, &arguments);
    };
    call(&alice, "print", json!({"first": "a\u{e9}\"\u{20ac}"}));
    call(&alice, "print", json!({"first": "x".repeat(5000)}));
    call(&alice, "count", json!({"text": "secret"}));
    for number in [json!(1.5), json!(2), json!(3)] {
        call(
            &alice,
            "many",
            json!({"words": ["a", "b"], "number": number}),
        );
    }
    call(&alice, "asked", json!({}));
    call(&bob, "bobs", json!({}));
    call(&bob, "print", json!({"first": "b"}));
    call(&bob, "true", json!({"extra": {"an": "object"}}));
    site
}

fn replay(site: &Site, policy: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(site.program("mini-mcp"));
    command.arg("replay").arg(site.path("audit/audit.jsonl"));
    command.arg("--policy").arg(policy).args(options);
    command.output().expect("it starts")
}

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text")
}

#[test]
fn the_same_policy_decides_alike() {
    let site = site();
    let output = replay(&site, &site.policy(), &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        text(&output),
        "8 calls decided again, 0 differently\n\
         2 calls not decided again: the trail does not tell the whole call\n"
    );
    let all = replay(&site, &site.policy(), &["--all"]);
    assert!(
        text(&all).contains("many {\"number\":1.5,\"words\":[\"a\",\"b\"]}: is allowed as before")
    );
    assert!(!text(&all).contains("secret"));
}

#[test]
fn another_policy_tells_what_it_changes() {
    let site = site();
    let changed = format!("{BASE}{MORE}")
        .replace(
            "ask = [\"alice\"]\napproval_timeout = \"1s\"",
            "allow = [\"alice\"]",
        )
        .replace(
            "command = [\"/usr/bin/id\"]\nprofile = \"plain\"\nallow = [\"ops\"]",
            "command = [\"/usr/bin/id\"]\nprofile = \"plain\"\nallow = []",
        )
        .replace(
            "of = { type = \"string\" } }",
            "of = { type = \"string\" }, max_items = 1 }",
        )
        .replace("@site@", &site.text());
    let policy = site.file("new.toml", &changed);
    let output = replay(&site, &policy, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = text(&output);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 7, "{told}");
    let uid = ALICE.uid();
    for line in lines.iter().take(3) {
        assert!(line.contains(&format!("Z uid {uid} many {{")), "{line}");
        assert!(
            line.contains(": was allowed, would be denied, too_many_items: "),
            "{line}"
        );
    }
    assert!(lines[3].ends_with(
        "asked {}: was left to an administrator, would be allowed, by tool.asked.allow"
    ));
    assert!(lines[4].contains("bobs {}: was allowed, would be denied, not_allowed"));
    assert_eq!(lines[5], "8 calls decided again, 5 differently");

    let output = replay(&site, &policy, &["--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(
        (
            &document["decided"],
            &document["different"],
            &document["untold"]
        ),
        (&json!(8), &json!(5), &json!(2))
    );
    assert_eq!(document["calls"][4]["code"], "not_allowed");
    assert_eq!(
        document["calls"][0]["arguments"],
        json!({"words": ["a", "b"], "number": 1.5})
    );
}

#[test]
fn what_is_no_trail_is_counted_and_what_is_missing_refused() {
    let site = Site::with(BASE).prepare();
    site.file(
        "audit/audit.jsonl",
        "{\"seq\":1,\"event\":\"open\"}\nnot json\n[1]\n\n{\"seq\":2,\"event\":\"start\"}\n{\"seq\":3}",
    );
    let output = replay(&site, &site.policy(), &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output).ends_with("1 call not decided again: the trail does not tell the whole call\n3 lines not understood\n"), "{output:?}");
    std::fs::remove_file(site.path("audit/audit.jsonl")).expect("ours");
    assert_eq!(replay(&site, &site.policy(), &[]).status.code(), Some(2));
    let long = format!("\"{}\"\n{{\"event\":\"start\"}}\n", "x".repeat(5 << 20));
    site.file("audit/audit.jsonl", &long);
    let output = replay(&site, &site.policy(), &[]);
    assert!(
        text(&output).contains("1 call not decided again"),
        "{output:?}"
    );
    assert!(
        text(&output).ends_with("1 line not understood\n"),
        "{output:?}"
    );
    site.file("audit/audit.jsonl", "{\"event\":\"party\"}\n");
    let output = replay(&site, &site.policy(), &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("it is no audit trail"));
    site.file("audit/audit.jsonl", "");
    let wrong = site.file("wrong.toml", "version = 7\n");
    assert_eq!(replay(&site, &wrong, &[]).status.code(), Some(2));
}
