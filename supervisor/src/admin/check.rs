//! `mini-mcp check`: whether policies could be used, and all that is wrong or
//! unwise in them.

use super::options::Check;
use super::{findings, print, print_json, reading, summary};
use crate::error::Error;
use policy::{Policy, Setting};
use serde_json::{Value as Json, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Checks each policy; true when all are fine.
pub(crate) fn check(options: &Check) -> Result<bool, Error> {
    let setting = options.files.reader.setting()?;
    let policies = options.files.policies();
    let checked: Vec<Checked> = policies
        .iter()
        .map(|paths| Checked::new(paths, &options.files.reader.packs, &setting, options.strict))
        .collect();
    if options.json {
        print_json(&document(&checked))?;
    } else {
        checked.iter().try_for_each(Checked::tell)?;
    }
    Ok(checked.iter().all(|one| one.fine))
}

/// One policy, looked at.
struct Checked {
    name: String,
    fine: bool,
    read: Result<Policy, Error>,
}

impl Checked {
    fn new(paths: &[PathBuf], packs: &Path, setting: &Setting, strict: bool) -> Self {
        let read =
            reading::texts(paths, packs, setting).and_then(|texts| Ok(texts.parse(setting)?));
        let fine = |policy: &Policy| !strict || policy.lints().is_empty();
        Self {
            name: reading::name(paths, setting),
            fine: read.as_ref().is_ok_and(fine),
            read,
        }
    }

    /// Findings go to standard error, what is fine to standard output. The exit
    /// status tells the same to a script that reads neither.
    fn tell(&self) -> Result<(), Error> {
        let complain = |text: &str| drop(io::stderr().write_all(text.as_bytes()));
        match &self.read {
            Ok(policy) => {
                for lint in policy.lints() {
                    complain(&format!("{lint}\n"));
                }
                let verdict = if self.fine { "ok" } else { "not ok" };
                print(&format!("{}: {verdict}, {}\n", self.name, summary(policy)))?;
            }
            Err(Error::Mistakes(diagnostics)) => complain(&format!("{diagnostics}\n")),
            Err(error) => error.report(),
        }
        Ok(())
    }

    fn json(&self) -> Json {
        let Ok(policy) = &self.read else {
            return json!({"name": self.name, "ok": false});
        };
        json!({
            "name": self.name,
            "ok": self.fine,
            "tools": policy.tools().count(),
            "profiles": policy.profiles().count(),
            "resources": policy.resources().count(),
            "prompts": policy.prompts().count(),
            "principals": policy.principal_names().count(),
        })
    }

    fn findings(&self) -> Vec<Json> {
        match &self.read {
            Ok(policy) => policy.lints().iter().map(findings::finding).collect(),
            Err(error) => findings::findings(&self.name, error),
        }
    }
}

fn document(checked: &[Checked]) -> Json {
    json!({
        "ok": checked.iter().all(|one| one.fine),
        "policies": checked.iter().map(Checked::json).collect::<Vec<_>>(),
        "findings": checked.iter().flat_map(Checked::findings).collect::<Vec<_>>(),
    })
}
