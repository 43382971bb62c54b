//! The root directory that isolated commands of one tool have in common: each still has
//! what is his alone, and sees what he may see now.

use harness::{ALICE, BOB, Client, Process, Site, User, eventually, unique};
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A site, and a directory that is not beneath any that commands have of their own.
struct Ground {
    site: Site,
    outside: TempDir,
}

impl Ground {
    fn new() -> Ground {
        let outside = tempfile::tempdir_in("/srv").expect("root may");
        let mode = Permissions::from_mode(0o755);
        fs::set_permissions(outside.path(), mode).expect("ours");
        let path = outside.path().display().to_string();
        let site = Site::with(&policy().replace("@outside@", &path)).prepare();
        let ground = Ground { site, outside };
        fs::create_dir_all(ground.path("above/place")).expect("ours");
        fs::write(ground.path("above/place/file"), "content\n").expect("ours");
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.outside.path().join(name)
    }

    fn start(mut self) -> Ground {
        self.site.start_worker();
        self.site.start_supervisor();
        self
    }
}

fn policy() -> String {
    let tool = |name: &str, strength: &str, grants: &str| {
        format!(
            "[profile.{name}]\n{strength}\nrun_as = \"caller\"\ntimeout = \"20s\"\n\
             read = [\"/usr\", \"/bin\", \"/lib\", \"/lib64\", \"-/etc/ld.so.cache\", {grants}]\nexecute = [\"/usr\"]\n\
             working_directory = \"/\"\nenvironment = {{ PATH = \"/usr/bin\" }}\n\
             [tool.{name}]\ndescription = \"d\"\ncommand = [\"/bin/sh\", \"-c\", \"{{script}}\"]\n\
             profile = \"{name}\"\nallow = [\"alice\", \"bob\"]\n\
             args = {{ script = {{ type = \"string\", max_length = 4000 }} }}\n"
        )
    };
    let (isolated, private) = ("strength = \"isolated\"", "private_tmp = true");
    let place = "\"@outside@/above/place\", \"-@outside@/later\"";
    let beneath = "\"-/tmp/mini-mcp-shared-root\"";
    format!(
        "version = 1\n[principal.alice]\nunix_users = [\"{}\"]\n[principal.bob]\nunix_users = [\"{}\"]\n{}{}{}{}",
        ALICE.name,
        BOB.name,
        tool("place", isolated, place),
        tool("tmp", isolated, beneath),
        tool("private-place", private, place),
        tool("private-tmp", private, beneath),
    )
}

fn give(path: &Path, user: User, mode: u32) {
    chown(path, Some(user.uid()), Some(user.gid())).expect("root may");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
}

fn reads(client: &Client, tool: &str, script: &str) -> String {
    let called = client.call(tool, &json!({ "script": script }));
    called.stdout().to_owned()
}

/// What a directory above keeps from a user is kept from him, by the modes of this moment.
#[test]
fn a_directory_that_was_closed_since_is_closed() {
    let ground = Ground::new().start();
    let (site, above) = (&ground.site, ground.path("above"));
    give(&above, ALICE, 0o755);
    let script = format!("cat {}/place/file 2>/dev/null; echo end", above.display());
    let (alice, bob) = (Client::attach(site, ALICE), Client::attach(site, BOB));
    // Twice each: whatever is kept of a call serves another.
    for client in [&alice, &bob, &alice, &bob] {
        assert_eq!(reads(client, "place", &script), "content\nend\n");
    }
    give(&above, ALICE, 0o700);
    for _ in 0..2 {
        // Bob first: he was the last, and what was kept of that is his.
        assert_eq!(reads(&bob, "place", &script), "end\n", "closed to him");
        assert_eq!(reads(&alice, "place", &script), "content\nend\n");
    }
    give(&above, ALICE, 0o755);
    assert_eq!(reads(&bob, "place", &script), "content\nend\n");
}

#[test]
fn what_appears_later_is_there_and_what_is_temporary_is_not() {
    let ground = Ground::new().start();
    let client = Client::attach(&ground.site, ALICE);
    let later = ground.path("later");
    let script = format!(
        "cat {} 2>/dev/null; ls /tmp /var/tmp /dev/shm -A; echo x > /tmp/x; echo x > /var/tmp/x; echo x > /dev/shm/x; \
         all=$(ls /proc); echo \"$all\" | grep -c '^[0-9]'; hostname; ls /; touch /new || echo read-only",
        later.display()
    );
    let tools = ["place", "private-place"];
    let before = tools.map(|tool| reads(&client, tool, &script));
    let again = tools.map(|tool| reads(&client, tool, &script));
    assert_eq!(again, before, "nothing is left of the first");
    assert!(before.iter().all(|seen| seen.contains("read-only")));
    fs::write(&later, "later\n").expect("ours");
    fs::set_permissions(&later, Permissions::from_mode(0o644)).expect("ours");
    let after = tools.map(|tool| reads(&client, tool, &script));
    assert_eq!(after, before.map(|seen| format!("later\n{seen}")));
}

/// It would be covered by the temporary directory of each command.
#[test]
fn what_is_granted_beneath_a_temporary_directory_is_there() {
    let granted = Path::new("/tmp/mini-mcp-shared-root");
    fs::create_dir_all(granted).expect("root may");
    fs::write(granted.join("file"), "in it\n").expect("ours");
    let ground = Ground::new().start();
    let client = Client::attach(&ground.site, ALICE);
    for tool in ["tmp", "private-tmp", "tmp", "private-tmp"] {
        let script = format!("cat {}/file; ls -A /tmp", granted.display());
        let seen = reads(&client, tool, &script);
        assert_eq!(seen, "in it\nmini-mcp-shared-root\n");
    }
    fs::remove_dir_all(granted).expect("ours");
}

/// Process 1 of what a command sees is in its namespace of processes, and so is its root.
#[test]
fn the_root_of_the_init_is_not_the_hosts() {
    let ground = Ground::new().start();
    let client = Client::attach(&ground.site, ALICE);
    let mark = unique();
    let call = json!({ "script": format!("exec sleep {mark}") });
    let running = client.start_call("place", &call);
    let limit = Duration::from_secs(10);
    let sleep = eventually("a command that sleeps", limit, || {
        let found = Process::with_argument(&mark);
        let named = |one: &Process| one.arguments().first().is_some_and(|name| name == "sleep");
        found.into_iter().find(named)
    });
    let numbers = sleep.namespace("pid");
    let first =
        |one: &Process| one.namespace("pid") == numbers && one.status()["NSpid"].ends_with(" 1");
    let init = Process::all().into_iter().find(first);
    let init = init.expect("process 1 beside it");
    let hosts = fs::read_link("/proc/self/ns/mnt").expect("our own");
    eventually("an init without the host's mounts", limit, || {
        (init.namespace("mnt") != hosts).then_some(())
    });
    sleep.kill();
    assert!(client.called(running).is_error(), "it was killed");
}
