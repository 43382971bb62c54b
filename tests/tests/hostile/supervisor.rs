//! What the hostile program tries, and what the trail tells of it.

use super::{Ground, POLICY, administrator, daemon};
use harness::{BOB, command_as};
use std::time::Duration;

/// Sockets that prove nobody, or somebody else than they seem to, or are kept when their
/// client has gone.
#[test]
fn identities_are_not_forged() {
    let ground = Ground::new();
    let (_daemon, path) = daemon(&ground.site);
    let outcomes = ground.attacked_with("identity", |_, word| match word {
        "daemon" => path.clone(),
        other => panic!("{other}"),
    });
    let nobody = [
        "none",
        "pair",
        "pair of another kind",
        "own listener",
        "another listener",
        "own lane",
        "daemon of root",
        "daemon of root, own address",
        "network",
        "file",
        "pipe",
        "its own client's end",
        "after he has gone",
    ];
    for name in nobody {
        outcomes.all(name, "failed attestation");
    }
    outcomes.all("itself", "denied not_allowed");
    outcomes.all("while he is there", "finished");
    outcomes.all("what is not his", "denied not_allowed");
    outcomes.all("what no rule allows", "denied pattern_mismatch");
    ground.assert_unharmed();
    assert_eq!(ground.marks(), ["right"]);

    let attempts: usize = nobody.iter().map(|name| outcomes.of(name).len()).sum();
    // Each but the first and the last two was tried for a report as well.
    assert_eq!(ground.refused("attestation"), 2 * attempts - 3);
    let reported = |entry: &&harness::Entry| entry.text("by") == "supervisor";
    let denied = ground.lines("deny");
    let [own] = &denied.iter().filter(reported).collect::<Vec<_>>()[..] else {
        panic!("{denied:?}")
    };
    assert_eq!(own.field("uid"), harness::FRONT.uid(), "reported as itself");
    let starts = ground.lines("start");
    assert!(starts.iter().all(|one| one.text("principal") == "alice"));
}

/// Keys that are guessed, revoked, or used for more than their owner may.
#[test]
fn keys_are_not_forged() {
    let ground = Ground::new();
    let key = ground.site.new_key("ci");
    let outcomes = ground.attacked_with("keys", |site, word| match word {
        "key" => key.clone(),
        "revoke" => site.key(&["revoke", "ci"]),
        other => panic!("{other}"),
    });
    for name in ["guess", "key and socket", "revoked key"] {
        outcomes.all(name, "failed attestation");
    }
    outcomes.all("question", "identified None");
    outcomes.all("right key", "finished");
    outcomes.all("right key, another's tool", "denied not_allowed");
    outcomes.all("right key, from afar", "denied not_allowed");
    ground.assert_unharmed();
    assert_eq!(ground.marks(), ["keyed"]);
    assert_eq!(ground.refused("attestation"), 8);
    let wrong = ground.lines("wrong_key");
    assert_eq!(wrong.len(), 60, "bounded");
    let trail = std::fs::read_to_string(ground.site.trail_file()).expect("text");
    assert!(!trail.contains(&key));
}

/// The bytes of a call that was good, once more in every way.
#[test]
fn what_is_replayed_is_decided_anew() {
    let ground = Ground::new();
    let outcomes = ground.attacked_with("replay", |_, word| match word {
        "reload" => ground.reload(without_mark),
        other => panic!("{other}"),
    });
    // Each is a call of a client who is there, counted and recorded as such.
    outcomes.all("again", "finished");
    outcomes.all("without descriptors", "hung up");
    outcomes.all("second greeting", "hung up");
    for outcome in outcomes.of("on an old lane") {
        assert!(
            ["hung up", "failed stale_policy"].contains(&outcome),
            "{outcome}"
        );
    }
    outcomes.all("old greeting", "welcome");
    outcomes.all("after an old greeting", "hung up");
    outcomes.all("under the next policy", "failed stale_policy");
    outcomes.all("in new words", "denied not_allowed");
    ground.assert_unharmed();
    assert_eq!(ground.lines("start").len(), 2);
    let told = ground.violations();
    for words in ["output must go to pipes", "a second greeting"] {
        assert!(
            told.iter().any(|one| one.contains(words)),
            "{words}: {told:?}"
        );
    }
}

