//! `dynamic_user`: runs of one caller are strangers to each other, and no user is had
//! twice at once.

use harness::{ALICE, CONTAINMENTS, Called, Client, Process, Site, eventually, unique};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

const POLICY: &str = r#"
version = 1
limits = { queue = 0 }

[principal.alice]
unix_users = ["mmtest-alice"]

[profile.default]
read = ["/usr", "/bin", "/lib", "/lib64", "/proc", "-/etc/ld.so.cache", "-/etc/alternatives"]
execute = ["/usr"]
timeout = "30s"
working_directory = "/"
environment = { PATH = "/usr/bin", SECRET = "mine" }
dynamic_user = true
private_tmp = true

[profile.isolated]
extends = "default"
strength = "isolated"
"#;

const STRENGTHS: [&str; 2] = ["default", "isolated"];

fn site(containment: &str, range: &str) -> Site {
    let tool = |name: &str| {
        format!(
            "[tool.{name}]\ndescription = \"Runs a line of Python\"\n\
             command = [\"/usr/bin/python3\", \"-Ic\", \"{{script}}\", \"{{mark}}\"]\n\
             profile = \"{name}\"\nallow = [\"alice\"]\n\
             [tool.{name}.args]\nscript = {{ type = \"string\", max_length = 8000 }}\n\
             mark = {{ type = \"string\", default = \"none\" }}\n"
        )
    };
    let tools = STRENGTHS.map(tool).concat();
    Site::with(&format!("{POLICY}{tools}"))
        .containment(containment)
        .worker_option("--dynamic-users", range)
        .start()
}

const WHO: &str = "import os; print(os.getresuid(), os.getresgid(), os.getgroups())";

/// Stays a while under a mark, with a file in /tmp.
const STAY: &str = "import os, time; open('/tmp/mine', 'w').write('x'); time.sleep(30)";

/// One that runs, and its process on the host.
fn running(client: &Client, tool: &str) -> (u64, Process) {
    let mark = unique();
    let call = client.start_call(tool, &json!({ "script": STAY, "mark": mark }));
    let process = eventually("it runs", Duration::from_secs(20), || {
        let mut all = Process::with_argument(&mark).into_iter();
        all.find(|one| {
            one.arguments()
                .first()
                .is_some_and(|name| name.ends_with("python3"))
        })
    });
    (call, process)
}

fn user_of(process: Process) -> u32 {
    let ids: BTreeSet<u32> = process.status()["Uid"]
        .split_whitespace()
        .map(|id| id.parse().expect("a number"))
        .collect();
    assert_eq!(ids.len(), 1, "real, effective, saved and for files");
    ids.into_iter().next().expect("an id")
}

/// A user and a group of the range and nothing else; told in the trail; never twice at
/// once; and given again when the run has ended, whichever way.
#[test]
fn each_run_has_a_user_that_no_other_has() {
    for containment in CONTAINMENTS {
        let site = site(containment, "61900-61901");
        let client = Client::attach(&site, ALICE);
        let called = client.call("default", &json!({ "script": WHO }));
        let start = site.audited("the start", |entry| entry.event() == "start");
        let user = start.field("dynamic_user").as_u64().expect("a number");
        assert!((61_900..=61_901).contains(&user), "{user}");
        let expected = format!("({user}, {user}, {user}) ({user}, {user}, {user}) []\n");
        assert_eq!(called.success(), expected, "{containment}");

        let (first, one) = running(&client, "default");
        let (_second, other) = running(&client, "isolated");
        assert_eq!(
            BTreeSet::from([user_of(one), user_of(other)]),
            BTreeSet::from([61_900, 61_901]),
            "{containment}"
        );
        let called = client.call("default", &json!({ "script": WHO }));
        assert_eq!(called.denied(), "too_many_running");

        client.cancel(first);
        await_user(&site, &client);
        let holds = |lane: &Process| {
            let mut left = lane.children();
            while let Some(process) = left.pop() {
                if process == other {
                    return true;
                }
                left.extend(process.children());
            }
            false
        };
        let lanes = site.lanes();
        lanes
            .iter()
            .find(|lane| holds(lane))
            .expect("a lane")
            .kill();
        await_user(&site, &client);
    }
}

