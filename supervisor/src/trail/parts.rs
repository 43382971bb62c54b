//! The files of a trail: its former parts, each named by the number of its first
//! line, and the one that is written.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Fewest digits of a part's number.
const DIGITS: usize = 12;

/// All files of the trail at `path`, the oldest first.
pub(crate) fn parts(path: &Path) -> io::Result<Vec<PathBuf>> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut parts = Vec::new();
    for entry in fs::read_dir(directory)? {
        let file = entry?.file_name();
        if let Some(number) = path.file_name().and_then(|name| number(name, &file)) {
            parts.push((number, path.with_file_name(file)));
        }
    }
    parts.sort();
    let former = parts.into_iter().map(|(_, part)| part);
    Ok(former.chain([path.to_owned()]).collect())
}

fn number(trail: &OsStr, file: &OsStr) -> Option<u64> {
    let rest = file.to_str()?.strip_prefix(trail.to_str()?)?;
    let digits = rest.strip_prefix('.')?;
    let all = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}

/// A file beside the trail, named like it.
pub(crate) fn beside(trail: &Path, ending: &str) -> PathBuf {
    let mut name = trail.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_the_order_of_their_numbers() {
        let directory = tempfile::tempdir().unwrap();
        let trail = directory.path().join("audit.jsonl");
        let former = ["9999999999999", "000000000012", "000000000001"];
        for ending in former.iter().chain(&["key", "head", "1", "00000000000x"]) {
            fs::write(beside(&trail, &format!(".{ending}")), "").unwrap();
        }
        let expected: Vec<PathBuf> = former
            .iter()
            .rev()
            .map(|number| beside(&trail, &format!(".{number}")))
            .chain([trail.clone()])
            .collect();
        assert_eq!(parts(&trail).unwrap(), expected);
    }
}
