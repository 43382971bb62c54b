//! A policy of several files: drop-ins beside it and packs that it includes, which
//! supervisor and worker read alike.

use harness::{ALICE, BASE, Client, Process, Site, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

fn tool(name: &str, word: &str) -> String {
    format!(
        "[tool.{name}]\ndescription = \"Says a word\"\ncommand = [\"/usr/bin/echo\", \"{word}\"]\n\
         profile = \"plain\"\nallow = [\"alice\"]\n"
    )
}

/// A site with a drop-in and a pack.
fn site() -> Site {
    let site = Site::with(&format!("include = [\"words\"]\n{BASE}")).prepare();
    for folder in ["policy.d", "packs"] {
        fs::create_dir(site.path(folder)).expect("ours");
    }
    site.file(
        "policy.d/10-one.toml",
        &format!("version = 1\n{}", tool("one", "one")),
    );
    site.file(
        "packs/words.toml",
        &format!("version = 1\n{}", tool("pack", "packed")),
    );
    site
}

fn started(mut site: Site) -> Site {
    site.start_worker();
    site.start_supervisor();
    site
}

fn hang_up(process: Process) {
    kill(Pid::from_raw(process.id()), Signal::SIGHUP).expect("it lives");
}

fn count(site: &Site, event: &str) -> usize {
    let trail = site.audit();
    trail
        .iter()
        .filter(|entry| entry.field("event") == event)
        .count()
}

#[test]
fn drop_ins_and_packs_are_part_of_the_policy() {
    let site = started(site());
    let alice = Client::attach(&site, ALICE);
    assert_eq!(alice.call("one", &json!({})).success(), "one\n");
    assert_eq!(alice.call("pack", &json!({})).success(), "packed\n");
    assert_eq!(alice.call("true", &json!({})).exit_code(), Some(0));
}

/// Added, changed, broken, mended, removed: each time both processes follow, or
/// neither does.
#[test]
fn drop_ins_are_read_again() {
    let site = started(site());
    let alice = Client::attach(&site, ALICE);
    let says = |tool: &str, word: &str| {
        eventually("the new policy is in force", SOON, || {
            let called = alice.call(tool, &json!({}));
            (!called.is_unknown_tool() && called.success() == word).then_some(())
        });
    };
    site.file(
        "policy.d/20-two.toml",
        &format!("version = 1\n{}", tool("two", "two")),
    );
    hang_up(site.supervisor());
    says("two", "two\n");

    site.file(
        "policy.d/20-two.toml",
        &format!("version = 1\n{}", tool("one", "again")),
    );
    hang_up(site.supervisor());
    let log = || site.log_text("supervisor");
    eventually("the mistake is told", SOON, || {
        log().contains("tool `one` is defined twice").then_some(())
    });
    let place = site.path("policy.d/10-one.toml").display().to_string();
    assert!(log().contains(&place), "{}", log());
    says("two", "two\n");
    hang_up(site.worker());
    eventually("the worker keeps it too", SOON, || {
        (count(&site, "keep") == 1).then_some(())
    });
    says("two", "two\n");

    fs::remove_file(site.path("policy.d/20-two.toml")).expect("ours");
    fs::write(
        site.path("packs/words.toml"),
        format!("version = 1\n{}", tool("pack", "new")),
    )
    .expect("ours");
    hang_up(site.supervisor());
    says("pack", "new\n");
    assert!(alice.call("two", &json!({})).is_unknown_tool());
}

/// It would hold up whoever opens it.
#[test]
fn a_fifo_is_no_drop_in_and_no_directory() {
    for name in ["policy.d/fifo.toml", "policy.d"] {
        let site = site();
        if name == "policy.d" {
            fs::remove_dir_all(site.path(name)).expect("ours");
        }
        nix::unistd::mkfifo(&site.path(name), nix::sys::stat::Mode::S_IRWXU).expect("ours");
        for mut command in [site.worker_command(), site.supervisor_command()] {
            let output = command.output().expect("it starts");
            assert!(!output.status.success(), "{output:?}");
        }
    }
}

/// Whoever could write a drop-in, or put one there, could write the policy.
#[test]
fn what_others_could_have_written_is_refused() {
    for (spoil, told) in [
        (owned_file as fn(&Site), "belongs to uid"),
        (writable_folder, "can be written by its group or by others"),
        (owned_pack, "belongs to uid"),
    ] {
        let site = site();
        spoil(&site);
        for (who, mut command) in [
            ("worker", site.worker_command()),
            ("supervisor", site.supervisor_command()),
        ] {
            let output = command.output().expect("it starts");
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{who}");
            assert!(error.contains(told), "{who}: {error}");
        }
    }
}

fn owned_file(site: &Site) {
    let path = site.path("policy.d/10-one.toml");
    chown(path, Some(ALICE.uid()), None).expect("root may");
}

fn owned_pack(site: &Site) {
    let path = site.path("packs/words.toml");
    chown(path, Some(ALICE.uid()), None).expect("root may");
}

fn writable_folder(site: &Site) {
    let folder = site.path("policy.d");
    fs::set_permissions(folder, PermissionsExt::from_mode(0o775)).expect("root may");
}

fn check(site: &Site, policy: &Path, packs: &Path) -> Output {
    let mut command = Command::new(site.program("mini-mcp"));
    command
        .arg("check")
        .arg("--strict")
        .arg("--packs")
        .arg(packs)
        .arg(policy);
    command.output().expect("it starts")
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/policy.d")
}

/// The packs that are shipped are fine as they are, for whoever may call them.
#[test]
fn shipped_packs_are_taken_as_they_are() {
    let site = Site::with("version = 1\n").prepare();
    let packs = site.path("packs");
    fs::create_dir(&packs).expect("ours");
    let mut names = Vec::new();
    for entry in fs::read_dir(shipped()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a pack");
        site.file(
            &format!("packs/{}", path.file_name().expect("a name").display()),
            &text,
        );
        names.push(path.file_stem().expect("a name").display().to_string());
    }
    assert!(names.len() >= 2, "{names:?}");
    for name in names {
        let text = format!(
            "version = 1\ninclude = [\"{name}\"]\n[principal.operators]\nunix_groups = [\"adm\"]\n\
             [profile.own]\n[tool.own]\ndescription = \"d\"\ncommand = [\"/usr/bin/true\"]\n\
             profile = \"own\"\nallow = [\"operators\"]\n"
        );
        let policy = site.file("own.toml", &text);
        let checked = check(&site, &policy, &packs);
        let error = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{name}: {error}");
    }
    let without = site.file("own.toml", "version = 1\ninclude = [\"system-inspect\"]\n");
    let told = check(&site, &without, &packs);
    let error = String::from_utf8_lossy(&told.stderr);
    assert!(
        error.contains("allows principal `operators`, which does not exist"),
        "{error}"
    );
}
