//! Which files make a policy, and in which order.

use crate::trusted::Trusted;
use crate::{PolicyFile, ReadError};
use policy::Setting;
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// What is to become of a pack, before it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// It is taken in as well.
    Enable(&'a str),
    /// No link of a drop-in takes it in.
    Disable(&'a str),
}

/// The files of [`crate::PolicyFiles::read`], as they would be after `change`.
pub(crate) fn walk(
    mains: &[PathBuf],
    packs: &Path,
    setting: &Setting,
    change: Option<Change<'_>>,
) -> Result<Vec<PolicyFile>, ReadError> {
    let mut trusted = Trusted::new(setting);
    let mut files = Vec::new();
    let mut linked = Vec::new();
    for main in mains {
        files.push(read(&mut trusted, main, None)?);
        for path in trusted.list(&main.with_extension("d"))? {
            if let Some(pack) = linked_pack(&path, packs) {
                linked.push(pack);
            } else if is_policy(&path) && !mains.iter().any(|main| same(main, &path)) {
                files.push(read(&mut trusted, &path, None)?);
            }
        }
    }
    match change {
        Some(Change::Enable(pack)) => linked.push(pack.to_owned()),
        Some(Change::Disable(pack)) => linked.retain(|other| other != pack),
        None => {}
    }
    let included = files.iter().flat_map(included);
    let mut wanted: VecDeque<String> = included.chain(linked).collect();
    if wanted.is_empty() {
        return Ok(files);
    }
    let there = trusted.list(packs)?;
    let mut seen = BTreeSet::new();
    while let Some(name) = wanted.pop_front() {
        let path = packs.join(format!("{name}.toml"));
        if there.contains(&path) && seen.insert(name.clone()) {
            let pack = read(&mut trusted, &path, Some(name))?;
            wanted.extend(self::included(&pack));
            files.push(pack);
        }
    }
    Ok(files)
}

/// The pack in `packs` that the drop-in `path` is a link to: it is taken in as if it were
/// included, and so but once.
pub(crate) fn linked_pack(path: &Path, packs: &Path) -> Option<String> {
    if !is_policy(path) || !path.is_symlink() {
        return None;
    }
    let target = path.canonicalize().ok()?;
    let name = target.file_stem()?.to_str()?;
    let beneath = packs.join(format!("{name}.toml")).canonicalize().ok()?;
    (target == beneath && target.extension()? == "toml").then(|| name.to_owned())
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
