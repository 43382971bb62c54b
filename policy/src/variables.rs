//! `${caller.name}`, `${caller.home}` and `${caller.uid}`: what stands for them is
//! known only when somebody calls.

use crate::path::{absolute, beneath};
use crate::{Caller, Denial, Kind, Parameter, PathRule, Peer, Profile, Tool};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All of them, for messages.
pub(crate) const KNOWN: [&str; 3] = [NAME, HOME, UID];

pub(crate) const NAME: &str = "${caller.name}";
pub(crate) const HOME: &str = "${caller.home}";
pub(crate) const UID: &str = "${caller.uid}";

/// Directories of the system: nobody's home, whatever the account database says
/// of `bin`, `daemon` or `sys`, and nothing beneath them.
const SYSTEM: [&str; 11] = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr",
];

/// Directories that hold what many use.
const SHARED: [&str; 9] = [
    "/", "/home", "/media", "/mnt", "/opt", "/srv", "/tmp", "/var", "/var/tmp",
];

/// Whether one of them is in `text`.
pub(crate) fn are_in(text: &str) -> bool {
    KNOWN.iter().any(|variable| text.contains(variable))
}

fn are_in_path(path: &Path) -> bool {
    path.to_str().is_some_and(are_in)
}

/// What stands for them.
#[derive(Debug)]
pub(crate) struct Values {
    name: String,
    home: String,
    uid: String,
}

impl Values {
    /// Those of `caller`, for whom the table `place` is to be filled in.
    pub(crate) fn of(caller: &Caller, place: &str) -> Result<Self, Denial> {
        let denied = |code, reason: &str| Denial {
            code,
            rule: place.to_owned(),
            reason: reason.to_owned(),
        };
        let peer = caller.peer();
        let login = peer.and_then(|Peer { uid, login, .. }| Some((uid, login.as_ref()?)));
        let Some((uid, login)) = login else {
            let reason = "the account database does not say who the caller is";
            return Err(denied("caller_unknown", reason));
        };
        if !is_name(&login.name) {
            let reason = "the caller's name cannot be part of a path";
            return Err(denied("caller_unknown", reason));
        }
        let Some(home) = home(&login.home, *uid) else {
            let reason = "the caller's home is no directory of his own";
            return Err(denied("caller_home_unsuitable", reason));
        };
        Ok(Self {
            name: login.name.clone(),
            home: home.to_owned(),
            uid: uid.to_string(),
        })
    }

    /// `text` with everything filled in.
    fn fill(&self, text: &str) -> String {
        // Nothing that is filled in holds a variable itself.
        text.replace(NAME, &self.name)
            .replace(HOME, &self.home)
            .replace(UID, &self.uid)
    }

    fn fill_path(&self, path: &Path) -> PathBuf {
        path.to_str()
            .map_or_else(|| path.to_owned(), |text| self.fill(text).into())
    }
}

/// A single component of a path, and no option.
fn is_name(name: &str) -> bool {
    let fits = |c: char| !c.is_control() && c != '/' && c != '$';
    !name.is_empty() && !name.starts_with(['-', '.']) && name.chars().all(fits)
}

/// The home of the user `uid`, if nobody else depends on what is there.
fn home(path: &Path, uid: u32) -> Option<&str> {
    let text = path.to_str()?;
    let normal = absolute(text).is_ok_and(|normal| normal == text) && !text.contains('$');
    let system = SYSTEM
        .iter()
        .any(|directory| beneath(directory, text).is_some());
    let roots = uid != 0 && beneath("/root", text).is_some();
    (normal && !system && !roots && !SHARED.contains(&text)).then_some(text)
}

impl Profile {
    /// Whether it differs from caller to caller.
    pub(crate) fn names_caller(&self) -> bool {
        let rules = [&self.read, &self.write, &self.execute];
        rules
            .into_iter()
            .flatten()
            .any(|rule| are_in_path(&rule.path))
            || are_in_path(&self.working_directory)
            || self.environment.iter().any(|(_, value)| are_in(value))
    }

    fn filled(&self, values: &Values) -> Self {
        let rules = |rules: &[PathRule]| {
            let filled = rules.iter().map(|rule| PathRule {
                path: values.fill_path(&rule.path),
                optional: rule.optional,
            });
            filled.collect()
        };
        let environment = self.environment.iter();
        Self {
            read: rules(&self.read),
            write: rules(&self.write),
            execute: rules(&self.execute),
            working_directory: values.fill_path(&self.working_directory),
            environment: environment
                .map(|(name, value)| (name.clone(), values.fill(value)))
                .collect(),
            ..self.clone()
        }
    }
}

impl Parameter {
    fn names_caller(&self) -> bool {
        self.kind.names_caller()
    }
}

impl Kind {
    pub(crate) fn names_caller(&self) -> bool {
        self.roots().iter().any(|root| are_in_path(root))
    }

    /// The directories of a path, or of the paths in a list.
    fn roots(&self) -> &[PathBuf] {
        if let Self::Path { under, .. } = self {
            under
        } else if let Self::List { of, .. } = self {
            of.roots()
        } else {
            &[]
        }
    }

    fn fill(&mut self, values: &Values) {
        if let Self::Path { under, .. } = self {
            *under = under.iter().map(|root| values.fill_path(root)).collect();
        } else if let Self::List { of, .. } = self {
            of.fill(values);
        }
    }
}

impl Tool {
    /// Whether it differs from caller to caller.
    pub(crate) fn looks_like_naming_caller(&self) -> bool {
        self.profile.names_caller()
            || self.parameters.iter().any(Parameter::names_caller)
            || self.template.texts().any(|text| are_in(text))
            || self.template.input.as_deref().is_some_and(are_in_path)
    }

    /// The tool as it is for the caller with these `values`.
    pub(crate) fn filled(&self, values: &Values) -> Self {
        let mut tool = self.clone();
        tool.profile = Arc::new(self.profile.filled(values));
        for parameter in &mut tool.parameters {
            parameter.kind.fill(values);
        }
        for text in tool.template.texts_mut() {
            *text = values.fill(text);
        }
        if let Some(input) = &mut tool.template.input {
            *input = values.fill_path(input);
        }
        tool
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_a_directory_of_ones_own() {
        for path in [
            "/home/alice",
            "/srv/git",
            "/var/www",
            "/nonexistent",
            "/rooted",
        ] {
            assert_eq!(home(Path::new(path), 1000), Some(path));
        }
        for path in [
            "/",
            "/home",
            "/bin",
            "/usr/sbin",
            "/dev",
            "/root",
            "/root/x",
            "/tmp",
            "/home/../etc",
            "/home/alice/",
            "home",
            "",
            "/home/${caller.name}",
            "/home/a\nb",
        ] {
            assert_eq!(home(Path::new(path), 1000), None, "{path}");
        }
        assert_eq!(home(Path::new("/root"), 0), Some("/root"));
    }

    #[test]
    fn a_name_is_one_component_of_a_path() {
        for name in ["alice", "john.doe", "alice@corp", "Ä"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", ".x", "-rf", "a/b", "a\0", "$x"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
