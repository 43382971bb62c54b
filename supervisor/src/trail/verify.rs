//! Whether a trail is whole: every line in its place, every signature good, and the
//! end where the head says that it was.
//!
//! What can be found, and what nothing on the same machine can, is in docs/audit.md.

use super::recorded::{Recorded, recorded};
use super::{Event, Lines, event, text};
use crate::summary::count;
use ed25519_compact::{PublicKey, Signature};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// What a signature is made over begins with this.
const PURPOSE: &[u8] = b"mini-mcp audit checkpoint 1\n";

/// Something that is not as the worker wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file.
    pub(crate) file: PathBuf,
    /// The line, from 1; 0 for the file as a whole.
    pub(crate) line: u64,
    /// What is wrong.
    pub(crate) what: String,
}

/// What a whole trail was compared with.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The keys that may have signed, in hexadecimal.
    pub(crate) keys: Vec<String>,
    /// The checkpoint that was signed last, and the file that it is from.
    pub(crate) head: Option<(PathBuf, Vec<u8>)>,
    /// Whether parts before the first one may be elsewhere.
    pub(crate) partial: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// What is wrong, in the order of the trail.
    pub(crate) findings: Vec<Finding>,
    /// What is worth knowing, and can be so in a whole trail.
    pub(crate) notes: Vec<Finding>,
    /// Lines that are in their place.
    pub(crate) lines: u64,
    /// Checkpoints whose signature is good.
    pub(crate) signatures: u64,
    /// The first and the last number.
    pub(crate) range: Option<(u64, u64)>,
    /// Lines after the last good signature.
    pub(crate) unsigned: u64,
    /// What was recorded of the output of runs, and where that is told.
    pub(crate) recorded: Vec<((PathBuf, u64), Recorded)>,
}

/// Reads `files`, which are one trail, the oldest first.
///
/// # Errors
/// A file that cannot be read, and which it is.
pub(crate) fn verify(files: &[PathBuf], known: &Known) -> Result<Verified, (PathBuf, io::Error)> {
    let mut walk = Walk::new(known);
    for file in files {
        let failed = |error| (file.clone(), error);
        let reader = BufReader::new(File::open(file).map_err(failed)?);
        walk.file(file, reader).map_err(failed)?;
    }
    Ok(walk.finish(files))
}

/// A line as the next one must refer to it.
struct Former {
    seq: u64,
    sha256: String,
    time: String,
    at: (PathBuf, u64),
}

/// Bytes that are no line.
struct Stray {
    at: (PathBuf, u64),
    bytes: u64,
    sha256: Sha256,
    /// Of all but the line break at the end.
    open: String,
}

struct Walk<'a> {
    known: &'a Known,
    head: Option<(u64, &'a [u8])>,
    head_found: bool,
    former: Option<Former>,
    stray: Option<Stray>,
    verified: Verified,
}

impl<'a> Walk<'a> {
    fn new(known: &'a Known) -> Self {
        let line = known.head.as_ref().map(|(_, line)| trimmed(line));
        let head = line.and_then(|line| Some((number(&event(line)?)?, line)));
        Self {
            known,
            head,
            head_found: false,
            former: None,
            stray: None,
            verified: Verified::default(),
        }
    }

    fn file(&mut self, file: &Path, reader: impl BufRead) -> io::Result<()> {
        let mut lines = Lines::new(reader);
        while let Some((line, bytes)) = lines.next()? {
            let at = (file.to_owned(), line);
            let entry = bytes.ends_with(b"\n").then(|| event(trimmed(bytes)));
            match entry.flatten().and_then(|it| Some((number(&it)?, it))) {
                Some((seq, entry)) => self.line(at, trimmed(bytes), seq, &entry),
                None => self.astray(at, bytes),
            }
        }
        Ok(())
    }

    fn astray(&mut self, at: (PathBuf, u64), bytes: &[u8]) {
        let stray = self.stray.get_or_insert_with(|| Stray {
            at,
            bytes: 0,
            sha256: Sha256::new(),
            open: String::new(),
        });
        let open = stray.sha256.clone().chain_update(trimmed(bytes));
        stray.open = hexadecimal(&open.finalize());
        stray.sha256.update(bytes);
        stray.bytes += bytes.len() as u64;
    }

    fn line(&mut self, at: (PathBuf, u64), line: &[u8], seq: u64, entry: &Event) {
        self.gap(&at, entry);
        match self.former.take() {
            None => self.first(&at, seq, entry),
            Some(former) => self.follows(&former, &at, seq, entry),
        }
        if self.head.is_some_and(|(number, _)| number == seq) {
            self.head_found = self.head.is_some_and(|(_, head)| head == line);
        }
        match text(entry, "event") {
            "checkpoint" => self.checkpoint(&at, line, entry),
            "tamper" => self.finding(&at, format!("the worker found: {}", text(entry, "reason"))),
            _ => {
                let told = recorded(entry).into_iter().map(|one| (at.clone(), one));
                self.verified.recorded.extend(told);
                self.verified.unsigned += 1;
            }
        }
        let range = &mut self.verified.range;
        *range = Some((range.map_or(seq, |(first, _)| first), seq));
        self.former = Some(Former {
            seq,
            sha256: hexadecimal(&Sha256::digest(line)),
            time: text(entry, "time").to_owned(),
            at,
        });
    }

