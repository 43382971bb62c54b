//! A command reaches the files that its profile and its arguments grant and no
//! other, whoever it runs as.

use harness::{ALICE, BASE, Called, Client, Site};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

const POLICY: [&str; 2] = [BASE, include_str!("../policies/confinement.toml")];

fn site() -> Site {
    let site = Site::with(&POLICY.concat()).start();
    site.file("data/fine.txt", "fine\n");
    site.file("data/other.txt", "other\n");
    site
}

fn client(site: &Site) -> Client {
    Client::attach(site, ALICE)
}

#[track_caller]
fn assert_refused_by_kernel(called: &Called) {
    assert!(
        matches!(called.exit_code(), Some(code) if code != 0),
        "{}",
        called.0
    );
    assert!(
        called.stderr().contains("Permission denied"),
        "{}",
        called.0
    );
}

/// The path argument grants that file, and not the one beside it.
#[test]
fn a_path_argument_grants_one_file() {
    let site = site();
    let client = client(&site);
    let (fine, other) = (site.path("data/fine.txt"), site.path("data/other.txt"));
    assert_eq!(
        client.call("show", &json!({ "file": fine })).success(),
        "fine\n"
    );
    let called = client.call("show_both", &json!({ "file": fine, "other": other }));
    assert_eq!(called.stdout(), "fine\n");
    assert_refused_by_kernel(&called);
}

/// Out of the declared root by its text.
#[test]
fn a_path_cannot_leave_its_root_by_dots() {
    let site = site();
    let client = client(&site);
    let data = site.path("data").display().to_string();
    for (path, code) in [
        (format!("{data}/../policy.toml"), "path_invalid"),
        (format!("{data}/x/../../policy.toml"), "path_invalid"),
        ("../../../etc/shadow".to_owned(), "path_invalid"),
        ("/etc/shadow".to_owned(), "path_outside"),
        (format!("{data}x/fine.txt"), "path_outside"),
        (format!("{data}/fine\n.txt"), "control_character"),
        (String::new(), "path_invalid"),
    ] {
        let called = client.call("show", &json!({ "file": path }));
        assert_eq!(called.denied(), code, "{path:?}");
    }
}

/// Out of the declared root by the file system: symbolic links, and the magic
/// links of /proc, even where /proc itself is the root.
#[test]
fn a_path_cannot_leave_its_root_by_links() {
    let site = site();
    let client = client(&site);
    let link = |name: &str, target: &str| {
        let path = site.path("data").join(name);
        symlink(target, &path).expect("the directory is ours");
        path
    };
    let paths = [
        link("absolute", "/etc/shadow"),
        link("relative", "../policy.toml"),
        link("folder", "/etc").join("shadow"),
        link("proc", "/proc/self/root/etc/shadow"),
    ];
    for path in paths {
        let called = client.call("show", &json!({ "file": path }));
        assert_eq!(called.failed(), "open", "{path:?}: {}", called.0);
    }
    for path in [
        "/proc/self/root/etc/shadow",
        "/proc/1/root/etc/shadow",
        "/proc/self/cwd/../etc/shadow",
        "/proc/1/cwd/etc/passwd",
    ] {
        let called = client.call("show_proc", &json!({ "file": path }));
        assert!(called.is_error(), "{path}: {}", called.0);
        assert!(
            called.field("run_id").is_null(),
            "{path}: it ran: {}",
            called.0
        );
    }
    let version = client.call("show_proc", &json!({"file": "/proc/version"}));
    assert!(version.success().starts_with("Linux"));
}

/// A file that the policy grants by its kind only: a directory, a device, a
/// socket or a pipe in its place is refused.
#[test]
fn a_path_must_be_a_file() {
    let site = site();
    let client = client(&site);
    fs::create_dir(site.path("data/folder")).expect("ours");
    let _listener = UnixListener::bind(site.path("data/socket")).expect("ours");
    nix::unistd::mkfifo(&site.path("data/fifo"), nix::sys::stat::Mode::S_IRWXU).expect("ours");
    for name in ["folder", "socket", "fifo", "missing"] {
        let called = client.call("show", &json!({ "file": site.path("data").join(name) }));
        assert_eq!(called.failed(), "open", "{name}: {}", called.0);
    }
}

