//! Many files made few trees, never a directory that many things share: such a one
//! is granted only where the run itself listed it or made entries in it, and said so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// So many entries of one directory stand for all of it.
const MANY: usize = 4;

/// Granted whole as soon as anything in it is used: they hold what is installed, or
/// what the kernel tells about a process that has another number next time.
const WHOLE: [&str; 2] = ["/usr", "/proc"];

/// Opened to every command by the worker.
const ALWAYS: [&str; 5] = [
    "/dev/null",
    "/dev/full",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
];

/// Directories that hold what belongs to many.
const SHARED: [&str; 19] = [
    "/",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/sys",
    "/tmp",
    "/var",
    "/var/lib",
    "/var/log",
    "/var/run",
    "/var/spool",
    "/var/tmp",
];

/// Whether nobody should grant all of `path` without a second thought.
pub(super) fn is_shared(path: &Path, home: &Path) -> bool {
    let of_users = path.parent() == Some(Path::new("/home"));
    path == home || of_users || SHARED.iter().any(|shared| path == Path::new(shared))
}

/// `paths` as few trees; those in `listed` may be granted whole.
pub(super) fn trees(
    paths: &BTreeSet<PathBuf>,
    listed: &BTreeSet<PathBuf>,
    home: &Path,
) -> BTreeSet<PathBuf> {
    let paths = paths
        .iter()
        .filter(|path| !ALWAYS.iter().any(|always| path == &Path::new(always)));
    let mut all: BTreeSet<PathBuf> = paths.map(|path| whole(path)).collect();
    loop {
        let mut entries: BTreeMap<&Path, usize> = BTreeMap::new();
        for parent in all.iter().filter_map(|path| path.parent()) {
            *entries.entry(parent).or_default() += 1;
        }
        let many = |(parent, count): (&Path, usize)| {
            let may = !is_shared(parent, home) && (count >= MANY || listed.contains(parent));
            (may && !all.contains(parent)).then(|| parent.to_path_buf())
        };
        let Some(tree) = entries.into_iter().rev().find_map(many) else {
            break;
        };
        all.retain(|path| !path.starts_with(&tree));
        all.insert(tree);
    }
    without_inner(&all)
}

fn whole(path: &Path) -> PathBuf {
    let tree = WHOLE
        .iter()
        .map(Path::new)
        .find(|tree| path.starts_with(tree));
    tree.unwrap_or(path).to_path_buf()
}

/// Less what lies in another of them.
pub(super) fn without_inner(all: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let outer = |path: &&PathBuf| !path.ancestors().skip(1).any(|above| all.contains(above));
    all.iter().filter(outer).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(paths: &[&str], listed: &[&str]) -> Vec<String> {
        let set = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        let trees = trees(&set(paths), &set(listed), Path::new("/srv/ann"));
        trees
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    }

    #[test]
    fn files_become_trees_where_they_are_many() {
        assert_eq!(
            made(&["/usr/lib/a", "/usr/share/b", "/dev/null"], &[]),
            ["/usr"]
        );
        assert_eq!(
            made(&["/etc/a", "/etc/b", "/etc/c", "/etc/d"], &[]).len(),
            4
        );
        assert_eq!(
            made(&["/etc/x/a", "/etc/x/b", "/etc/x/c", "/etc/x/d/e"], &[]).len(),
            4
        );
        assert_eq!(
            made(&["/etc/x/a", "/etc/x/b", "/etc/x/c", "/etc/x/d"], &[]),
            ["/etc/x"]
        );
        assert_eq!(made(&["/etc/x", "/etc/x/a"], &["/etc/x"]), ["/etc/x"]);
        assert_eq!(made(&["/proc/12/maps"], &[]), ["/proc"]);
    }

    #[test]
    fn what_many_share_is_never_a_tree_by_itself() {
        let home = ["/srv/ann/a", "/srv/ann/b", "/srv/ann/c", "/srv/ann/d"];
        assert_eq!(made(&home, &[]), home);
        let top = ["/a", "/b", "/c", "/d", "/e"];
        assert_eq!(made(&top, &[]), top);
        assert_eq!(
            made(&["/home/a/1", "/home/a/2", "/home/a/3", "/home/a/4"], &[]).len(),
            4
        );
        // Listing it needs it, and the policy says so.
        assert_eq!(
            made(&["/srv/ann", "/srv/ann/a"], &["/srv/ann"]),
            ["/srv/ann"]
        );
    }
}