    /// What stands before a line and is none must be what that line tells of.
    fn gap(&mut self, at: &(PathBuf, u64), entry: &Event) {
        let told = entry.get("torn").and_then(|torn| {
            let sha256 = torn.get("sha256")?.as_str()?;
            Some((torn.get("bytes")?.as_u64()?, sha256.to_owned()))
        });
        let (stray, told) = match (self.stray.take(), told) {
            (None, None) => return,
            (None, Some(_)) => {
                let what = "the piece of a line is missing that stood before this one";
                return self.finding(at, what.to_owned());
            }
            (Some(stray), told) => (stray, told),
        };
        let whole = (stray.bytes, hexadecimal(&stray.sha256.finalize()));
        let bytes = count(usize::try_from(stray.bytes).unwrap_or(usize::MAX), "byte");
        match told {
            Some(told) if told == whole || told == (stray.bytes - 1, stray.open) => {
                self.note(
                    &stray.at,
                    "a line that was cut off when it was written, and told so by the next"
                        .to_owned(),
                );
            }
            _ => self.finding(&stray.at, format!("no line of the trail ({bytes})")),
        }
    }

    fn first(&mut self, at: &(PathBuf, u64), seq: u64, entry: &Event) {
        let zeros = text(entry, "prev").bytes().all(|byte| byte == b'0');
        if seq == 1 && !zeros {
            self.finding(at, "the first line names another before it".to_owned());
        }
        if seq != 1 {
            let what =
                format!("the trail begins with line number {seq}: what was before is not here");
            if self.known.partial {
                self.note(at, what);
            } else {
                self.finding(at, what);
            }
        }
        self.verified.lines += 1;
    }

    fn follows(&mut self, former: &Former, at: &(PathBuf, u64), seq: u64, entry: &Event) {
        let linked = text(entry, "prev") == former.sha256;
        if seq == former.seq + 1 && linked {
            self.verified.lines += 1;
            if text(entry, "time") < former.time.as_str() {
                let what = format!("the clock stepped back, from {}", former.time);
                self.note(at, what);
            }
        } else if seq == former.seq + 1 {
            let what = format!(
                "line number {} is not the one that number {seq} was written after: it was changed, or what follows was",
                former.seq
            );
            self.finding(&former.at, what);
        } else if seq > former.seq + 1 {
            let (from, to) = (former.seq + 1, seq - 1);
            let what = format!(
                "line number {seq} follows number {}: {from} to {to} are missing here",
                former.seq
            );
            self.finding(at, what);
        } else {
            let what = format!(
                "line number {seq} follows number {}: it is not in its place",
                former.seq
            );
            self.finding(at, what);
        }
    }

    fn checkpoint(&mut self, at: &(PathBuf, u64), line: &[u8], entry: &Event) {
        let key = text(entry, "key");
        if !self.known.keys.iter().any(|known| known == key) {
            return self.finding(at, format!("signed by an unknown key, {key}"));
        }
        if signed(line, key, text(entry, "signature")) {
            self.verified.signatures += 1;
            self.verified.unsigned = 0;
        } else {
            let what = "the signature does not hold: this line is not the one that was signed";
            self.finding(at, what.to_owned());
        }
    }

    fn finish(mut self, files: &[PathBuf]) -> Verified {
        if let Some(stray) = self.stray.take() {
            self.note(
                &stray.at,
                "a line that is being written, or was cut off".to_owned(),
            );
        }
        let last = self.former.as_ref().map_or(0, |former| former.seq);
        let end = self.former.take().map(|former| former.at);
        let end = end.or_else(|| Some((files.last()?.clone(), 0)));
        let end = end.unwrap_or_default();
        match (&self.known.head, self.head) {
            (None, _) => self.finding(
                &end,
                "the head is missing, which tells how far the trail goes".to_owned(),
            ),
            (Some((file, _)), None) => {
                self.finding(&(file.clone(), 0), "the head is no checkpoint".to_owned());
            }
            (Some(_), Some(_)) if self.head_found => {}
            (Some(_), Some((number, _))) if number > last => {
                self.finding(&end, format!("the end is missing: the trail goes to number {last}, and number {number} was signed"));
            }
            (Some((file, _)), Some((number, _))) => {
                let what = format!(
                    "line number {number} of the trail is not the one that was signed here"
                );
                self.finding(&(file.clone(), 0), what);
            }
        }
        self.verified
    }

    fn finding(&mut self, (file, line): &(PathBuf, u64), what: String) {
        let (file, line) = (file.clone(), *line);
        self.verified.findings.push(Finding { file, line, what });
    }

    fn note(&mut self, (file, line): &(PathBuf, u64), what: String) {
        let (file, line) = (file.clone(), *line);
        self.verified.notes.push(Finding { file, line, what });
    }
}

fn number(entry: &Event) -> Option<u64> {
    entry.get("seq")?.as_u64()
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

/// Whether `signature` was made with the other half of `key` over the beginning of `line`.
fn signed(line: &[u8], key: &str, signature: &str) -> bool {
    let check = || {
        let end = line
            .len()
            .checked_sub(signature.len() + r#","signature":""}"#.len())?;
        let signed = [PURPOSE, line.get(..end)?].concat();
        let key = PublicKey::from_slice(&bytes(key)?).ok()?;
        let signature = Signature::from_slice(&bytes(signature)?).ok()?;
        key.verify(signed, &signature).ok()
    };
    check().is_some()
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
