//! `mini-mcp audit verify`: whether the trail is whole.

use super::options::Verify;
use super::output::{directory, words as words_of};
use super::style::{Style, Tone, one_line};
use super::unreadable;
use crate::admin::{print, print_json};
use crate::error::Error;
use crate::summary::count;
use crate::trail::recorded::Wrong;
use crate::trail::verify::{Finding, Known, Verified, verify as verify_files};
use crate::trail::{beside, parts};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::{fs, process::ExitCode};

/// Success when it is whole, 1 when it is not, 2 when that cannot be told.
pub(super) fn verify(options: &Verify) -> ExitCode {
    let verified = checked(options).and_then(|verified| {
        if options.json {
            print_json(&document(&verified))?;
        } else {
            print(&words(&verified, Style::of_stdout()))?;
        }
        Ok(verified.findings.is_empty())
    });
    match verified {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            error.report();
            ExitCode::from(2)
        }
    }
}

fn checked(options: &Verify) -> Result<Verified, Error> {
    let trail = match options.files.last() {
        Some(last) => last,
        None => &options.place.trail,
    };
    // The head first: the trail may be written on meanwhile.
    let known = Known {
        partial: options.partial,
        ..known(trail, &options.public_key, options.head.as_deref())?
    };
    let files = match &options.files[..] {
        [] => parts(trail).map_err(|error| unreadable(trail, error))?,
        named => named.to_vec(),
    };
    let mut verified = verified(&files, &known)?;
    recordings(
        &mut verified,
        &directory(options.record_dir.as_deref(), trail),
    );
    Ok(verified)
}

/// Looks at every recording that the trail tells of. One that is gone was moved away to
/// make room, perhaps.
fn recordings(verified: &mut Verified, directory: &Path) {
    let mut seen = BTreeSet::new();
    for ((file, line), one) in std::mem::take(&mut verified.recorded) {
        if !seen.insert((one.sha256.clone(), one.bytes)) {
            continue;
        }
        let Err(wrong) = one.open(directory) else {
            continue;
        };
        let name = one.file(directory).unwrap_or_default();
        let what = format!("recording `{}`: {}", name.display(), words_of(&wrong));
        let list = match wrong {
            Wrong::Missing(_) => &mut verified.notes,
            Wrong::Other => &mut verified.findings,
        };
        list.push(Finding { file, line, what });
    }
}

/// What the trail at `path` is to be compared with: what is named, or stands beside it.
pub(crate) fn known(path: &Path, keys: &[PathBuf], head: Option<&Path>) -> Result<Known, Error> {
    let beside_it = [beside(path, ".pub")];
    let keys = if keys.is_empty() { &beside_it } else { keys };
    let read = |file: &PathBuf| {
        let text = fs::read_to_string(file).map_err(|error| unreadable(file, error))?;
        Ok(text.trim().to_owned())
    };
    let file = head.map_or_else(|| beside(path, ".head"), Path::to_owned);
    let found = match fs::read(&file) {
        Ok(line) => Some((file, line)),
        Err(error) if error.kind() == ErrorKind::NotFound && head.is_none() => None,
        Err(error) => return Err(unreadable(&file, error)),
    };
    Ok(Known {
        keys: keys.iter().map(read).collect::<Result<_, Error>>()?,
        head: found,
        partial: false,
    })
}

/// Reads `files` and tells what is wrong in them.
pub(crate) fn verified(files: &[PathBuf], known: &Known) -> Result<Verified, Error> {
    let verified = verify_files(files, known);
    verified.map_err(|(file, error): (PathBuf, io::Error)| unreadable(&file, error))
}

fn words(verified: &Verified, style: Style) -> String {
    let mut text = String::new();
    for note in &verified.notes {
        text.push_str(&place("note", note, style, Tone::Odd));
    }
    for finding in &verified.findings {
        text.push_str(&place("wrong", finding, style, Tone::Bad));
    }
    let (first, last) = verified.range.unwrap_or_default();
    let many = |number: u64, noun: &str| count(usize::try_from(number).unwrap_or(usize::MAX), noun);
    let (lines, signatures) = (
        many(verified.lines, "line"),
        many(verified.signatures, "signature"),
    );
    let verdict = if verified.findings.is_empty() {
        style.tone(Tone::Good, "whole")
    } else {
        style.tone(Tone::Bad, "not whole")
    };
    text.push_str(&format!(
        "{verdict}: {lines} in place, number {first} to {last}, {signatures} good\n"
    ));
    if verified.unsigned > 0 {
        let unsigned = many(verified.unsigned, "line");
        text.push_str(&format!(
            "{unsigned} after the last signature, which alone would not be missed\n"
        ));
    }
    text
}

fn place(word: &str, finding: &Finding, style: Style, tone: Tone) -> String {
    let file = one_line(&finding.file.display().to_string());
    let line = finding.line;
    let word = style.tone(tone, word);
    format!("{file}:{line}: {word}: {}\n", one_line(&finding.what))
}

fn document(verified: &Verified) -> Json {
    let told = |findings: &[Finding]| -> Vec<Json> {
        let one = |it: &Finding| json!({"file": it.file, "line": it.line, "what": it.what});
        findings.iter().map(one).collect()
    };
    json!({
        "whole": verified.findings.is_empty(),
        "findings": told(&verified.findings),
        "notes": told(&verified.notes),
        "lines": verified.lines,
        "signatures": verified.signatures,
        "unsigned": verified.unsigned,
        "first": verified.range.map(|(first, _)| first),
        "last": verified.range.map(|(_, last)| last),
    })
}
