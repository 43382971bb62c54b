//! Limits: which of them hold for a call, and what administrators read of them.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

mod support;

use policy::{Policy, Setting, Source};
use support::{Host, alice, allowed, arguments, caller, parsed};

const POLICY: &str = r#"
version = 1
[limits]
rate = "1000/h"
concurrency = 16
[principal.alice]
unix_users = ["alice"]
[principal.staff]
unix_groups = ["staff"]
include = ["alice"]
quota = 50
[principal.ops]
unix_groups = ["ops"]
concurrency = 2
[profile.p]
[tool.plain]
description = "d"
command = ["/bin/plain"]
profile = "p"
allow = ["alice", "ops"]
[tool.backup]
description = "d"
command = ["/bin/backup"]
profile = "p"
allow = ["alice", "ops"]
rate = "5/90s"
concurrency = 1
"#;

fn limits(policy: &Policy, who: &policy::Caller, tool: &str) -> Vec<String> {
    let grant = allowed(policy.decide(who, tool, &arguments([])));
    grant.limits().iter().map(ToString::to_string).collect()
}

/// Those of the server, of every principal that the caller is, whichever of them
/// let him in, and of the tool.
#[test]
fn limits_of_all_that_match_hold_together() {
    let policy = parsed(POLICY, &Setting::System);
    let server = "limits: 1000/1h, 16 at once";
    let staff = "principal.staff: 50 a day for each caller";
    assert_eq!(limits(&policy, &alice(), "plain"), [server, staff]);
    assert_eq!(
        limits(&policy, &alice(), "backup"),
        [
            server,
            staff,
            "tool.backup: 5/1min30s for each caller, 1 at once"
        ]
    );
    let ops = caller(7, 200, &[]);
    let at_once = "principal.ops: 2 at once for each caller";
    assert_eq!(limits(&policy, &ops, "plain"), [server, at_once]);
}

#[test]
fn without_limits_there_are_none() {
    let text = POLICY.replace("[limits]", "[principal.x]\nuids = ['1']");
    let policy = parsed(&text, &Setting::System);
    let ops = caller(7, 201, &[200]);
    assert_eq!(limits(&policy, &ops, "plain").len(), 2);
    let text = POLICY
        .replace("quota = 50", "")
        .replace("[limits]", "[principal.x]\nuids = ['1']");
    assert!(limits(&parsed(&text, &Setting::System), &alice(), "plain").is_empty());
}

#[test]
fn limits_of_the_server_are_defined_once() {
    let text = "version = 1\n[limits]\nquota = 3\n";
    let files = ["a.toml", "b.toml"].map(|name| Source::new(name, text));
    let mistakes = Policy::parse_files(&files, &Setting::System, &Host).unwrap_err();
    let mistakes = mistakes.to_string();
    assert!(mistakes.contains("`limits` is defined twice"), "{mistakes}");
    assert!(
        mistakes.contains("the first one stands at a.toml:2:2"),
        "{mistakes}"
    );
}

#[test]
fn an_explanation_tells_them() {
    let policy = parsed(POLICY, &Setting::System);
    let text = policy
        .explain(&alice(), "backup", &arguments([]))
        .to_string();
    let line = "limits: tool.backup: 5/1min30s for each caller, 1 at once\n";
    assert!(text.contains(line), "{text}");
}

/// A call waits as long as its tool says, else as long as the server says; where there is
/// no queue, not at all.
#[test]
fn a_tool_says_how_long_its_calls_wait() {
    let waits = |server: &str, tool: &str| {
        let text = POLICY
            .replace(
                "concurrency = 16\n",
                &format!("concurrency = 16\n{server}\n"),
            )
            .replace("concurrency = 1\n", &format!("concurrency = 1\n{tool}\n"));
        let policy = parsed(&text, &Setting::System);
        let grant = allowed(policy.decide(&alice(), "backup", &arguments([])));
        grant.queue_timeout().as_millis()
    };
    assert_eq!(waits("", ""), 30_000);
    assert_eq!(waits("queue_timeout = '2min'", ""), 120_000);
    assert_eq!(
        waits("queue_timeout = '2min'", "queue_timeout = '50ms'"),
        50
    );
    assert_eq!(waits("queue_timeout = '2min'", "queue_timeout = '0s'"), 0);
    assert_eq!(waits("queue = 0", "queue_timeout = '1min'"), 0);
}