/// What the profile does not grant cannot be read: as Alice, who has no right to
/// it either, and as root, whom only the profile stops.
#[test]
fn nothing_else_can_be_read() {
    let site = site();
    let client = client(&site);
    for tool in ["sh", "sh_root"] {
        for script in [
            "cat /etc/shadow",
            "cat /etc/passwd",
            "cat /proc/self/status",
            "cat @site@/policy.toml",
            "cat @site@/audit/audit.jsonl",
            "ls /",
            "ls /root",
            "ls /tmp",
            "ls /proc",
            "ls /sys/kernel",
            "ls /dev",
        ] {
            let script = script.replace("@site@", &site.text());
            let called = client.call(tool, &json!({ "script": script }));
            assert_eq!(called.stdout(), "", "{tool} {script}: {}", called.0);
            assert_refused_by_kernel(&called);
        }
    }
    let shadow = client.call("sh_root", &json!({"script": "id -u; cat /etc/shadow"}));
    assert!(shadow.stdout().starts_with("0\n"));
    assert_refused_by_kernel(&shadow);
}

/// Nothing can be written but what the profile or an argument grants.
#[test]
fn nothing_else_can_be_written() {
    let site = site();
    let client = client(&site);
    let outside = site.path("outside");
    fs::create_dir(&outside).expect("ours");
    fs::set_permissions(&outside, PermissionsExt::from_mode(0o777)).expect("ours");
    let (base, drop) = (outside.display(), site.path("drop"));
    for tool in ["sh", "sh_root", "sh_write"] {
        for script in [
            format!("touch {base}/new"),
            format!("echo x > {base}/new"),
            format!("mkdir {base}/new"),
            format!("ln -s /etc {base}/new"),
            format!("cp /usr/bin/true {base}/new"),
            format!("mknod {base}/new p"),
            "touch /usr/new /tmp/new /dev/shm/new /var/tmp/new".to_owned(),
        ] {
            let called = client.call(tool, &json!({ "script": script }));
            assert_ne!(
                called.exit_code(),
                Some(0),
                "{tool}: {script}: {}",
                called.0
            );
        }
    }
    assert_eq!(fs::read_dir(&outside).expect("ours").count(), 0);
    // Where the profile grants it, it works: the refusals above are its doing.
    let granted = format!(
        "echo x > {0}/new && mv {0}/new {0}/newer && cat {0}/newer",
        drop.display()
    );
    let called = client.call("sh_write", &json!({ "script": granted }));
    assert_eq!(called.success(), "x\n");
    let moved = format!("mv {}/newer {base}/", drop.display());
    let called = client.call("sh_write", &json!({ "script": moved }));
    assert_ne!(called.exit_code(), Some(0));
    let edited = client.call("edit", &json!({ "file": drop.join("newer") }));
    assert_eq!(edited.exit_code(), Some(0), "{}", edited.0);
    assert_eq!(
        fs::read_to_string(drop.join("newer")).expect("ours"),
        "x\nmore\n"
    );
}

/// A program that somebody else could have replaced is not executed, whatever the
/// policy says; and it is looked at again when its owner or mode changes.
#[test]
fn a_program_in_untrusted_hands_is_not_executed() {
    use std::os::unix::fs::chown;
    let tool = |name: &str, program: &str| {
        format!(
            "\n[tool.{name}]\ndescription = \"A copy of true\"\ncommand = [\"@site@/{program}\"]\n\
             profile = \"plain\"\nallow = [\"alice\"]\n"
        )
    };
    let more = tool("mine", "data/true") + &tool("hers", "drop/true");
    let site = Site::with(&format!("{BASE}{more}")).start();
    let client = Client::attach(&site, ALICE);
    for place in ["data/true", "drop/true"] {
        fs::copy("/usr/bin/true", site.path(place)).expect("the directory is ours");
    }
    assert_eq!(client.call("mine", &json!({})).success(), "");

    // Root's program in Alice's directory: she can put another in its place.
    let called = client.call("hers", &json!({}));
    assert_eq!(called.failed(), "sandbox");
    assert!(
        called.reason().contains("belongs to user"),
        "{}",
        called.reason()
    );

    let program = site.path("data/true");
    fs::set_permissions(&program, PermissionsExt::from_mode(0o777)).expect("ours");
    let called = client.call("mine", &json!({}));
    assert!(
        called.reason().contains("may write to"),
        "{}",
        called.reason()
    );
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("ours");
    chown(&program, Some(ALICE.uid()), None).expect("root may");
    assert_eq!(client.call("mine", &json!({})).failed(), "sandbox");
}
