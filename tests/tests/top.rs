//! `mini-mcp top`: what it tells of a service at work, and how it treats a terminal.

use harness::{ALICE, BASE, BOB, CAROL, Client, Site, Terminal, eventually, unique};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

const MORE: &str = r#"
[profile.long]
extends = "plain"
timeout = "10min"

[tool.held]
description = "Says a word, once somebody has approved it"
command = ["/usr/bin/printf", "%s", "{word}", "--key={key}"]
profile = "plain"
ask = ["alice"]
[tool.held.args]
word = { type = "string" }
key = { type = "string", secret = true }

[tool.few]
description = "Twice an hour"
command = ["/usr/bin/true"]
profile = "plain"
allow = ["alice"]
rate = "2/h"
concurrency = 3
quota = 10

[tool.single]
description = "One at a time"
command = ["/usr/bin/sleep", "{time}"]
profile = "long"
allow = ["alice"]
concurrency = 1
[tool.single.args]
time = { type = "string" }

[tool.busy]
description = "Keeps a processor busy"
command = ["/usr/bin/sh", "-c", "(while :; do :; done) & exec sleep {time}"]
profile = "long"
allow = ["alice"]
[tool.busy.args]
time = { type = "string" }
"#;

/// What a caller would put into a name to draw on the administrator's terminal.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;taken\u{7}\u{202e}tool\r\n\u{9b}31m";

fn command(site: &Site, words: &[&str]) -> Command {
    let mut command = Command::new(site.program("mini-mcp"));
    command.arg("top").arg("--socket").arg(site.admin_socket());
    command.args(words);
    command
}

fn top(site: &Site, words: &[&str]) -> Output {
    command(site, words).output().expect("it runs")
}

