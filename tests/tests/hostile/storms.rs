//! Lines without end: the first of each kind are told, what is left out is counted and
//! told, and what nobody else knows of is never left out, but slowed down.

use super::{Ground, administrator};
use harness::{Entry, eventually};
use std::time::{Duration, Instant};

/// Lines of one kind there may be in a minute.
const ROOM: usize = 60;

/// What the worker counts, by the line of its page.
fn number(ground: &Ground, sample: &str) -> u64 {
    let output = administrator(&ground.site, &["metrics"]);
    let page = String::from_utf8(output.stdout).expect("text");
    let line = page.lines().find_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        (name == format!("mini_mcp_{sample}")).then(|| value.to_owned())
    });
    let value = line.unwrap_or_else(|| panic!("no {sample} in {page}"));
    value.parse().expect("a number")
}

/// How many the lines stand for, themselves and what was left out before them.
fn stood_for(lines: &[Entry]) -> u64 {
    let others = |one: &Entry| one.field("left_out").as_u64().unwrap_or_default();
    let own = lines.iter().filter(|one| one.event() != "left_out");
    own.count() as u64 + lines.iter().map(others).sum::<u64>()
}

/// The supervisor has the policy loaded again without end, and signals come as well:
/// each has its room, what comes into force is always told, and so is how many had no
/// line.
#[test]
fn reloads_are_told_within_bounds() {
    let mut ground = Ground::new();
    let outcomes = ground.attacked_with("reloads", |site, word| {
        assert_eq!(word, "administrator");
        let kept = |ground: &Ground| ground.lines("keep").len();
        let before = kept(&ground);
        assert_eq!(before, ROOM);
        let good = std::fs::read_to_string(site.policy()).expect("text");
        site.file("policy.toml", "version = 7\n");
        ground.worker.hang_up();
        eventually(
            "the administrator's is told",
            Duration::from_secs(20),
            || (kept(&ground) > before).then_some(()),
        );
        // In vain, again and again: as many as there is room for.
        for _ in 0..69 {
            let counted = number(&ground, "policy_failures_total");
            ground.worker.hang_up();
            eventually("it is tried", Duration::from_secs(20), || {
                (number(&ground, "policy_failures_total") > counted).then_some(())
            });
        }
        assert_eq!(kept(&ground) - before, ROOM);
        site.file("policy.toml", &good);
        // What comes into force has a line however many there were.
        ground.reload(|policy| policy.replace("Leaves a file for root", "For root"))
    });
    outcomes.all("another digest", "failed reload");
    for outcome in outcomes.of("the same digest") {
        assert!(["reloaded", "hung up"].contains(&outcome), "{outcome}");
    }
    outcomes.all("afterwards", "failed reload");
    ground.assert_unharmed();
    let rejected = 200 + 70 + 1;
    assert_eq!(number(&ground, "policy_failures_total"), rejected);
    let left_out = number(&ground, "audit_left_out_total{event=\"reload\"}");
    assert!((10 + 141..=10 + 191).contains(&left_out), "{left_out}");
    let reloads = ground.lines("reload");
    let [line] = &reloads[..] else {
        panic!("{reloads:?}")
    };
    assert_eq!(line.field("left_out"), 10, "of the signals");

    // When nothing follows, the end tells it.
    ground.site.stop_worker();
    let counted = ground.lines("left_out");
    let [asked] = &counted[..] else {
        panic!("{counted:?}")
    };
    assert_eq!(
        (asked.text("of"), asked.text("by")),
        ("reload", "supervisor")
    );
    assert_eq!(asked.field("left_out"), left_out - 10);
    let shown = administrator_reads(&ground);
    assert!(shown.contains("more of `reload`, by supervisor"), "{shown}");
    let log = ground.site.log_text("worker");
    let said = log.matches("the former policy stays in force").count();
    assert_eq!(said, 2 * ROOM, "the log says no more");
}

fn administrator_reads(ground: &Ground) -> String {
    let mut command = std::process::Command::new(ground.site.program("mini-mcp"));
    command
        .args(["audit", "--audit"])
        .arg(ground.site.trail_file());
    String::from_utf8(command.output().expect("it runs").stdout).expect("text")
}

/// Calls in the name of nobody: none of it can be of anybody, so it is told within
/// bounds, and counted.
#[test]
fn nobodys_calls_are_told_within_bounds() {
    let mut ground = Ground::new();
    let outcomes = ground.attacked("nobody");
    outcomes.all("nobody", "failed attestation");
    outcomes.all("somebody", "finished");
    ground.assert_unharmed();
    assert_eq!(ground.marks(), ["right"]);
    assert_eq!(ground.refused("attestation"), ROOM);
    assert_eq!(
        number(&ground, "audit_left_out_total{event=\"refuse\"}"),
        90
    );
    ground.site.stop_worker();
    let lines: Vec<Entry> = ["refuse", "left_out"]
        .iter()
        .flat_map(|event| ground.lines(event))
        .collect();
    assert_eq!(stood_for(&lines), 150, "{lines:?}");
}

/// Denials that the supervisor reports are all told, at a pace; another client's do not
/// wait for that, nor does an administrator.
#[test]
fn a_flood_of_reports_is_slowed_down_and_loses_nothing() {
    let ground = Ground::new();
    let outcomes = ground.attacked_with("denials", |_, word| {
        assert_eq!(word, "status");
        for _ in 0..5 {
            let began = Instant::now();
            assert_eq!(ground.status()["pid"], ground.worker.id());
            let took = began.elapsed();
            assert!(took < Duration::from_secs(5), "{took:?}");
        }
        String::new()
    });
    outcomes.all("recorded", "50");
    let milliseconds = |name: &str| -> u64 { outcomes.of(name)[0].parse().expect("a number") };
    // Of 401, a hundred have to wait for 200 ms after one another.
    assert!(milliseconds("all took ms") >= 18_000, "{outcomes:?}");
    assert!(milliseconds("another's took ms") < 5_000, "{outcomes:?}");
    ground.assert_unharmed();
    let denied = ground.lines("deny");
    let of = |code: &str| denied.iter().filter(|one| one.text("code") == code).count();
    assert_eq!((denied.len(), of("hung up")), (8 * 50 + 2, 1));
    assert!(number(&ground, "audit_slowed_total") >= 100);
}

/// What breaks the protocol is counted by who did it, with a line or without.
#[test]
fn violations_are_counted_by_their_doer() {
    let mut ground = Ground::new();
    let before = number(&ground, "violations_total{offender=\"supervisor\"}");
    assert_eq!(before, 0);
    let policy = ground.site.digest();
    for _ in 0..70 {
        let lane = harness::Lane::open(&ground.site);
        assert!(lane.greet(policy).is_ok());
        lane.say_bytes(&[255; 9], &[]);
        assert!(lane.hear_bytes().is_err());
    }
    let stranger = harness::Lane::open_as(&ground.site, harness::BOB);
    assert!(stranger.hear_bytes().is_err());
    ground.assert_unharmed();
    let of = |offender: &str| {
        let sample = format!("violations_total{{offender=\"{offender}\"}}");
        number(&ground, &sample)
    };
    assert_eq!((of("supervisor"), of("stranger")), (70, 1));
    assert_eq!(of("administrator"), 0);
    let left_out = number(&ground, "audit_left_out_total{event=\"violation\"}");
    assert_eq!(left_out, 10);
    assert_eq!(ground.violations().len(), ROOM + 1);
    ground.site.stop_worker();
    let told = ground.lines("left_out");
    let [told] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (told.text("of"), told.text("by")),
        ("violation", "supervisor")
    );
    assert_eq!(told.field("left_out"), 10);
}
