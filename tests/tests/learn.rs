//! `mini-mcp learn`: what is printed for a command lets that command run.

use harness::{ALICE, Client, RUNNER, Site, scratch};
use serde_json::json;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A directory of the user whom commands run as.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(scratch());
        fs::create_dir(place.path("work")).expect("ours");
        for (name, text) in [
            (
                "hello.c",
                "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n",
            ),
            ("lines", "c\nb\na\n"),
        ] {
            fs::write(place.path("work").join(name), text).expect("ours");
            place.give(&format!("work/{name}"));
        }
        place.give("work");
        place
    }

    fn give(&self, name: &str) {
        let (uid, gid) = (RUNNER.uid(), RUNNER.gid());
        chown(self.path(name), Some(uid), Some(gid)).expect("root may");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn learn(&self, options: &[&str], command: &[&str]) -> Output {
        let mut learn = Command::new(self.path("bin/mini-mcp"));
        learn
            .args(["learn", "--as", RUNNER.name])
            .args(options)
            .arg("--")
            .args(command);
        learn
            .current_dir(self.path("work"))
            .output()
            .expect("it starts")
    }

    /// The policy that is learned from a run of `command`, which succeeds.
    fn policy(&self, command: &[&str]) -> String {
        let output = self.learn(&[], command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command:?}: {said}");
        String::from_utf8(output.stdout).expect("a policy is text")
    }

    /// Whether `mini-mcp check` finds `policy` sound.
    fn assert_sound(&self, policy: &str) {
        let file = self.path("learned.toml");
        fs::write(&file, policy).expect("ours");
        let mut check = Command::new(self.path("bin/mini-mcp"));
        let output = check.arg("check").arg(&file).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{policy}\n{said}");
    }
}

/// The tool of a learned policy.
fn tool(policy: &str) -> &str {
    let name = policy
        .split("[tool.")
        .nth(1)
        .and_then(|rest| rest.split(']').next());
    name.expect("a tool")
}

/// Learns `command`, then runs what was learned in the sandbox, and compares what both
/// print on standard output.
#[track_caller]
fn runs_as_learned(place: &Place, command: &[&str]) {
    let learned = place.learn(&[], command);
    let printed = String::from_utf8_lossy(&learned.stderr).into_owned();
    assert_eq!(learned.status.code(), Some(0), "{command:?}: {printed}");
    let policy = String::from_utf8(learned.stdout).expect("a policy is text");
    place.assert_sound(&policy);
    let callable = policy.replace("[\"root\"]", &format!("[\"{}\"]", ALICE.name));
    let site = Site::with(&callable).start();
    let client = Client::attach(&site, ALICE);
    let called = client.call(tool(&policy), &json!({}));
    assert_eq!(called.exit_code(), Some(0), "{policy}\n{called:?}");
    // The learned run printed both streams on one.
    let both = [called.stdout(), called.stderr()].concat();
    assert_eq!(both.len(), printed.len(), "{policy}\n{both}\n{printed}");
}

#[test]
fn git() {
    let place = Place::new();
    let made = place.learn(&[], &["git", "init", "--quiet"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    runs_as_learned(&place, &["git", "status", "--short"]);
    runs_as_learned(&place, &["git", "add", "lines"]);
}

#[test]
fn tar() {
    runs_as_learned(
        &Place::new(),
        &["tar", "-czf", "all.tar.gz", "lines", "hello.c"],
    );
}

#[test]
fn python() {
    let script = "import json, sqlite3, subprocess, tempfile, threading\n\
                  t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n\
                  f = tempfile.TemporaryFile(); f.write(b'x')\n\
                  print(subprocess.run(['/usr/bin/sort', 'lines'], capture_output=True).stdout, flush=True)";
    runs_as_learned(&Place::new(), &["/usr/bin/python3", "-c", script]);
}

#[test]
fn curl() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // One read has all of so short a request.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
        }
    });
    let place = Place::new();
    let address = format!("http://127.0.0.1:{port}/");
    runs_as_learned(&place, &["curl", "-sS", &address]);
    let policy = place.policy(&["curl", "-sS", &address]);
    assert!(
        policy.contains(&format!("connect = [\"tcp:{port}\"]")),
        "{policy}"
    );
}

#[test]
fn sqlite() {
    let script = "create table if not exists t(a); insert into t values(1); select 'done';";
    runs_as_learned(&Place::new(), &["sqlite3", "data.db", script]);
}

#[test]
fn gcc() {
    runs_as_learned(&Place::new(), &["gcc", "-o", "hello", "hello.c"]);
}

