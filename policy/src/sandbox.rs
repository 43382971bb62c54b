//! What a command may use, in words.

use crate::quantity::{bytes, time};
use crate::{Access, Network, PathGrant, PathRule, Profile};
use std::path::Path;

/// What `profile` and the paths of a call open.
pub(crate) fn sandbox(profile: &Profile, paths: &[PathGrant]) -> String {
    let Profile {
        memory_max,
        tasks_max,
        limit_fsize,
        ..
    } = profile;
    let network = match profile.network {
        Network::None => "no network",
    };
    [
        format!("may read {}", opened(&profile.read, paths, Access::Read)),
        format!("may write {}", opened(&profile.write, paths, Access::Write)),
        format!("may execute {}", executed(&profile.execute)),
        network.to_owned(),
        format!("{} of memory", bytes(*memory_max)),
        format!("{tasks_max} tasks"),
        format!("files up to {}", bytes(*limit_fsize)),
        time(profile.timeout),
    ]
    .join(", ")
}

fn opened(rules: &[PathRule], paths: &[PathGrant], access: Access) -> String {
    let granted = paths.iter().filter(|path| path.access == access);
    let granted = granted.map(|path| match path.beneath.as_path() {
        beneath if beneath == Path::new(".") => path.root.display().to_string(),
        beneath => path.root.join(beneath).display().to_string(),
    });
    let all: Vec<String> = rules.iter().map(shown).chain(granted).collect();
    match all.as_slice() {
        [] => "nothing".to_owned(),
        all => all.join(" "),
    }
}

fn executed(rules: &[PathRule]) -> String {
    let all: Vec<String> = rules.iter().map(shown).collect();
    match all.as_slice() {
        [] => "its program alone".to_owned(),
        all => format!("its program and {}", all.join(" ")),
    }
}

fn shown(rule: &PathRule) -> String {
    let path = rule.path.display();
    if rule.optional {
        format!("{path} (if it exists)")
    } else {
        path.to_string()
    }
}
