//! What a profile writes, a command has: limits, priorities, groups, capabilities
//! and system calls, asked of the kernel from inside.

use harness::{
    ALICE, Alone, BOB, CONTAINMENTS, Called, Client, Process, RUNNER, Site, eventually, unique,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Group, Pid};
use serde_json::json;
use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

/// Principals, and a profile that all others extend.
const HEAD: &str = r#"
version = 1

[principal.alice]
unix_users = ["mmtest-alice"]

[principal.ops]
unix_groups = ["mmtest-ops"]
"#;

const SHELL: &str = r#"
[profile.shell]
read = ["/usr", "-/etc/ld.so.cache", "/proc", "-/etc/passwd"]
execute = ["/usr"]
timeout = "20s"
environment = { PATH = "/usr/bin", SITE = "@site@" }
"#;

/// A tool `sh_NAME` for each of `profiles`, whose bodies are given.
fn policy(profiles: &[(&str, &str)], allow: &str) -> String {
    let mut text = SHELL.to_owned();
    for (name, body) in profiles {
        write!(
            text,
            "\n[profile.{name}]\nextends = \"shell\"\n{body}\n\
             [tool.sh_{name}]\ndescription = \"Runs a line of shell\"\n\
             command = [\"/usr/bin/sh\", \"-c\", \"{{script}}\"]\n\
             profile = \"{name}\"\nallow = [{allow}]\n\
             args = {{ script = {{ type = \"string\", max_length = 8000 }} }}\n"
        )
        .expect("a string grows");
    }
    text
}

fn site(profiles: &[(&str, &str)], containment: &str) -> Site {
    let policy = policy(profiles, "\"alice\", \"ops\"");
    Site::with(&format!("{HEAD}{policy}"))
        .containment(containment)
        .start()
}

fn alone(profiles: &[(&str, &str)]) -> Alone {
    let policy = policy(profiles, "\"self\"");
    Alone::with(&format!("version = 1\n{policy}"), "auto")
}

#[track_caller]
fn sh(client: &Client, profile: &str, script: &str) -> Called {
    client.call(&format!("sh_{profile}"), &json!({ "script": script }))
}

/// Starts a sleep under a profile and waits for its process.
#[track_caller]
fn running(client: &Client, profile: &str) -> Process {
    let time = unique();
    let script = format!("exec sleep {time}");
    client.start_call(&format!("sh_{profile}"), &json!({ "script": script }));
    eventually("the command runs", Duration::from_secs(10), || {
        let all = Process::with_argument(&time);
        all.into_iter().find(|one| one.arguments().len() == 2)
    })
}

#[track_caller]
fn status(process: Process, name: &str) -> String {
    let status = process.status();
    status
        .get(name)
        .expect("the process lives")
        .trim()
        .to_owned()
}

const BOUNDED: &str = r#"
umask = "0077"
nice = 7
oom_score_adjust = 321
io_scheduling_class = "idle"
limit_cpu = "3s"
limit_stack = "1M"
limit_memlock = "32K"
limit_as = "800M"
"#;

/// Prints what the profile says, as the kernel has it.
const ASK: &str = "umask; nice; cat /proc/self/oom_score_adj; ionice; ulimit -t; ulimit -H -t; \
                   ulimit -s; ulimit -H -s; ulimit -l; ulimit -v; ulimit -c";

const ASKED: &str = "0077\n7\n321\nidle\n3\n4\n1024\n1024\n32\n819200\n0\n";

#[test]
fn limits_and_priorities_are_as_written() {
    for containment in CONTAINMENTS {
        let site = site(&[("bounded", BOUNDED), ("plain", "")], containment);
        let client = Client::attach(&site, ALICE);
        assert_eq!(
            sh(&client, "bounded", ASK).success(),
            ASKED,
            "{containment}"
        );
        assert_eq!(sh(&client, "plain", "umask").success(), "0022\n");
    }
}

#[test]
fn limits_and_priorities_hold_for_a_single_user() {
    let alone = alone(&[("bounded", BOUNDED), ("idle", "nice = 19")]);
    assert_eq!(sh(alone.client(), "bounded", ASK).success(), ASKED);
    assert_eq!(sh(alone.client(), "idle", "nice").success(), "19\n");
}

