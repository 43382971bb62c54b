//! What stands in a trail, line by line.

use super::super::history::turned;
use super::place::head;
use super::*;
use crate::audit::{Call, Ending};
use crate::sys;
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
    assert!(Log::open(&keeping).is_ok(), "the trail stays taken");
}

/// As many lines as are signed at once, signed.
fn sign_many(log: &mut Log) {
    for _ in 0..LINES_UNSIGNED {
        log.record(&start(), Some("a")).unwrap();
    }
    log.tick();
    assert_eq!(log.head().unsigned, 0);
}

/// Waits for the one that waits for the disk, and tells of its end.
fn reap(log: &mut Log) -> Result<(), AuditError> {
    let ended = sys::wait(log.process()).unwrap().unwrap();
    log.ended(&[ended])
}

/// What is kept of the last checkpoint.
fn kept(keeping: &Keeping) -> String {
    lines(&head(&keeping.trail)).pop().unwrap()
}

fn last(keeping: &Keeping) -> String {
    lines(&keeping.trail).pop().unwrap()
}

/// A disk that takes nothing: where the copy is written first there is a pipe that nobody
/// reads.
struct SlowDisk(PathBuf);

impl SlowDisk {
    fn of(keeping: &Keeping) -> Self {
        let pipe = beside(&head(&keeping.trail), ".new");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        Self(pipe)
    }

    /// Nobody else is held up.
    fn end(self) -> PathBuf {
        let aside = self.0.with_extension("aside");
        fs::rename(&self.0, &aside).unwrap();
        aside
    }

    /// In a moment whoever is held up goes on, and fails: a pipe is on no disk.
    fn end_soon(self) -> std::thread::JoinHandle<()> {
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            // Waits for no writer, fifo(7).
            let mut both = fs::OpenOptions::new();
            drop(both.read(true).write(true).open(self.end()).unwrap());
        })
    }
}

#[test]
fn a_process_of_its_own_waits_for_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    let mut log = begun(&keeping);
    assert_eq!(log.process(), None, "the beginning is waited for");
    sign_many(&mut log);
    assert!(log.process().is_some());
    let signed = last(&keeping);
    log.record(&start(), Some("b")).unwrap();
    log.ended(&[]).unwrap();
    assert!(log.process().is_some(), "another child has ended");
    reap(&mut log).unwrap();
    assert_eq!(log.process(), None);
    assert_eq!(kept(&keeping), signed);
}

#[test]
fn what_is_signed_meanwhile_comes_to_the_disk_next() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    let mut log = begun(&keeping);
    sign_many(&mut log);
    let (first, signed_first) = (log.process(), last(&keeping));
    sign_many(&mut log);
    sign_many(&mut log);
    assert_eq!(log.process(), first, "one at a time");
    let ended = sys::wait(first).unwrap().unwrap();
    assert_eq!(kept(&keeping), signed_first);
    log.ended(&[ended]).unwrap();
    assert!(log.process().is_some_and(|next| Some(next) != first));
    reap(&mut log).unwrap();
    assert_eq!(log.process(), None);
    assert_eq!(kept(&keeping), last(&keeping));
}

#[test]
fn what_the_disk_refuses_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    let mut log = begun(&keeping);
    fs::remove_dir_all(directory.path()).unwrap();
    sign_many(&mut log);
    let error = reap(&mut log).unwrap_err();
    let AuditError::Write(path, error) = error else {
        panic!("{error}");
    };
    assert_eq!(path, head(&keeping.trail));
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
    assert_eq!(log.process(), None);
}

#[test]
fn a_process_that_is_lost_is_told_and_another_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    let mut log = begun(&keeping);
    let disk = SlowDisk::of(&keeping);
    let before = kept(&keeping);
    sign_many(&mut log);
    sign_many(&mut log);
    nix::sys::signal::kill(log.process().unwrap(), nix::sys::signal::SIGKILL).unwrap();
    disk.end();
    let error = explain(&reap(&mut log).unwrap_err());
    assert!(error.ends_with("(wait status 9)"), "{error}");
    assert!(error.contains("audit.head"), "{error}");
    assert_eq!(kept(&keeping), before);
    reap(&mut log).unwrap();
    assert_eq!(kept(&keeping), last(&keeping));
}

#[test]
fn a_trail_that_ends_is_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    let mut log = begun(&keeping);
    let disk = SlowDisk::of(&keeping);
    sign_many(&mut log);
    sign_many(&mut log);
    let held_up = log.process();
    let end = disk.end_soon();
    log.close();
    end.join().unwrap();
    assert_eq!(log.process(), None);
    assert_eq!(sys::wait(held_up).unwrap_err(), nix::errno::Errno::ECHILD);
    assert_eq!(kept(&keeping), last(&keeping));
}

/// Else a copy of a line in the former file might be kept last.
#[test]
fn a_file_is_turned_when_all_of_it_is_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    let mut log = begun(&keeping);
    sign_many(&mut log);
    sign_many(&mut log);
    log.turn_at = 1;
    log.record(&start(), Some("b")).unwrap();
    assert_eq!(log.process(), None);
    let new = lines(&keeping.trail);
    assert_eq!(
        events(&[&keeping.trail]),
        ["turn", "running", "checkpoint", "start"]
    );
    assert_eq!(kept(&keeping), new[2]);
}

/// A worker that is killed leaves the one that waits for the disk, which must not write
/// beside the trail of another worker.
#[test]
fn the_next_worker_waits_for_what_the_former_left() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = keeping(&directory);
    let mut log = begun(&keeping);
    let disk = SlowDisk::of(&keeping);
    sign_many(&mut log);
    let left = log.process();
    drop(log);
    let end = disk.end_soon();
    let mut log = begun(&keeping);
    end.join().unwrap();
    sys::wait(left).unwrap();
    log.close();
    assert_eq!(kept(&keeping), last(&keeping));
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
