//! Calls as raw JSON lines: what comes back, byte for byte, and how much of it.

use harness::{ALICE, BASE, Client, Process, Site, eventually, unique};
use serde_json::json;
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

const MORE: &str = r#"
[tool.flood]
description = "Writes a hundred million bytes: numbered lines"
command = ["/usr/bin/seq", "1", "12345678"]
profile = "plain"
allow = ["alice"]

[tool.cat]
description = "Copies its standard input"
command = ["/usr/bin/cat"]
profile = "plain"
allow = ["alice"]

[tool.env]
description = "Prints its environment"
command = ["/usr/bin/env"]
profile = "plain"
allow = ["alice"]

[tool.limits]
description = "Prints its resource limits"
command = ["/usr/bin/cat", "/proc/self/limits"]
profile = "limited"
allow = ["alice"]

[profile.limited]
read = ["/usr", "/etc/ld.so.cache", "/proc"]
execute = ["/usr"]
limit_fsize = "3M"
limit_nofile = 33
"#;

fn site() -> Site {
    Site::with(&format!("{BASE}{MORE}")).start()
}

/// `printf … | mini-mcp connect`: the client sends everything, closes its end,
/// and still gets every answer; then the bridge ends by itself.
#[test]
fn a_half_closed_bridge_answers_and_ends() {
    let site = site();
    let mut command = harness::command_as(ALICE, &site.program("mini-mcp"));
    command.arg("connect").arg("--socket").arg(site.front());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut bridge = command.spawn().expect("the bridge starts");
    let lines = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
            "name": "sleep", "arguments": {"time": "0.5"}}}),
    ];
    let mut input = bridge.stdin.take().expect("a pipe");
    for line in lines {
        writeln!(input, "{line}").expect("the bridge reads");
    }
    drop(input);
    let mut answers = String::new();
    let mut output = bridge.stdout.take().expect("a pipe");
    output.read_to_string(&mut answers).expect("text");
    let status = bridge.wait().expect("the bridge ends");
    assert!(status.success(), "{status}");
    assert_eq!(answers.lines().count(), 2, "{answers}");
    assert!(answers.contains(r#""exit_code":0"#), "{answers}");
}

/// The same without a bridge: shutdown(2) of the sending half is no hang-up.
#[test]
fn a_half_closed_socket_answers() {
    let site = site();
    let mut client = Client::attach(&site, ALICE);
    let call = client.start_call("sleep", &json!({"time": "0.5"}));
    client.finish_sending();
    assert_eq!(client.called(call).exit_code(), Some(0));
    eventually("the server hangs up", Duration::from_secs(10), || {
        client.ended().then_some(())
    });
}

/// More calls at once than there are lanes: each is answered, none twice.
#[test]
fn two_hundred_calls_at_once_are_all_answered() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let text = |number: u32| json!({"first": format!("call {number}")});
    let calls: Vec<(u32, u64)> = (0..200)
        .map(|number| (number, client.start_call("print", &text(number))))
        .collect();
    for (number, call) in calls {
        let called = client.called(call);
        assert_eq!(called.success(), format!("[call {number}]\n[default]\n"));
    }
    assert_eq!(client.unclaimed(), Vec::<serde_json::Value>::new());
}

/// With two hundred long calls in flight on one connection a cancellation is still heard.
#[test]
fn two_hundred_calls_in_flight_are_cancelled() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let time = unique();
    let calls: Vec<u64> = (0..200)
        .map(|_| client.start_call("sleep", &json!({ "time": time })))
        .collect();
    let running = || Process::with_argument(&time).len();
    eventually("some run", Duration::from_secs(20), || {
        (running() >= 16).then_some(())
    });
    for call in calls {
        client.cancel(call);
    }
    eventually("none runs", Duration::from_secs(20), || {
        (running() == 0).then_some(())
    });
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
}

/// A hundred megabytes: head, gap and tail come back, and the supervisor's
/// largest resident set grows by less than a tenth of what went through.
#[test]
fn a_flood_of_output_is_bounded() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    let before = largest_resident_set(site.supervisor());
    let called = client.call("flood", &json!({}));
    assert_eq!(called.exit_code(), Some(0), "{}", called.0);
    assert_eq!(called.field("stdout_bytes"), &json!(99_999_999));
    assert_eq!(called.field("stdout_truncated"), &json!(true));
    let text = called.stdout();
    assert!(text.starts_with("1\n2\n3\n"), "head: {}", &text[..40]);
    assert!(text.ends_with("\n12345677\n12345678\n"), "no tail");
    assert!(text.contains("bytes left out"));
    assert!(text.len() < 64 * 1024, "{} bytes", text.len());
    let grown = largest_resident_set(site.supervisor()) - before;
    assert!(grown < 10_000, "grew by {grown} kB");
}

