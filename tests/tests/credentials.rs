//! Keys that the service manager hands over as credentials, systemd.exec(5).

use harness::{ALICE, BASE, Client, Site, eventually};
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
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
