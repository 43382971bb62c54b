//! Follows a path as the kernel does, and notes the symbolic links on the way, so
//! that a new root directory can have the same.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// As many as the kernel follows, path_resolution(7).
const LINKS_MAX: usize = 40;

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Traced {
    /// Free of symbolic links.
    pub path: PathBuf,
    /// The links on the way, by their places, which are free of links, and targets.
    pub links: Vec<(PathBuf, PathBuf)>,
}

/// Follows `path`, which is absolute.
pub(super) fn trace(path: &Path) -> io::Result<Traced> {
    let mut rest = names(path);
    let (mut real, mut links) = (PathBuf::from("/"), Vec::new());
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&name);
        if !fs::symlink_metadata(&next)?.is_symlink() {
            real = next;
            continue;
        }
        if links.len() == LINKS_MAX {
            return Err(io::Error::from_raw_os_error(libc::ELOOP));
        }
        let target = fs::read_link(&next)?;
        if target.is_absolute() {
            real = PathBuf::from("/");
        }
        let mut ahead = names(&target);
        ahead.append(&mut rest);
        rest = ahead;
        links.push((next, target));
    }
    Ok(Traced { path: real, links })
}

fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_noted_where_they_are() {
        let scratch = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(scratch.path()).unwrap();
        fs::create_dir(base.join("real")).unwrap();
        fs::write(base.join("real/file"), "").unwrap();
        symlink("real", base.join("one")).unwrap();
        symlink(base.join("one/../one"), base.join("two")).unwrap();
        symlink("loop", base.join("loop")).unwrap();

        let traced = trace(&base.join("two/file")).unwrap();
        assert_eq!(traced.path, base.join("real/file"));
        let places: Vec<&Path> = traced
            .links
            .iter()
            .map(|(place, _)| place.as_path())
            .collect();
        assert_eq!(
            places,
            [base.join("two"), base.join("one"), base.join("one")]
        );
        assert!(trace(&base.join("loop")).is_err());
        assert!(trace(&base.join("none")).is_err());
    }
}
