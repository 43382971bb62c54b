//! Messages with fields: in the journal as systemd has it, and as JSON.

use harness::systemd::{Journal, Message};
use harness::web::bearer;
use harness::{ALICE, BASE, Client, Site, Web, eventually};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const META: &str = "io.mini-mcp/request-id";

const POLICY: &str = r#"
[principal.ci]
api_key = "ci"
[principal.afar]
api_key = "afar"
from = ["192.0.2.0/24"]
"#;

fn policy() -> String {
    format!("{BASE}{POLICY}")
}

/// Waits for a message that has all of `wanted` in its fields.
#[track_caller]
fn message(journal: &Journal, wanted: &[(&str, &str)]) -> Message {
    eventually(&format!("a message with {wanted:?}"), SOON, || {
        let has = |message: &&Message| {
            let field = |(name, value): &(&str, &str)| {
                message
                    .get(*name)
                    .is_some_and(|found| found.contains(value))
            };
            wanted.iter().all(field)
        };
        journal.messages().iter().find(has).cloned()
    })
}

#[track_caller]
fn assert_fields(message: &Message, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        let found = message.get(*name).map(String::as_str);
        assert_eq!(found, Some(*value), "{name} in {message:?}");
    }
}

#[test]
fn the_journal_gets_fields_of_both_processes() {
    let mut site = Site::with(&policy())
        .serving(&["--http", "127.0.0.1:0", "--log-format", "auto"])
        .prepare();
    let journal = Journal::listen(site.path("journal"));
    site.start_worker_by(&journal.script());
    site.start_supervisor_by(&journal.script());
    let ready = [("MESSAGE", "ready: containment"), ("PRIORITY", "6")];
    let ready = message(&journal, &ready);
    assert_fields(&ready, &[("SYSLOG_IDENTIFIER", "mini-mcp-worker")]);

    let client = Client::attach(&site, ALICE);
    let named = |tool: &str, arguments: Value, name: &str| {
        let call = json!({"name": tool, "arguments": arguments, "_meta": {META: name}});
        client.request("tools/call", &call).expect("an answer")
    };
    named("true", json!({}), "mine-1");
    let start = site.audited("start", |entry| entry.text("request") == "mine-1");
    let wanted = [
        ("MESSAGE", "command finished"),
        ("MINI_MCP_REQUEST_ID", "mine-1"),
    ];
    let finished = message(&journal, &wanted);
    let uid = ALICE.uid().to_string();
    let expected = [
        ("SYSLOG_IDENTIFIER", "mini-mcp"),
        ("PRIORITY", "6"),
        ("MINI_MCP_TOOL", "true"),
        ("MINI_MCP_UID", &uid),
        ("MINI_MCP_PRINCIPAL", "alice"),
        ("MINI_MCP_DECISION", "allow"),
        ("MINI_MCP_RUN", start.text("run")),
    ];
    assert_fields(&finished, &expected);
    assert!(finished["MESSAGE"].contains("tool=true"), "{finished:?}");

    named("print", json!({"first": "-x"}), "mine-2\u{a0}");
    named("print", json!({"first": "-x"}), "mine-3");
    let wanted = [
        ("MESSAGE", "call denied"),
        ("MINI_MCP_REQUEST_ID", "mine-3"),
    ];
    let denied = message(&journal, &wanted);
    let expected = [
        ("MINI_MCP_DECISION", "deny"),
        ("MINI_MCP_CODE", "invalid_argument"),
    ];
    assert_fields(&denied, &expected[..1]);
    assert!(denied.contains_key(expected[1].0), "{denied:?}");
    assert!(denied.contains_key("MINI_MCP_RULE"), "{denied:?}");

    refusals(&site, &journal);

    // A lane that is lost with its command, by the worker.
    client.start_call("sleep", &json!({"time": "600"}));
    let start = site.audited("the start", |entry| entry.is("start", "sleep"));
    let lanes = site.lanes().into_iter();
    let mut lanes = lanes.filter(|lane| !lane.children().is_empty());
    lanes.next().expect("a lane with a command").kill();
    let wanted = [("MINI_MCP_CODE", "lane_lost"), ("PRIORITY", "4")];
    let lost = message(&journal, &wanted);
    assert_fields(&lost, &[("MINI_MCP_RUN", start.text("run"))]);
    // Nothing went to standard error instead.
    for name in ["worker", "supervisor"] {
        assert_eq!(site.log_text(name), "", "{name}");
    }
}

