//! The pid namespace and the empty network that isolated commands of one lane have in turn,
//! unless they could change them: nothing passes in them from one to the next.

use harness::{ALICE, BOB, Client, Process, Site, eventually};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn policy() -> String {
    let tool = |name: &str, terms: &str| {
        format!(
            "[profile.{name}]\nstrength = \"isolated\"\ntimeout = \"20s\"\n{terms}\n\
             read = [\"/usr\", \"/bin\", \"/lib\", \"/lib64\", \"-/etc/ld.so.cache\"]\nexecute = [\"/usr\"]\n\
             working_directory = \"/\"\nenvironment = {{ PATH = \"/usr/bin\" }}\n\
             [tool.{name}]\ndescription = \"d\"\ncommand = [\"/bin/sh\", \"-c\", \"{{script}}\"]\n\
             profile = \"{name}\"\nallow = [\"people\"]\n\
             args = {{ script = {{ type = \"string\", max_length = 4000 }} }}\n"
        )
    };
    format!(
        "version = 1\n[principal.people]\nunix_users = [\"{}\", \"{}\"]\n{}{}{}{}",
        ALICE.name,
        BOB.name,
        tool("none", "run_as = \"caller\""),
        tool("unix", "run_as = \"caller\"\nnetwork = \"unix\""),
        tool("loopback", "run_as = \"caller\"\nnetwork = \"loopback\""),
        tool("root", "run_as = \"root\""),
    )
}

/// An argument has no line breaks.
fn python(code: &str) -> String {
    let hex: String = code.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("exec /usr/bin/python3 -c \"exec(bytes.fromhex('{hex}'))\"")
}

fn reads(client: &Client, tool: &str, script: &str) -> String {
    let called = client.call(tool, &json!({ "script": script }));
    called.success().trim().to_owned()
}

const WHICH: &str = "readlink /proc/self/ns/net";

const NUMBERS: &str = "readlink /proc/self/ns/pid";

/// The processes that a command sees, itself among them.
const SEEN: &str = "set -- /proc/[0-9]*; echo $#";

/// One call after the other, so that those under one filter have the same lane.
#[test]
fn commands_without_a_network_share_one_and_others_do_not() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    let host = fs::read_link("/proc/self/ns/net").expect("it exists");
    let mut all = BTreeSet::from([host.display().to_string()]);
    for same in ["none", "unix"] {
        let shared = reads(&client, same, WHICH);
        assert_eq!(reads(&client, same, WHICH), shared, "{same}");
        assert!(all.insert(shared), "{same}");
    }
    for own in ["loopback", "root"] {
        assert!(!all.contains(&reads(&client, own, WHICH)), "{own}");
    }
    // Also of whom nobody but the kernel sees.
    let init = reads(&client, "none", "readlink /proc/1/ns/net || echo closed");
    assert_eq!(init, "closed");
}

/// One that is made ahead serves one command as well.
#[test]
fn no_two_commands_have_a_network_with_a_loopback_in_common() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    // Who closes first leaves the connection to wait in the kernel for a minute.
    let talk = "import socket\n\
        print(len(open('/proc/net/tcp').readlines()))\n\
        s = socket.create_server(('127.0.0.1', 4000))\n\
        c = socket.create_connection(('127.0.0.1', 4000))\n\
        c.close()\ns.accept()[0].close()\n\
        print(len(open('/proc/net/tcp').readlines()))";
    for _ in 0..4 {
        assert_eq!(reads(&client, "loopback", &python(talk)), "1\n3");
    }
}

/// What one leaves there, the next does not find, and what all share it cannot change.
#[test]
fn nothing_passes_in_a_shared_network_from_one_command_to_the_next() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    let listen = "import os, socket, time\n\
        if os.fork() == 0:\n    os.setsid()\n    s = socket.socket(socket.AF_UNIX)\n    s.bind(chr(0) + 'left')\n    \
        s.listen()\n    time.sleep(60)\n\
        time.sleep(0.3)\nprint(open('/proc/net/unix').read().count('@left'))";
    assert_eq!(reads(&client, "unix", &python(listen)), "1");
    let look = "print(open('/proc/net/unix').read().count('@left'))";
    assert_eq!(reads(&client, "unix", &python(look)), "0");

    let up = "import fcntl, socket, struct\n\
        try:\n    s = socket.socket(socket.AF_UNIX)\n    \
        fcntl.ioctl(s, 0x8914, struct.pack('16sh14x', b'lo', 0x49))\n    print('up')\n\
        except OSError as error:\n    print(error.errno)";
    let refused = libc::EPERM.to_string();
    assert_eq!(reads(&client, "unix", &python(up)), refused);
    let write = "echo 1 > /proc/sys/net/ipv4/ip_forward || echo refused";
    assert_eq!(reads(&client, "none", write), "refused");
}

