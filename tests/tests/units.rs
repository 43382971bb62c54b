//! The systemd units as shipped: systemd understands all of them, and what it thinks
//! of their exposure stays below what the project promises.

use harness::scratch;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Keys that systemd 254 brought, which older ones ignore with a word in the journal.
const NEWER: [&str; 2] = ["'RestartSteps'", "'RestartMaxDelaySec'"];

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")
}

/// What systemd-analyze says, both streams together.
fn analyze(arguments: &[&str]) -> String {
    let mut command = Command::new("systemd-analyze");
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output = output.expect("systemd-analyze runs\nhint: apt-get install systemd");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    text(output.stderr) + &text(output.stdout)
}

/// A copy of the units, whose programs are there.
fn installed() -> (TempDir, Vec<String>) {
    let folder = scratch();
    let mut units = Vec::new();
    for entry in fs::read_dir(packaging().join("systemd")).expect("units") {
        let from = entry.expect("an entry").path();
        let to = folder.path().join(from.file_name().expect("a file"));
        let text = fs::read_to_string(from).expect("text");
        let text = text.replace("/usr/bin/mini-mcp ", "/bin/true ");
        let text = text.replace("/usr/libexec/mini-mcp/mini-mcp-worker ", "/bin/true ");
        fs::write(&to, text).expect("ours");
        units.push(to.display().to_string());
    }
    (folder, units)
}

/// The exposure of `unit`, from 0 to 10.
fn exposure(unit: &Path) -> f64 {
    let unit = unit.display().to_string();
    let said = analyze(&["security", "--offline=true", "--no-pager", &unit]);
    let level = said.rsplit_once("exposure level for ");
    let level = level.and_then(|(_, rest)| rest.split_once(": ")?.1.split(' ').next());
    let level = level.and_then(|level| level.parse().ok());
    level.unwrap_or_else(|| panic!("no exposure in\n{said}"))
}

#[test]
fn systemd_has_nothing_to_say_of_the_units() {
    let (_folder, units) = installed();
    assert_eq!(units.len(), 6, "{units:?}");
    let mut arguments = vec!["verify", "--man=no", "--recursive-errors=no"];
    arguments.extend(units.iter().map(String::as_str));
    let said = analyze(&arguments);
    let old = analyze(&["--version"])
        .split_whitespace()
        .nth(1)
        .and_then(|version| version.parse::<u32>().ok())
        .is_some_and(|version| version < 254);
    let newer = |line: &str| old && NEWER.iter().any(|key| line.contains(key));
    let complaints: Vec<&str> = said.lines().filter(|line| !newer(line)).collect();
    assert_eq!(complaints, Vec::<&str>::new());
}

#[test]
fn a_key_that_systemd_does_not_know_is_told() {
    let (folder, _) = installed();
    let unit = folder.path().join("mini-mcp.service");
    let text = fs::read_to_string(&unit).expect("text");
    fs::write(&unit, text.replace("ProtectHome=", "ProtectHoem=")).expect("ours");
    let said = analyze(&["verify", "--man=no", &unit.display().to_string()]);
    assert!(said.contains("ProtectHoem"), "{said}");
}

#[test]
fn the_exposure_stays_below_what_is_promised() {
    let (folder, _) = installed();
    let supervisor = folder.path().join("mini-mcp.service");
    assert!(exposure(&supervisor) <= 0.4, "{}", exposure(&supervisor));
    let worker = folder.path().join("mini-mcp-worker.service");
    assert!(exposure(&worker) <= 4.5, "{}", exposure(&worker));
    let metrics = folder.path().join("mini-mcp-metrics.service");
    assert!(exposure(&metrics) <= 1.5, "{}", exposure(&metrics));
    assert!(exposed(&folder, &worker, "read-only.conf") <= 2.0);
    assert!(exposed(&folder, &worker, "namespaces.conf") <= 4.8);
    assert!(exposed(&folder, &worker, "explain-denials.conf") <= 4.5);
    assert!(exposed(&folder, &worker, "credentials.conf") <= 4.5);
    assert!(exposed(&folder, &supervisor, "http.conf") <= 1.2);
    assert!(exposed(&folder, &supervisor, "otlp.conf") <= 1.2);
}

