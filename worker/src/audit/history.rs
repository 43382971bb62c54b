//! What stands in a trail when the worker starts: where the chain goes on, which
//! runs were cut off, and whether the end is the one that was signed last.
//!
//! The worker reads no JSON, only the beginning of lines that it has written itself.
//! Whether the whole chain holds is for `mini-mcp audit verify` to say.

use super::json::hexadecimal;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The end of a trail.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Sequence number and SHA-256 of the last line; `(0, zeros)` without any.
    pub(super) last: Link,
    /// Sequence number of the first line of the file.
    pub(super) first: u64,
    /// What follows the last line and is none.
    pub(super) torn: Option<Torn>,
    /// Runs that have begun and not ended.
    pub(super) running: BTreeSet<String>,
    /// Why the trail is not the one that was signed last.
    pub(super) finding: Option<String>,
}

/// A line as the next one refers to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) sha256: [u8; 32],
}

/// Bytes that are no line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Torn {
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
    /// Whether a line break follows them already.
    pub(super) closed: bool,
}

impl History {
    /// Reads the trail at `path`, or, where that is empty, the file that was turned
    /// last; `head` is the checkpoint that was signed last.
    pub(super) fn read(path: &Path, head: &Path) -> io::Result<Self> {
        let signed = match fs::read(head) {
            Ok(line) => Some(line),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut reading = Reading::new(signed.as_deref());
        reading.file(&mut BufReader::new(File::open(path)?))?;
        let begun = reading.history.last.seq > 0;
        if let (false, Some(turned)) = (begun, newest(path)?) {
            reading.file(&mut BufReader::new(File::open(turned)?))?;
            // Of the file that is read on, nothing is there yet.
            reading.history.first = 0;
            reading.history.torn = None;
        }
        Ok(reading.finish())
    }
}

struct Reading<'a> {
    history: History,
    /// The checkpoint that was signed last, without line break.
    signed: Option<(u64, &'a [u8])>,
    /// A file of that name is there, and is no checkpoint.
    spoiled: bool,
    found: bool,
    checkpoints: bool,
}

impl<'a> Reading<'a> {
    fn new(signed: Option<&'a [u8]>) -> Self {
        let line = signed.map(|line| line.strip_suffix(b"\n").unwrap_or(line));
        let signed = line.and_then(|line| Some((Beginning::of(line)?.seq, line)));
        Self {
            history: History::default(),
            spoiled: line.is_some() && signed.is_none(),
            signed,
            found: false,
            checkpoints: false,
        }
    }

    fn file(&mut self, file: &mut impl BufRead) -> io::Result<()> {
        let (mut line, mut torn, mut hash) = (Vec::new(), 0_u64, Sha256::new());
        let mut closed = false;
        while file.read_until(b'\n', &mut line)? > 0 {
            let whole = line.strip_suffix(b"\n");
            match whole.and_then(|line| Some((line, Beginning::of(line)?))) {
                Some((line, beginning)) => {
                    self.line(line, &beginning);
                    (torn, hash) = (0, Sha256::new());
                }
                None => {
                    torn += line.len() as u64;
                    hash.update(&line);
                    closed = whole.is_some();
                }
            }
            line.clear();
        }
        self.history.torn = (torn > 0).then(|| Torn {
            bytes: torn,
            sha256: hash.finalize().into(),
            closed,
        });
        Ok(())
    }

    fn line(&mut self, line: &[u8], beginning: &Beginning<'_>) {
        let history = &mut self.history;
        history.last = Link {
            seq: beginning.seq,
            sha256: Sha256::digest(line).into(),
        };
        if history.first == 0 {
            history.first = beginning.seq;
        }
        self.found |= self.signed == Some((beginning.seq, line));
        self.checkpoints |= beginning.event == "checkpoint";
        match (beginning.event, beginning.run) {
            ("start" | "running", Some(run)) => {
                history.running.insert(run.to_owned());
            }
            ("end", Some(run)) => {
                history.running.remove(run);
            }
            _ => {}
        }
    }

    fn finish(mut self) -> History {
        let last = self.history.last.seq;
        let signed = self
            .signed
            .map(|(seq, line)| (seq, hexadecimal(&Sha256::digest(line))));
        self.history.finding = match signed {
            _ if self.spoiled => Some("the head is no checkpoint".to_owned()),
            None if self.checkpoints => Some("the head is missing".to_owned()),
            None => None,
            Some(_) if self.found => None,
            // It is in a file before this one.
            Some((seq, _)) if last > 0 && seq < self.history.first => None,
            Some((seq, sha256)) if last < seq => Some(format!(
                "the trail ends at line {last}, but line {seq} was signed (sha256 {sha256})"
            )),
            Some((seq, sha256)) => Some(format!(
                "line {seq} is not the one that was signed (sha256 {sha256})"
            )),
        };
        if let (0, Some((seq, line))) = (last, self.signed) {
            // Everything is gone: the chain goes on from what was signed.
            let sha256 = Sha256::digest(line).into();
            self.history.last = Link { seq, sha256 };
        }
        self.history
    }
}

/// How every line begins.
#[derive(Debug, PartialEq, Eq)]
struct Beginning<'a> {
    seq: u64,
    event: &'a str,
    run: Option<&'a str>,
}

impl<'a> Beginning<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let rest = std::str::from_utf8(line).ok()?;
        let (seq, rest) = rest.strip_prefix(r#"{"seq":"#)?.split_once(',')?;
        let (_, rest) = rest.strip_prefix(r#""prev":""#)?.split_once(r#"","#)?;
        let (_, rest) = rest.strip_prefix(r#""time":""#)?.split_once(r#"","#)?;
        let (_, rest) = rest.strip_prefix(r#""boot_us":"#)?.split_once(',')?;
        let (event, rest) = rest.strip_prefix(r#""event":""#)?.split_once('"')?;
        let run = rest.strip_prefix(r#","run":""#);
        rest.ends_with('}').then_some(Self {
            seq: seq.parse().ok()?,
            event,
            run: run.and_then(|rest| Some(rest.split_once('"')?.0)),
        })
    }
}

/// The name that a file gets when it is turned: that of the trail, and the number of
/// its first line.
pub(super) fn turned(trail: &Path, first: u64) -> PathBuf {
    beside(trail, &format!(".{first:012}"))
}

/// A file beside the trail, named like it.
pub(super) fn beside(trail: &Path, ending: &str) -> PathBuf {
    let mut name = trail.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The file that was turned last.
fn newest(trail: &Path) -> io::Result<Option<PathBuf>> {
    let (Some(name), Some(directory)) = (trail.file_name(), trail.parent()) else {
        return Ok(None);
    };
    let is_turned = |file: &std::ffi::OsStr| {
        let rest = file
            .as_encoded_bytes()
            .strip_prefix(name.as_encoded_bytes());
        let digits = rest.and_then(|rest| rest.strip_prefix(b"."));
        digits.is_some_and(|digits| digits.len() >= 12 && digits.iter().all(u8::is_ascii_digit))
    };
    let mut newest = None;
    let directory = match directory {
        here if here == Path::new("") => Path::new("."),
        there => there,
    };
    for entry in fs::read_dir(directory)? {
        let file = entry?.file_name();
        newest = newest.max(is_turned(&file).then_some(file));
    }
    Ok(newest.map(|file| directory.join(file)))
}
