//! Everyday programs as cases: a script, what it prints, and where to try it.

use crate::comparison::{Bounds, ENVIRONMENT, Network, Sandbox, Terms};
use crate::{Starter, User, command_as, scratch};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use tempfile::TempDir;

const PROGRAMS: &str = include_str!("../everyday/programs.txt");

/// One use of a program.
#[derive(Debug, Clone)]
pub struct Case {
    /// A word.
    pub name: String,
    /// Options of `mini-mcp run`, besides those for its directory.
    options: Vec<String>,
    script: String,
    expected: String,
}

/// All of them, in their order.
///
/// # Panics
/// When the file is not as its head says.
#[must_use]
pub fn cases() -> Vec<Case> {
    let texts = PROGRAMS.split("\n== ").skip(1);
    texts.map(case).collect()
}

fn case(text: &str) -> Case {
    let (head, rest) = text.split_once('\n').expect("a head line");
    let (script, expected) = rest.split_once("\n--\n").expect("a line `--`");
    let mut words = head.split_whitespace().map(str::to_owned);
    Case {
        name: words.next().expect("a name"),
        options: words.collect(),
        script: script.to_owned(),
        expected: format!("{}\n", expected.trim_end()),
    }
}

/// Where a case is tried by one user, again and again.
#[derive(Debug)]
pub struct Desk {
    user: User,
    case: Case,
    scratch: TempDir,
}

impl Desk {
    /// A desk for `user`, with what `case` needs.
    ///
    /// # Panics
    /// When something that it needs is missing.
    #[must_use]
    pub fn new(user: User, case: &Case) -> Desk {
        let scratch = scratch();
        let mut case = case.clone();
        let mut words = vec![("@user@", user.name.to_owned())];
        if case.options.iter().any(|word| word.contains("@port@")) {
            words.push(("@port@", serve().to_string()));
        }
        if case.options.iter().any(|word| word.contains("@toolchain@")) {
            words.push((
                "@toolchain@",
                toolchain(scratch.path()).display().to_string(),
            ));
        }
        for (mark, word) in words {
            let filled = |text: &String| text.replace(mark, &word);
            case.options = case.options.iter().map(filled).collect();
            case.script = filled(&case.script);
            case.expected = filled(&case.expected);
        }
        Desk {
            user,
            case,
            scratch,
        }
    }

    /// Tries the case without a sandbox; how it differs, if it does.
    #[must_use]
    pub fn outside(&self) -> Option<String> {
        let work = self.work();
        let mut command = command_as(self.user, Path::new("/bin/bash"));
        command.args(self.script()).env_clear().envs(ENVIRONMENT);
        command.env("HOME", &work).current_dir(&work);
        let options = self.case.options.windows(2);
        for pair in options.filter(|pair| pair[0] == "--env") {
            let (name, value) = pair[1].split_once('=').expect("NAME=VALUE");
            command.env(name, value);
        }
        self.judge(command)
    }

    /// Tries the case under `profile`; how it differs, if it does.
    #[must_use]
    pub fn inside(&self, starter: Starter, profile: &str) -> Option<String> {
        let work = self.work().display().to_string();
        let mut options = vec!["--profile", profile, "--timeout", "5min"];
        options.extend(["--rw", &work, "--exec", &work, "--dir", &work]);
        options.extend(self.case.options.iter().map(String::as_str));
        let mut command = starter.run(self.user, self.scratch.path(), &options);
        command.args(["--", "bash"]).args(self.script());
        self.judge(command)
    }

    /// Tries the case under `sandbox`; how it differs, if it does.
    #[must_use]
    pub fn under(&self, sandbox: Sandbox) -> Option<String> {
        let mut command = sandbox.command(&self.terms());
        command.arg("/usr/bin/bash").args(self.script());
        self.judge(command)
    }

    /// Its options in the words of all sandboxes.
    fn terms(&self) -> Terms {
        let work = self.work();
        let mut terms = Terms {
            user: self.user,
            scratch: self.scratch.path().to_path_buf(),
            read: Vec::new(),
            write: vec![work.clone()],
            // Others do not forbid it.
            execute: vec![work.clone()],
            directory: Some(work.clone()),
            environment: Vec::new(),
            network: Network::Nothing,
            bounds: Bounds::Shipped,
        };
        for pair in self.case.options.chunks(2) {
            terms.add(&pair[0], &pair[1]);
        }
        terms
    }

    fn script(&self) -> [&str; 5] {
        ["-eu", "-o", "pipefail", "-c", &self.case.script]
    }

    /// A new directory of the user's.
    fn work(&self) -> PathBuf {
        let work = self.scratch.path().join("work");
        if work.exists() {
            fs::remove_dir_all(&work).expect("root may");
        }
        fs::create_dir(&work).expect("the directory is ours");
        chown(&work, Some(self.user.uid()), Some(self.user.gid())).expect("root may");
        work
    }

    fn judge(&self, mut command: Command) -> Option<String> {
        let output = command.stdin(Stdio::null()).output();
        let Output {
            status,
            stdout,
            stderr,
        } = output.expect("it starts");
        let (stdout, stderr) = (
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr),
        );
        let fine = status.success() && stdout == self.case.expected;
        let (name, expected) = (&self.case.name, &self.case.expected);
        (!fine).then(|| format!("{name}: {status}\n-- expected\n{expected}-- printed\n{stdout}-- standard error\n{stderr}\n"))
    }
}

/// A server on a port of the loopback interface that answers each request with its
/// first two words; it ends with the test.
fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    port
}

fn answer(connection: TcpStream) {
    let mut reader = BufReader::new(connection);
    let (mut first, mut line) = (String::new(), String::new());
    let read = |reader: &mut BufReader<TcpStream>, line: &mut String| {
        reader.read_line(line).is_ok_and(|read| read > 2)
    };
    let mut more = read(&mut reader, &mut first);
    while more {
        line.clear();
        more = read(&mut reader, &mut line);
    }
    let words: Vec<&str> = first.split(' ').take(2).collect();
    let body = format!("{}\n", words.join(" "));
    let length = body.len();
    let text =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    // A client that has gone is the client's business.
    drop(reader.into_inner().write_all(text.as_bytes()));
}

/// The Rust toolchain of this test, where every user can reach it.
fn toolchain(scratch: &Path) -> PathBuf {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output();
    let output = output.expect("rustc starts");
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let copy = scratch.join("toolchain");
    fs::create_dir(&copy).expect("the directory is ours");
    for part in ["bin", "lib"] {
        let copied = ["--link", "--reflink=auto"].iter().any(|how| {
            let mut command = Command::new("cp");
            command
                .args(["--archive", how])
                .arg(sysroot.join(part))
                .arg(&copy);
            command
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        });
        assert!(copied, "cannot copy {}", sysroot.join(part).display());
    }
    copy
}
