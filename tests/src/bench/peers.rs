//! What others charge for the same program, where they are installed.

use super::bare::spawn;
use super::contest::Contest;
use super::plan::Plan;
use super::report::{Row, Skipped};
use super::session::{Session, call};
use super::suite::Found;
use crate::comparison::{Sandbox, Terms};
use crate::scratch;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const BARE: &str = "bare spawn";
const PYTHON: &str = "python";
const PYTHON_WORDS: &str = "`tools/call` of a Python server, no sandbox";

/// One-shot sandboxes, and a server of the official Python library that spawns.
pub(super) fn found(plan: &Plan) -> Found {
    let scratch = scratch();
    let terms = Terms::shipped(scratch.path());
    let all = [Sandbox::Bubblewrap, Sandbox::Nsjail];
    let (there, missing): (Vec<_>, Vec<_>) = all.into_iter().partition(|peer| peer.there());
    let mut python = Python::start();
    let line = call("true");
    let mut contest = Contest::default().enter(BARE, spawn);
    for peer in &there {
        let mut command = peer.launcher(&terms);
        contest = contest.enter(peer.name(), move || {
            assert!(
                command.status().expect("it starts").success(),
                "{command:?}"
            );
        });
    }
    if let Some(python) = &mut python {
        contest = contest.enter(PYTHON, || python.call(&line));
    }
    let times = contest.run(plan.rounds(5));
    let baseline = times.of(BARE).spread();
    let row = |name: &str, what: &str| {
        Row::ratio(
            &format!("peer-{name}"),
            what,
            times.of(name).spread(),
            (BARE, baseline),
        )
    };
    let mut rows: Vec<Row> = there
        .iter()
        .map(|peer| row(peer.name(), &format!("launch by {}", peer.name())))
        .collect();
    let mut skipped: Vec<Skipped> = missing.into_iter().map(absent).collect();
    match python {
        Some(_) => rows.push(row(PYTHON, PYTHON_WORDS)),
        None => skipped.push(Skipped {
            what: PYTHON_WORDS.to_owned(),
            why: "`target/venv` lacks `mcp`, which tests/run.sh installs".to_owned(),
        }),
    }
    Found { rows, skipped }
}

fn absent(peer: Sandbox) -> Skipped {
    Skipped {
        what: format!("launch by {}", peer.name()),
        why: "it is not installed; CONTRIBUTING.md tells how".to_owned(),
    }
}

/// The server, as its client starts it.
struct Python {
    session: Session,
    child: Child,
}

impl Python {
    /// `None` where the library is not installed.
    fn start() -> Option<Python> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let interpreter = folder.join("../target/venv/bin/python");
        let mut probe = Command::new(&interpreter);
        probe.args(["-c", "import mcp.server.mcpserver"]);
        probe.stderr(Stdio::null());
        if !probe.status().is_ok_and(|status| status.success()) {
            return None;
        }
        let mut command = Command::new(interpreter);
        command.arg(folder.join("python/spawning_server.py"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().expect("it starts");
        let answers = child.stdout.take().expect("a pipe");
        let requests = child.stdin.take().expect("a pipe");
        let session = Session::through(answers, requests).expect("it answers");
        Some(Python { session, child })
    }

    fn call(&mut self, line: &str) {
        let answer = self.session.ask(line);
        assert!(!answer.contains("\"isError\":true"), "{answer}");
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
