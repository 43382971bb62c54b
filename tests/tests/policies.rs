//! Policies that must not be used: with mistakes, or that others could have
//! written. `mini-mcp check` shows what is wrong; nothing starts with them.

use harness::{ALICE, BASE, Site, command_as};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Output};

const MISTAKEN: &str = r#"version = 1

[principal.alice]
unix_users = ["mmtest-alice", "mmtest-nobody-at-all"]

[profile.plain]
reed = ["/usr"]
timeout = "10 parsecs"

[tool.show]
description = "Shows a file"
command = ["cat", "{file}"]
profile = "plane"
allow = ["alise"]
"#;

/// What `check` prints for [`MISTAKEN`], with `@policy@` for the file.
const DIAGNOSTICS: &str = include_str!("../policies/mistaken.txt");

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

fn check(site: &Site, files: &[&Path]) -> (Option<i32>, String, String) {
    output(
        Command::new(site.program("mini-mcp"))
            .arg("check")
            .args(files),
    )
}

/// Neither process starts; both say why and exit with 1.
#[track_caller]
fn assert_unusable(site: &Site, reason: &str) {
    for mut command in [site.worker_command(), site.supervisor_command()] {
        let (code, _, error) = output(&mut command);
        assert_eq!(code, Some(1), "{command:?}: {error}");
        assert!(error.contains(reason), "`{reason}` is not in: {error}");
    }
    assert!(!site.worker_socket().exists(), "the worker listened");
    assert!(!site.front().exists(), "the supervisor listened");
}

/// All mistakes at once, each with file, line, column, source line, caret and,
/// where a cure is known, a hint.
#[test]
fn check_prints_every_mistake_exactly() {
    let site = Site::with(MISTAKEN).prepare();
    let (code, stdout, stderr) = check(&site, &[&site.policy()]);
    let expected = DIAGNOSTICS.replace("@policy@", &site.policy().display().to_string());
    assert_eq!(stdout + &stderr, expected);
    assert_eq!(code, Some(1));
}

/// A fine policy is fine to anybody who can read it; a warning changes nothing.
#[test]
fn check_accepts_a_fine_policy() {
    let site = Site::with(BASE).prepare();
    let program = site.program("mini-mcp");
    let own = check(&site, &[&site.policy()]);
    let others = output(command_as(ALICE, &program).arg("check").arg(site.policy()));
    for (code, said, warned) in [own, others] {
        assert_eq!(code, Some(0), "{warned}");
        assert!(said.contains(": ok, "), "{said}");
        assert!(!warned.contains("error:"), "{warned}");
    }
}

/// One bad file among several is enough; a wrong command line is told apart.
#[test]
fn check_has_three_exit_codes() {
    let site = Site::with(BASE).prepare();
    let (good, bad) = (site.policy(), site.file("bad.toml", "version = 2\n"));
    assert_eq!(check(&site, &[&good, &good]).0, Some(0));
    assert_eq!(check(&site, &[&good, &bad]).0, Some(1));
    assert_eq!(check(&site, &[&bad, &good]).0, Some(1));
    assert_eq!(check(&site, &[&site.path("missing.toml")]).0, Some(1));
    let unknown = Path::new("--no-such-option");
    assert_eq!(check(&site, &[unknown]).0, Some(2));
}

/// A policy with one mistake is refused whole, whatever else it allows.
#[test]
fn a_mistaken_policy_starts_nothing() {
    for (mistake, reason) in [
        ("[tool.x]\n", "tool `x` has no `command`"),
        ("[profile.plain]\n", "duplicate"),
        ("rubbish", "error"),
    ] {
        let site = Site::with(&format!("{BASE}\n{mistake}")).prepare();
        assert_unusable(&site, reason);
        assert_unusable(&site, &site.policy().display().to_string());
    }
    assert_unusable(&Site::with("").prepare(), "version");
}

/// Whoever can write the policy is root: so nobody else may.
#[test]
fn a_policy_that_others_can_write_starts_nothing() {
    let site = Site::with(BASE).prepare();
    for mode in [0o664, 0o646, 0o666, 0o777] {
        fs::set_permissions(site.policy(), PermissionsExt::from_mode(mode)).expect("ours");
        assert_unusable(&site, "can be written by");
    }
    fs::set_permissions(site.policy(), PermissionsExt::from_mode(0o644)).expect("ours");
    chown(site.policy(), Some(ALICE.uid()), None).expect("root may");
    assert_unusable(&site, &format!("belongs to uid {}", ALICE.uid()));
    chown(site.policy(), Some(0), None).expect("root may");
    let mut site = site;
    site.start_worker();
    site.start_supervisor();
}

/// What is no file, or not there, is no policy; owner and mode are those of the
/// file that is read, not of a link to it.
#[test]
fn only_a_file_is_a_policy() {
    let site = Site::with(BASE).prepare();
    let moved = site.path("drop/policy.toml");
    fs::rename(site.policy(), &moved).expect("ours");
    assert_unusable(&site, "policy.toml");
    fs::create_dir(site.policy()).expect("ours");
    assert_unusable(&site, "policy.toml");
    fs::remove_dir(site.policy()).expect("ours");
    chown(&moved, Some(ALICE.uid()), None).expect("root may");
    symlink(&moved, site.policy()).expect("ours");
    assert_unusable(&site, &format!("belongs to uid {}", ALICE.uid()));
}

/// The worker serves as root only, the supervisor never needs to be.
#[test]
fn the_worker_says_that_it_needs_root() {
    let site = Site::with(BASE).prepare();
    let worker = site.worker_command();
    let mut command = command_as(ALICE, worker.get_program().as_ref());
    let (code, _, error) = output(command.args(worker.get_args()));
    assert_eq!(code, Some(1), "{error}");
    assert!(error.starts_with("mini-mcp-worker: cannot "), "{error}");
}
