//! A command reaches no socket, no other process and no dangerous system call, and
//! an argument reaches it as one word.

use harness::{ALICE, BASE, Client, Site};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;

const POLICY: [&str; 2] = [BASE, include_str!("../policies/confinement.toml")];

fn site() -> Site {
    Site::with(&POLICY.concat()).start()
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