/// Over HTTP: 403, 401, and 429 after too many of those.
fn refusals(site: &Site, journal: &Journal) {
    let serving = message(journal, &[("MESSAGE", "serving HTTP")]);
    let address = serving["MINI_MCP_ADDRESS"].parse().expect("an address");
    let mut web = Web::network(address);
    let afar = site.new_key("afar");
    assert_eq!(web.ask("tools/list", json!({}), Some(&afar)).status, 403);
    let wanted = [("MINI_MCP_STATUS", "403"), ("MINI_MCP_KEY", "afar")];
    let refused = message(journal, &wanted);
    let here = ("MINI_MCP_ADDRESS", "127.0.0.1");
    assert_fields(&refused, &[("MINI_MCP_CODE", "unknown_principal"), here]);
    let foreign = [
        ("Host", "evil.example".to_owned()),
        bearer(&site.new_key("ci")),
    ];
    let (list, headers) = harness::web::modern("tools/list", json!({}));
    let reply = web.post(&list, &[headers, foreign.into()].concat());
    assert_eq!(reply.status, 403);
    let foreign = message(journal, &[("MINI_MCP_CODE", "foreign_origin")]);
    assert_fields(&foreign, &[("MINI_MCP_STATUS", "403"), here]);
    for _ in 0..10 {
        assert_eq!(web.ask("tools/list", json!({}), Some("wrong")).status, 401);
    }
    assert_eq!(web.ask("tools/list", json!({}), Some("wrong")).status, 429);
    let refused = message(journal, &[("MINI_MCP_STATUS", "429")]);
    let code = ("MINI_MCP_CODE", "too_many_wrong_keys");
    assert_fields(&refused, &[code, here, ("PRIORITY", "4")]);
    assert!(refused.contains_key("MINI_MCP_REQUEST_ID"), "{refused:?}");
    message(journal, &[("MINI_MCP_STATUS", "401")]);
}

/// A new policy that cannot be used is told with what is wrong, in both processes.
#[test]
fn each_line_of_json_is_an_object_with_the_fields() {
    let mut site = Site::with(BASE)
        .serving(&["--log-format", "json"])
        .worker_option("--log-format", "json")
        .start();
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    site.file("policy.toml", "version = 1\n[nonsense]\n");
    for process in [site.worker(), site.supervisor()] {
        process.hang_up();
    }
    let line = |name: &str, wanted: &str| {
        let lines = || -> Vec<BTreeMap<String, Value>> {
            let text = site.log_text(name);
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let parsed = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            whole.lines().map(parsed).collect()
        };
        eventually(&format!("{wanted} of the {name}"), SOON, || {
            lines().into_iter().find(|line| {
                assert!(line["time"].is_string() && line["level"].is_string());
                line["message"]
                    .as_str()
                    .is_some_and(|text| text.contains(wanted))
            })
        })
    };
    let finished = line("supervisor", "command finished");
    assert_eq!(finished["tool"], "true");
    assert_eq!(finished["uid"], ALICE.uid());
    assert_eq!(finished["timed_out"], false);
    for name in ["supervisor", "worker"] {
        let kept = line(name, "the former policy stays in force");
        assert_eq!(
            (&kept["level"], &kept["code"]),
            (&json!("error"), &json!("policy_kept"))
        );
        assert!(
            kept["message"]
                .as_str()
                .is_some_and(|text| text.contains("nonsense"))
        );
    }
    site.file("policy.toml", &BASE.replace("@site@", &site.text()));
    site.stop_worker();
}

#[test]
fn a_journal_that_is_asked_for_must_be_there() {
    let site = Site::with(BASE).prepare();
    for mut command in [site.worker_command(), site.supervisor_command()] {
        command.args(["--log-format", "journal"]);
        let output = command.output().expect("it starts");
        let error = String::from_utf8_lossy(&output.stderr);
        let journald = std::path::Path::new("/run/systemd/journal/socket").exists();
        assert!(
            journald || error.contains("cannot reach the journal"),
            "{error}"
        );
        assert!(!output.status.success() || journald);
    }
}

/// `JOURNAL_STREAM` that tells of something else than standard error, or of a descriptor
/// that is closed, or of a journal that is not there: messages go where they would without
/// it, and where that is nowhere the service works all the same.
#[test]
fn a_journal_that_is_none_is_not_spoken_to() {
    let own = "$(stat -L -c %d:%i /proc/self/fd/2)";
    let file = "$(stat -L -c %d:%i /etc/passwd)";
    // Whatever journal this machine has is out of sight.
    let hide = "mount -t tmpfs none /run/systemd 2>/dev/null || mkdir -p /run/systemd";
    for (stream, closed) in [
        ("1:1", false),
        (file, false),
        (own, false),
        (own, true),
        ("$(printf '\\377:\\377')", false),
        ("$(head -c 100000 /dev/zero | tr '\\0' 9):1", false),
        ("18446744073709551616:-1", false),
        ("", true),
    ] {
        let close = if closed { "2>&-" } else { "" };
        let script = format!(
            "export JOURNAL_STREAM=\"{stream}\"\n\
             exec unshare --mount --propagation private sh -euc '\n\
             {hide}\n\
             exec \"$@\" {close}' sh \"$@\""
        );
        let mut site = Site::with(&policy())
            .serving(&["--http", "127.0.0.1:0", "--log-format", "auto"])
            .prepare();
        site.start_worker_by(&script);
        site.start_supervisor_by(&script);
        let client = Client::attach(&site, ALICE);
        assert!(!client.call("true", &json!({})).is_error(), "{stream}");
        for process in ["worker", "supervisor"] {
            let log = site.log_text(process);
            assert_eq!(log.is_empty(), closed, "{stream}, {process}: {log}");
            assert!(!log.contains("panicked"), "{stream}, {process}: {log}");
        }
        // The descriptor that was closed is no other's now.
        for process in [site.worker(), site.supervisor()] {
            let target = process.descriptors()[&2].display().to_string();
            let null = target == "/dev/null";
            assert_eq!(null, closed, "{stream}: {target}");
        }
    }
}