/// A limit that the worker was started with stays where it is lower than the profile's.
#[test]
fn lower_limits_of_the_worker_stay() {
    let policy = policy(&[("plain", "")], "\"alice\"");
    let mut site = Site::with(&format!("{HEAD}{policy}")).prepare();
    site.start_worker_by("ulimit -f 2000; exec \"$@\"");
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    for _ in 0..3 {
        let asked = sh(&client, "plain", "ulimit -H -f; ulimit -S -f");
        assert_eq!(asked.success(), "2000\n2000\n");
    }
}

/// A command cannot take back what its profile wrote.
#[test]
fn limits_and_priorities_cannot_be_raised() {
    let site = site(&[("bounded", BOUNDED)], "auto");
    let client = Client::attach(&site, ALICE);
    for attempt in [
        "ulimit -H -t 100",
        "ulimit -H -s 8192",
        "ulimit -H -l 64",
        "ulimit -H -v unlimited",
        "renice -n 0 -p $$",
        "echo 0 > /proc/self/oom_score_adj",
    ] {
        let called = sh(&client, "bounded", attempt);
        assert_ne!(called.exit_code(), Some(0), "{attempt}: {}", called.0);
    }
}

#[test]
fn processor_time_ends_with_a_signal_and_then_with_another() {
    let site = site(&[("second", "limit_cpu = \"1s\"")], "auto");
    let client = Client::attach(&site, ALICE);
    let first = sh(&client, "second", "exec sh -c 'while :; do :; done'");
    assert_eq!(first.field("signal"), "SIGXCPU", "{}", first.0);
    let stubborn = "trap '' XCPU; while :; do :; done";
    let second = sh(&client, "second", stubborn);
    assert_eq!(second.field("signal"), "SIGKILL", "{}", second.0);
}

/// What needs a controller that this worker does not have is refused by its name;
/// without controllers, nothing else can be seen here.
#[test]
fn a_missing_controller_is_named() {
    let profiles = [
        ("quota", "cpu_quota = \"50%\"", "cpu_quota", "cpu"),
        ("weight", "cpu_weight = 10", "cpu_weight", "cpu"),
        ("disk", "io_weight = 10", "io_weight", "io"),
        ("high", "memory_high = \"64M\"", "memory_high", "memory"),
        (
            "swap",
            "memory_swap_max = \"1M\"",
            "memory_swap_max",
            "memory",
        ),
        (
            "demand",
            "minimum_cgroup = [\"pids\"]",
            "minimum_cgroup",
            "pids",
        ),
    ];
    let bodies = profiles.map(|(name, body, ..)| (name, body));
    let (site, alone) = (site(&bodies, "subreaper"), alone(&bodies));
    let client = Client::attach(&site, ALICE);
    for (name, _, key, controller) in profiles {
        let called = sh(&client, name, "true");
        assert_eq!(called.failed(), "sandbox");
        let expected = format!(
            "cannot hold `{key}` of profile `{name}`: the worker has no cgroup controller `{controller}`"
        );
        assert!(
            called.reason().starts_with(&expected),
            "{}",
            called.reason()
        );
        let warned = format!("profile `{name}` refuses every call: `{key}` needs");
        assert!(site.log_text("worker").contains(&warned));
    }
    let called = sh(alone.client(), "quota", "true");
    assert_eq!(called.failed(), "sandbox");
}

fn ops() -> String {
    let group = Group::from_name("mmtest-ops").expect("group(5) can be read");
    group.expect("the harness makes it").gid.to_string()
}

#[test]
fn a_command_has_exactly_the_groups_that_are_named() {
    let groups = "supplementary_groups = [\"mmtest-ops\"]";
    let site = site(
        &[
            ("caller", groups),
            ("none", "supplementary_groups = []"),
            ("own", ""),
            ("runner", &format!("run_as = \"mmtest-run\"\n{groups}")),
            ("lonely", "run_as = \"mmtest-run\""),
        ],
        "auto",
    );
    let (alice, bob) = (Client::attach(&site, ALICE), Client::attach(&site, BOB));
    let groups = |client, profile| status(running(client, profile), "Groups");
    assert_eq!(groups(&alice, "caller"), ops());
    assert_eq!(groups(&alice, "own"), "");
    assert_eq!(groups(&bob, "own"), ops());
    assert_eq!(groups(&bob, "none"), "");
    assert_eq!(groups(&alice, "lonely"), "");
    let runner = running(&alice, "runner");
    assert_eq!(status(runner, "Groups"), ops());
    assert!(status(runner, "Uid").starts_with(&RUNNER.uid().to_string()));
}

