//! Absolute paths as text: normal form and containment. Nothing is looked up, so
//! symlinks are not seen here; the worker resolves a path beneath its root.

use thiserror::Error;

/// Longest path in bytes, `PATH_MAX` less the final NUL.
const PATH_MAX: usize = 4095;

/// Text that is no path to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum PathFault {
    #[error("is empty")]
    Empty,
    #[error("is not an absolute path")]
    Relative,
    #[error("has a `..` component")]
    Parent,
    #[error("has a control character")]
    Control,
    #[error("is longer than {PATH_MAX} bytes")]
    TooLong,
}

/// The absolute path `text` without `.`, doubled and final slashes.
pub(crate) fn absolute(text: &str) -> Result<String, PathFault> {
    if text.is_empty() {
        return Err(PathFault::Empty);
    }
    if !text.starts_with('/') {
        return Err(PathFault::Relative);
    }
    normal([text])
}

/// The path `text`, taken relative to the normal path `base` unless absolute.
pub(crate) fn join(base: &str, text: &str) -> Result<String, PathFault> {
    if text.is_empty() || text.starts_with('/') {
        return absolute(text);
    }
    normal([base, text])
}

fn normal<const N: usize>(parts: [&str; N]) -> Result<String, PathFault> {
    let mut path = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for component in parts.iter().flat_map(|part| part.split('/')) {
        match component {
            "" | "." => {}
            ".." => return Err(PathFault::Parent),
            _ if component.contains(char::is_control) => return Err(PathFault::Control),
            _ => {
                path.push('/');
                path.push_str(component);
            }
        }
    }
    if path.len() > PATH_MAX {
        return Err(PathFault::TooLong);
    }
    if path.is_empty() {
        path.push('/');
    }
    Ok(path)
}

/// What remains of `path` beneath `root`, both in normal form: `.` for the root
/// itself. Compares whole components: `/var/logs` is not beneath `/var/log`.
pub(crate) fn beneath<'a>(root: &str, path: &'a str) -> Option<&'a str> {
    let rest = match root {
        "/" => path,
        _ => path.strip_prefix(root)?,
    };
    match rest {
        "" | "/" => Some("."),
        _ => rest.strip_prefix('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_normal() {
        assert_eq!(absolute("//a/./b//"), Ok("/a/b".to_owned()));
        assert_eq!(absolute("/."), Ok("/".to_owned()));
        assert_eq!(join("/", "a"), Ok("/a".to_owned()));
        assert_eq!(join("/w", "./a/...//b"), Ok("/w/a/.../b".to_owned()));
        assert_eq!(join("/w", "/a"), Ok("/a".to_owned()));
    }

    #[test]
    fn other_text_is_no_path() {
        assert_eq!(absolute(""), Err(PathFault::Empty));
        assert_eq!(join("/w", ""), Err(PathFault::Empty));
        assert_eq!(absolute("a"), Err(PathFault::Relative));
        assert_eq!(join("/w", "a/../b"), Err(PathFault::Parent));
        assert_eq!(absolute("/a\n"), Err(PathFault::Control));
        assert_eq!(absolute("/a\0b"), Err(PathFault::Control));
        assert!(absolute(&format!("/{}", "a".repeat(4094))).is_ok());
        let long = format!("/{}", "a".repeat(4095));
        assert_eq!(absolute(&long), Err(PathFault::TooLong));
    }

    #[test]
    fn containment_goes_by_components() {
        assert_eq!(beneath("/var/log", "/var/log/a/b"), Some("a/b"));
        assert_eq!(beneath("/var/log", "/var/log"), Some("."));
        assert_eq!(beneath("/var/log", "/var/logs"), None);
        assert_eq!(beneath("/var/log", "/var"), None);
        assert_eq!(beneath("/", "/etc"), Some("etc"));
        assert_eq!(beneath("/", "/"), Some("."));
    }
}