/// A lane of a former policy that has just become free takes no more calls under it.
#[test]
fn no_call_is_late_for_a_new_policy() {
    let ground = Ground::new();
    let outcomes = ground.attacked_with("late", |_, word| match word {
        "reload" => ground.reload(without_mark),
        other => panic!("{other}"),
    });
    let refused = [
        // It came too early, and killed the command.
        "hung up, hung up",
        "finished, hung up",
        "finished, failed stale_policy",
    ];
    for outcome in outcomes.of("late") {
        assert!(refused.contains(&outcome), "{outcome}");
    }
    let stale = outcomes.of("late");
    let stale = stale
        .iter()
        .filter(|one| **one == "finished, failed stale_policy");
    println!("{} were taken", stale.clone().count());
    ground.assert_unharmed();
    assert_eq!(ground.marks(), Vec::<String>::new());
    assert_eq!(ground.refused("stale_policy"), stale.count());
}

fn without_mark(policy: &str) -> String {
    let (before, rest) = policy.split_once("[tool.mark]").expect("it is there");
    let changed = rest.replacen("allow = [\"alice\"]", "allow = [\"root\"]", 1);
    format!("{before}[tool.mark]{changed}")
}

/// Nothing that the supervisor says or is approves a call.
#[test]
fn approvals_are_not_forged() {
    let two = POLICY.replace("[\"mmtest-ops\"]", "[\"mmtest-ops\", \"adm\"]");
    // Though the policy names the supervisor's own group, it never may.
    let own = POLICY.replace("mmtest-ops", harness::FRONT.name);
    let refused = r#"Refused("you may not answer requests")"#;
    let no_administrator = format!(
        "cannot let user {} in: he is no administrator",
        harness::FRONT.uid()
    );
    let may_not = format!("user {} may not answer requests", harness::FRONT.uid());
    for (policy, [itself, let_in, child], tried) in [
        (
            POLICY,
            ["EACCES: Permission denied", "hung up", "exit 2"],
            &no_administrator,
        ),
        (&two, ["hung up", "hung up", "exit 2"], &no_administrator),
        (&own, [refused, refused, "exit 1"], &may_not),
    ] {
        let ground = Ground::with(policy);
        let outcomes = ground.attacked_with("approval", |site, word| {
            match word.split_once(' ').expect("two words") {
                // Even where the file lets everybody in.
                ("open", _) => {
                    let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
                    std::fs::set_permissions(site.admin_socket(), open).expect("root may");
                }
                ("approve", id) => approved(&ground, id),
                other => panic!("{other:?}"),
            }
            String::new()
        });
        outcomes.all("said on the lane", "hung up");
        outcomes.all("another call meanwhile", "hung up");
        outcomes.all("as itself", itself);
        for name in ["as itself, let in", "what waits, as itself"] {
            outcomes.all(name, let_in);
        }
        for name in ["as a child", "as a child, let in"] {
            outcomes.all(name, child);
        }
        outcomes.all("taken back", "failed cancelled");
        outcomes.all("the one that is approved", "finished");
        outcomes.all("the same call on another lane", "waits");
        outcomes.all("a second time by the same", "waits");
        ground.assert_unharmed();
        assert_eq!(ground.marks(), ["approved"]);
        assert_eq!(ground.lines("approved").len(), 1);
        assert_eq!(ground.lines("withdrawn").len(), 8);
        let told = ground.violations();
        for words in [
            "something runs or waits",
            "cannot understand the supervisor",
            tried,
        ] {
            assert!(
                told.iter().any(|one| one.contains(words)),
                "{words}: {told:?}"
            );
        }
    }
}

fn approved(ground: &Ground, id: &str) {
    let output = administrator(&ground.site, &["approve", id]);
    assert!(output.status.success(), "{output:?}");
}

/// Taking a call back and asking for another while it is approved never runs either
/// without an approval of its own.
#[test]
fn an_approval_is_for_the_call_that_was_seen() {
    // Each with a worker of its own: of one caller 30 calls a minute may begin to wait.
    for attack in [
        "approval-race-soon",
        "approval-race-later",
        "approval-race-late",
    ] {
        approves_in_a_race(attack);
    }
}

