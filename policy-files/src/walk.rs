//! Which files make a policy, and in which order.

use crate::trusted::Trusted;
use crate::{PolicyFile, ReadError};
use policy::Setting;
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// The files of [`crate::PolicyFiles::read`].
pub(crate) fn walk(
    mains: &[PathBuf],
    packs: &Path,
    setting: &Setting,
) -> Result<Vec<PolicyFile>, ReadError> {
    let mut trusted = Trusted::new(setting);
    let mut files = Vec::new();
    for main in mains {
        files.push(read(&mut trusted, main, None)?);
        for path in trusted.list(&main.with_extension("d"))? {
            if is_policy(&path) && !mains.iter().any(|main| same(main, &path)) {
                files.push(read(&mut trusted, &path, None)?);
            }
        }
    }
    let mut wanted: VecDeque<String> = files.iter().flat_map(included).collect();
    if wanted.is_empty() {
        return Ok(files);
    }
    let there = trusted.list(packs)?;
    let mut seen = BTreeSet::new();
    while let Some(name) = wanted.pop_front() {
        let path = packs.join(format!("{name}.toml"));
        if there.contains(&path) && seen.insert(name.clone()) {
            let pack = read(&mut trusted, &path, Some(name))?;
            wanted.extend(included(&pack));
            files.push(pack);
        }
    }
    Ok(files)
}

fn read(
    trusted: &mut Trusted<'_>,
    path: &Path,
    pack: Option<String>,
) -> Result<PolicyFile, ReadError> {
    Ok(PolicyFile {
        name: path.display().to_string(),
        text: trusted.text(path)?,
        pack,
    })
}

fn included(file: &PolicyFile) -> Vec<String> {
    policy::included_packs(&file.text)
}

/// Whether `path`, in a directory of drop-ins, is one: no editor's copy.
fn is_policy(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b".toml") && !name.starts_with(b".")
}

/// Whether a drop-in is a file that was named as well.
fn same(main: &Path, drop_in: &Path) -> bool {
    let true_path = |path: &Path| path.canonicalize().ok();
    true_path(main).is_some_and(|path| true_path(drop_in) == Some(path))
}
