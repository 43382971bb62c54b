//! Which files a run used, and how.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The files of one run.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Read, and directories that were listed.
    pub(super) read: BTreeSet<PathBuf>,
    /// Directories that were listed.
    pub(super) listed: BTreeSet<PathBuf>,
    /// Written, and there before.
    pub(super) written: BTreeSet<PathBuf>,
    /// Directories, there before, in which something was made, removed or renamed.
    pub(super) changed: BTreeSet<PathBuf>,
    /// Executed.
    pub(super) executed: BTreeSet<PathBuf>,
    /// Made by the run itself: what is in those directories needs no rule of its own.
    made: BTreeSet<PathBuf>,
}

impl Files {
    /// open(2) led to `real`, by the name `path`.
    pub(super) fn opened(&mut self, real: &Path, path: &Path, flags: i32, there: bool) {
        use nix::libc::{O_ACCMODE, O_CREAT, O_DIRECTORY, O_PATH, O_RDONLY, O_TMPFILE};
        // Pipes, sockets and the like, and what only names a file.
        if !real.is_absolute() || flags & O_PATH != 0 {
            return;
        }
        if flags & O_TMPFILE == O_TMPFILE {
            self.changed_directory(path);
        } else if flags & O_CREAT != 0 && !there {
            self.changed(path);
            self.made(real);
        } else if flags & O_ACCMODE != O_RDONLY {
            self.write(real);
        } else if !self.is_made(real) {
            if flags & O_DIRECTORY != 0 && real.is_dir() {
                self.listed.insert(real.to_path_buf());
            }
            self.read.insert(real.to_path_buf());
        }
    }

    /// execve(2) of `program`, asked for as `asked`: a script, where the two differ.
    pub(super) fn executed(&mut self, program: PathBuf, asked: Option<PathBuf>) {
        let asked = asked.and_then(|path| path.canonicalize().ok());
        self.executed.extend(asked);
        self.executed.insert(program);
    }

    /// The entry `path` of its directory was made, removed or renamed.
    pub(super) fn changed(&mut self, path: &Path) {
        if let Some(parent) = path.parent() {
            self.changed_directory(parent);
        }
    }

    /// `path` did not exist before.
    pub(super) fn made(&mut self, path: &Path) {
        self.made.insert(entry(path));
    }

    /// The content or the attributes of `path` were changed.
    pub(super) fn written(&mut self, path: &Path) {
        if let Ok(real) = path.canonicalize() {
            self.write(&real);
        }
    }

    /// Size in bytes of the largest file that it wrote or made and that is still there.
    pub(super) fn largest(&self) -> u64 {
        let sizes = self
            .written
            .iter()
            .chain(&self.made)
            .filter_map(|path| path.metadata().ok());
        sizes
            .filter(std::fs::Metadata::is_file)
            .map(|file| file.len())
            .max()
            .unwrap_or(0)
    }

    fn write(&mut self, real: &Path) {
        if !self.is_made(real) {
            self.written.insert(real.to_path_buf());
        }
    }

    fn changed_directory(&mut self, directory: &Path) {
        let directory = directory
            .canonicalize()
            .unwrap_or_else(|_| directory.to_path_buf());
        if !self.is_made(&directory) {
            self.changed.insert(directory);
        }
    }

    fn is_made(&self, real: &Path) -> bool {
        real.ancestors().any(|path| self.made.contains(path))
    }
}

/// `path` as the kernel would write it, also when it is gone meanwhile.
fn entry(path: &Path) -> PathBuf {
    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    match (parent, path.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => path.to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::libc::{O_CREAT, O_DIRECTORY, O_PATH, O_RDONLY, O_RDWR, O_WRONLY};

    #[test]
    fn what_the_run_made_itself_is_covered_by_where_it_made_it() {
        let scratch = tempfile::tempdir().unwrap();
        let base = scratch.path().canonicalize().unwrap();
        let mut files = Files::default();
        files.changed(&base.join("new"));
        files.made(&base.join("new"));
        let inside = base.join("new/file");
        files.opened(&inside, &inside, O_WRONLY | O_CREAT, false);
        files.opened(&inside, &inside, O_RDONLY, true);
        files.opened(&inside, &inside, O_RDWR, true);
        assert_eq!(files.changed, BTreeSet::from([base.clone()]));
        assert!(files.read.is_empty() && files.written.is_empty());
    }

    #[test]
    fn opening_counts_by_what_it_is_for() {
        let mut files = Files::default();
        for (path, flags) in [
            ("/etc/passwd", O_RDONLY),
            ("/etc", O_RDONLY | O_DIRECTORY),
            ("/etc/hosts", O_RDWR),
            ("/etc/group", O_PATH),
        ] {
            files.opened(Path::new(path), Path::new(path), flags, true);
        }
        files.opened(
            Path::new("pipe:[1]"),
            Path::new("/dev/stdin"),
            O_RDONLY,
            true,
        );
        assert_eq!(
            files.read,
            ["/etc", "/etc/passwd"].map(PathBuf::from).into()
        );
        assert_eq!(files.listed, ["/etc"].map(PathBuf::from).into());
        assert_eq!(files.written, ["/etc/hosts"].map(PathBuf::from).into());
    }
}
