//! What stands in a trail, line by line.

use super::super::history::turned;
use super::place::head;
use super::*;
use crate::audit::{Call, Ending};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const POLICY: wire::PolicyDigest = [0; 32];

fn keeping(directory: &TempDir) -> Keeping {
    Keeping {
        trail: directory.path().join("audit"),
        key: None,
        durable: Durable::Interval,
        turn_at: 0,
        may_be_another: false,
    }
}

fn begun(keeping: &Keeping) -> Log {
    let mut log = Log::open(keeping).unwrap();
    log.begin(&POLICY).unwrap();
    log
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Event by event; every line must name the one before it.
#[track_caller]
fn events(paths: &[&Path]) -> Vec<String> {
    let lines: Vec<String> = paths.iter().flat_map(|path| lines(path)).collect();
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!(r#""{name}":"#)).unwrap();
        rest.split([',', '}'])
            .next()
            .unwrap()
            .trim_matches('"')
            .to_owned()
    };
    for (former, line) in lines.iter().zip(lines.iter().skip(1)) {
        assert_eq!(field(line, "prev"), hexadecimal(&Sha256::digest(former)));
    }
    lines.iter().map(|line| field(line, "event")).collect()
}

fn start() -> Entry {
    Entry::Start {
        call: Call {
            correlation: wire::Correlation::default(),
            policy: POLICY,
            approval: None,
            caller: Some(crate::audit::Proven::Peer {
                uid: 1,
                gid: 2,
                groups: Vec::new(),
            }),
            claim: None,
            tool: "t".into(),
            arguments: None,
            background: false,
            queued: None,
            confirmed: false,
        },
        principal: "p".into(),
        rule: "r".into(),
        argv: Vec::new(),
        sandbox: [0; 32],
        directory: None,
        stdin: None,
        user: crate::audit::RunUser::Known,
        bounds: Vec::new(),
        record: false,
        patience: Duration::ZERO,
    }
}

#[test]
fn the_chain_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    begun(&keeping).close();
    begun(&keeping).close();
    assert_eq!(
        events(&[&keeping.trail]),
        ["open", "checkpoint", "close", "checkpoint"].repeat(2)
    );
}

#[test]
fn a_run_that_was_cut_off_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    let mut log = begun(&keeping);
    log.record(&start(), Some("a")).unwrap();
    log.record(&start(), Some("b")).unwrap();
    let ended = Entry::End(Ending::Failed(cut_off()));
    log.record(&ended, Some("a")).unwrap();
    drop(log);
    drop(begun(&keeping));
    drop(begun(&keeping));
    let lost: Vec<String> = lines(&keeping.trail)
        .into_iter()
        .filter(|line| line.contains("worker_lost") && line.contains(r#""run":"b""#))
        .collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
}

#[test]
fn a_turned_file_is_followed_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = Keeping {
        turn_at: 1,
        ..keeping(&directory)
    };
    let mut log = begun(&keeping);
    log.record(&start(), Some("a")).unwrap();
    let first = turned(&keeping.trail, 1);
    assert_eq!(
        events(&[&first, &keeping.trail]),
        [
            "open",
            "checkpoint",
            "checkpoint",
            "turn",
            "checkpoint",
            "start"
        ]
    );
    log.record(&start(), Some("b")).unwrap();
    drop(log);
    // Killed just after the file was given its name.
    let second = turned(&keeping.trail, 4);
    fs::rename(&keeping.trail, turned(&keeping.trail, 7)).unwrap();
    drop(begun(&keeping));
    let third = turned(&keeping.trail, 7);
    let events = events(&[&first, &second, &third, &keeping.trail]);
    assert_eq!(
        events[6..9],
        ["checkpoint", "turn", "running"],
        "{events:?}"
    );
    assert_eq!(
        events[events.len() - 4..],
        ["open", "end", "end", "checkpoint"]
    );
}

#[test]
fn a_file_that_was_moved_away_is_followed_by_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    let mut log = begun(&keeping);
    log.follow();
    let moved = directory.path().join("moved");
    fs::rename(&keeping.trail, &moved).unwrap();
    log.follow();
    log.close();
    assert_eq!(
        events(&[&moved, &keeping.trail]),
        [
            "open",
            "checkpoint",
            "checkpoint",
            "turn",
            "checkpoint",
            "close",
            "checkpoint"
        ]
    );
}