/// Until a run gets a user again.
fn await_user(site: &Site, client: &Client) {
    let site = site.text();
    eventually(
        &format!("a user is free in {site}"),
        Duration::from_secs(10),
        || {
            let called: Called = client.call("default", &json!({ "script": WHO }));
            (!called.is_error()).then_some(())
        },
    );
}

/// What one run tries on another of the same caller at the same time: to signal, to
/// trace, to read its environment, memory, descriptors and root, to find its files, and
/// to share memory and queues.
const ATTACK: &str = "exec('''import ctypes, errno, os, signal\\n\
libc = ctypes.CDLL(None, use_errno=True)\\n\
pid = int(os.sys.argv[1])\\n\
def tried(name, attack):\\n\
\\x20   try: result = attack()\\n\
\\x20   except OSError as error: result = False\\n\
\\x20   print(name, bool(result))\\n\
tried('signal', lambda: os.kill(pid, 0) is None)\\n\
tried('kill', lambda: os.kill(pid, signal.SIGKILL) is None)\\n\
tried('trace', lambda: libc.ptrace(16, pid, 0, 0) == 0)\\n\
for name in ('environ', 'mem', 'maps', 'auxv', 'syscall', 'stack'):\\n\
\\x20   tried(name, lambda: open(f'/proc/{pid}/{name}', 'rb').read(1))\\n\
for name in ('root', 'cwd', 'exe', 'fd/0', 'ns/mnt'):\\n\
\\x20   tried(name, lambda: os.readlink(f'/proc/{pid}/{name}'))\\n\
tried('priority', lambda: os.setpriority(os.PRIO_PROCESS, pid, 19) is None)\\n\
tried('affinity', lambda: os.sched_setaffinity(pid, {0}) is None)\\n\
tried('limits', lambda: libc.prlimit(pid, 7, 0, 0) == 0 or libc.prlimit(pid, 7, ctypes.create_string_buffer(16), 0) == 0)\\n\
tried('tmp', lambda: os.listdir('/tmp'))\\n\
tried('tmp by proc', lambda: os.listdir(f'/proc/{pid}/root/tmp'))\\n\
tried('memory', lambda: libc.shmget(77, 4096, 0o1666) >= 0)\\n\
tried('queue', lambda: libc.msgget(77, 0o1666) >= 0)\\n\
tried('posix queue', lambda: libc.mq_open(b'/q', 0o102, 0o666, 0) >= 0)\\n\
tried('keys', lambda: libc.syscall(250, 0, -4, 0) >= 0)''')";

#[test]
fn two_runs_of_one_caller_are_strangers() {
    for strength in STRENGTHS {
        let site = site("auto", "61910-61919");
        let client = Client::attach(&site, ALICE);
        let (call, victim) = running(&client, strength);
        // Each works on oneself, so that what fails does so for a reason; but limits and
        // priorities, which are of no process by number.
        let own = ATTACK.replace("int(os.sys.argv[1])", "os.getpid()");
        let own = own.replace("signal.SIGKILL", "0");
        let control = client.call(strength, &json!({ "script": own }));
        for name in ["signal", "kill", "environ", "maps", "cwd"] {
            let line = format!("{name} True\n");
            assert!(control.success().contains(&line), "{name}: {}", control.0);
        }
        let id = victim.id().to_string();
        let called = client.call(strength, &json!({ "script": ATTACK, "mark": id }));
        let succeeded: Vec<&str> = called
            .success()
            .lines()
            .filter(|line| line.ends_with("True"))
            .collect();
        assert_eq!(succeeded, [""; 0], "{strength}");
        assert_eq!(called.stdout().lines().count(), 23, "{}", called.stdout());
        assert!(victim.alive());
        client.cancel(call);
    }
}

/// A range that holds root or nobody is no range.
#[test]
fn a_range_with_others_in_it_is_refused() {
    for range in ["0-100", "65000-65534", "9-1", "x"] {
        let site = Site::with(POLICY)
            .worker_option("--dynamic-users", range)
            .prepare();
        let output = site.worker_command().output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{range}");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(words.contains("cannot give commands users of"), "{words}");
    }
}