/// As above.
#[test]
fn commands_have_one_init_in_turn_and_who_could_change_it_has_his_own() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    let host = fs::read_link("/proc/self/ns/pid").expect("it exists");
    let mut all = BTreeSet::from([host.display().to_string()]);
    for same in ["none", "unix", "loopback"] {
        let shared = reads(&client, same, NUMBERS);
        assert_eq!(reads(&client, same, NUMBERS), shared, "{same}");
        assert_eq!(reads(&client, same, SEEN), "2", "{same}: itself and init");
        assert!(all.insert(shared), "{same}");
    }
    assert!(!all.contains(&reads(&client, "root", NUMBERS)));
    let other = Client::attach(&site, BOB);
    assert_eq!(reads(&other, "none", SEEN), "2");
}

/// What a command leaves running, in sessions of its own and as orphans, has ended before
/// the next looks; what it leaves in queues and in memory that is shared is not there.
#[test]
fn nobody_and_nothing_is_left_for_the_next() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    let leave = "import ctypes, os, time\n\
        for turn in range(20):\n    if os.fork() == 0:\n        os.setsid()\n        \
        if os.fork() == 0:\n            time.sleep(60)\n        os._exit(0)\n\
        time.sleep(0.3)\n\
        open('/dev/shm/left', 'w').close()\n\
        open('/tmp/left', 'w').close()\n\
        print(sum(name.isdigit() for name in os.listdir('/proc')))";
    let seen: u32 = reads(&client, "none", &python(leave))
        .parse()
        .expect("a number");
    assert!(seen > 20, "{seen}");
    let look = format!("{SEEN}; ls -A /tmp /dev/shm; tail -n +2 /proc/sysvipc/*");
    for next in [&client, &Client::attach(&site, BOB)] {
        let left = reads(next, "none", &look);
        let names = left.lines().skip(1).filter(|line| !line.starts_with("==>"));
        let named = names.filter(|line| !line.is_empty() && !line.ends_with(':'));
        assert_eq!(named.count(), 0, "{left}");
        assert!(left.starts_with("2\n"), "{left}");
    }
}

/// Init is root's, but has nothing of the host's and no capability, and no command gets at it.
#[test]
fn init_is_out_of_reach_and_has_nothing() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    let attack = "kill -9 1; kill -STOP 1; kill -TERM 1; \
        ls /proc/1/fd /proc/1/root/ /proc/1/cwd/; cat /proc/1/environ /proc/1/maps /proc/1/mem; \
        echo got through; cat /proc/1/mounts; grep Cap /proc/1/status";
    let called = client.call("none", &json!({ "script": attack }));
    let seen = called.stdout();
    assert!(seen.starts_with("got through\n"), "{seen}");
    let (mounts, capabilities): (Vec<&str>, Vec<&str>) = seen
        .lines()
        .skip(1)
        .partition(|line| !line.starts_with("Cap"));
    assert_eq!(mounts.len(), 1, "{mounts:?}");
    assert!(mounts[0].starts_with("none / tmpfs ro,"), "{mounts:?}");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        let none = format!("{set}:\t0000000000000000");
        assert!(capabilities.contains(&none.as_str()), "{capabilities:?}");
    }
    assert_eq!(reads(&client, "none", SEEN), "2");
}

/// An init that is killed from outside is replaced, with what stood on it.
#[test]
fn a_killed_init_is_replaced() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    let before = reads(&client, "none", NUMBERS);
    let init = Process::all()
        .into_iter()
        .find(|one| one.namespace("pid") == Path::new(&before));
    let init = init.expect("it waits for the next");
    init.kill();
    eventually("an end of it", Duration::from_secs(10), || {
        (!init.alive()).then_some(())
    });
    let after = reads(&client, "none", NUMBERS);
    assert_ne!(after, before);
    assert_eq!(reads(&client, "none", SEEN), "2", "with its /proc");
}