fn approves_in_a_race(attack: &str) {
    let ground = Ground::new();
    let mut answers = Vec::new();
    let outcomes = ground.attacked_with(attack, |site, word| {
        let (_, id) = word.split_once(' ').expect("two words");
        let mut command = command_as(BOB, &site.program("mini-mcp"));
        command
            .args(["approve", id, "--socket"])
            .arg(site.admin_socket());
        let command = command.stderr(std::process::Stdio::null());
        answers.push((id.to_owned(), command.spawn().expect("it starts")));
        String::new()
    });
    let mut given = 0;
    for (_, mut command) in answers {
        given += usize::from(command.wait().expect("it ends").success());
    }
    ground.assert_unharmed();
    let approved = ground.lines("approved");
    assert_eq!(approved.len(), given);
    assert!(
        approved
            .iter()
            .all(|one| one.field("administrator") == BOB.uid())
    );
    println!("{given} of {} were approved in time", outcomes.0.len());
}

/// However calls are spread, taken back, killed or spelled, they are counted.
#[test]
fn rates_and_quotas_are_not_evaded() {
    let ground = Ground::new();
    let outcomes = ground.attacked("rate");
    for outcome in outcomes.of("spelled otherwise") {
        assert!(outcome.starts_with("denied "), "{outcome}");
    }
    ground.assert_unharmed();
    for (tool, code) in [("seldom", "rate_limited"), ("daily", "quota_exceeded")] {
        let starts = ground.lines("start");
        let starts = starts.iter().filter(|one| one.text("tool") == tool);
        assert_eq!(starts.count(), 3, "{tool}");
        let left = std::fs::read_to_string(ground.site.path(&format!("drop/{tool}")));
        assert!(left.unwrap_or_default().len() <= 3, "{tool}");
        let denials = ground.lines("deny");
        let denials = denials.iter().filter(|one| one.text("code") == code);
        assert_eq!(denials.count(), 47, "{tool}: each that was refused is told");
    }
}

/// One at a time is one at a time, on however many lanes, and when these are killed.
#[test]
fn concurrency_is_not_evaded() {
    let ground = Ground::new();
    let outcomes = ground.attacked("concurrency");
    let finished = outcomes.of("at once");
    let finished = finished.iter().filter(|one| **one == "finished").count();
    assert!((1..96).contains(&finished), "{finished}");
    ground.assert_unharmed();
    let mut running = 0;
    for entry in ground.site.trail() {
        match entry.event() {
            "start" => running += 1,
            "end" => running -= 1,
            _ => {}
        }
        assert!((0..=1).contains(&running), "{entry:?}");
    }
}

/// The trail holds the supervisor's word as such, whole, and about its own runs alone.
#[test]
fn the_trail_is_not_spoofed() {
    let ground = Ground::new();
    let outcomes = ground.attacked("spoof");
    for name in [
        "before any run",
        "of another lane's run",
        "before the end",
        "twice",
    ] {
        outcomes.all(name, "hung up");
    }
    let forged = outcomes.of("forged denial").len();
    outcomes.all("forged denial", "recorded");
    for outcome in outcomes.of("odd texts") {
        assert!(outcome.starts_with("denied "), "{outcome}");
    }
    ground.assert_unharmed();
    assert_eq!(ground.marks(), ["right"]);
    // The only one is of the run that had finished.
    let outputs = ground.lines("output");
    assert_eq!(outputs.len(), 1);
    assert_eq!(outputs[0].text("by"), "supervisor");
    let marked = ground.lines("start");
    let marked = marked.iter().find(|one| one.text("tool") == "mark");
    assert_eq!(outputs[0].text("run"), marked.expect("it ran").text("run"));
    for event in ["approved", "waiting", "withdrawn"] {
        assert_eq!(ground.lines(event).len(), 0, "{event}");
    }
    let denials = ground.lines("deny");
    let reported = denials.iter().filter(|one| one.text("by") == "supervisor");
    assert_eq!(reported.count(), forged);
    let text = std::fs::read(ground.site.trail_file()).expect("it is there");
    let odd = |byte: &&u8| byte.is_ascii_control() && **byte != b'\n';
    assert_eq!(text.iter().find(odd), None, "a control character");
    for words in [
        &["audit"][..],
        &["audit", "--json"],
        &["report", "-o", "/dev/null"],
    ] {
        let mut command = std::process::Command::new(ground.site.program("mini-mcp"));
        command
            .args(words)
            .arg("--audit")
            .arg(ground.site.trail_file());
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        let shown = String::from_utf8(output.stdout).expect("text");
        assert!(!shown.contains(['\u{1b}', '\u{202e}', '\0']), "{shown}");
        if words == ["audit"] {
            let told = "on the worker socket: cannot accept a message of the supervisor";
            assert!(shown.contains(told), "{shown}");
        }
    }
    assert_eq!(ground.violations().len(), 4, "{:?}", ground.violations());
}