fn frame(site: &Site) -> String {
    let output = top(site, &["--once"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn document(site: &Site) -> Value {
    let output = top(site, &["--once", "--json"]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("a document")
}

/// A service at work: one call runs, one waits, some were denied.
fn at_work() -> (Site, Client, u64, u64) {
    let site = Site::with(&format!("{BASE}{MORE}")).start();
    let alice = Client::attach(&site, ALICE);
    let busy = alice.start_call("busy", &json!({"time": unique()}));
    let held = alice.start_call("held", &json!({"word": "two words", "key": "hunter2"}));
    for _ in 0..2 {
        assert_eq!(alice.call("few", &json!({})).exit_code(), Some(0));
    }
    assert_eq!(alice.call("few", &json!({})).denied(), "rate_limited");
    let bob = Client::attach(&site, BOB);
    let _denied = bob.call("sleep", &json!({"time": "1"}));
    let _denied = bob.call(HOSTILE, &json!({}));
    eventually("one runs and one waits", SOON, || {
        let told = document(&site);
        let count = |name: &str| told[name].as_array().map(Vec::len);
        (count("running") == Some(1) && count("waiting") == Some(1)).then_some(())
    });
    (site, alice, busy, held)
}

#[test]
fn one_frame_tells_what_runs_waits_is_called_and_was_denied() {
    let (site, alice, busy, held) = at_work();
    let told = document(&site);
    let running = &told["running"][0];
    assert_eq!(running["tool"], "busy");
    assert_eq!(
        (&running["principal"], &running["uid"]),
        (&json!("alice"), &json!(ALICE.uid()))
    );
    let run = running["run"].as_str().expect("a name");
    site.audited("the run", |entry| {
        entry.is("start", "busy") && entry.text("run") == run
    });
    let waiting = &told["waiting"][0];
    assert_eq!(waiting["argv"][2], "two words");
    assert_eq!(
        waiting["argv"][3],
        json!({"prefix": "--key=", "secret": true})
    );
    assert_eq!(told["started"], 3);
    assert_eq!(told["denied"], 3);
    let rate = |tool: &str, name: &str| {
        let rates = told["rates"].as_array().expect("a list").iter();
        let found = rates.clone().find(|rate| rate["tool"] == tool);
        found.unwrap_or_else(|| panic!("{told}"))[name].clone()
    };
    assert_eq!(
        (rate("few", "last_60s"), rate("few", "denied_60s")),
        (json!(2), json!(1))
    );
    assert_eq!(rate("busy", "principal"), "alice");
    // Names that callers make up are all one.
    assert_eq!(rate("", "denied_60s"), 1);
    let limits = told["limits"].as_array().expect("a list");
    let used: Vec<(&Value, &Value, &Value)> = limits
        .iter()
        .map(|limit| (&limit["rule"], &limit["used"], &limit["most"]))
        .collect();
    let limit = |rule: &str, used, most| (json!(rule), json!(used), json!(most));
    let wanted = [
        limit("tool.few.rate", 2, 2),
        limit("tool.few.quota", 2, 10),
        limit("tool.few.concurrency", 0, 3),
    ];
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(rule, used, most)| (rule, used, most))
        .collect();
    assert_eq!(used, wanted);
    let denials = told["denials"].as_array().expect("a list");
    let codes: Vec<&Value> = denials.iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["not_allowed", "not_allowed", "rate_limited"]);
    assert_eq!(denials[1]["uid"], BOB.uid());

    // The same for people: nothing that callers made up drives their terminal.
    let text = frame(&site);
    for part in [
        "Running: 1",
        "busy",
        "Waiting: 1",
        "'two words'",
        "--key=‹secret›",
        "tool.few.rate",
        "2/2",
        "100 %",
        "not_allowed",
        "mmtest-alice as alice",
        "3 started, 3 denied",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert!(!text.contains("hunter2"));
    assert!(
        !text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\r']),
        "{text:?}"
    );

    // What it takes: the grandchild is busy. The second document is of one interval.
    let mut child = command(&site, &["--json", "--interval", "500ms"]);
    let mut child = child.stdout(Stdio::piped()).spawn().expect("it runs");
    let lines = std::io::BufRead::lines(std::io::BufReader::new(
        child.stdout.take().expect("a pipe"),
    ));
    let documents: Vec<Value> = lines
        .take(3)
        .map(|line| serde_json::from_str(&line.expect("a line")).expect("a document"))
        .collect();
    // Nobody reads any more, and so it ends.
    let status = eventually("it ends", SOON, || child.try_wait().expect("a child"));
    assert!(status.success(), "{status}");
    let last = &documents[2]["running"][0];
    assert!(last["cpu"].as_u64() > Some(20), "{last}");
    assert!(last["memory"].as_u64() > Some(100_000), "{last}");

    alice.cancel(busy);
    alice.cancel(held);
    eventually("nothing runs or waits", SOON, || {
        let told = document(&site);
        (told["running"] == json!([]) && told["waiting"] == json!([])).then_some(())
    });
    let text = frame(&site);
    assert!(
        text.contains("nothing runs") && text.contains("nothing waits"),
        "{text}"
    );
}

/// Only root is told, and who is not there is told as such.
#[test]
fn who_may_not_ask_is_told_nothing() {
    let mut site = Site::with(&format!(
        "{BASE}{MORE}\n[approvals]\nunix_groups = [\"mmtest-ops\"]\n"
    ))
    .start();
    for (user, words) in [(BOB, "root alone may ask"), (CAROL, "Permission denied")] {
        let mut command = harness::command_as(user, &site.program("mini-mcp"));
        command
            .args(["top", "--once", "--socket"])
            .arg(site.admin_socket());
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(words), "{told}");
    }
    // Nor is anything drawn where there is no terminal, nor asked too often.
    for words in [&[][..], &["--interval", "10ms"]] {
        let output = top(&site, words);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty());
    }
    site.stop_worker();
    assert_eq!(top(&site, &["--once"]).status.code(), Some(2));
}

/// Whatever clients do, an answer fits one packet, and says what it has left out.
#[test]
fn an_answer_is_bounded() {
    let site = Site::with(&format!("{BASE}{MORE}")).start();
    let alice = Client::attach(&site, ALICE);
    let long = "x".repeat(3000);
    for number in 0..90 {
        let _denied = alice.call(&format!("{number}-{long}"), &json!({"first": long}));
    }
    let told = document(&site);
    assert_eq!(told["denied"], 90);
    let shown = told["denials"].as_array().expect("a list").len();
    let left_out = told["left_out"]["denials"].as_u64().expect("a number");
    assert!(shown > 10, "{shown}");
    assert_eq!(shown as u64 + left_out, 64, "{told}");
    assert_eq!(told["rates"].as_array().map(Vec::len), Some(1));
    assert!(told["denials"][0]["tool"].as_str().expect("text").len() < 80);
}

/// Who stands in the queue, and where.
#[test]
fn what_waits_for_a_place_is_told() {
    let site = Site::with(&format!("{BASE}{MORE}")).start();
    let alice = Client::attach(&site, ALICE);
    let calls: Vec<u64> = (0..3)
        .map(|_| alice.start_call("single", &json!({"time": unique()})))
        .collect();
    let told = eventually("two wait", SOON, || {
        let told = document(&site);
        (told["queued"].as_array().map(Vec::len) == Some(2)).then_some(told)
    });
    assert_eq!(told["running"].as_array().map(Vec::len), Some(1));
    let queued = &told["queued"];
    assert_eq!(
        (&queued[0]["ahead"], &queued[1]["ahead"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(
        (&queued[0]["tool"], &queued[0]["uid"]),
        (&json!("single"), &json!(ALICE.uid()))
    );
    assert!(queued[0]["left_ms"].as_u64() > Some(0), "{queued}");
    let limits = told["limits"].as_array().expect("a list");
    assert!(
        limits
            .iter()
            .any(|limit| limit["rule"] == "tool.single.concurrency" && limit["used"] == 1)
    );
    let text = frame(&site);
    for part in ["Waiting: 2", "place 1", "place 2", "1 run, 0 ask, 2 queue"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    for call in calls.into_iter().rev() {
        alice.cancel(call);
    }
    eventually("nothing waits", SOON, || {
        (document(&site)["queued"] == json!([])).then_some(())
    });
}

/// A real terminal: frames, keys, another size, a worker that goes and comes.
#[test]
fn it_lives_in_a_terminal() {
    let (mut site, alice, busy, held) = at_work();
    let mut terminal = Terminal::start(&command(&site, &["--interval", "200ms"]), 24, 80);
    let screen = terminal.shows("everything", |screen| {
        [
            "Running: 1",
            "busy",
            "Waiting: 1",
            "held",
            "few",
            "tool.few.rate",
            "rate_limited",
            "q quit",
        ]
        .iter()
        .all(|part| screen.contains(part))
    });
    assert!(terminal.is_alternate());
    assert!(screen.lines().count() <= 24, "{screen}");
    assert!(!terminal.written().contains("\u{1b}[2J\u{1b}]0;taken"));
    assert!(!terminal.written().contains("hunter2"));

    // Keys: help, the next panel and back, the whole screen.
    terminal.type_in("?");
    terminal.shows("the help", |screen| screen.contains("ctrl-c     leave"));
    terminal.type_in("x");
    terminal.shows("no help", |screen| !screen.contains("ctrl-c     leave"));
    terminal.type_in("\t\r");
    terminal.shows("one table", |screen| {
        screen.contains("▸Waiting: 1") && !screen.contains("Running: 1")
    });
    terminal.type_in("\r");
    terminal.shows("all tables", |screen| screen.contains(" Running: 1"));

    // A larger window shows more, a tiny one no nonsense.
    terminal.resize(40, 140);
    terminal.shows("the command", |screen| {
        screen.contains("'two words' --key=‹secret›")
    });
    terminal.resize(6, 30);
    terminal.shows("one table", |screen| {
        screen.contains("Waiting") && !screen.contains("Limits")
    });
    terminal.resize(24, 80);
    terminal.shows("all tables", |screen| screen.contains("Limits"));

    // Nothing changes while it is paused.
    terminal.type_in("p");
    terminal.shows("that it is paused", |screen| screen.contains("paused"));
    alice.cancel(held);
    std::thread::sleep(Duration::from_millis(700));
    assert!(terminal.screen().contains("Waiting: 1"));
    terminal.type_in("p");
    terminal.shows("that nothing waits", |screen| {
        screen.contains("nothing waits")
    });

    // A worker that is away is told, and seen again when it is back.
    alice.cancel(busy);
    site.stop_worker();
    terminal.shows("that it is away", |screen| {
        screen.contains("the worker is away")
    });
    site.start_worker();
    terminal.shows("that it is back", |screen| {
        !screen.contains("away") && screen.contains("nothing was denied")
    });
    terminal.type_in("q");
    assert!(terminal.ended().success());
    terminal.assert_given_back();
}

/// A key that is pressed while the window gets another size counts at once, not when the
/// next one is pressed.
#[test]
fn a_key_at_the_instant_of_another_size_is_not_lost() {
    let site = Site::with(BASE).start();
    let mut terminal = Terminal::start(&command(&site, &[]), 24, 80);
    terminal.shows("a frame", |screen| screen.contains("nothing runs"));
    for round in 0..60 {
        // It draws meanwhile, and does not look at either.
        terminal.type_in("pp");
        std::thread::sleep(Duration::from_micros(500 * (round % 12)));
        let rows = if round % 2 == 0 { 30 } else { 24 };
        terminal.resize(rows, 80);
        terminal.type_in("?");
        terminal.shows("the help", |screen| screen.contains("ctrl-c     leave"));
        terminal.type_in("x");
        terminal.shows("no help", |screen| !screen.contains("ctrl-c     leave"));
    }
    terminal.type_in("q");
    assert!(terminal.ended().success());
    terminal.assert_given_back();
}

/// Whatever ends it, the terminal is given back.
#[test]
fn the_terminal_is_given_back() {
    let site = Site::with(BASE).start();
    let start = || {
        let terminal = Terminal::start(&command(&site, &[]), 24, 80);
        terminal.shows("a frame", |screen| screen.contains("nothing runs"));
        terminal
    };
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ] {
        let mut terminal = start();
        let pid = terminal.program().id();
        kill(Pid::from_raw(pid), signal).expect("it lives");
        assert!(terminal.ended().success(), "{signal}");
        terminal.assert_given_back();
    }
    let mut terminal = start();
    terminal.type_in("\u{3}");
    assert!(terminal.ended().success());
    terminal.assert_given_back();
    // Without a worker to begin with, it waits for one.
    let mut command = Command::new(site.program("mini-mcp"));
    command
        .args(["top", "--socket"])
        .arg(site.path("nobody.sock"));
    let mut terminal = Terminal::start(&command, 24, 80);
    terminal.shows("that it is away", |screen| {
        screen.contains("the worker is away")
    });
    terminal.type_in("q");
    assert!(terminal.ended().success());
    terminal.assert_given_back();
}
