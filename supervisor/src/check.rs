//! `mini-mcp check`: whether policy files could be used, and all that is wrong.

use crate::cli::Check;
use crate::error::Error;
use crate::{load, workspace};
use policy::{Policy, Setting};
use std::io::{self, Write};
use std::path::Path;

/// Checks each file; true when all are fine.
pub(crate) fn check(options: &Check) -> Result<bool, Error> {
    let setting = if options.single_user {
        workspace::setting(options.workspace.as_deref())?
    } else {
        Setting::System
    };
    let mut all_fine = true;
    for file in &options.files {
        all_fine &= check_one(file, &setting);
    }
    Ok(all_fine)
}

fn check_one(file: &Path, setting: &Setting) -> bool {
    match load::load(file, setting) {
        Ok(policy) => {
            // The exit status tells the same to a script that does not read this.
            let _ = writeln!(io::stdout(), "{}: ok, {}", file.display(), summary(&policy));
            true
        }
        Err(Error::Mistakes(diagnostics)) => {
            let _ = writeln!(io::stderr(), "{diagnostics}");
            false
        }
        Err(error) => {
            error.report();
            false
        }
    }
}

fn summary(policy: &Policy) -> String {
    format!(
        "{}, {}",
        count(policy.tools().count(), "tool"),
        count(policy.profiles().count(), "profile"),
    )
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(count(0, "tool"), "0 tools");
        assert_eq!(count(1, "tool"), "1 tool");
        assert_eq!(count(2, "tool"), "2 tools");
    }
}
