//! Which files make a policy, and in which order. Both processes walk by this, so
//! that they cannot differ; how a directory or a file is read, they say.

use crate::source::Source;
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Where packs are, unless somebody says otherwise.
pub const PACKS: &str = "/usr/share/mini-mcp/policy.d";

/// Most characters in the name of a pack.
const NAME_MAX: usize = 64;

/// How a process reads what it trusts.
pub trait Shelf {
    /// Why it cannot.
    type Error;

    /// The entries of the directory `path`, whole paths in any order; none when there
    /// is no such directory.
    ///
    /// # Errors
    /// A directory that cannot be read, or that somebody else could have written to.
    fn list(&self, path: &Path) -> Result<Vec<PathBuf>, Self::Error>;

    /// The text of the file `path`.
    ///
    /// # Errors
    /// A file that cannot be read, or that somebody else could have written.
    fn read(&self, path: &Path) -> Result<String, Self::Error>;

    /// Whether there is something at `path`.
    fn exists(&self, path: &Path) -> bool;
}

/// One file of a policy, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    name: String,
    text: String,
    pack: Option<String>,
}

impl PolicyFile {
    /// A text that is no file, by the name that diagnostics call it.
    #[must_use]
    pub fn single(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            pack: None,
        }
    }

    /// The file as [`crate::Policy::parse_files`] takes it.
    #[must_use]
    pub fn source(&self) -> Source<'_> {
        Source {
            name: &self.name,
            text: &self.text,
            pack: self.pack.as_deref(),
        }
    }
}

/// The files of the policy in `mains`: each of them, then the drop-ins beside it,
/// `*.toml` in the directory that is named like it with `.d`, sorted by name; then
/// the packs in the directory `packs` that any of these includes, or that packs
/// include, each once. A pack that is not there is a mistake for the parser to tell.
///
/// # Errors
/// Whatever `shelf` says.
pub fn gather<S: Shelf>(
    shelf: &S,
    mains: &[PathBuf],
    packs: &Path,
) -> Result<Vec<PolicyFile>, S::Error> {
    let mut files = Vec::new();
    for main in mains {
        files.push(read(shelf, main, None)?);
        for path in drop_ins(shelf.list(&main.with_extension("d"))?) {
            files.push(read(shelf, &path, None)?);
        }
    }
    let mut wanted: VecDeque<String> = files.iter().flat_map(|file| included(&file.text)).collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = wanted.pop_front() {
        let path = packs.join(format!("{name}.toml"));
        if seen.insert(name.clone()) && shelf.exists(&path) {
            let pack = read(shelf, &path, Some(name))?;
            wanted.extend(included(&pack.text));
            files.push(pack);
        }
    }
    Ok(files)
}

fn read<S: Shelf>(shelf: &S, path: &Path, pack: Option<String>) -> Result<PolicyFile, S::Error> {
    Ok(PolicyFile {
        name: path.display().to_string(),
        text: shelf.read(path)?,
        pack,
    })
}

/// Those of the `entries` of a directory that are policy files, in their order.
fn drop_ins(entries: Vec<PathBuf>) -> Vec<PathBuf> {
    let is_policy = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        name.ends_with(b".toml") && !name.starts_with(b".")
    };
    let mut files: Vec<PathBuf> = entries.into_iter().filter(is_policy).collect();
    files.sort_by(|a, b| {
        let name = |path: &PathBuf| path.as_os_str().as_encoded_bytes().to_vec();
        name(a).cmp(&name(b))
    });
    files
}

/// The packs that `text` includes. Of a text with mistakes there may be some left
/// out: then the mistakes are what is told of it.
fn included(text: &str) -> Vec<String> {
    let (table, _) = DeTable::parse_recoverable(text);
    let array = table.get_ref().get("include");
    let array = array.and_then(|node| node.get_ref().as_array());
    let names = array.into_iter().flat_map(|array| array.iter());
    let names = names.filter_map(|node| DeValue::as_str(node.get_ref()));
    names
        .filter(|name| is_pack(name))
        .map(str::to_owned)
        .collect()
}

/// Whether `name` can be the name of a pack: never a way to another directory.
pub(crate) fn is_pack(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=NAME_MAX).contains(&name.len()) && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Files by path, all of them trusted.
    struct Files(BTreeMap<PathBuf, String>);

    impl Shelf for Files {
        type Error = PathBuf;

        fn list(&self, path: &Path) -> Result<Vec<PathBuf>, PathBuf> {
            let all = self.0.keys().rev();
            Ok(all
                .filter(|file| file.parent() == Some(path))
                .cloned()
                .collect())
        }

        fn read(&self, path: &Path) -> Result<String, PathBuf> {
            self.0.get(path).cloned().ok_or_else(|| path.to_owned())
        }

        fn exists(&self, path: &Path) -> bool {
            self.0.contains_key(path)
        }
    }

    fn files(all: &[(&str, &str)]) -> Files {
        let all = all
            .iter()
            .map(|(path, text)| (path.into(), (*text).to_owned()));
        Files(all.collect())
    }

    fn names(shelf: &Files) -> Vec<String> {
        let gathered = gather(shelf, &["/etc/m/policy.toml".into()], Path::new("/packs")).unwrap();
        gathered.into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn drop_ins_follow_their_file_and_packs_come_last() {
        let shelf = files(&[
            ("/etc/m/policy.toml", "include = ['b', 'a']"),
            ("/etc/m/policy.d/20.toml", ""),
            (
                "/etc/m/policy.d/10.toml",
                "include = ['a', 'missing', '../x']",
            ),
            ("/etc/m/policy.d/.hidden.toml", ""),
            ("/etc/m/policy.d/10.toml.bak", ""),
            ("/packs/a.toml", "include = ['c', 'b']"),
            ("/packs/b.toml", "include = ['a']"),
            ("/packs/c.toml", ""),
            ("/packs/unused.toml", ""),
            ("/x.toml", ""),
        ]);
        let expected = [
            "/etc/m/policy.toml",
            "/etc/m/policy.d/10.toml",
            "/etc/m/policy.d/20.toml",
            "/packs/b.toml",
            "/packs/a.toml",
            "/packs/c.toml",
        ];
        assert_eq!(names(&shelf), expected);
    }

    #[test]
    fn a_file_alone_is_a_policy_and_none_is_not() {
        let shelf = files(&[("/etc/m/policy.toml", "include = 7 [")]);
        assert_eq!(names(&shelf), ["/etc/m/policy.toml"]);
        let none = gather(&files(&[]), &["/p.toml".into()], Path::new("/packs"));
        assert_eq!(none, Err("/p.toml".into()));
    }
}
