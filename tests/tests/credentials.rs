//! Keys that the service manager hands over as credentials, systemd.exec(5).

use harness::{ALICE, BASE, Client, Site, eventually};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// The directory of a unit's credentials, with an audit key in it.
fn credentials(site: &Site, key: &str) -> PathBuf {
    let directory = site.path("credentials");
    let file = directory.join("audit.key");
    // What systemd hands over changes at a restart, as a whole.
    let _none_before = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).expect("ours");
    fs::write(&file, format!("{key}\n")).expect("ours");
    fs::set_permissions(&file, Permissions::from_mode(0o400)).expect("ours");
    directory
}

/// The worker of the site, handed the key.
fn worker(site: &Site, key: &str) -> Child {
    let mut command = site.worker_command();
    command.env("CREDENTIALS_DIRECTORY", credentials(site, key));
    command.stderr(Stdio::piped()).spawn().expect("it starts")
}

fn beside(site: &Site, end: &str) -> PathBuf {
    let mut name = site.trail_file().as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn terminate(mut child: Child) {
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("it lives");
    assert!(child.wait().expect("ours").success());
}

#[test]
fn the_worker_signs_with_the_key_that_it_is_handed() {
    let mut site = Site::with(BASE).prepare();
    let key = "5a".repeat(32);
    let child = worker(&site, &key);
    eventually("it listens", SOON, || {
        site.worker_socket().exists().then_some(())
    });
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    let _called = client.call("true", &json!({})).success();
    drop(client);
    terminate(child);
    assert!(
        !beside(&site, ".key").exists(),
        "a key was made all the same"
    );
    let mut verify = Command::new(site.program("mini-mcp"));
    verify
        .args(["audit", "verify", "--audit"])
        .arg(site.trail_file());
    let output = verify.output().expect("it starts");
    assert!(output.status.success(), "{output:?}");

    // Another key is not taken in silence, and neither is none.
    let other = worker(&site, &"6b".repeat(32));
    let output = other.wait_with_output().expect("ours");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("credentials/audit.key`: `"), "{said}");
    assert!(said.contains("is the public key of another one"), "{said}");
    let mut without = site.worker_command();
    let output = without.stderr(Stdio::piped()).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is the public key of another one"), "{said}");
}

/// Whoever names a key means that one.
#[test]
fn a_key_that_is_named_comes_first() {
    let site = Site::with(BASE).prepare();
    let mut command = site.worker_command();
    command.arg("--audit-key").arg(site.path("named"));
    command.env(
        "CREDENTIALS_DIRECTORY",
        credentials(&site, &"5a".repeat(32)),
    );
    let child = command.spawn().expect("it starts");
    eventually("it has made a key", SOON, || {
        beside(&site, ".pub").exists().then_some(())
    });
    eventually("it listens", SOON, || {
        site.worker_socket().exists().then_some(())
    });
    terminate(child);
    assert!(site.path("named").exists());
}

/// What stands there in place of a key that root alone has: the worker does not start, at
/// once, and neither makes a key nor takes another.
#[test]
fn what_is_no_key_of_roots_is_not_taken() {
    type Make = fn(&Path, &Path);
    let kinds: [(&str, Make, &str); 7] = [
        (
            "another's file",
            |key, _| {
                fs::write(key, "5a".repeat(32)).expect("ours");
                fs::set_permissions(key, Permissions::from_mode(0o400)).expect("ours");
                chown(key, Some(ALICE.uid()), None).expect("root may");
            },
            "it must belong to the worker's user",
        ),
        (
            "a file for everybody",
            |key, _| {
                fs::write(key, "5a".repeat(32)).expect("ours");
                fs::set_permissions(key, Permissions::from_mode(0o444)).expect("ours");
            },
            "readable by nobody else",
        ),
        (
            "a link to a key",
            |key, other| symlink(other, key).expect("ours"),
            "symbolic links",
        ),
        (
            "a link to nothing",
            |key, _| symlink("nowhere", key).expect("ours"),
            "symbolic links",
        ),
        (
            "a pipe that nobody writes to",
            |key, _| mkfifo(key, Mode::from_bits_truncate(0o600)).expect("ours"),
            "it must belong to the worker's user",
        ),
        (
            "a directory",
            |key, _| fs::create_dir(key).expect("ours"),
            "it must belong to the worker's user",
        ),
        (
            "a device without end",
            |key, _| symlink("/dev/zero", key).expect("ours"),
            "symbolic links",
        ),
    ];
    for (kind, make, words) in kinds {
        let site = Site::with(BASE).prepare();
        let directory = credentials(&site, &"5a".repeat(32));
        let (key, other) = (directory.join("audit.key"), site.path("other.key"));
        fs::rename(&key, &other).expect("ours");
        make(&key, &other);
        let mut command = site.worker_command();
        command.env("CREDENTIALS_DIRECTORY", &directory);
        let child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let output = ended(child, kind);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{kind}: {said}");
        assert!(said.contains("credentials/audit.key`"), "{kind}: {said}");
        assert!(said.contains(words), "{kind}: {said}");
        assert!(!beside(&site, ".key").exists(), "{kind}: a key was made");
        assert!(!beside(&site, ".pub").exists(), "{kind}");
    }
}

/// What became of a worker that does not start.
#[track_caller]
fn ended(mut child: Child, kind: &str) -> std::process::Output {
    let over = (0..400).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        child.try_wait().expect("ours").is_some()
    });
    if !over {
        child.kill().expect("ours");
    }
    assert!(over, "{kind}: it does not end");
    child.wait_with_output().expect("ours")
}
