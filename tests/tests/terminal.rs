//! A terminal of the command's own: what a program finds, what nobody can do with it,
//! and that its relay ends with it.

use harness::{ALICE, Alone, CONTAINMENTS, Client, Process, RUNNER, Site, eventually, unique};
use serde_json::json;
use std::time::Duration;

const PROFILES: &str = r#"
[profile.terminal]
read = ["/usr", "/bin", "/lib", "/lib64", "-/etc/ld.so.cache", "-/etc/alternatives"]
execute = ["/usr"]
timeout = "20s"
working_directory = "/"
tty = true
environment = { PATH = "/usr/bin", SITE = "@site@" }

[profile.isolated]
extends = "terminal"
strength = "isolated"

[profile.short]
extends = "terminal"
timeout = "1s"
timeout_stop = "0s"
"#;

fn tools(allow: &str, more: &str) -> String {
    let mut text = format!("{PROFILES}{more}");
    for profile in ["terminal", "isolated", "short", "runner"] {
        if !text.contains(&format!("[profile.{profile}]")) {
            continue;
        }
        for (tool, program) in [("sh", "sh\", \"-c"), ("py", "python3\", \"-Ic")] {
            text.push_str(&format!(
                "[tool.{tool}_{profile}]\ndescription = \"A script\"\n\
                 command = [\"/usr/bin/{program}\", \"{{script}}\", \"{{mark}}\"]\n\
                 profile = \"{profile}\"\nallow = [\"{allow}\"]\n\
                 [tool.{tool}_{profile}.args]\nscript = {{ type = \"string\", max_length = 8000 }}\n\
                 mark = {{ type = \"string\", default = \"none\" }}\n"
            ));
        }
    }
    text
}

fn site(containment: &str) -> Site {
    let runner = format!(
        "[profile.runner]\nextends = \"terminal\"\nrun_as = \"{}\"\n",
        RUNNER.name
    );
    let head = "version = 1\n[principal.alice]\nunix_users = [\"mmtest-alice\"]\n";
    Site::with(&format!("{head}{}", tools("alice", &runner)))
        .containment(containment)
        .start()
}

/// One line of Python, for an argument holds no newline.
const LOOK: &str = "exec('''import os, sys, fcntl, termios, struct\\n\
print([os.isatty(fd) for fd in (0, 1, 2)], os.getpid() == os.getsid(0), os.tcgetpgrp(0) == os.getpgrp())\\n\
print(struct.unpack('HHHH', fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))[:2], os.environ['TERM'])\\n\
print(sys.stdin.read() == '', os.isatty(os.open('/dev/tty', os.O_RDWR)))\\n\
print(termios.tcgetattr(os.open('/dev/tty', os.O_RDWR))[3] & termios.ECHO)\\n\
print('to stderr', file=sys.stderr)\\n''')";

const SEEN: &str = "[True, True, True] True True\n(40, 132) dumb\nTrue True\n0\nto stderr\n";

/// Standard streams, session and size, as the caller, as a fixed user, isolated, and
/// for a single user.
#[test]
fn a_program_finds_a_terminal_of_its_own() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let client = Client::attach(&site, ALICE);
        for tool in ["py_terminal", "py_isolated", "py_runner"] {
            let called = client.call(tool, &json!({ "script": LOOK }));
            assert_eq!(called.success(), SEEN, "{containment} {tool}");
            assert_eq!(called.stderr(), "");
        }
    }
    let alone = Alone::with(&format!("version = 1\n{}", tools("self", "")), "auto");
    let client = alone.client();
    for tool in ["py_terminal", "py_isolated"] {
        let called = client.call(tool, &json!({ "script": LOOK }));
        assert_eq!(called.success(), SEEN, "alone {tool}");
    }
}

/// However much is written, all of it comes, and nothing of it is taken for more
/// than text.
#[test]
fn what_is_written_comes_whole_and_harmless() {
    let site = site("auto");
    let client = Client::attach(&site, ALICE);
    let script = "exec('''print('\\\\x1b]0;title\\\\x07begin')\\nfor n in range(3000): print(n)\\nprint('end')''')";
    let called = client.call("py_terminal", &json!({ "script": script }));
    let lines: Vec<&str> = called.success().lines().collect();
    assert_eq!(lines.len(), 3002);
    assert!(lines[0].ends_with("begin") && !lines[0].contains('\u{1b}'));
    assert_eq!((lines[1], lines[3000], lines[3001]), ("0", "2999", "end"));
}

/// What a program writes at the very end comes too, though nobody holds the terminal
/// open any more when it is read.
#[test]
fn the_last_output_is_not_lost() {
    let site = site("auto");
    let client = Client::attach(&site, ALICE);
    let script = "import os; os.write(1, b'x' * 60000); os._exit(0)";
    for tool in ["py_terminal", "py_isolated"] {
        for _ in 0..15 {
            let called = client.call(tool, &json!({ "script": script }));
            assert_eq!(called.field("stdout_bytes"), &json!(60_000), "{tool}");
        }
    }
}

