//! The empty network that isolated commands of one lane have in common, unless they could
//! change it: nothing passes in it from one to the next.

use harness::{ALICE, Client, Site};
use serde_json::json;
use std::fs;

fn policy() -> String {
    let tool = |name: &str, terms: &str| {
        format!(
            "[profile.{name}]\nstrength = \"isolated\"\ntimeout = \"20s\"\n{terms}\n\
             read = [\"/usr\", \"/bin\", \"/lib\", \"/lib64\", \"-/etc/ld.so.cache\"]\nexecute = [\"/usr\"]\n\
             working_directory = \"/\"\nenvironment = {{ PATH = \"/usr/bin\" }}\n\
             [tool.{name}]\ndescription = \"d\"\ncommand = [\"/bin/sh\", \"-c\", \"{{script}}\"]\n\
             profile = \"{name}\"\nallow = [\"alice\"]\n\
             args = {{ script = {{ type = \"string\", max_length = 4000 }} }}\n"
        )
    };
    format!(
        "version = 1\n[principal.alice]\nunix_users = [\"{}\"]\n{}{}{}{}",
        ALICE.name,
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

/// One call after the other, so that they have the same lane.
#[test]
fn commands_without_a_network_share_one_and_others_do_not() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    let host = fs::read_link("/proc/self/ns/net").expect("it exists");
    let shared = reads(&client, "none", WHICH);
    assert_ne!(shared, host.display().to_string());
    assert_eq!(reads(&client, "none", WHICH), shared);
    assert_eq!(reads(&client, "unix", WHICH), shared);
    for own in ["loopback", "root"] {
        assert_ne!(reads(&client, own, WHICH), shared, "{own}");
    }
    // Also of whom nobody but the kernel sees.
    let init = reads(&client, "none", "readlink /proc/1/ns/net || echo closed");
    assert_eq!(init, "closed");
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
