//! A command reaches the files that its profile and its arguments grant, no other
//! file, no socket and no foreign system call, whoever it runs as.

use harness::{ALICE, BASE, Called, Client, Site};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

const MORE: &str = r#"
[profile.root]
run_as = "root"
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
environment = { SITE = "@site@" }

[profile.writer]
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
write = ["@site@/drop"]
environment = { SITE = "@site@" }

[profile.runs_proc]
read = ["/usr", "/etc/ld.so.cache", "/proc"]
execute = ["/usr"]
environment = { SITE = "@site@" }

[profile.data]
read = ["/usr", "/etc/ld.so.cache", "@site@/data"]
execute = ["/usr", "@site@/data"]
environment = { SITE = "@site@" }

[tool.show]
description = "Prints a file of the data directory"
command = ["/usr/bin/cat", "{file}"]
profile = "plain"
allow = ["alice"]
args = { file = { type = "path", under = ["@site@/data"], access = "read" } }

[tool.show_both]
description = "Prints a file, and another that the shell names"
command = ["/usr/bin/sh", "-c", 'cat "$1"; cat "$2"', "sh", "{file}", "{other}"]
profile = "plain"
allow = ["alice"]
[tool.show_both.args]
file = { type = "path", under = ["@site@/data"], access = "read" }
other = { type = "string" }

[tool.show_proc]
description = "Prints a file of /proc"
command = ["/usr/bin/cat", "{file}"]
profile = "plain"
allow = ["alice"]
args = { file = { type = "path", under = ["/proc"], access = "read" } }

[tool.edit]
description = "Appends to a file of the drop directory"
command = ["/usr/bin/sh", "-c", 'echo more >> "$1"', "sh", "{file}"]
profile = "plain"
allow = ["alice"]
args = { file = { type = "path", under = ["@site@/drop"], access = "write" } }

[tool.sh_root]
description = "Runs a line of shell as root"
command = ["/usr/bin/sh", "-c", "{script}"]
profile = "root"
allow = ["alice"]
args = { script = { type = "string", max_length = 4000 } }

[tool.sh_write]
description = "Runs a line of shell that may write in the drop directory"
command = ["/usr/bin/sh", "-c", "{script}"]
profile = "writer"
allow = ["alice"]
args = { script = { type = "string", max_length = 4000 } }

[tool.sh_proc]
description = "Runs a line of shell that may read /proc"
command = ["/usr/bin/sh", "-c", "{script}"]
profile = "runs_proc"
allow = ["alice"]
args = { script = { type = "string", max_length = 4000 } }

[tool.bare]
description = "Runs a static program that needs nothing"
command = ["@site@/data/foreign"]
profile = "data"
allow = ["alice"]

[tool.script]
description = "Runs a Python script"
command = ["/usr/bin/python3", "-I", "{file}"]
profile = "plain"
allow = ["alice"]
args = { file = { type = "path", under = ["@site@/data"], access = "read" } }
"#;

fn site() -> Site {
    let site = Site::with(&format!("{BASE}{MORE}")).start();
    site.file("data/fine.txt", "fine\n");
    site.file("data/other.txt", "other\n");
    site
}

fn client(site: &Site) -> Client {
    Client::attach(site, ALICE)
}

/// Runs a Python script of attacks that prints one line each.
fn attack(site: &Site, script: &str) -> Vec<String> {
    let file = site.file("data/attack.py", script);
    let called = client(site).call("script", &json!({ "file": file }));
    called.success().lines().map(str::to_owned).collect()
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

/// A command in one call cannot look into another one's process, nor signal it.
#[test]
fn other_processes_are_out_of_reach() {
    let site = site();
    let client = client(&site);
    let supervisor = site.supervisor().id();
    let script = format!(
        "cat /proc/{supervisor}/environ; ls -l /proc/{supervisor}/fd; kill -0 {supervisor}; kill -0 1; echo end"
    );
    let called = client.call("sh_proc", &json!({ "script": script }));
    assert_eq!(called.stdout(), "end\n", "{}", called.0);
    // A process of the same user, outside any sandbox.
    let mut command = harness::command_as(ALICE, "/usr/bin/sleep".as_ref());
    let mut own = command.arg("60").spawn().expect("it starts");
    let script = format!("kill -KILL {}; echo $?", own.id());
    let called = client.call("sh", &json!({ "script": script }));
    let survived = own.try_wait().expect("our child").is_none();
    own.kill().expect("it runs");
    own.wait().expect("our child");
    assert!(survived, "it was killed: {}", called.0);
}

/// No socket of any family that leads out, and no connection to one by its path;
/// an unnamed pair works, since programs need it.
#[test]
fn there_is_no_network() {
    let site = site();
    let path = site.path("data/daemon.sock");
    let _daemon = UnixListener::bind(&path).expect("ours");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).expect("ours");
    let script = format!(
        r#"
import socket, errno
families = ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_BLUETOOTH", "AF_TIPC"]
for name in families:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW):
        try:
            made = socket.socket(getattr(socket, name), kind)
            made.connect("{}" if name == "AF_UNIX" else ("127.0.0.1", 22))
            print(name, kind, "connected")
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT): print(name, kind, error)
one, other = socket.socketpair()
one.send(b"pair")
print(other.recv(9).decode())
"#,
        path.display()
    );
    assert_eq!(attack(&site, &script), ["pair"]);
}

