//! `mini-mcp stdio`: no installation, no root, and the same walls. Alice starts it.

use harness::{ALICE, Alone, Process, command_as, eventually, unique};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::time::Duration;

/// The containments that a user without privileges may have.
const CONTAINMENTS: [&str; 3] = ["auto", "pid-namespace", "subreaper"];

const POLICY: &str = r#"
version = 1

[profile.plain]
read = ["/usr", "-/etc/ld.so.cache", "${workspace}"]
execute = ["/usr"]
timeout = "20s"
environment = { SITE = "@site@" }

[profile.second]
read = ["/usr", "-/etc/ld.so.cache", "${workspace}"]
execute = ["/usr"]
timeout = "1s"
environment = { SITE = "@site@" }

[tool.sh]
description = "Runs a line of shell"
command = ["/usr/bin/sh", "-c", "{script}"]
profile = "plain"
allow = ["self"]
args = { script = { type = "string", max_length = 4000 } }

[tool.short_sh]
description = "Runs a line of shell for a second"
command = ["/usr/bin/sh", "-c", "{script}"]
profile = "second"
allow = ["self"]
args = { script = { type = "string", max_length = 4000 } }
"#;

/// A daemon in a session of its own that ignores SIGTERM and outlives its parents.
fn daemon(mark: &str) -> String {
    format!("trap '' TERM; (setsid /usr/bin/sleep {mark} &) & echo so far; /usr/bin/sleep {mark}")
}

fn await_daemon(mark: &str) {
    eventually("both sleep", Duration::from_secs(15), || {
        let marked = Process::with_argument(mark);
        let sleeps = marked
            .iter()
            .filter(|process| process.arguments().len() == 2);
        (sleeps.count() == 2).then_some(())
    });
}

#[track_caller]
fn assert_gone(mark: &str) {
    eventually("no process has the mark", Duration::from_secs(1), || {
        Process::with_argument(mark).is_empty().then_some(())
    });
}

/// The embedded policy: every tool is read-only, and every tool works.
#[test]
fn the_embedded_tools_work() {
    let alone = Alone::start();
    alone.write("workspace/notes.txt", "one\ntwo\nthree\n");
    let client = alone.client();
    let answer = client.request("tools/list", &json!({})).expect("an answer");
    let tools = answer["result"]["tools"].as_array().expect("tools");
    assert!(tools.len() >= 8, "{answer}");
    for tool in tools {
        assert_eq!(tool["annotations"]["readOnlyHint"], json!(true), "{tool}");
        let name = tool["name"].as_str().expect("a name");
        let arguments = match name {
            "file_head" | "file_tail" => json!({"file": "notes.txt"}),
            _ => json!({}),
        };
        let called = client.call(name, &arguments);
        assert_eq!(called.exit_code(), Some(0), "{name}: {}", called.0);
        assert_eq!(called.stderr(), "", "{name}");
        assert!(name == "wait" || !called.stdout().is_empty(), "{name}");
    }
    let last = client.call("file_tail", &json!({"file": "notes.txt", "lines": 1}));
    assert_eq!(last.success(), "three\n");
    let list = client.call("list_directory", &json!({}));
    assert!(list.success().contains("notes.txt"));
}

/// The embedded policy opens the workspace and nothing beside it.
#[test]
fn the_embedded_policy_keeps_to_the_workspace() {
    let alone = Alone::start();
    symlink("/etc/passwd", alone.path("workspace/link")).expect("ours");
    let client = alone.client();
    for (file, code) in [
        ("../../etc/shadow", "path_invalid"),
        ("/etc/passwd", "path_outside"),
        ("-n", "leading_dash"),
    ] {
        let called = client.call("file_head", &json!({ "file": file }));
        assert_eq!(called.denied(), code, "{file}");
    }
    let called = client.call("file_head", &json!({"file": "link"}));
    assert_eq!(called.failed(), "open", "{}", called.0);
}

/// `wait` shows a timeout; the trail has all of it, for Alice's eyes only.
#[test]
fn a_timeout_is_shown_and_recorded() {
    let alone = Alone::start();
    let called = alone.client().call("wait", &json!({"seconds": 30}));
    assert_eq!(called.field("timed_out"), &json!(true), "{}", called.0);
    assert!(
        alone
            .client()
            .call("file_head", &json!({"file": "/etc/passwd"}))
            .is_error()
    );
    let trail = alone.audit();
    let events: Vec<&str> = trail.iter().map(harness::Entry::event).collect();
    assert_eq!(events, ["open", "start", "end", "deny"]);
    assert_eq!(trail[1].text("principal"), "self");
    assert_eq!(trail[1].field("uid"), ALICE.uid());
    assert_eq!(trail[2].field("outcome")["timed_out"], json!(true));
    assert_eq!(trail[3].text("code"), "path_outside");
    let metadata = fs::metadata(alone.path("state/audit.jsonl")).expect("the trail");
    assert_eq!(metadata.permissions().mode() & 0o077, 0);
}