/// The exposure of `unit` with one of the examples as its drop-in.
fn exposed(folder: &TempDir, unit: &Path, example: &str) -> f64 {
    let name = unit.file_name().expect("a unit").to_string_lossy();
    let drop_ins = folder.path().join(format!("{name}.d"));
    fs::create_dir(&drop_ins).expect("ours");
    let from = packaging().join("examples").join(example);
    fs::copy(from, drop_ins.join(example)).expect("a copy");
    let exposure = exposure(unit);
    fs::remove_dir_all(drop_ins).expect("ours");
    println!("{example}: {exposure}");
    exposure
}

/// A drop-in can only repeat a command line.
#[test]
fn a_drop_in_starts_the_worker_as_the_unit_does() {
    let line = |file: &str| {
        let text = fs::read_to_string(packaging().join(file)).expect("text");
        let from = text.find("ExecStart=/").expect("a command line");
        let words: Vec<String> = text[from..]
            .split("\n\n")
            .flat_map(|part| part.split("\n").take_while(|line| !line.is_empty()))
            .scan(true, |more, line| {
                let this = more.then(|| line.trim_end_matches('\\').trim().to_owned());
                *more = line.ends_with('\\');
                this
            })
            .collect();
        words.join(" ")
    };
    let unit = line("systemd/mini-mcp-worker.service");
    let with = unit.replacen(" serve", " serve --explain-denials", 1);
    assert_eq!(line("examples/explain-denials.conf"), with);
}

/// Every point that remains is explained in the unit that leaves it open.
#[test]
fn what_remains_is_explained() {
    for name in [
        "mini-mcp.service",
        "mini-mcp-worker.service",
        "mini-mcp-metrics.service",
    ] {
        let unit = packaging().join("systemd").join(name);
        let text = fs::read_to_string(&unit).expect("text");
        let (head, _) = text.split_once("[Unit]").expect("comments come first");
        let unit = unit.display().to_string();
        let said = analyze(&["security", "--offline=true", "--no-pager", &unit]);
        let open = said.lines().filter_map(|line| line.strip_prefix("✗ "));
        let mut count = 0;
        for line in open {
            count += 1;
            let setting = line.split_whitespace().next().expect("a name");
            let (key, value) = setting.split_once('=').expect("KEY=");
            let value = value.trim_start_matches('~');
            // Of a key that counts more than once, what is left out is told.
            let many = [
                "CapabilityBoundingSet",
                "SystemCallFilter",
                "RestrictAddressFamilies",
            ];
            let words = if many.contains(&key) {
                value.trim_start_matches("AF_(").split(['(', '|']).next()
            } else {
                key.split('/').next()
            };
            let explained = words.is_some_and(|words| head.contains(words));
            assert!(explained && head.contains(key), "{name}: {setting}");
        }
        assert!(count > 2, "{said}");
    }
}

/// Whichever of the two ends, of its own accord too, is started again with what is
/// installed then, more and more slowly, for as long as it takes.
#[test]
fn both_services_are_started_again_whatever_ends_them() {
    for name in ["mini-mcp.service", "mini-mcp-worker.service"] {
        let text = fs::read_to_string(packaging().join("systemd").join(name)).expect("text");
        let pauses = ["RestartSec=", "RestartSteps=", "RestartMaxDelaySec="];
        let always = ["Restart=always\n", "StartLimitIntervalSec=0\n"];
        for key in always.iter().chain(&pauses) {
            assert!(text.contains(&format!("\n{key}")), "{name}: {key}");
        }
    }
}

/// The AppArmor profile of the supervisor is read without a word, by the parser that loads
/// it; one with a mistake is not.
#[test]
fn the_apparmor_profile_can_be_read() {
    let parse = |path: &Path| {
        let mut command = Command::new("/usr/sbin/apparmor_parser");
        command
            .args(["--skip-kernel-load", "--skip-cache"])
            .arg(path);
        let output = command.stdin(Stdio::null()).output();
        let output = output.expect("apparmor_parser runs\nhint: apt-get install apparmor");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // Without AppArmor in the kernel.
        let said = said
            .lines()
            .filter(|line| !line.starts_with("Cache read/write disabled"));
        (output.status.success(), said.collect::<String>())
    };
    let profile = packaging().join("apparmor/mini-mcp-supervisor");
    assert_eq!(parse(&profile), (true, String::new()));
    let folder = scratch();
    let mistaken = folder.path().join("mistaken");
    let text = fs::read_to_string(profile).expect("text");
    fs::write(&mistaken, text.replace("/dev/null r,", "/dev/null q,")).expect("ours");
    assert!(!parse(&mistaken).0);
}
