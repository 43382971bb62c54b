//! `mini-mcp run`: one command under a profile, for whoever stands at the terminal.

use harness::{ALICE, CONTAINMENTS, Process, RUNNER, Starter, eventually, scratch, unique};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `words` for Alice under `options`; `--` stands between them.
fn output(starter: Starter, scratch: &Path, options: &[&str], words: &[&str]) -> Output {
    let mut command = starter.run(ALICE, scratch, options);
    command.arg("--").args(words).stdin(Stdio::null());
    command.output().expect("mini-mcp starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[track_caller]
fn refused(output: &Output, status: i32, part: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(said.contains(part), "{said}");
    assert_eq!(text(&output.stdout), "");
}

/// The status is the command's; what becomes of it otherwise is said as env(1),
/// timeout(1) and shells say it.
#[test]
fn exit_statuses() {
    let scratch = scratch();
    for starter in Starter::ALL {
        for profile in ["default", "isolated"] {
            let run =
                |words: &[&str]| output(starter, scratch.path(), &["--profile", profile], words);
            for (script, status) in [
                ("exit 0", 0),
                ("exit 7", 7),
                ("exit 255", 255),
                ("kill -TERM $$", 143),
                ("kill -KILL $$", 137),
            ] {
                let output = run(&["sh", "-c", script]);
                assert_eq!(output.status.code(), Some(status), "{starter:?} {script}");
                assert_eq!(text(&output.stderr), "", "{starter:?} {script}");
            }
            refused(&run(&["no-such-program"]), 127, "cannot find the command");
            refused(&run(&["/no/such/program"]), 127, "cannot find the command");
            refused(&run(&["/etc/passwd"]), 126, "cannot execute");
            refused(&run(&["/usr"]), 126, "cannot execute");
        }
        let late = ["--profile", "default", "--timeout", "300ms"];
        let output = output(starter, scratch.path(), &late, &["sleep", "60"]);
        refused(&output, 124, "its time is up after 300ms");
    }
}

/// At its deadline a command is asked to end, and what it still says is heard.
#[test]
fn a_late_command_may_tidy_up() {
    let scratch = scratch();
    let script = "trap 'echo tidied; exit 3' TERM; sleep 60 & wait";
    for starter in Starter::ALL {
        let late = ["--profile", "default", "--timeout", "500ms"];
        let output = output(starter, scratch.path(), &late, &["sh", "-c", script]);
        assert_eq!(text(&output.stdout), "tidied\n", "{starter:?}");
        assert_eq!(output.status.code(), Some(124), "{starter:?}");
    }
}

/// What the kernel tells of is said; the status stays the command's.
#[test]
fn what_the_sandbox_stopped_is_said() {
    let scratch = scratch();
    let policy = scratch.path().join("small.toml");
    let small = "version = 1\n[profile.small]\nread = [\"/usr\"]\nexecute = [\"/usr\"]\n\
                 private_tmp = true\nlimit_fsize = \"1M\"\n";
    fs::write(&policy, small).expect("ours");
    let policy = policy.display().to_string();
    let small = ["--policy", &policy, "--profile", "small"];
    let write = ["dd", "if=/dev/zero", "of=/tmp/x", "bs=2M", "status=none"];
    for starter in Starter::ALL {
        let output = output(starter, scratch.path(), &small, &write);
        let said = text(&output.stderr);
        assert!(
            said.contains("blocked by the sandbox: a file would"),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(128 + libc::SIGXFSZ));
    }
}

/// A wrong command line is no status of a command either.
#[test]
fn wrong_usage() {
    let scratch = scratch();
    for words in [
        &["--profil", "x"][..],
        &["--profile", "default"],
        &[
            "--profile",
            "default",
            "--connect",
            "tcp:1",
            "--network",
            "none",
            "--",
            "true",
        ],
    ] {
        let output = Command::new(scratch.path().join("bin/mini-mcp"))
            .arg("run")
            .args(words)
            .output();
        let output = output.expect("mini-mcp starts");
        refused(&output, 125, "Usage: mini-mcp run");
    }
}

/// Standard streams are those of the caller, and bytes pass unchanged.
#[test]
fn streams_pass_through() {
    let scratch = scratch();
    for starter in Starter::ALL {
        let mut command = starter.run(ALICE, scratch.path(), &["--profile", "isolated"]);
        command.args(["--", "sh", "-c", "cat; printf 'to stderr' >&2"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("mini-mcp starts");
        let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let mut input = child.stdin.take().expect("a pipe");
        let sent = bytes.clone();
        let writer = std::thread::spawn(move || input.write_all(&sent));
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("no panic").expect("all is read");
        assert!(output.stdout == bytes);
        assert_eq!(text(&output.stderr), "to stderr");
    }
}

/// A terminal stays one; the command has no hold on it as its own.
#[test]
fn a_terminal_passes_through() {
    let scratch = scratch();
    for starter in Starter::ALL {
        let mut command = starter.run(ALICE, scratch.path(), &["--profile", "default"]);
        command.args([
            "--",
            "sh",
            "-c",
            "test -t 0 && test -t 1 && test -t 2 && echo all three; exec 3</dev/tty",
        ]);
        let line = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> = line
            .map(|word| format!("'{}'", word.to_str().expect("UTF-8")))
            .collect();
        let mut script = Command::new("script");
        script.args([
            "--quiet",
            "--return",
            "--command",
            &words.join(" "),
            "/dev/null",
        ]);
        let output = script
            .stdin(Stdio::null())
            .output()
            .expect("script(1) starts");
        let said = text(&output.stdout);
        assert!(said.contains("all three"), "{said}");
        assert!(
            said.contains("/dev/tty"),
            "it has a controlling terminal: {said}"
        );
    }
}

/// Every argument arrives as it was typed, whatever TOML or a template make of it.
#[test]
fn arguments_pass_through() {
    let scratch = scratch();
    let words = [
        "",
        "a b",
        "\"",
        "\\",
        "\\n",
        "'",
        "{x}",
        "}}{{",
        "${HOME}",
        "$(id)",
        "-n",
        "--",
        "--read",
        "line\nline",
        "\t\u{1b}[0m\u{7f}",
        "ä日",
        "]\n[profile.default]",
    ];
    for starter in Starter::ALL {
        let script = ["sh", "-c", "printf '%s\\0' \"$@\"", "sh"];
        let output = output(
            starter,
            scratch.path(),
            &["--profile", "default"],
            &[&script, &words[..]].concat(),
        );
        assert_eq!(text(&output.stderr), "");
        let got: Vec<&str> = text(&output.stdout).split_terminator('\0').collect();
        assert_eq!(got, words);
    }
}

/// What is added on the command line, and nothing else, is open.
#[test]
fn terms_are_added() {
    let scratch = scratch();
    let folder = scratch.path().join("folder");
    fs::create_dir(&folder).expect("ours");
    chown(&folder, Some(ALICE.uid()), Some(ALICE.gid())).expect("root may");
    fs::write(folder.join("note"), "a note\n").expect("ours");
    fs::write(folder.join("tool"), "#!/bin/sh\necho ran\n").expect("ours");
    fs::set_permissions(folder.join("tool"), PermissionsExt::from_mode(0o755)).expect("ours");
    let path = folder.to_str().expect("UTF-8");
    for starter in Starter::ALL {
        for profile in ["default", "isolated"] {
            let run = |options: &[&str], script: &str| {
                let options = [&["--profile", profile], options].concat();
                let output = output(starter, scratch.path(), &options, &["sh", "-c", script]);
                format!(
                    "{}{}",
                    text(&output.stdout),
                    output.status.code().unwrap_or(-1)
                )
            };
            let read = format!("cat {path}/note");
            assert_ne!(run(&[], &read), "a note\n0");
            assert_eq!(run(&["--read", path], &read), "a note\n0");
            assert_eq!(run(&["--read", "-/no/such/file"], "echo fine"), "fine\n0");
            let write = format!("echo x > {path}/new && rm {path}/new");
            assert_ne!(run(&["--read", path], &write), "0");
            assert_eq!(run(&["--rw", path], &write), "0");
            let execute = format!("{path}/tool");
            assert_ne!(run(&["--read", path], &execute), "ran\n0");
            assert_eq!(run(&["--exec", path], &execute), "ran\n0");
            assert_eq!(
                run(&["--read", path, "--dir", path], "pwd"),
                format!("{path}\n0")
            );
            assert_eq!(
                run(&["--env", "A=b c", "--env", "A=d"], "echo $A-$USER"),
                "d-\n0"
            );
            assert_eq!(
                run(&["--strength", "isolated"], "cat /proc/1/comm"),
                "mini-mcp-worker\n0"
            );
        }
        let climbing = ["--profile", "default", "--read", "../etc/../usr"];
        let output = output(starter, scratch.path(), &climbing, &["true"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}

/// What the policy would refuse is refused, with words.
#[test]
fn refusals() {
    let scratch = scratch();
    for starter in Starter::ALL {
        for (options, word, part) in [
            (
                &["--profile", "nope"][..],
                "true",
                "there are `default`, `isolated`",
            ),
            (
                &["--profile", "default", "--read", "/no/such"],
                "true",
                "cannot grant `/no/such`",
            ),
            (
                &["--profile", "default", "--read", "/a\nb"],
                "true",
                "control character",
            ),
            (
                &["--profile", "default", "--timeout", "never"],
                "true",
                "command line:",
            ),
            (
                &["--profile", "default", "--env", "LD_PRELOAD=/x"],
                "true",
                "`LD_PRELOAD`",
            ),
            (
                &["--profile", "isolated", "--read", "/"],
                "true",
                "grants all of `/`",
            ),
            (
                &["--profile", "default", "--dir", "/no/such"],
                "true",
                "enter the working directory",
            ),
            (
                &["--profile", "default", "--policy", "/no/such"],
                "true",
                "cannot read the policy",
            ),
            (
                &["--profile", "default"],
                "${caller.name}",
                "stands for the caller",
            ),
        ] {
            let output = output(starter, scratch.path(), options, &["/bin/true", word]);
            refused(&output, 125, part);
        }
    }
    let mut command = Starter::Root.run(ALICE, scratch.path(), &["--profile", "default"]);
    let bad = std::ffi::OsStr::from_bytes(b"\xff");
    let words = command.args(["--", "/bin/true"]).arg(bad).output();
    refused(&words.expect("it starts"), 125, "invalid unicode");
    let other = Starter::User;
    let options = ["--profile", "default", "--as", RUNNER.name];
    let output = output(other, scratch.path(), &options, &["true"]);
    refused(&output, 125, "only root may say");
}

/// A directory as a standard stream would be a way past what is granted.
#[test]
fn no_directory_passes_through() {
    let scratch = scratch();
    for starter in Starter::ALL {
        let mut command = starter.run(ALICE, scratch.path(), &["--profile", "default"]);
        command.stdin(File::open("/").expect("it is there"));
        let output = command.args(["--", "true"]).output().expect("it starts");
        refused(&output, 125, "cannot pass descriptor 0 on");
    }
}

/// Root runs nothing as root that nobody asked for, and then without capabilities.
#[test]
fn root_runs_as_whom_it_says() {
    let scratch = scratch();
    let run = |options: &[&str]| {
        let mut command = Command::new(scratch.path().join("bin/mini-mcp"));
        command.args(["run", "--profile"]).args(options);
        command.args(["--", "sh", "-c", "id -u; grep -h ^Cap /proc/self/status"]);
        command.output().expect("mini-mcp starts")
    };
    refused(&run(&["default"]), 125, "--as USER");
    for profile in ["default", "isolated"] {
        let output = run(&[profile, "--as", "root"]);
        let said = text(&output.stdout);
        assert!(said.starts_with("0\n"), "{output:?}");
        let empty = said
            .lines()
            .skip(1)
            .filter(|line| line.ends_with("\t0000000000000000"));
        assert_eq!(empty.count(), 5, "{said}");
    }
}

/// A policy's profile is used as it stands; the shipped ones are there besides.
#[test]
fn profiles_of_a_policy() {
    let scratch = scratch();
    let write = |name: &str, content: &str| {
        let path = scratch.path().join(name);
        fs::write(&path, content).expect("ours");
        path.to_str().expect("UTF-8").to_owned()
    };
    let site = write(
        "site.toml",
        "version = 1\n[profile.site]\nread = [\"/usr\"]\nexecute = [\"/usr\"]\nrun_as = \"mmtest-run\"\n\
         environment = { PATH = \"/usr/bin\", MARK = \"mini-mcp-run\" }\n",
    );
    let own = write(
        "own.toml",
        "version = 1\n[profile.default]\nread = [\"/usr\"]\nexecute = [\"/usr\"]\nenvironment = { MARK = \"own\" }\n",
    );
    let script = ["sh", "-c", "id -un; echo $MARK"];
    let run = |policy: &str, profile: &str| {
        let options = ["--policy", policy, "--profile", profile];
        output(Starter::Root, scratch.path(), &options, &script)
    };
    assert_eq!(
        text(&run(&site, "site").stdout).lines().nth(1),
        Some("mini-mcp-run")
    );
    let account = RUNNER.uid().to_string();
    let options = ["--policy", &site, "--profile", "site"];
    let id = output(Starter::Root, scratch.path(), &options, &["id", "-u"]);
    assert_eq!(text(&id.stdout).trim(), account);
    assert_eq!(text(&run(&site, "default").stdout), "mmtest-alice\n\n");
    assert_eq!(
        text(&run(&own, "default").stdout).lines().nth(1),
        Some("own")
    );
    refused(&run(&own, "isolated"), 125, "there are `default`");
    fs::set_permissions(&own, PermissionsExt::from_mode(0o666)).expect("ours");
    refused(&run(&own, "default"), 125, "cannot trust the policy");
}

/// With temporary directories of its own a command has terminals, shared memory and,
/// where its processes have numbers of their own, a /proc of its own as well.
#[test]
fn what_is_shared_outside_is_apart_inside() {
    let scratch = scratch();
    let mark = format!("/dev/shm/{}", unique());
    fs::write(&mark, "outside").expect("root may");
    let script = format!(
        "ls /dev/pts; test -e {mark} && echo shared; \
         script -qec 'ls -1 /dev/pts' /dev/null < /dev/null | tr -d '\\r' | paste -sd' '"
    );
    for (starter, containment) in ways() {
        for profile in ["default", "isolated"] {
            let options = ["--profile", profile, "--containment", containment];
            let terminals = output(starter, scratch.path(), &options, &["sh", "-c", &script]);
            assert_eq!(text(&terminals.stdout), "ptmx\n0 ptmx\n", "{terminals:?}");
            let list = "test -r /proc/1/status && readlink /proc/1/root; ls -d /proc/[0-9]* | wc -l; echo $$";
            let listed = output(starter, scratch.path(), &options, &["sh", "-c", list]);
            let lines: Vec<&str> = text(&listed.stdout).lines().collect();
            if profile == "isolated" || containment == "pid-namespace" {
                // Init and the shell, and ls and wc as far as they have begun.
                let [.., count, own] = lines[..] else {
                    panic!("{listed:?}");
                };
                let count: u32 = count.parse().expect("a number");
                assert!((2..=4).contains(&count) && own == "2", "{listed:?}");
            }
        }
    }
    fs::remove_file(mark).expect("ours");
}

/// A shell that leaves something behind which nobody but the sandbox ends.
fn start_tree(starter: Starter, scratch: &Path, containment: &str) -> (Child, String) {
    let mark = unique();
    let mut command = starter.run(
        ALICE,
        scratch,
        &["--profile", "default", "--containment", containment],
    );
    let script = "trap '' TERM INT HUP; setsid sh -c 'trap \"\" TERM INT HUP; while :; do sleep 1; done' \"$0\" & \
                  echo ready; while :; do sleep 1; done";
    command.args(["--", "sh", "-c", script, &mark]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = [0; 6];
    let stdout = child.stdout.as_mut().expect("a pipe");
    std::io::Read::read_exact(stdout, &mut line).expect("the command writes");
    eventually("the whole tree runs", PATIENCE, || {
        (of_tree(&mark).len() >= 2).then_some(())
    });
    (child, mark)
}

/// The processes of the command, without `mini-mcp run` and its worker.
fn of_tree(mark: &str) -> Vec<Process> {
    let mut found = Process::with_argument(mark);
    found.retain(|process| {
        process
            .arguments()
            .first()
            .is_some_and(|program| program.ends_with("sh"))
    });
    found
}

fn nothing_is_left(mark: &str) {
    eventually("nothing is left", PATIENCE, || {
        Process::with_argument(mark).is_empty().then_some(())
    });
}

fn id(child: &Child) -> Pid {
    Pid::from_raw(Process::of(child).id())
}

/// Each containment that the starter can have.
fn ways() -> impl Iterator<Item = (Starter, &'static str)> {
    let all = Starter::ALL.into_iter();
    let all = all.flat_map(|starter| CONTAINMENTS.map(|containment| (starter, containment)));
    all.filter(|way| *way != (Starter::User, "cgroup"))
}

#[test]
fn signals_end_the_whole_tree() {
    let scratch = scratch();
    for (starter, containment) in ways() {
        for (signal, status) in [
            (Signal::SIGINT, 130),
            (Signal::SIGTERM, 143),
            (Signal::SIGHUP, 129),
        ] {
            let (mut child, mark) = start_tree(starter, scratch.path(), containment);
            kill(id(&child), signal).expect("it runs");
            let ended = child.wait().expect("it ends");
            assert_eq!(ended.code(), Some(status), "{starter:?} {containment}");
            assert!(Process::with_argument(&mark).is_empty(), "{containment}");
        }
    }
}

/// Neither the loss of the first process nor that of the launcher leaves anything.
#[test]
fn nothing_survives_a_kill() {
    let scratch = scratch();
    for (starter, containment) in ways() {
        let (mut child, mark) = start_tree(starter, scratch.path(), containment);
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        nothing_is_left(&mark);

        let (mut child, mark) = start_tree(starter, scratch.path(), containment);
        let launchers = Process::of(&child).children();
        let launcher = launchers.first().expect("it has forked");
        launcher.kill();
        let ended = child.wait().expect("it ends");
        assert_eq!(ended.code(), Some(125), "{starter:?} {containment}");
        nothing_is_left(&mark);
    }
}

/// What the command leaves behind ends with it, and so does what outlives its time.
#[test]
fn nothing_outlives_the_command() {
    let scratch = scratch();
    for (starter, containment) in ways() {
        for (last, status) in [("exit 3", 3), ("sleep 60", 124)] {
            let mark = unique();
            let script = format!("setsid sh -c 'sleep 61; :' {mark} >/dev/null 2>&1 & {last}");
            let options = [
                "--profile",
                "default",
                "--containment",
                containment,
                "--timeout",
                "2s",
            ];
            let output = output(starter, scratch.path(), &options, &["sh", "-c", &script]);
            assert_eq!(output.status.code(), Some(status), "{output:?}");
            assert!(
                Process::with_argument(&mark).is_empty(),
                "{starter:?} {containment}"
            );
        }
    }
}