/// Connections that say nothing are as many as there may be, and no more; half greetings
/// end theirs.
#[test]
fn lanes_are_bounded_and_come_back() {
    let ground = Ground::new();
    let outcomes = ground.attacked_with("crowd", |_, word| {
        assert_eq!(word, "status");
        assert_eq!(ground.status()["lanes"], 320);
        String::new()
    });
    outcomes.all("let in", "320");
    outcomes.all("afterwards", "finished");
    outcomes.all("half a greeting", "hung up");
    outcomes.all("many descriptors", "hung up");
    ground.assert_unharmed();
    assert_eq!(ground.marks(), ["right"]);
    let lines = ground.lines("violation");
    let full = "cannot let the supervisor in: it has 320 connections already";
    let first = lines.first().expect("it is told");
    assert_eq!(
        (first.text("socket"), first.text("reason")),
        ("worker", full)
    );
    assert!(lines.len() <= 60, "{}", lines.len());
}

/// Who never reads is given up, with what runs there; nobody else waits for it.
#[test]
fn a_deaf_supervisor_keeps_nothing_running() {
    let ground = Ground::new();
    let outcomes = ground.attacked_with("deaf", |_, word| {
        assert_eq!(word, "status");
        assert_eq!(ground.status()["pid"], ground.worker.id());
        harness::eventually("nothing runs", Duration::from_secs(10), || {
            harness::Process::with_argument(&ground.marker)
                .is_empty()
                .then_some(())
        });
        String::new()
    });
    outcomes.all("afterwards", "finished");
    ground.assert_unharmed();
    let deaf = ground.violations();
    let deaf = deaf.iter().filter(|one| one.starts_with("cannot answer"));
    assert_eq!(deaf.count(), 3);
}

/// A descriptor that takes long to close does not put off the end of a command.
#[test]
fn what_comes_along_puts_nothing_off() {
    let ground = Ground::new();
    let outcomes = ground.attacked_with("linger", |_, word| {
        assert_eq!(word, "ended");
        harness::eventually("it is ended", Duration::from_secs(10), || {
            harness::Process::with_argument(&ground.marker)
                .is_empty()
                .then_some(())
        });
        String::new()
    });
    outcomes.all("it runs", "started");
    outcomes.all("of another policy", "welcome");
    outcomes.all("that lane", "hung up");
    outcomes.all("afterwards", "finished");
    ground.assert_unharmed();
}

/// A lane keeps the filter of its first command, so it launches none under another.
#[test]
fn a_lane_launches_under_one_filter() {
    const TALK: &str = r#"
[profile.talks]
extends = "plain"
network = "unix"

[tool.talk]
description = "Leaves a file"
command = ["/usr/bin/touch", "@site@/drop/{name}"]
profile = "talks"
allow = ["alice"]
args = { name = { type = "string", pattern = "[a-z0-9]+", max_length = 40 } }
"#;
    let ground = Ground::with(&[POLICY, TALK].concat());
    let outcomes = ground.attacked("filters");
    outcomes.all("the first", "finished");
    outcomes.all("the same", "finished");
    outcomes.all("the other", "hung up");
    outcomes.all("afterwards", "finished");
    ground.assert_unharmed();
    assert_eq!(ground.marks(), ["again", "first", "right"]);
    let reason =
        "cannot accept a message of the supervisor: a command under another filter than the first";
    assert_eq!(ground.violations(), [reason, reason]);
}
