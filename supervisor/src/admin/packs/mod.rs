//! `mini-mcp enable` and `mini-mcp disable`: links to packs among the drop-ins of the
//! policy.
//!
//! The policy is read as it would be before anything is changed, and a change that the
//! service refuses is taken back, so that what is in the files can always be used.

mod error;
pub(crate) mod options;

pub(crate) use error::PackError;

use super::options::Reload;
use super::{print, reload, summary};
use crate::error::Error;
use options::{Disable, Enable, Place};
use policy::{Policy, Setting};
use policy_files::{Change, PolicyFiles};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Enables a pack, or lists all.
pub(crate) fn enable(options: &Enable) -> Result<(), Error> {
    let place = &options.place;
    let Some(name) = &options.pack else {
        return list(place);
    };
    let pack = place.pack(name)?;
    let link = place.link(name);
    match place.is_linked(name) {
        true => return print(&format!("{name} is enabled already\n")),
        false if link.symlink_metadata().is_ok() => {
            let name = name.clone();
            return Err(PackError::Taken { name, path: link }.into());
        }
        false => {}
    }
    let policy = place.read_after(Change::Enable(name))?;
    make(&pack, &link)?;
    place.take_up(|| fs::remove_file(&link), &link)?;
    print(&format!("{name} is enabled: {}\n", summary(&policy)))
}

/// Disables a pack.
pub(crate) fn disable(options: &Disable) -> Result<(), Error> {
    let (place, name) = (&options.place, &options.pack);
    let link = place.link(name);
    if !place.is_linked(name) {
        let files = place.read()?;
        return match files.including(name) {
            Some(by) => Err(PackError::Included {
                name: name.clone(),
                by: by.to_owned(),
            }
            .into()),
            None => print(&format!("{name} is not enabled\n")),
        };
    }
    let pack = fs::read_link(&link).map_err(changing(&link))?;
    let policy = place.read_after(Change::Disable(name))?;
    fs::remove_file(&link).map_err(changing(&link))?;
    place.take_up(|| symlink(&pack, &link), &link)?;
    print(&format!("{name} is disabled: {}\n", summary(&policy)))
}

impl Place {
    /// The file of the pack `name`.
    fn pack(&self, name: &str) -> Result<PathBuf, PackError> {
        let there = self.all()?.into_iter().find(|(other, _)| other == name);
        let missing = || PackError::NoPack {
            name: name.to_owned(),
            packs: self.packs.clone(),
        };
        there.map(|(_, path)| path).ok_or_else(missing)
    }

    /// Every pack by name, with its file.
    fn all(&self) -> Result<Vec<(String, PathBuf)>, PackError> {
        let failed = |source| PackError::List {
            path: self.packs.clone(),
            source,
        };
        let entries: io::Result<Vec<_>> = fs::read_dir(&self.packs).map_err(failed)?.collect();
        let paths = entries.map_err(failed)?;
        let paths = paths.into_iter().map(|entry| entry.path());
        let named = |path: PathBuf| {
            let name = path.file_name()?.to_str()?.strip_suffix(".toml")?;
            let name = Some(name).filter(|name| !name.starts_with('.'));
            Some((name?.to_owned(), path))
        };
        let mut all: Vec<_> = paths.filter_map(named).collect();
        all.sort();
        Ok(all)
    }

    /// Where the link to the pack `name` is, or would be.
    fn link(&self, name: &str) -> PathBuf {
        let drop_ins = self.policy.with_extension("d");
        drop_ins.join(format!("{name}.toml"))
    }

    fn is_linked(&self, name: &str) -> bool {
        let link = self.link(name);
        let target = link.canonicalize().ok();
        let pack = self.packs.join(format!("{name}.toml"));
        link.is_symlink() && target.is_some() && target == pack.canonicalize().ok()
    }

    fn read(&self) -> Result<PolicyFiles, Error> {
        let mains = std::slice::from_ref(&self.policy);
        Ok(PolicyFiles::read(mains, &self.packs, &Setting::System)?)
    }

    /// The policy as it would be.
    fn read_after(&self, change: Change<'_>) -> Result<Policy, Error> {
        let setting = Setting::System;
        let files = PolicyFiles::read_after(change, &self.policy, &self.packs, &setting)?;
        Ok(files.parse(&setting)?)
    }

    /// Has the service take up the policy; where it refuses, `undo` is done.
    fn take_up(&self, undo: impl FnOnce() -> io::Result<()>, changed: &Path) -> Result<(), Error> {
        if self.no_reload {
            return Ok(());
        }
        let socket = self.socket.clone();
        match reload(&Reload { socket }) {
            Err(Error::Connect { source, .. }) if is_down(&source) => {
                print("the service does not run: it will begin with this policy\n")
            }
            Err(error) => {
                undo().map_err(changing(changed))?;
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }
}

fn is_down(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::ConnectionRefused
    )
}

fn changing(path: &Path) -> impl FnOnce(io::Error) -> PackError {
    move |source| PackError::Change {
        path: path.to_owned(),
        source,
    }
}

/// Makes `link`, in a directory that need not be there, lead to `pack`.
fn make(pack: &Path, link: &Path) -> Result<(), PackError> {
    let directory = link.parent().unwrap_or(Path::new("/"));
    let made = drop_ins(directory).and_then(|()| pack.canonicalize());
    let linked = made.and_then(|pack| symlink(pack, link));
    linked.map_err(changing(link))
}

/// Makes the directory of drop-ins where there is none. The service reads it, whatever
/// the umask of this process.
fn drop_ins(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(0o755)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Prints one line for each pack.
fn list(place: &Place) -> Result<(), Error> {
    let files = place.read()?;
    let mut text = String::new();
    for (name, path) in place.all()? {
        let state = if place.is_linked(&name) {
            "enabled"
        } else if files.have_pack(&name) {
            "included"
        } else {
            "-"
        };
        let about = fs::read_to_string(&path).unwrap_or_default();
        text += &format!("{name:20} {state:9} {}\n", about_of(&about));
    }
    print(&text)
}

/// The first sentence of the comment that a pack begins with.
fn about_of(text: &str) -> String {
    let comment = text.lines().map_while(|line| line.strip_prefix('#'));
    let lines: Vec<&str> = comment
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let all = lines.join(" ");
    let sentence = all.split(". ").next().unwrap_or_default();
    sentence.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_told_by_its_first_sentence() {
        let text = "# Tools that look at\n# things. And more.\n#\n# x\nversion = 1\n";
        assert_eq!(about_of(text), "Tools that look at things");
        assert_eq!(about_of("version = 1\n"), "");
    }
}
