//! The view of the host that commands in the default strength have in common: it is
//! the host as it is now, and read-only but for what the call grants.

use harness::{ALICE, Client, Site, eventually};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const POLICY: &str = r#"
version = 1
[principal.alice]
unix_users = ["mmtest-alice"]

[profile.base]
read = ["/usr", "/bin", "/lib", "/lib64", "-/etc/ld.so.cache", "@site@/area"]
execute = ["/usr"]
timeout = "20s"
working_directory = "/"
environment = { PATH = "/usr/bin" }

[tool.list]
description = "Lists what is in a place"
command = ["/usr/bin/ls", "@site@/area/place"]
profile = "base"
allow = ["alice"]

[tool.append]
description = "Appends to a file and tries what is beside it"
command = ["/bin/sh", "-c", "echo more >> $0; chmod 600 $0 && echo own; chmod 600 $(dirname $0)/beside || echo beside", "{file}"]
profile = "base"
allow = ["alice"]
args = { file = { type = "path", under = ["@site@/area"], access = "write" } }
"#;

/// A site whose area Alice owns with all that is in it.
fn site() -> Site {
    let site = Site::with(POLICY).prepare();
    let area = site.path("area");
    fs::create_dir_all(area.join("place")).expect("ours");
    for path in [area.clone(), file(&area, "chosen"), file(&area, "beside")] {
        std::os::unix::fs::chown(&path, Some(ALICE.uid()), Some(ALICE.gid())).expect("we are root");
    }
    site
}

fn file(area: &Path, name: &str) -> PathBuf {
    let path = area.join(name);
    fs::write(&path, "").expect("ours");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
    path
}

/// A file system of its own at a directory, until dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn at(path: PathBuf) -> Mounted {
        run(Command::new("mount")
            .args(["-t", "tmpfs", "tmpfs"])
            .arg(&path));
        Mounted(path)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run(Command::new("umount").arg(&self.0));
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("util-linux is there");
    assert!(status.success(), "{command:?}");
}

/// The mount namespaces that lanes of `site` hold besides the one they are in.
fn held(site: &Site) -> usize {
    let descriptors = |id: i32| fs::read_dir(format!("/proc/{id}/fd")).expect("a lane of ours");
    let lanes = site.lanes();
    let all = lanes.iter().flat_map(|lane| descriptors(lane.id()));
    all.filter_map(|one| fs::read_link(one.ok()?.path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("mnt:["))
        .count()
}

#[test]
fn a_change_of_the_hosts_mounts_is_seen_and_nothing_is_held() {
    let mut site = site();
    site.start_worker();
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    let list = || client.call("list", &json!({})).stdout().to_owned();
    assert_eq!(list(), "");
    assert_eq!(held(&site), 1, "a view is kept");
    {
        let mounted = Mounted::at(site.path("area/place"));
        fs::write(mounted.0.join("new"), "").expect("ours");
        fs::set_permissions(&mounted.0, fs::Permissions::from_mode(0o755)).expect("ours");
        assert_eq!(list(), "new\n", "what was mounted since");
        assert_eq!(held(&site), 1, "a view is kept");
    }
    // The lane is idle: it gives up by itself what would keep the file system there.
    let patience = Duration::from_secs(20);
    eventually("no view is held", patience, || {
        (held(&site) == 0).then_some(())
    });
    assert_eq!(list(), "", "what was unmounted is gone");
}

#[test]
fn what_an_argument_names_is_written_and_nothing_beside_it() {
    let mut site = site();
    site.start_worker();
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    for count in 1..=2 {
        let chosen = site.path("area/chosen");
        let called = client.call("append", &json!({ "file": chosen.display().to_string() }));
        assert_eq!(called.stdout(), "own\nbeside\n", "{}", called.0);
        let written = fs::read_to_string(&chosen).expect("ours");
        assert_eq!(written, "more\n".repeat(count));
    }
    let mode = |name| {
        let metadata = fs::metadata(site.path(name)).expect("ours");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("area/chosen"), 0o600);
    assert_eq!(mode("area/beside"), 0o644);
}