/// Input cannot be put into it, nor another line discipline; and no other terminal of
/// the host is opened, though one of the same user is there.
#[test]
fn nothing_is_done_through_it() {
    let site = site("auto");
    let client = Client::attach(&site, ALICE);
    let mark = unique();
    let other = json!({ "script": "sleep 60; true", "mark": mark });
    let call = client.start_call("sh_terminal", &other);
    let terminal = eventually("another runs", Duration::from_secs(15), || {
        let process = Process::with_argument(&mark).pop()?;
        let name = process.arguments().first()?.clone();
        let terminal = process.descriptors().get(&0)?.display().to_string();
        (name.ends_with("sh") && terminal.starts_with("/dev/pts/")).then_some(terminal)
    });
    let script = format!(
        "exec('''import fcntl, os, struct\\n\
         for request, value in ((0x5412, b'x'), (0x541c, bytes([2])), (0x5423, struct.pack('i', 2))):\\n\
         \x20   try: fcntl.ioctl(0, request, value); print('done')\\n\
         \x20   except OSError as error: print(error.errno)\\n\
         for path in ('{terminal}', '/dev/ptmx', '/dev/pts/ptmx', '/dev/console'):\\n\
         \x20   try: os.close(os.open(path, os.O_RDWR | os.O_NOCTTY)); print('open')\\n\
         \x20   except OSError as error: print('refused')''')"
    );
    // The isolated strength has a file system of terminals of its own.
    for (tool, more) in [("py_terminal", "refused"), ("py_isolated", "open")] {
        let called = client.call(tool, &json!({ "script": script }));
        let expected = format!("1\n1\n1\nrefused\n{more}\n{more}\nrefused\n");
        assert_eq!(called.success(), expected, "{tool} {terminal}");
    }
    client.cancel(call);
}

/// Two terminals at once have nothing in common.
#[test]
fn terminals_of_two_calls_are_apart() {
    let site = site("auto");
    let one = Client::attach(&site, ALICE);
    let other = Client::attach(&site, ALICE);
    let call = one.start_call("sh_terminal", &json!({ "script": "sleep 2; echo first" }));
    let called = other.call(
        "sh_terminal",
        &json!({ "script": "echo second > /dev/tty" }),
    );
    assert_eq!(called.success(), "second\n");
    assert_eq!(one.called(call).success(), "first\n");
}

/// At the deadline, and when the lane is killed, nothing is left: not the command, and
/// not the process that carries its output.
#[test]
fn the_relay_ends_with_its_command() {
    for containment in CONTAINMENTS {
        let site = site(containment);
        let client = Client::attach(&site, ALICE);
        let script = "trap '' HUP TERM; echo so far; setsid sleep 60 & sleep 60";
        let called = client.call("sh_short", &json!({ "script": script }));
        assert_eq!(called.field("timed_out"), &json!(true), "{containment}");
        assert_eq!(called.stdout(), "so far\n", "{containment}");
        assert!(site.lanes().iter().all(|lane| lane.children().is_empty()));

        let mark = unique();
        let arguments = json!({ "script": "sleep 60; true", "mark": mark });
        let call = client.start_call("sh_terminal", &arguments);
        eventually("it runs", Duration::from_secs(15), || {
            (!Process::with_argument(&mark).is_empty()).then_some(())
        });
        let busy = |lane: &Process| !lane.children().is_empty();
        let lane = site.lanes().into_iter().find(busy).expect("a lane runs it");
        let children = lane.children();
        assert_eq!(
            children.len(),
            2,
            "{containment}: the command and its relay"
        );
        lane.kill();
        eventually("all is gone", Duration::from_secs(5), || {
            children.iter().all(|child| !child.alive()).then_some(())
        });
        assert!(client.called(call).is_error());
    }
}

/// The relay is nobody: no capability, the command's user, and two descriptors.
#[test]
fn the_relay_has_no_privilege() {
    let site = site("auto");
    let client = Client::attach(&site, ALICE);
    let mark = unique();
    let arguments = json!({ "script": "sleep 60; true", "mark": mark });
    client.start_call("sh_runner", &arguments);
    eventually("it runs", Duration::from_secs(15), || {
        (!Process::with_argument(&mark).is_empty()).then_some(())
    });
    let uid = RUNNER.uid().to_string();
    let relay = eventually("the relay is confined", Duration::from_secs(15), || {
        let mut all = site.lanes().into_iter().flat_map(Process::children);
        all.find(|process| {
            let program = process.arguments().into_iter().next();
            let is_lane = program.is_some_and(|name| name.ends_with("mini-mcp-worker"));
            is_lane
                && process.status()["Uid"]
                    .split_whitespace()
                    .all(|id| id == uid)
        })
    });
    eventually("it gave everything up", Duration::from_secs(15), || {
        let status = relay.status();
        let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        sets.iter()
            .all(|set| status[*set] == "0000000000000000")
            .then_some(())
    });
    let targets: Vec<String> = relay
        .descriptors()
        .into_values()
        .map(|target| target.display().to_string())
        .collect();
    let known = |target: &String| target.starts_with("pipe:") || target == "/dev/ptmx";
    assert!(targets.iter().all(known), "{targets:?}");
    client.vanish();
}
