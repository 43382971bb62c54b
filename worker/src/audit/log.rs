//! The trail: a chain of lines, each of which names the SHA-256 of the former one,
//! with signed checkpoints now and then.
//!
//! Nothing is done here that a lane could not wait for: one write(2) for each line.
//! What costs more, signing and waiting for the disk, comes when nobody waits,
//! unless the administrator wants every line on the disk before its effect.

use super::file::TrailFile;
use super::history::{History, Link, Torn, beside, turned};
use super::json::{Object, hexadecimal};
use super::key::{Key, KeyError};
use super::moment::Moment;
use super::{Approving, Durable, Entry, Keeping, line};
use crate::explain::explain;
use crate::worker::say;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Lines after which a checkpoint follows at once.
const LINES_UNSIGNED: u32 = 256;

/// How long a line stays unsigned.
const TIME_UNSIGNED: Duration = Duration::from_secs(5);

/// Most trails of one user at once.
const TRAILS_MAX: u32 = 64;

/// A trail that cannot be kept.
#[derive(Debug, Error)]
pub(crate) enum AuditError {
    /// The file cannot be opened, or not be read.
    #[error("cannot open audit trail `{0}`")]
    Open(PathBuf, #[source] io::Error),
    /// Two chains in one file would be none.
    #[error(
        "cannot open audit trail `{0}`: another worker writes to it\nhint: stop that one, or name another file"
    )]
    Taken(PathBuf),
    /// A line was not written whole.
    #[error("cannot write audit trail `{0}`")]
    Write(PathBuf, #[source] io::Error),
    /// Its key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The open trail.
#[derive(Debug)]
pub(crate) struct Log {
    file: TrailFile,
    /// Lanes are copies, so it is dropped there with all the rest.
    key: Rc<Key>,
    durable: Durable,
    /// Size in bytes at which the file is turned.
    turn_at: u64,
    /// The last line.
    last: Link,
    /// Sequence number of the first line of the file.
    first: u64,
    /// What follows the last line and is none.
    torn: Option<Torn>,
    /// Runs that have begun and not ended.
    running: BTreeSet<String>,
    /// What was wrong with the trail when it was opened.
    finding: Option<String>,
    /// Why the last line could not be written.
    failure: Option<String>,
    /// Lines since the last checkpoint.
    unsigned: u32,
    /// When the next checkpoint is to be made, if there is anything to sign.
    due: Option<Instant>,
}

impl Log {
    /// Opens the trail, or starts it, and goes on with the chain that stands there.
    pub(crate) fn open(keeping: &Keeping) -> Result<Self, AuditError> {
        let file = free(keeping)?;
        let path = file.path();
        let failed = |error| AuditError::Open(path.to_path_buf(), error);
        // A device has no past to read, and nothing beside it.
        let (key, history) = if file.size().is_some() {
            let secret = keeping.key.clone();
            let secret = secret.unwrap_or_else(|| beside(path, ".key"));
            let key = Key::load(&secret, &beside(path, ".pub"))?;
            (key, History::read(path, &head(path)).map_err(failed)?)
        } else {
            (Key::passing()?, History::default())
        };
        Ok(Self {
            file,
            key: Rc::new(key),
            durable: keeping.durable,
            turn_at: keeping.turn_at,
            last: history.last,
            first: history.first,
            torn: history.torn,
            running: history.running,
            finding: history.finding,
            failure: None,
            unsigned: 0,
            due: None,
        })
    }

    /// Records that the worker begins under the policy with this digest, what is wrong
    /// with the trail, and which runs the former worker left without an end.
    pub(crate) fn begin(&mut self, policy: &wire::PolicyDigest) -> Result<(), AuditError> {
        let (key, boot) = (self.key.public(), Moment::boot_id());
        self.write("open", |object| {
            object
                .text("policy", &hexadecimal(policy))
                .text("version", env!("CARGO_PKG_VERSION"))
                .text("boot", &boot)
                .text("key", &key)
        })?;
        if let Some(finding) = self.finding.clone() {
            say(&format!(
                "the audit trail was tampered with, or lost lines: {finding}\n\
                 hint: `mini-mcp audit verify` says where"
            ));
            self.write("tamper", |object| object.text("reason", &finding))?;
        }
        for run in std::mem::take(&mut self.running) {
            let failure = cut_off();
            say(&format!("{}; run {run}", failure.reason));
            let ending = super::Ending::Failed(failure);
            self.write("end", |object| line::end(object.text("run", &run), &ending))?;
        }
        self.checkpoint()
    }

    /// Records that the policy with this digest takes the place of the former one.
    pub(crate) fn reloaded(&mut self, policy: &wire::PolicyDigest) -> Result<(), AuditError> {
        self.write("reload", |object| {
            object.text("policy", &hexadecimal(policy))
        })
    }

    /// Records that the policy with this digest stays, and why.
    pub(crate) fn kept(
        &mut self,
        policy: &wire::PolicyDigest,
        reason: &str,
    ) -> Result<(), AuditError> {
        self.write("keep", |object| {
            object
                .text("policy", &hexadecimal(policy))
                .text("reason", reason)
        })
    }

    /// Appends the line for `entry`; `run` names the run that it is about.
    pub(crate) fn record(&mut self, entry: &Entry, run: Option<&str>) -> Result<(), AuditError> {
        self.turn_when_due();
        let key = Rc::clone(&self.key);
        let written = self.write(line::event(entry), |object| {
            line::entry(object, entry, run, &key)
        });
        written?;
        match (entry, run) {
            (Entry::Start { .. }, Some(run)) => {
                self.running.insert(run.to_owned());
            }
            (Entry::End(_), Some(run)) => {
                self.running.remove(run);
            }
            _ => {}
        }
        Ok(())
    }

    /// Appends the line of what happens to an approval.
    pub(crate) fn approving(&mut self, what: &Approving<'_>) -> Result<(), AuditError> {
        self.turn_when_due();
        let key = Rc::clone(&self.key);
        self.write(what.event(), |object| what.line(object, &key))
    }

    fn turn_when_due(&mut self) {
        if self.turn_at > 0 && self.file.size() >= Some(self.turn_at) {
            self.turn();
        }
    }

    /// Records that the worker ends in order.
    pub(crate) fn close(&mut self) {
        let closed = self.write("close", |object| object);
        if let Err(error) = closed.and_then(|()| self.checkpoint()) {
            say(&explain(&error));
        }
    }

    /// The end of the trail, for an administrator.
    pub(crate) fn head(&self) -> wire::AuditHead {
        wire::AuditHead {
            trail: self.file.path().display().to_string(),
            seq: self.last.seq,
            sha256: self.last.sha256,
            unsigned: self.unsigned,
            finding: self.finding.clone(),
            failure: self.failure.clone(),
        }
    }

    /// When [`Self::tick`] is to be called next.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Signs what was written, when it is time.
    pub(crate) fn tick(&mut self) {
        let due = self.due.is_some_and(|due| due <= Instant::now());
        if (due || self.unsigned >= LINES_UNSIGNED)
            && let Err(error) = self.checkpoint()
        {
            say(&explain(&error));
        }
    }

    /// Goes on in a new file where somebody has moved this one away.
    pub(crate) fn follow(&mut self) {
        if !self.file.was_moved() {
            return;
        }
        match TrailFile::open(self.file.path()) {
            Ok(file) if file.size() == Some(0) => {
                if let Err(error) = self.checkpoint() {
                    say(&explain(&error));
                }
                self.file = file;
                self.begin_file();
            }
            Ok(_) => {
                let moved = "the audit trail goes on where it was moved to";
                say(&format!("{moved}: another file is in its place"));
            }
            Err(error) => say(&format!(
                "the audit trail goes on where it was moved to: {error}"
            )),
        }
    }

    /// Gives the file the name of its first line, and goes on in a new one.
    fn turn(&mut self) {
        let to = turned(self.file.path(), self.first);
        let turned = self
            .checkpoint()
            .and_then(|()| self.file.turn(&to).map_err(|error| self.unwritten(error)));
        match turned {
            Ok(()) => self.begin_file(),
            // It grows on; nothing is lost.
            Err(error) => say(&format!(
                "the audit trail is not turned: {}",
                explain(&error)
            )),
        }
    }

    fn begin_file(&mut self) {
        self.first = 0;
        self.torn = None;
        let running = self.running.clone();
        let mut begun = self.write("turn", |object| object);
        for run in &running {
            begun = begun.and_then(|()| self.write("running", |object| object.text("run", run)));
        }
        if let Err(error) = begun.and_then(|()| self.checkpoint()) {
            say(&explain(&error));
        }
    }

    /// Writes a line that signs all before it, and keeps a copy of that beside the
    /// trail: so many lines there must be.
    fn checkpoint(&mut self) -> Result<(), AuditError> {
        self.due = None;
        let key = Rc::clone(&self.key);
        let mut copy = String::new();
        let written = self.write("checkpoint", |object| {
            let object = object.text("key", &key.public());
            let signature = key.sign(object.so_far());
            let object = object.text("signature", &signature);
            object.so_far().clone_into(&mut copy);
            object
        });
        written?;
        (self.unsigned, self.due) = (0, None);
        if self.file.size().is_some() {
            let kept = self
                .file
                .sync()
                .and_then(|()| keep(&head(self.file.path()), &format!("{copy}}}\n")));
            kept.map_err(|error| AuditError::Write(head(self.file.path()), error))?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        event: &str,
        fields: impl FnOnce(Object) -> Object,
    ) -> Result<(), AuditError> {
        self.write_at(&Moment::now(), event, fields)
    }

    fn write_at(
        &mut self,
        moment: &Moment,
        event: &str,
        fields: impl FnOnce(Object) -> Object,
    ) -> Result<(), AuditError> {
        let seq = self.last.seq + 1;
        let object = Object::new()
            .literal("seq", seq)
            .text("prev", &hexadecimal(&self.last.sha256))
            .text("time", &moment.utc())
            .literal("boot_us", moment.boot.as_micros())
            .text("event", event);
        let mut object = fields(object);
        if let Some(torn) = &self.torn {
            let told = Object::new()
                .literal("bytes", torn.bytes)
                .text("sha256", &hexadecimal(&torn.sha256));
            object = object.object("torn", told);
        }
        let mut text = object.finish();
        let sha256 = Sha256::digest(&text).into();
        text.push('\n');
        if self.torn.as_ref().is_some_and(|torn| !torn.closed) {
            text.insert(0, '\n');
        }
        let written = self
            .file
            .append(text.as_bytes(), self.durable == Durable::Always)
            .map_err(|error| self.unwritten(error));
        self.failure = written.as_ref().err().map(|error| explain(error));
        written?;
        self.last = Link { seq, sha256 };
        self.torn = None;
        if self.first == 0 {
            self.first = seq;
        }
        self.unsigned += 1;
        self.due
            .get_or_insert_with(|| Instant::now() + TIME_UNSIGNED);
        Ok(())
    }

    fn unwritten(&self, error: io::Error) -> AuditError {
        AuditError::Write(self.file.path().to_path_buf(), error)
    }
}

/// The trail, which nobody else writes to. Of a user who has several sessions, the
/// first that is free of `audit.jsonl`, `audit-2.jsonl`, …
fn free(keeping: &Keeping) -> Result<TrailFile, AuditError> {
    let tries = if keeping.may_be_another {
        TRAILS_MAX
    } else {
        1
    };
    for number in 1..=tries {
        let path = numbered(&keeping.trail, number);
        match TrailFile::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result.map_err(|error| AuditError::Open(path, error)),
        }
    }
    Err(AuditError::Taken(keeping.trail.clone()))
}

fn numbered(trail: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return trail.to_path_buf();
    }
    let mut name = trail.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(ending) = trail.extension() {
        name.push(".");
        name.push(ending);
    }
    trail.with_file_name(name)
}

/// How a run ended whose worker was killed.
fn cut_off() -> wire::Failure {
    wire::Failure {
        code: "worker_lost".to_owned(),
        reason: "cannot tell how the command ended: the worker was lost, or could not record it"
            .to_owned(),
    }
}

/// Where the checkpoint stands that was signed last.
fn head(trail: &Path) -> PathBuf {
    beside(trail, ".head")
}

/// Replaces the file `path` whole.
fn keep(path: &Path, text: &str) -> io::Result<()> {
    let fresh = beside(path, ".new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Call, Ending};
    use std::time::SystemTime;
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
            },
            principal: "p".into(),
            rule: "r".into(),
            argv: Vec::new(),
            sandbox: [0; 32],
            directory: None,
            stdin: None,
            user: crate::audit::RunUser::Known,
            bounds: Vec::new(),
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
}