#[test]
fn a_torn_line_is_left_behind_and_told() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    begun(&keeping).close();
    let whole = fs::read_to_string(&keeping.trail).unwrap();
    fs::write(&keeping.trail, format!("{whole}{{\"seq\":5,\"to")).unwrap();
    drop(begun(&keeping));
    let text = fs::read_to_string(&keeping.trail).unwrap();
    let rest = text.strip_prefix(&whole).unwrap();
    assert!(
        rest.starts_with("{\"seq\":5,\"to\n{\"seq\":5,\"prev\""),
        "{rest}"
    );
    let torn = hexadecimal(&Sha256::digest(r#"{"seq":5,"to"#));
    let told = format!(r#""torn":{{"bytes":12,"sha256":"{torn}"}}}}"#);
    assert!(rest.contains(&told), "{rest}");
}

#[test]
fn a_trail_that_lost_what_was_signed_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    begun(&keeping).close();
    let whole = lines(&keeping.trail);
    let told = |text: &str| {
        fs::write(&keeping.trail, text).unwrap();
        drop(begun(&keeping));
        let all = lines(&keeping.trail);
        let mut findings = all
            .iter()
            .filter(|line| line.contains(r#""event":"tamper""#));
        let last = findings.next_back();
        last.map(|line| line.split_once(r#""reason":""#).unwrap().1.to_owned())
    };
    let cut = told(&format!("{}\n{}\n", whole[0], whole[1])).unwrap();
    assert!(
        cut.starts_with("the trail ends at line 2, but line 4 was signed"),
        "{cut}"
    );
    // The head is of the last start now, and names its last line.
    let whole = fs::read_to_string(&keeping.trail).unwrap();
    let edited = told(&whole.replacen(r#""signature":""#, r#""signature":"0"#, 9)).unwrap();
    assert!(
        edited.starts_with("line 5 is not the one that was signed"),
        "{edited}"
    );
    let gone = told("").unwrap();
    assert!(gone.starts_with("the trail ends at line 0"), "{gone}");
    fs::remove_file(head(&keeping.trail)).unwrap();
    let missing = told(&fs::read_to_string(&keeping.trail).unwrap()).unwrap();
    assert!(missing.starts_with("the head is missing"), "{missing}");
}

#[test]
fn a_clock_that_steps_back_changes_no_order() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    let mut log = begun(&keeping);
    let now = Moment::now();
    let past = Moment {
        wall: SystemTime::UNIX_EPOCH,
        boot: now.boot,
    };
    log.write_at(&now, "keep", |object| object).unwrap();
    log.write_at(&past, "keep", |object| object).unwrap();
    let last = lines(&keeping.trail).pop().unwrap();
    assert!(last.starts_with(r#"{"seq":4,"#), "{last}");
    assert!(
        last.contains(r#""time":"1970-01-01T00:00:00.000000Z""#),
        "{last}"
    );
    events(&[&keeping.trail]);
}

/// What somebody does to the file while it is kept is recorded once, and the lines
/// after it stand by themselves.
#[test]
fn meddling_is_noticed_while_it_goes_on() {
    let append = |path: &Path| {
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, b"{\"seq\":9").unwrap();
    };
    let cut = |path: &Path| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(100).unwrap();
    };
    for words in ["something else wrote 8 bytes", "its file was cut"] {
        let directory = tempfile::tempdir().unwrap();
        let keeping = keeping(&directory);
        let mut log = begun(&keeping);
        match words {
            "its file was cut" => cut(&keeping.trail),
            _ => append(&keeping.trail),
        }
        log.checkpoint().unwrap();
        log.checkpoint().unwrap();
        let all = lines(&keeping.trail);
        let tamper: Vec<&String> = all
            .iter()
            .filter(|line| line.contains(r#""event":"tamper""#))
            .collect();
        assert_eq!(tamper.len(), 1, "{all:?}");
        assert!(tamper[0].contains(words), "{tamper:?}");
        assert!(tamper[0].contains(r#""torn":{"bytes":"#), "{tamper:?}");
        assert!(log.head().finding.unwrap().contains(words));
    }
}

#[test]
fn a_file_that_is_replaced_or_removed_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    let mut log = begun(&keeping);
    let moved = directory.path().join("moved");
    fs::rename(&keeping.trail, &moved).unwrap();
    log.checkpoint().unwrap();
    assert_eq!(
        log.head().finding,
        None,
        "a program that turns files may do so"
    );
    fs::write(&keeping.trail, "another").unwrap();
    log.checkpoint().unwrap();
    assert!(log.head().finding.unwrap().contains("another file"));
    fs::remove_file(&moved).unwrap();
    log.checkpoint().unwrap();
    assert!(log.head().finding.unwrap().contains("removed"));
}

#[test]
fn two_workers_do_not_share_a_trail() {
    let directory = tempfile::tempdir().unwrap();
    let mut keeping = Keeping {
        trail: directory.path().join("audit.jsonl"),
        ..keeping(&directory)
    };
    let first = begun(&keeping);
    let error = Log::open(&keeping).unwrap_err();
    assert!(matches!(error, AuditError::Taken(_)), "{error}");
    keeping.may_be_another = true;
    let second = begun(&keeping);
    let there = directory.path().join("audit-2.jsonl");
    assert_eq!(second.head().trail, there.display().to_string());
    drop(first);
    keeping.may_be_another = false;
    // A process that another test has just forked holds the lock until it executes.
    let free = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        Log::open(&keeping).is_ok()
    });
    assert!(free, "the trail stays taken");
}

#[test]
fn a_full_disk_is_an_error() {
    let keeping = Keeping {
        trail: "/dev/full".into(),
        key: None,
        durable: Durable::Always,
        turn_at: 1,
        may_be_another: false,
    };
    let error = Log::open(&keeping).unwrap().begin(&POLICY).unwrap_err();
    assert_eq!(error.to_string(), "cannot write audit trail `/dev/full`");
}
