//! Attacks from inside: each probe of tests/attack tries one thing that a sandbox
//! must refuse, as the command of a call, in both strengths and for each identity.
//! A probe exits with 0 when it got through, with 1 when it was refused.

use harness::{ALICE, BASE, Client, Site};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the probes of these classes try concerns the kernel alone: no file and no
/// other process must be prepared for them.
const CLASSES: [&str; 3] = ["capabilities", "kernel", "network"];

/// As whom the probes run: the caller, a user of their own, root without capabilities.
const IDENTITIES: [&str; 3] = ["caller", "mmtest-run", "root"];

/// Each strength, and as whom the probes run in it. The isolated one cannot yet build
/// its view here for root, whose call is refused then.
const STRENGTHS: [(&str, &[&str]); 2] = [
    ("default", &IDENTITIES),
    ("isolated", &["caller", "mmtest-run"]),
];

/// Fewest probes of a class that get through where there is no sandbox.
const CONTROLS: [(&str, usize); 3] = [("capabilities", 3), ("kernel", 20), ("network", 15)];

fn build(folder: &Path) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("attack");
    let files = fs::read_dir(sources)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "c"));
    let program = folder.join("probe");
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .args(files);
    let status = gcc
        .status()
        .expect("gcc runs\nhint: apt-get install gcc libc6-dev");
    assert!(status.success(), "the probes do not compile");
    program
}

/// The names of the probes of `class`.
fn names(program: &Path, class: &str) -> Vec<String> {
    let output = Command::new(program)
        .arg("list")
        .output()
        .expect("it starts");
    let text = String::from_utf8(output.stdout).expect("names");
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let own = lines.filter(|(of, _)| *of == class);
    own.map(|(_, name)| name.to_owned()).collect()
}

fn policy(strength: &str) -> String {
    let tools: String = IDENTITIES
        .iter()
        .map(|identity| {
            format!(
                "[profile.{identity}]\nrun_as = \"{identity}\"\nread = [\"/usr\", \"/etc/ld.so.cache\", \"@site@/bin\"]\n\
                 execute = [\"/usr\", \"@site@/bin\"]\nstrength = \"{strength}\"\ntimeout = \"10s\"\n\
                 environment = {{ SITE = \"@site@\" }}\n\
                 [tool.{identity}]\ndescription = \"d\"\nprofile = \"{identity}\"\nallow = [\"alice\"]\n\
                 command = [\"@site@/bin/probe\", \"{{name}}\", \"/tmp\", \"/tmp\", \"1\", \"mark\"]\n\
                 args = {{ name = {{ type = \"string\", max_length = 64 }} }}\n"
            )
        })
        .collect();
    format!("{BASE}{tools}")
}

/// How many of the probes `names` get through without any sandbox, as Alice.
fn controls(site: &Site, names: &[String]) -> usize {
    let through = |name: &&String| {
        let mut command = harness::command_as(ALICE, &site.path("bin/probe"));
        command.args([name.as_str(), "/tmp", "/tmp", "1", "mark"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    names.iter().filter(through).count()
}

#[test]
fn nothing_gets_through_to_the_kernel() {
    for (strength, identities) in STRENGTHS {
        let mut site = Site::with(&policy(strength)).prepare();
        build(&site.path("bin"));
        site.start_worker();
        site.start_supervisor();
        let alice = Client::attach(&site, ALICE);
        let mut escaped = BTreeSet::new();
        for class in CLASSES {
            let names = names(&site.path("bin/probe"), class);
            if strength == "default" {
                let (_, least) = CONTROLS
                    .iter()
                    .find(|(of, _)| *of == class)
                    .expect("a class");
                let through = controls(&site, &names);
                assert!(through >= *least, "{class}: only {through} work at all");
            }
            for identity in identities {
                for name in &names {
                    let called = alice.call(identity, &json!({ "name": name }));
                    let signalled = called.field("exit_code").is_null();
                    match called.exit_code() {
                        Some(1) => {}
                        _ if signalled => {}
                        code => {
                            escaped.insert(format!("{class} {name} as {identity}: {code:?}"));
                        }
                    }
                }
            }
        }
        assert_eq!(escaped, BTreeSet::new(), "strength {strength}");
    }
}