/// What may be read there is not mapped as code, but for what is said to be.
#[test]
fn a_library_of_the_programs_own() {
    let srv = tempfile::tempdir_in("/srv").expect("root may");
    fs::set_permissions(srv.path(), Permissions::from_mode(0o755)).expect("ours");
    let path = |name: &str| srv.path().join(name).display().to_string();
    fs::write(path("l.c"), "int answer(void) { return 42; }").expect("ours");
    let program = "#include <dirent.h>\n#include <stdio.h>\nint answer(void);\n\
        int main(void) { return !readdir(opendir(DIR_NAME)) || printf(\"%d\\n\", answer()) != 3; }";
    fs::write(path("m.c"), program).expect("ours");
    // All of a directory is granted that a program lists.
    let listed = format!("-DDIR_NAME=\"{}\"", srv.path().display());
    let compile = |words: &[&str]| {
        let mut gcc = Command::new("gcc");
        let status = gcc.args(words).current_dir(srv.path()).status();
        assert!(status.expect("gcc starts").success());
    };
    compile(&["-shared", "-fPIC", "-o", "libl.so", "l.c"]);
    let found_by = format!("-Wl,-rpath,{}", srv.path().display());
    compile(&["-o", "m", "m.c", "-L.", "-ll", &found_by, &listed]);
    runs_as_learned(&Place::new(), &[&path("m")]);
}

#[test]
fn shell() {
    let script = "cat lines | sort | while read -r line; do echo \"{$line}\"; done > sorted; cat sorted; rm sorted";
    runs_as_learned(&Place::new(), &["bash", "-c", script]);
}

#[test]
fn sed() {
    runs_as_learned(&Place::new(), &["sed", "-i", "s/c/d/", "lines"]);
}

#[test]
fn perl() {
    let script = "open F, '<', 'lines' or die; print sort <F>; print `/usr/bin/id -un`;";
    runs_as_learned(&Place::new(), &["perl", "-e", script]);
}

#[test]
fn find() {
    runs_as_learned(
        &Place::new(),
        &[
            "find",
            ".",
            "-name",
            "*.c",
            "-exec",
            "/usr/bin/wc",
            "-l",
            "{}",
            ";",
        ],
    );
}

#[test]
fn sort_with_temporary_files() {
    runs_as_learned(
        &Place::new(),
        &["sort", "-S", "64K", "-o", "sorted", "/usr/include/stdio.h"],
    );
}

#[test]
fn awk() {
    runs_as_learned(
        &Place::new(),
        &["awk", "{ n += 1 } END { print n > \"count\" }", "lines"],
    );
}

/// What one file needs is one file: neither its directory nor the secrets beside it.
#[test]
fn a_learned_profile_is_narrow() {
    let place = Place::new();
    let work = place.path("work").display().to_string();
    let policy = place.policy(&["cat", "lines"]);
    assert!(policy.contains(&format!("\"-{work}/lines\"")), "{policy}");
    for wide in ["\"/\"", "\"/etc\"", "\"/tmp\"", &format!("\"{work}\",\n")] {
        assert!(!policy.contains(wide), "{wide} in {policy}");
    }
    for key in [
        "write =",
        "network =",
        "connect =",
        "system_calls =",
        "execute =",
    ] {
        assert!(!policy.contains(key), "{key} in {policy}");
    }
    let other = place.policy(&["ls", "/etc"]);
    let said = "\"/etc\",  # all of it: the run listed it";
    assert!(other.contains(said), "{other}");
}

/// Streams pass through where the policy goes to a file, and the environment is what
/// a tool has.
#[test]
fn the_command_has_its_streams_and_a_tools_environment() {
    let place = Place::new();
    let file = place.path("policy.toml").display().to_string();
    let script = "echo out; echo error >&2; echo $HOME$SECRET$WANTED; exit 3";
    let options = ["-o", &file, "--env", "WANTED=yes"];
    let output = place.learn(&options, &["sh", "-c", script]);
    assert_eq!(output.status.code(), Some(1), "the command failed");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "out\nyes\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "error\n");
    let policy = fs::read_to_string(&file).expect("written nevertheless");
    assert!(policy.contains("# It ended with status 3"), "{policy}");
    assert!(
        policy.contains("environment = { \"WANTED\" = \"yes\" }"),
        "{policy}"
    );
    place.assert_sound(&policy);
}

/// What the command leaves behind ends with it.
#[test]
fn nothing_is_left_of_a_watched_command() {
    let place = Place::new();
    let time = harness::unique();
    place.policy(&["sh", "-c", &format!("sleep {time} & sleep {time} & true")]);
    harness::eventually(
        "no process is left",
        std::time::Duration::from_secs(20),
        || {
            harness::Process::with_argument(&time)
                .is_empty()
                .then_some(())
        },
    );
}

#[test]
fn only_root_may_and_the_program_must_exist() {
    let place = Place::new();
    let mut command = harness::command_as(ALICE, &place.path("bin/mini-mcp"));
    command.current_dir("/").args(["learn", "--", "true"]);
    let refused = command.output().expect("it starts");
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("only root may\nhint: sudo mini-mcp learn"),
        "{said}"
    );
    let missing = place.learn(&[], &["no-such-program"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(Path::new("/usr/bin/true").exists() && missing.stdout.is_empty());
}