const SETS: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

/// Two privileges for a user of its own, one for root, and none for others.
const PRIVILEGED: [(&str, &str); 5] = [
    (
        "owner",
        "run_as = \"mmtest-run\"\ncapabilities = [\"CAP_CHOWN\", \"CAP_NET_BIND_SERVICE\"]\n\
         write = [\"@site@/drop\"]",
    ),
    ("root", "run_as = \"root\"\ncapabilities = [\"CAP_FOWNER\"]"),
    ("caller", "capabilities = [\"CAP_SETUID\"]"),
    ("bare", "run_as = \"mmtest-run\"\nwrite = [\"@site@/drop\"]"),
    ("bare_root", "run_as = \"root\"\ncapabilities = []"),
];

#[test]
fn a_command_has_exactly_the_capabilities_that_are_named() {
    for containment in CONTAINMENTS {
        let site = site(&PRIVILEGED, containment);
        let client = Client::attach(&site, ALICE);
        for (profile, expected) in [
            ("owner", 1_u64 | 1 << 10),
            ("root", 1 << 3),
            ("caller", 1 << 7),
            ("bare", 0),
            ("bare_root", 0),
        ] {
            let process = running(&client, profile);
            for set in SETS {
                let found = status(process, set);
                assert_eq!(found, format!("{expected:016x}"), "{set} of {profile}");
            }
            assert_eq!(status(process, "NoNewPrivs"), "1");
        }
    }
}

/// The capability does its work, only where it is granted, and reaches no further.
#[test]
fn a_capability_serves_its_profile_alone() {
    let site = site(&PRIVILEGED, "auto");
    let client = Client::attach(&site, ALICE);
    let file = site.file("drop/file", "text");
    let (file, alice) = (file.display(), ALICE.uid());
    let chown = format!("chown {alice} {file} && stat -c %u {file}");
    assert_ne!(sh(&client, "bare", &chown).exit_code(), Some(0));
    assert_eq!(sh(&client, "owner", &chown).success(), format!("{alice}\n"));
    for attempt in ["setpriv --reuid 0 id", "setpriv --ambient-caps +setuid id"] {
        assert_ne!(
            sh(&client, "owner", attempt).exit_code(),
            Some(0),
            "{attempt}"
        );
    }
    let other = site.file("data/secret", "secret");
    let outside = format!("chown {alice} {}", other.display());
    sh(&client, "owner", &outside);
    let read = sh(&client, "owner", &format!("cat {}", other.display()));
    assert_ne!(read.exit_code(), Some(0), "{}", read.0);
}

