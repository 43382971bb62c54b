//! Lines without end: the first of each kind are told, what is left out is counted and
//! told, and what nobody else knows of is never left out, but slowed down.

use super::{Ground, POLICY, administrator};
use harness::{ALICE, BOB, Entry, Lane, connect_as, eventually};
use nix::sys::socket::SockType;
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

/// Most lines of one kind since `began`: on a busy machine it takes more than a minute.
fn most(began: Instant) -> usize {
    let minutes = began.elapsed().as_secs() / 60;
    ROOM * usize::try_from(minutes + 1).expect("a small number")
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
    let (mut ground, began) = (Ground::new(), Instant::now());
    let outcomes = ground.attacked_with("reloads", |site, word| {
        assert_eq!(word, "administrator");
        let kept = |ground: &Ground| ground.lines("keep").len();
        let before = kept(&ground);
        assert!(before <= most(began), "{before}");
        let away = site.path("away.toml");
        std::fs::rename(site.policy(), &away).expect("ours");
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
        let own = kept(&ground) - before;
        assert!((2..=most(began)).contains(&own), "{own}");
        std::fs::rename(&away, site.policy()).expect("ours");
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
    let all = rejected + number(&ground, "policy_loads_total") - 1;
    let left_out = number(&ground, "audit_left_out_total{event=\"reload\"}");
    let lines: Vec<Entry> = ["keep", "reload"]
        .iter()
        .flat_map(|event| ground.lines(event))
        .collect();
    assert_eq!(
        lines.len() as u64 + left_out,
        all,
        "each is told or counted"
    );
    assert!(lines.len() <= 2 * most(began) + 1, "{}", lines.len());

    // What nothing follows is told by the end.
    ground.site.stop_worker();
    let told: Vec<Entry> = ["keep", "reload", "left_out"]
        .iter()
        .flat_map(|event| ground.lines(event))
        .collect();
    assert_eq!(stood_for(&told), all, "and the trail tells how many");
    let counted = ground.lines("left_out");
    let asked = counted.last().expect("the supervisor's");
    assert_eq!(
        (asked.text("of"), asked.text("by")),
        ("reload", "supervisor")
    );
    let shown = administrator_reads(&ground);
    assert!(shown.contains("more of `reload`, by supervisor"), "{shown}");
    let log = ground.site.log_text("worker");
    let said = log.matches("the former policy stays in force").count();
    assert_eq!(said, ground.lines("keep").len(), "the log says no more");
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
    let (mut ground, began) = (Ground::new(), Instant::now());
    let outcomes = ground.attacked("nobody");
    outcomes.all("nobody", "failed attestation");
    outcomes.all("somebody", "finished");
    ground.assert_unharmed();
    assert_eq!(ground.marks(), ["right"]);
    let told = ground.refused("attestation");
    assert!(told <= most(began), "{told}");
    let left_out = number(&ground, "audit_left_out_total{event=\"refuse\"}");
    assert_eq!(told as u64 + left_out, 150);
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
    let took = milliseconds("all took ms");
    assert!(took >= 20_000, "{outcomes:?}");
    ground.assert_unharmed();
    let denied = ground.lines("deny");
    let of = |code: &str| denied.iter().filter(|one| one.text("code") == code).count();
    assert_eq!((denied.len(), of("hung up")), (8 * 50 + 2, 1));
    // On a machine that is slower than the pace, nobody has to wait for it.
    let slowed = number(&ground, "audit_slowed_total");
    assert!(slowed >= 1 || took > 60_000, "{slowed}");
}

/// What breaks the protocol is counted by who did it, with a line or without.
#[test]
fn violations_are_counted_by_their_doer() {
    // With two groups everybody may connect to the administrators' socket.
    let policy = POLICY.replace("[\"mmtest-ops\"]", "[\"mmtest-ops\", \"adm\"]");
    let (mut ground, began) = (Ground::with(&policy), Instant::now());
    let of = |ground: &Ground, offender: &str| {
        let sample = format!("violations_total{{offender=\"{offender}\"}}");
        number(ground, &sample)
    };
    let all = ["supervisor", "administrator", "stranger"];
    assert_eq!(all.map(|who| of(&ground, who)), [0; 3]);
    let policy = ground.site.digest();
    for _ in 0..70 {
        let lane = Lane::open(&ground.site);
        assert!(lane.greet(policy).is_ok());
        lane.say_bytes(&[255; 9], &[]);
        assert!(lane.hear_bytes().is_err());
    }
    for user in [BOB, ALICE] {
        let admin = ground.site.admin_socket();
        let visitor = Lane::from(connect_as(user, SockType::SeqPacket, &admin));
        visitor.say_bytes(&[255; 9], &[]);
        assert!(visitor.hear_bytes().is_err());
    }
    ground.assert_unharmed();
    assert_eq!(all.map(|who| of(&ground, who)), [70, 1, 1]);
    let left_out = number(&ground, "audit_left_out_total{event=\"violation\"}");
    let told = ground.violations().len();
    assert!(told <= most(began) + 2, "{told}");
    assert_eq!(told as u64 + left_out, 72);
    ground.site.stop_worker();
    let told: Vec<Entry> = ["violation", "left_out"]
        .iter()
        .flat_map(|event| ground.lines(event))
        .collect();
    assert_eq!(stood_for(&told), 72, "{told:?}");
}
