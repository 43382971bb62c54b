//! `mini-mcp test`: the examples that a policy holds, decided one by one.

use super::findings::{finding, findings};
use super::options::Test;
use super::{print, print_json, reading, tap};
use crate::error::Error;
use policy::{Examined, Policy, Setting};
use policy_files::HostAccounts;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

/// Tests each policy; true when all could be used and every example holds.
pub(crate) fn test(options: &Test) -> Result<bool, Error> {
    let setting = options.files.reader.setting()?;
    let policies = options.files.policies();
    let tested: Vec<Tested> = policies
        .iter()
        .map(|paths| Tested::new(paths, &options.files.reader.packs, &setting))
        .collect();
    if options.json {
        print_json(&document(&tested))?;
    } else {
        let points: Vec<tap::Point> = tested.iter().flat_map(Tested::points).collect();
        print(&tap::text(&points))?;
    }
    Ok(tested.iter().all(Tested::holds))
}

/// One policy, tested.
struct Tested {
    name: String,
    examined: Result<Vec<Examined>, Error>,
}

impl Tested {
    fn new(paths: &[PathBuf], packs: &Path, setting: &Setting) -> Self {
        let examined = reading::texts(paths, packs, setting).and_then(|texts| {
            let examined = Policy::examine(&texts.sources(), setting, &HostAccounts);
            examined.map_err(Error::Mistakes)
        });
        Self {
            name: reading::name(paths, setting),
            examined,
        }
    }

    fn examples(&self) -> &[Examined] {
        self.examined.as_ref().map_or(&[], Vec::as_slice)
    }

    /// What kept its examples from being decided.
    fn findings(&self) -> Vec<Json> {
        let refused = self.examined.as_ref().err();
        refused.map_or_else(Vec::new, |error| findings(&self.name, error))
    }

    fn holds(&self) -> bool {
        self.examined.is_ok() && self.examples().iter().all(holds)
    }

    fn points(&self) -> Vec<tap::Point> {
        if self.examined.is_err() {
            return vec![tap::Point {
                description: format!("{} is a policy", self.name),
                findings: self.findings(),
            }];
        }
        self.examples().iter().map(point).collect()
    }
}

fn holds(example: &Examined) -> bool {
    example.faults.is_empty()
}

fn point(example: &Examined) -> tap::Point {
    let Examined {
        tool,
        caller,
        expect,
        place,
        ..
    } = example;
    tap::Point {
        description: format!("{tool}: expect {expect} for {caller} ({place})"),
        findings: example.faults.iter().map(finding).collect(),
    }
}

fn document(tested: &[Tested]) -> Json {
    let examples: Vec<&Examined> = tested.iter().flat_map(Tested::examples).collect();
    let passed = examples.iter().filter(|one| holds(one)).count();
    json!({
        "ok": tested.iter().all(Tested::holds),
        "passed": passed,
        "failed": examples.len() - passed,
        "examples": examples.into_iter().map(described).collect::<Vec<_>>(),
        "findings": tested.iter().flat_map(Tested::findings).collect::<Vec<_>>(),
    })
}

fn described(example: &Examined) -> Json {
    json!({
        "tool": example.tool,
        "caller": example.caller,
        "expect": example.expect.key(),
        "file": example.place.file,
        "line": example.place.line,
        "column": example.place.column,
        "ok": holds(example),
        "findings": example.faults.iter().map(finding).collect::<Vec<_>>(),
    })
}