/// A worker that was not given a capability does not promise it to commands.
#[test]
fn a_worker_without_the_capability_does_not_start() {
    let site = Site::with(&format!("{HEAD}{}", policy(&PRIVILEGED, "\"alice\""))).prepare();
    let worker = site.worker_command();
    let mut command = Command::new("setpriv");
    command
        .arg("--bounding-set=-net_bind_service")
        .arg(worker.get_program());
    let output = command
        .args(worker.get_args())
        .output()
        .expect("setpriv is there");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = "cannot grant CAP_NET_BIND_SERVICE to commands: the worker does not have it";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_reload_cannot_bring_back_a_capability() {
    let less = format!("{HEAD}{}", policy(&PRIVILEGED, "\"alice\""));
    let more = less.replace("\"CAP_CHOWN\", ", "\"CAP_CHOWN\", \"CAP_SYS_TIME\", ");
    let fewer = less.replace("\"CAP_CHOWN\", ", "");
    let site = Site::with(&less).start();
    let reload = |text: &str| {
        site.file("policy.toml", &text.replace("@site@", &site.text()));
        let pid = Pid::from_raw(site.worker().id());
        kill(pid, Signal::SIGHUP).expect("it lives");
    };
    reload(&more);
    eventually("the worker refuses", Duration::from_secs(10), || {
        let said = site.log_text("worker");
        let refused = "cannot grant CAP_SYS_TIME to commands: the worker has given it up";
        (said.contains(refused) && said.contains("hint: restart the worker")).then_some(())
    });
    reload(&fewer);
    eventually("the worker reloads", Duration::from_secs(10), || {
        let said = site.log_text("worker");
        said.contains("the policy was loaded again").then_some(())
    });
    let client = Client::attach(&site, ALICE);
    assert_eq!(
        status(running(&client, "owner"), "CapBnd"),
        "0000000000000400"
    );
}

/// Makes system calls by number and prints what each came to: `0`, or an error number.
fn probe(calls: &[(i64, &str)]) -> String {
    let mut script = "import ctypes; c = ctypes.CDLL(None, use_errno=True); ".to_owned();
    for (number, arguments) in calls {
        let one = format!(
            "print(0 if c.syscall({number}{arguments}) >= 0 else ctypes.get_errno(), flush=True); "
        );
        script.push_str(&one);
    }
    format!("python3 -I -c '{script}'")
}

#[track_caller]
fn probed(client: &Client, profile: &str, calls: &[(i64, &str)]) -> Vec<i32> {
    let called = sh(client, profile, &probe(calls));
    let lines = called
        .success()
        .lines()
        .map(|line| line.parse().expect("a number"));
    lines.collect()
}

const LISTS: [(&str, &str); 7] = [
    ("default", ""),
    ("less", "system_calls = [\"~@chown\", \"~getcpu\"]"),
    ("more", "system_calls = [\"+ptrace\", \"+@ipc\"]"),
    ("service", "system_calls = [\"@system-service\"]"),
    (
        "debug",
        "system_calls = [\"@system-service\", \"@debug\", \"@privileged\", \"@mount\"]",
    ),
    (
        "nosys",
        "system_calls = [\"~@chown\"]\nsystem_call_error_number = \"ENOSYS\"",
    ),
    (
        "kill",
        "system_calls = [\"~@chown\"]\nsystem_call_error_number = \"kill\"",
    ),
];

/// ptrace(PTRACE_TRACEME), fchown(-1) by which only the filter is asked, shmget of
/// what does not exist,
/// getcpu, unshare of nothing, clone3, socket.
const CALLS: [(i64, &str); 7] = [
    (libc::SYS_ptrace, ", 0, 0, 0, 0"),
    (libc::SYS_fchown, ", -1, 0, 0"),
    (libc::SYS_shmget, ", 0x6d6d6370, 4096, 0"),
    (libc::SYS_getcpu, ", 0, 0, 0"),
    (libc::SYS_unshare, ", 0"),
    (libc::SYS_clone3, ", 0, 0"),
    (libc::SYS_socket, ", 1, 1, 0"),
];

const EPERM: i32 = libc::EPERM;
const EBADF: i32 = libc::EBADF;
const ENOENT: i32 = libc::ENOENT;
const EACCES: i32 = libc::EACCES;
const ENOSYS: i32 = libc::ENOSYS;

/// What each of [`CALLS`] comes to under each list.
const COME_TO: [(&str, [i32; 7]); 6] = [
    ("default", [EPERM, EBADF, EPERM, 0, EPERM, ENOSYS, EACCES]),
    ("less", [EPERM, EPERM, EPERM, EPERM, EPERM, ENOSYS, EACCES]),
    ("more", [0, EBADF, ENOENT, 0, EPERM, ENOSYS, EACCES]),
    ("service", [EPERM, EBADF, ENOENT, 0, EPERM, ENOSYS, EACCES]),
    ("debug", [EPERM, EBADF, ENOENT, 0, EPERM, ENOSYS, EACCES]),
    ("nosys", [ENOSYS, ENOSYS, ENOSYS, 0, ENOSYS, ENOSYS, EACCES]),
];

fn assert_lists(client: &Client) {
    for (profile, expected) in COME_TO {
        assert_eq!(probed(client, profile, &CALLS), expected, "{profile}");
    }
    let fchown = probe(&[(libc::SYS_fchown, ", -1, 0, 0")]);
    let killed = sh(client, "kill", &format!("exec {fchown}"));
    assert_eq!(killed.field("signal"), "SIGSYS", "{}", killed.0);
    assert_eq!(sh(client, "kill", "echo lives").success(), "lives\n");
}

#[test]
fn a_command_has_the_system_calls_of_its_list() {
    let site = site(&LISTS, "auto");
    assert_lists(&Client::attach(&site, ALICE));
}

#[test]
fn a_single_user_has_the_system_calls_of_the_list() {
    assert_lists(alone(&LISTS).client());
}

/// A traced process is bound by the filter as well: tracing is no way around it.
#[test]
fn a_debugger_works_where_ptrace_is_named() {
    let site = site(&LISTS, "auto");
    let client = Client::attach(&site, ALICE);
    let trace = "strace -f -e trace=execve true";
    assert_ne!(sh(&client, "default", trace).exit_code(), Some(0));
    let traced = sh(&client, "more", trace);
    assert_eq!(traced.success(), "");
    assert!(traced.stderr().contains("execve("), "{}", traced.0);
    let unshare = probe(&[(libc::SYS_unshare, ", 0x10000000")]);
    let escape = format!("strace -f -o /dev/null {unshare}");
    assert_eq!(sh(&client, "more", &escape).success(), format!("{EPERM}\n"));
}

#[test]
fn a_dangerous_variable_is_set_where_the_profile_says_so() {
    let body = "dangerous_environment = true\nenvironment = { BASH_ENV = \"/dev/null\" }";
    let site = site(&[("dangerous", body), ("plain", "")], "auto");
    let client = Client::attach(&site, ALICE);
    assert_eq!(
        sh(&client, "dangerous", "printenv BASH_ENV").success(),
        "/dev/null\n"
    );
    assert_eq!(
        sh(&client, "plain", "printenv BASH_ENV").exit_code(),
        Some(1)
    );
}

/// The example of the policy reference: one privilege and one system call, no more.
#[test]
fn the_log_of_the_kernel_is_read_without_root() {
    let granted = "run_as = \"mmtest-run\"\ncapabilities = [\"CAP_SYSLOG\"]\n\
                   system_calls = [\"~@chown\", \"~@setuid\", \"+syslog\"]";
    let no_call = "run_as = \"mmtest-run\"\ncapabilities = [\"CAP_SYSLOG\"]";
    let site = site(&[("granted", granted), ("no_call", no_call)], "auto");
    let client = Client::attach(&site, ALICE);
    let dmesg = "dmesg --syslog > /dev/null && echo read";
    assert_eq!(sh(&client, "granted", dmesg).success(), "read\n");
    assert_ne!(sh(&client, "no_call", dmesg).exit_code(), Some(0));
}

/// What the worker grants has no effect for itself, and it keeps nothing else for it.
#[test]
fn the_worker_keeps_what_it_grants_without_effect() {
    let site = site(&PRIVILEGED, "subreaper");
    // CHOWN, FOWNER, SETUID and NET_BIND_SERVICE for commands; of its own
    // DAC_READ_SEARCH, KILL, SETGID, SETUID, SYS_CHROOT, SYS_ADMIN and, to bound
    // commands, SETPCAP.
    let namespaces = 1_u64 << 18 | 1 << 21;
    let (grants, own) = (
        1_u64 | 1 << 3 | 1 << 7 | 1 << 10,
        1_u64 << 2 | 0b1111 << 5 | namespaces,
    );
    let set = |name| u64::from_str_radix(&status(site.worker(), name), 16).expect("hexadecimal");
    assert_eq!(set("CapBnd"), grants);
    assert_eq!(set("CapEff"), own);
    assert_eq!(set("CapPrm"), own | grants);
    assert_eq!((set("CapInh"), set("CapAmb")), (0, 0));
}

/// Whoever reads a result can tell what the sandbox stopped from what failed by itself.
#[test]
fn what_the_sandbox_stopped_is_told() {
    let profiles = [
        ("deadly", "system_call_error_number = \"kill\""),
        ("small", "limit_fsize = \"4K\"\nprivate_tmp = true"),
        ("short", "limit_cpu = \"1s\""),
        ("plain", ""),
    ];
    for containment in CONTAINMENTS {
        let site = site(&profiles, containment);
        let client = Client::attach(&site, ALICE);
        let call = |tool: &str, script: &str| client.call(tool, &json!({ "script": script }));
        for (tool, script, signal, blocked) in [
            (
                "sh_deadly",
                "exec /usr/bin/python3 -Ic 'import os; os.chroot(\"/\")'",
                "SIGSYS",
                "system_call",
            ),
            (
                "sh_small",
                "exec dd if=/dev/zero of=/tmp/large bs=4096 count=2",
                "SIGXFSZ",
                "limit_fsize",
            ),
            ("sh_short", "while :; do :; done", "SIGXCPU", "limit_cpu"),
        ] {
            let called = call(tool, script);
            assert_eq!(called.field("signal"), &json!(signal), "{}", called.0);
            assert_eq!(called.field("blocked"), &json!([blocked]), "{containment}");
            let text = called.text();
            assert!(text.contains("[blocked by the sandbox: "), "{text}");
            let entry = site.audited("the end", |entry| {
                entry.field("outcome")["signal"].is_number()
                    && entry.field("outcome")["blocked"] == json!([blocked])
            });
            let floor = called.field("held_by_rlimits");
            assert_eq!(&entry.field("outcome")["held_by_rlimits"], floor);
        }
        // What fails by itself, or says so itself, is not explained.
        for script in ["exit 159", "kill -9 $$", "cat /etc/shadow", "chroot / true"] {
            let called = call("sh_plain", script);
            assert!(called.is_error(), "{script}: {}", called.0);
            assert_eq!(called.field("blocked"), &json!([]), "{script}");
            assert!(!called.text().contains("sandbox"), "{}", called.text());
        }
    }
}

/// Where no controller counts, the result says which limits are less than they seem.
#[test]
fn limits_that_no_controller_holds_are_told() {
    let site = site(&[("plain", "")], "pid-namespace");
    let client = Client::attach(&site, ALICE);
    let called = client.call("sh_plain", &json!({ "script": "true" }));
    assert_eq!(called.success(), "");
    assert_eq!(
        called.field("held_by_rlimits"),
        &json!(["memory_max", "tasks_max"])
    );
}

/// What an administrator demands of containment is there, or nothing runs.
#[test]
fn a_weaker_containment_than_demanded_is_refused() {
    let profiles = [
        ("any", ""),
        ("apart", "minimum_containment = \"pid-namespace\""),
        ("grouped", "minimum_containment = \"cgroup\""),
        (
            "isolated",
            "minimum_containment = \"pid-namespace\"\nstrength = \"isolated\"",
        ),
    ];
    for (containment, allowed) in [
        ("cgroup", [true, true, true, true]),
        ("pid-namespace", [true, true, false, true]),
        ("subreaper", [true, false, false, true]),
    ] {
        let site = site(&profiles, containment);
        let client = Client::attach(&site, ALICE);
        for ((name, _), allowed) in profiles.iter().zip(allowed) {
            let called = client.call(&format!("sh_{name}"), &json!({ "script": "true" }));
            let warned = site
                .log_text("worker")
                .contains(&format!("profile `{name}` refuses every call"));
            assert_eq!(warned, !allowed, "{containment} {name}");
            if allowed {
                assert_eq!(called.success(), "", "{containment} {name}");
            } else {
                assert_eq!(called.failed(), "sandbox", "{containment} {name}");
                assert!(called.reason().contains("minimum_containment"));
            }
        }
    }
}

/// Root, where a profile says so, is a user like any other when it executes a program.
#[test]
fn root_is_nobody_special() {
    let profiles = [("root", "run_as = \"root\""), ("plain", "")];
    for containment in CONTAINMENTS {
        let site = site(&profiles, containment);
        let client = Client::attach(&site, ALICE);
        let script =
            "exec /usr/bin/python3 -Ic 'import ctypes; print(ctypes.CDLL(None).prctl(27))'";
        for tool in ["sh_root", "sh_plain"] {
            let called = client.call(tool, &json!({ "script": script }));
            assert_eq!(called.success(), "3\n", "{containment} {tool}");
        }
    }
    // Without privileges that is a matter of the namespace, where there is one.
    let alone = alone(&[("isolated", "strength = \"isolated\"")]);
    let script = "exec /usr/bin/python3 -Ic 'import ctypes; print(ctypes.CDLL(None).prctl(27))'";
    let called = alone
        .client()
        .call("sh_isolated", &json!({ "script": script }));
    assert_eq!(called.success(), "3\n");
}