/// What the kernel says of a command: Alice's, without capabilities, filtered,
/// with three descriptors, in a session of its own.
#[test]
fn a_command_is_confined() {
    for containment in CONTAINMENTS {
        let alone = Alone::with(POLICY, containment);
        let mark = unique();
        alone.client().start_call(
            "sh",
            &json!({ "script": format!("exec /usr/bin/sleep {mark}") }),
        );
        let process = eventually("it runs", Duration::from_secs(10), || {
            let found = Process::with_argument(&mark).into_iter().next()?;
            (found.arguments().len() == 2).then_some(found)
        });
        let status = process.status();
        let uid = [ALICE.uid(); 4].map(|id| id.to_string()).join(" ");
        assert_eq!(status["Uid"], uid, "{containment}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            // Dropping the bounding set needs a capability that Alice has not, and
            // no_new_privs makes it worthless.
            let expected = set == "CapBnd" || status[set] == "0000000000000000";
            assert!(expected, "{containment}: {set} {}", status[set]);
        }
        assert_eq!(
            (status["NoNewPrivs"].as_str(), status["Seccomp"].as_str()),
            ("1", "2")
        );
        let open: Vec<i32> = process.descriptors().into_keys().collect();
        assert_eq!(open, [0, 1, 2], "{containment}");
        assert_eq!(process.session(), process.id());
    }
}

/// Alice's own files are out of reach, unless the profile grants them.
#[test]
fn her_own_files_are_not_granted() {
    let alone = Alone::with(POLICY, "auto");
    let secret = alone.write("state/secret", "secret\n");
    alone.write("workspace/open", "open\n");
    let script = format!(
        "cat open; cat {0}; echo x > {0}; echo x > open",
        secret.display()
    );
    let called = alone.client().call("sh", &json!({ "script": script }));
    assert_eq!(called.stdout(), "open\n", "{}", called.0);
    assert_ne!(called.exit_code(), Some(0));
    assert_eq!(fs::read_to_string(secret).expect("ours"), "secret\n");
    assert_eq!(
        fs::read_to_string(alone.path("workspace/open")).expect("ours"),
        "open\n"
    );
}

/// At its timeout, a command's daemons go with it.
#[test]
fn a_timeout_kills_daemons() {
    for containment in CONTAINMENTS {
        let alone = Alone::with(POLICY, containment);
        let mark = unique();
        let call = alone
            .client()
            .start_call("short_sh", &json!({ "script": daemon(&mark) }));
        await_daemon(&mark);
        let called = alone.client().called(call);
        assert_eq!(Process::with_argument(&mark), [], "{containment}");
        assert_eq!(called.field("timed_out"), &json!(true));
        assert_eq!(called.stdout(), "so far\n");
    }
}

/// However the server ends, or its worker, or the lane at work, nothing survives.
#[test]
fn nothing_survives_a_kill() {
    for containment in CONTAINMENTS {
        for victim in [server, worker, busy_lane] {
            let alone = Alone::with(POLICY, containment);
            let mark = unique();
            let script = json!({ "script": daemon(&mark) });
            alone.client().start_call("sh", &script);
            await_daemon(&mark);
            victim(&alone).kill();
            assert_gone(&mark);
        }
    }
}

fn server(alone: &Alone) -> Process {
    alone.client().process()
}

fn worker(alone: &Alone) -> Process {
    let children = server(alone).children();
    *children.first().expect("the server has a worker")
}

fn busy_lane(alone: &Alone) -> Process {
    let lanes = worker(alone).children().into_iter();
    let mut busy = lanes.filter(|lane| !lane.children().is_empty());
    busy.next().expect("a lane runs it")
}

/// A client that closes everything at once leaves nothing behind, and one that
/// cancels goes on.
#[test]
fn a_client_that_leaves_takes_its_commands_along() {
    for containment in CONTAINMENTS {
        let mut alone = Alone::with(POLICY, containment);
        let (first, second) = (unique(), unique());
        let call = alone
            .client()
            .start_call("sh", &json!({ "script": daemon(&first) }));
        await_daemon(&first);
        alone.client().cancel(call);
        assert_gone(&first);
        alone
            .client()
            .start_call("sh", &json!({ "script": daemon(&second) }));
        await_daemon(&second);
        drop(alone.take_client());
        assert_gone(&second);
    }
}

