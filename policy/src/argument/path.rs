//! Paths: each one that is accepted is a grant.

use super::{Fault, Item};
use crate::path::{self, PathFault};
use crate::quote::{listed, quoted};
use crate::{Access, Existence, FileKind, PathGrant};
use std::path::{Path, PathBuf};

pub(super) fn granted(
    text: &str,
    under: &[PathBuf],
    (access, kind, exists): (Access, FileKind, Existence),
    base: &Path,
) -> Result<Item, Fault> {
    let base = base.to_str().unwrap_or_default();
    let path = path::join(base, text).map_err(|fault| unusable(text, fault))?;
    let (root, beneath) = nearest_root(under, &path).ok_or_else(|| outside(text, under))?;
    let grant = PathGrant {
        root: root.to_path_buf(),
        beneath: PathBuf::from(beneath),
        access,
        kind,
        exists,
    };
    Ok(Item {
        text: path,
        path: Some(grant),
    })
}

/// The longest of the roots that `path` is beneath, and the rest.
fn nearest_root<'a>(under: &'a [PathBuf], path: &'a str) -> Option<(&'a Path, &'a str)> {
    under
        .iter()
        .filter_map(|root| Some((root.as_path(), path::beneath(root.to_str()?, path)?)))
        .max_by_key(|(root, _)| root.as_os_str().len())
}

fn unusable(text: &str, fault: PathFault) -> Fault {
    let code = match fault {
        PathFault::TooLong => "too_long",
        PathFault::Control => "control_character",
        PathFault::Empty | PathFault::Relative | PathFault::Parent => "path_invalid",
    };
    Fault::new(code, format!("is {}, which {fault}", quoted(text)))
}

fn outside(text: &str, under: &[PathBuf]) -> Fault {
    let roots = listed(under.iter().filter_map(|root| root.to_str()));
    let reason = format!("is {}, which is not beneath {roots}", quoted(text));
    Fault::new("path_outside", reason)
}