/// System calls that give a way out, or that only attacks need.
#[test]
fn dangerous_system_calls_are_refused() {
    let site = site();
    let script = r#"
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
calls = {"ptrace": 101, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308,
         "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "kexec_load": 246,
         "init_module": 175, "finit_module": 313, "reboot": 169, "add_key": 248, "keyctl": 250, "process_vm_readv": 310,
         "open_by_handle_at": 304, "pidfd_getfd": 438, "fsopen": 430, "open_tree": 428, "quotactl": 179, "acct": 163, "swapon": 167}
for name, number in calls.items():
    ctypes.set_errno(0)
    result = libc.syscall(number, 0x10000000 if name == "unshare" else 0, 0, 0, 0, 0, 0)
    error = ctypes.get_errno()
    if result != -1 or error not in (errno.EPERM, errno.ENOSYS): print(name, result, errno.errorcode.get(error))
TIOCSTI = 0x5412
for request in (TIOCSTI, TIOCSTI | 1 << 32):
    ctypes.set_errno(0)
    libc.syscall(16, 0, ctypes.c_ulong(request), b"x")
    if ctypes.get_errno() != errno.EPERM: print("TIOCSTI", errno.errorcode.get(ctypes.get_errno()))
print("end")
"#;
    assert_eq!(attack(&site, script), ["end"]);
}

/// x32 numbers and the 32-bit entry of the kernel bypass filters that do not look
/// at the architecture; here they end the program.
#[test]
fn foreign_system_call_entries_are_refused() {
    let site = site();
    let client = client(&site);
    let program = |body: &str| {
        let source = site.file("data/foreign.c", &format!("#include <unistd.h>\n#include <sys/syscall.h>\nint main(void) {{ long r; {body} }}\n"));
        let output = site.path("data/foreign");
        let status = Command::new("gcc")
            .args(["-O1", "-static", "-o"])
            .arg(&output)
            .arg(&source)
            .status();
        assert!(
            status
                .expect("gcc is there: tests/run.sh installs it")
                .success()
        );
        client.call("bare", &json!({}))
    };
    // getpid by each way. The ordinary one first: the program itself works.
    let plain = program(r#"r = syscall(39); write(1, "ran\n", 4); return r > 0 ? 0 : 1;"#);
    assert_eq!(plain.success(), "ran\n");
    let x32 =
        program(r#"r = syscall(0x40000000 | 39); if (r > 0) write(1, "ran\n", 4); return 9;"#);
    let int80 = program(
        r#"__asm__ volatile("int $0x80" : "=a"(r) : "a"(20)); if (r > 0) write(1, "ran\n", 4); return 9;"#,
    );
    assert_eq!(x32.stdout(), "", "{}", x32.0);
    assert_eq!(int80.stdout(), "", "{}", int80.0);
    assert!(
        int80.field("signal").is_string(),
        "the kernel killed it: {}",
        int80.0
    );
}

/// Whatever an argument says, it stays one element of the argument vector.
#[test]
fn an_argument_stays_one_element() {
    let site = site();
    let client = client(&site);
    for text in [
        "a b",
        "$(id)",
        "`id`",
        "; id",
        "a && id",
        "| id",
        "> /tmp/x",
        "*",
        "'\"",
        "{second}",
        "%s%n",
        "\u{202e}é",
        "",
    ] {
        let called = client.call("print", &json!({"first": text, "second": "-n"}));
        assert_eq!(called.denied(), "leading_dash", "{text}");
        let called = client.call("print", &json!({ "first": text, "second": text }));
        assert_eq!(called.exit_code(), Some(0), "{text}: {}", called.0);
        let shown = format!("[{text}]\n[{text}]\n");
        assert!(
            called.stdout() == shown || !text.is_ascii(),
            "{text}: {}",
            called.0
        );
        assert_eq!(called.field("stdout_bytes"), &json!(shown.len()), "{text}");
    }
    for text in ["-n", "--help", "a\nid", "a\rb", "a\u{0}b", "\u{1b}[2J"] {
        let called = client.call("print", &json!({ "first": text }));
        assert!(
            ["leading_dash", "control_character"].contains(&called.denied()),
            "{text:?}"
        );
    }
    for value in [
        json!(["-n", "x"]),
        json!({"a": 1}),
        json!(null),
        json!(5),
        json!(true),
    ] {
        let called = client.call("print", &json!({ "first": value }));
        assert_eq!(called.denied(), "wrong_type", "{value}");
    }
}