/// A policy file must be Alice's or root's and nobody else's to write, and can
/// grant her nothing but herself.
#[test]
fn a_policy_is_hers_and_for_her() {
    let alone = Alone::prepare();
    let refused = |text: &str, reason: &str, change: &dyn Fn(&std::path::Path)| {
        let file = alone.write("policy.toml", text);
        change(&file);
        let mut command = alone.command();
        command
            .arg("--policy")
            .arg(file)
            .stdin(std::process::Stdio::null());
        let output = command.output().expect("it starts");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(reason), "`{reason}` is not in: {error}");
    };
    let nothing = |_: &std::path::Path| {};
    refused(
        &POLICY.replace("[profile.plain]", "[profile.plain]\nrun_as = \"root\""),
        "`run_as` cannot be `root`",
        &nothing,
    );
    refused(
        &POLICY.replace("[\"self\"]", "[\"mmtest-bob\"]"),
        "mmtest-bob",
        &nothing,
    );
    refused(POLICY, "can be written by", &|file| {
        fs::set_permissions(file, PermissionsExt::from_mode(0o664)).expect("ours");
    });
    refused(POLICY, "belongs to uid", &|file| {
        chown(file, Some(harness::BOB.uid()), None).expect("root may");
    });
}

/// Nothing is left in the environment of the worker, and a server that is asked
/// for nothing ends by itself.
#[test]
fn an_empty_session_ends_in_order() {
    let alone = Alone::prepare();
    let mut command = alone.command();
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"");
    let trail = alone.audit();
    assert_eq!(trail.len(), 1, "{trail:?}");
    assert_eq!(trail[0].field("code"), &Value::Null);
}

/// What is logged and recorded of a call when it is answered is not lost with a client that
/// has gone by then.
#[test]
fn the_last_call_is_told_whole() {
    let alone = Alone::prepare();
    let mut command = alone.command();
    command.env("MINI_MCP_LOG", "info");
    let requests = [
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "list_directory", "arguments": {}}}),
    ];
    alone.write("workspace/notes.txt", "");
    let lines: String = requests.iter().map(|line| format!("{line}\n")).collect();
    let input = alone.write("requests", &lines);
    let input = fs::File::open(input).expect("it was written");
    let output = command.stdin(input).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("command finished"), "{log}");
    let trail = fs::read_to_string(alone.path("state/audit.jsonl")).expect("the trail");
    assert!(trail.contains(r#""event":"output""#), "{trail}");
}

/// A workspace that does not exist, and a trail that cannot be kept, are errors
/// that name them.
#[test]
fn errors_name_what_is_wrong() {
    let alone = Alone::prepare();
    for (workspace, audit, word) in [
        ("/nowhere", "/dev/null", "/nowhere"),
        ("/usr", "/proc/audit", "/proc/audit"),
    ] {
        let mut command = command_as(ALICE, &alone.path("bin/mini-mcp"));
        command.args(["stdio", "--workspace", workspace, "--audit", audit]);
        let output = command
            .stdin(std::process::Stdio::null())
            .output()
            .expect("it starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(word), "{error}");
    }
}

/// Neither process can be read by another of the same user: what proc(5) shows of
/// one that is not dumpable belongs to root.
#[test]
fn both_processes_hide_from_their_user() {
    use std::os::unix::fs::MetadataExt;
    let alone = Alone::with(POLICY, "auto");
    assert!(!alone.client().tools().is_empty());
    for process in [server(&alone), worker(&alone)] {
        for file in ["environ", "mem", "fd"] {
            let path = format!("/proc/{}/{file}", process.id());
            let owner = fs::metadata(&path).expect("it lives").uid();
            assert_eq!(owner, 0, "{path}");
        }
    }
}

/// A single user has all that a service gives: the whole output in pages, kept in his
/// state directory, and runs in the background, which end with the server.
#[test]
fn long_output_is_paged_and_runs_go_on_in_the_background() {
    let background = "\n[tool.behind]\ndescription = \"Runs a line of shell\"\n\
                      command = [\"/usr/bin/sh\", \"-c\", \"{script}\"]\nprofile = \"plain\"\nallow = [\"self\"]\n\
                      background = true\nargs = { script = { type = \"string\", max_length = 4000 } }\n";
    let alone = Alone::with(&format!("{POLICY}{background}"), "auto");
    let client = alone.client();
    let called = client.call("sh", &json!({"script": "seq 1 100000"}));
    let uri = called.field("stdout_uri").as_str().expect("a link");
    let page = client.request(
        "resources/read",
        &json!({"uri": format!("{uri}?from=588886&length=99")}),
    );
    let page = page.expect("an answer");
    assert_eq!(
        page["result"]["contents"][0]["text"], "9\n100000\n",
        "{page}"
    );
    let spool = fs::metadata(alone.path("state/mini-mcp/spool")).expect("a directory");
    assert_eq!(spool.permissions().mode() & 0o777, 0o700);

    let mark = unique();
    let script = format!("echo begun; sleep {mark}");
    let started = client.call(
        "run_start",
        &json!({"tool": "behind", "arguments": {"script": script}}),
    );
    let run = started.field("run_id").clone();
    let output = client.call("run_output", &json!({"run": run, "wait": 10}));
    assert_eq!(output.stdout(), "begun\n");
    assert_eq!(output.field("state"), "running");
    drop(alone);
    assert_gone(&mark);
}