fn largest_resident_set(process: Process) -> u64 {
    let status = process.status();
    let words: Vec<&str> = status["VmHWM"].split(' ').collect();
    words[0].parse().expect("a number of kB")
}

/// Bytes that are no UTF-8, and escape sequences that would move a terminal's
/// cursor or set its title, come back as harmless text.
#[test]
fn output_is_harmless_text() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let script =
        r"printf 'a\377\376b\033[2J\033]0;title\007c\rd\tend\n'; printf '\033[31mred\n' >&2";
    let called = client.call("sh", &json!({ "script": script }));
    assert_eq!(called.exit_code(), Some(0));
    let (stdout, stderr, text) = (called.stdout(), called.stderr(), called.text());
    assert!(stdout.starts_with("a\u{fffd}\u{fffd}b"), "{stdout:?}");
    assert!(stdout.ends_with("\tend\n"), "{stdout:?}");
    for part in [stdout, stderr, &text] {
        let hostile = |c: char| c.is_control() && c != '\n' && c != '\t';
        assert!(!part.contains(hostile), "{part:?}");
    }
    assert!(stderr.contains("red"), "{stderr:?}");
}

/// A command that reads its standard input meets its end at once.
#[test]
fn standard_input_is_empty() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let called = client.call("cat", &json!({}));
    assert_eq!(called.success(), "");
    assert!(called.field("wall_ms").as_f64().expect("a time") < 10_000.0);
}

/// The environment is the policy's and nothing else: neither worker's nor
/// supervisor's own variables get in.
#[test]
fn the_environment_is_the_policys() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let called = client.call("env", &json!({}));
    let mut lines: Vec<&str> = called.success().lines().collect();
    lines.sort_unstable();
    let marker = format!("SITE={}", site.text());
    let expected = [
        "GIT_TERMINAL_PROMPT=0",
        "LC_ALL=C.UTF-8",
        "PAGER=cat",
        "PATH=/usr/bin",
        &marker,
        "TERM=dumb",
    ];
    assert_eq!(lines, expected);
}

/// The profile's limits are the command's, soft and hard.
#[test]
fn the_limits_are_the_profiles() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let called = client.call("limits", &json!({}));
    let limit = |name: &str| {
        let line = called.success().lines().find(|line| line.starts_with(name));
        let words = line.expect("a limit").trim_start_matches(name);
        words
            .split_whitespace()
            .take(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(limit("Max open files"), ["33", "33"]);
    assert_eq!(limit("Max file size"), ["3145728", "3145728"]);
    assert_eq!(limit("Max core file size"), ["1", "1"]);
}

/// A command that fails is told apart from one that is refused.
#[test]
fn failure_of_a_command_is_its_exit_code() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let called = client.call("sh", &json!({"script": "echo out; echo err >&2; exit 3"}));
    assert_eq!(called.exit_code(), Some(3));
    assert!(called.is_error());
    assert_eq!((called.stdout(), called.stderr()), ("out\n", "err\n"));
    let killed = client.call("sh", &json!({"script": "kill -TERM $$"}));
    assert_eq!(killed.exit_code(), None);
    assert_eq!(killed.field("signal"), "SIGTERM");
}

/// `notifications/cancelled` kills one command and no other.
#[test]
fn cancelling_one_call_leaves_the_others() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let (doomed, spared) = (unique(), unique());
    let call = client.start_call("sleep", &json!({ "time": doomed }));
    let other = client.start_call("sleep", &json!({ "time": spared }));
    let running = |time: &str| Process::with_argument(time).first().copied();
    let limit = Duration::from_secs(10);
    eventually("the first runs", limit, || running(&doomed));
    let other_process = eventually("the second runs", limit, || running(&spared));
    client.cancel(call);
    eventually("the first is gone", Duration::from_secs(1), || {
        running(&doomed).is_none().then_some(())
    });
    assert!(other_process.alive());
    client.cancel(other);
    eventually("the second is gone", Duration::from_secs(1), || {
        running(&spared).is_none().then_some(())
    });
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
}
