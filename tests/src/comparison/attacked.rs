//! The probes of tests/attack as single commands under one sandbox.

use super::sandbox::{Sandbox, words};
use super::terms::{Bounds, Network, Terms};
use crate::attacks::{
    CARELESS, End, Ground, Probe, Verdict, compile, gets_through, left, list, make_readable,
    user_gets_through,
};
use crate::{ALICE, scratch_in, unique};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What is no attack here: all are granted it or have it passed on as it is; or it asks
/// whether the command itself leads its session, which an init of the sandbox may.
const GRANTED: [&str; 5] = [
    "read-passwd",
    "fd-input",
    "fd-input-file",
    "fd-output-shared",
    "same-session",
];

/// Where the grounds are: nobody's temporary directory hides this one.
const FOLDER: &str = "/srv";

/// Class and name of a probe.
pub type Named = (String, String);

/// Probes that get through where nothing holds them.
#[derive(Debug, Clone)]
pub struct Positive(pub Vec<Named>);

/// What became of the probes under one sandbox.
#[derive(Debug, Clone, Default)]
pub struct Attacked {
    /// Those that got through.
    pub escaped: Vec<Named>,
    /// Those that could not be tried, and why.
    pub broken: Vec<String>,
}

/// Where all sandboxes are attacked, one after the other.
#[derive(Debug)]
pub struct Field {
    scratch: TempDir,
    program: PathBuf,
}

impl Field {
    /// Prepares it.
    ///
    /// # Panics
    /// When something is missing.
    #[must_use]
    pub fn new() -> Field {
        let scratch = scratch_in(Path::new(FOLDER));
        let program = compile(&scratch.path().join("bin"));
        make_readable(scratch.path());
        Field { scratch, program }
    }

    fn ground(&self) -> Ground {
        let base = self.scratch.path().join("ground");
        Ground::new(&base, &self.program, "caller")
    }

    /// The probes that say something, in their order.
    #[must_use]
    pub fn positive(&self) -> Positive {
        let ground = self.ground();
        let mut all = list(&self.program);
        all.retain(|(_, name)| !GRANTED.contains(&name.as_str()));
        all.retain(|(class, name)| gets_through(&ground, class, name, &unique()));
        Positive(all)
    }

    /// Runs `probes` under `sandbox`.
    ///
    /// # Panics
    /// When it does not even run what it must.
    #[must_use]
    pub fn attack(&self, sandbox: Sandbox, probes: &Positive) -> Attacked {
        let ground = self.ground();
        if sandbox != Sandbox::Nothing {
            self.must_run(sandbox, &ground);
        }
        let mut attacked = Attacked::default();
        for (class, name) in &probes.0 {
            ground.restore();
            match self.verdict(sandbox, &ground, class, name) {
                Verdict::Refused => {}
                Verdict::Escaped => attacked.escaped.push((class.clone(), name.clone())),
                Verdict::Broken(why) => attacked.broken.push(format!("{class} {name}: {why}")),
            }
        }
        attacked
    }

    fn verdict(&self, sandbox: Sandbox, ground: &Ground, class: &str, name: &str) -> Verdict {
        let mark = unique();
        if sandbox == Sandbox::Nothing {
            let through = user_gets_through(ground, class, name, &mark);
            return if through {
                Verdict::Escaped
            } else {
                Verdict::Refused
            };
        }
        let probe = Probe {
            class,
            name,
            mark: &mark,
            target: ground.target(),
        };
        let words = self.words(sandbox, ground, &probe);
        let output = careless(name, &words).output().expect("it starts");
        ending(ground, &mark);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let verdict = probe.verdict(ground, end(output.status), &said);
        for process in left(ground, &mark) {
            process.kill();
        }
        verdict
    }

    /// A sandbox that does not start refuses everything, which must not count.
    fn must_run(&self, sandbox: Sandbox, ground: &Ground) {
        for bounds in [Bounds::Shipped, Bounds::Short, Bounds::Small] {
            let mut command = sandbox.command(&self.terms(ground, bounds));
            let Output { status, stderr, .. } = command
                .args(["/usr/bin/env", "/usr/bin/true"])
                .stdin(Stdio::null())
                .output()
                .expect("it starts");
            let said = String::from_utf8_lossy(&stderr);
            assert!(status.success(), "{sandbox:?} {bounds:?}: {status} {said}");
            let mut command = sandbox.command(&self.terms(ground, bounds));
            command.arg(&self.program).arg("list").stdin(Stdio::null());
            let listed = command.output().expect("it starts").stdout;
            assert!(!listed.is_empty(), "{sandbox:?} runs no probe");
        }
    }

    fn terms(&self, ground: &Ground, bounds: Bounds) -> Terms {
        let site = self.scratch.path();
        Terms {
            user: ALICE,
            scratch: site.to_path_buf(),
            read: vec![site.join("readable")],
            write: vec![ground.work.clone()],
            execute: vec![site.join("bin")],
            directory: None,
            environment: vec![("SITE".to_owned(), site.display().to_string())],
            network: Network::Nothing,
            bounds,
        }
    }

    fn words(&self, sandbox: Sandbox, ground: &Ground, probe: &Probe<'_>) -> Vec<String> {
        let bounds = match probe.class {
            "lifetime" => Bounds::Short,
            "resources" => Bounds::Small,
            _ => Bounds::Shipped,
        };
        let mut words = words(&sandbox.command(&self.terms(ground, bounds)));
        if probe.name == "environment" {
            // Both are a sandbox's own, and no leak.
            words.extend(["/usr/bin/env", "-u", "HOME", "-u", "PWD"].map(str::to_owned));
        }
        // Of a granted tree nobody bounds more than each file.
        let work = match probe.name {
            "disk" => Path::new("/tmp"),
            _ => ground.work.as_path(),
        };
        let text = |path: &Path| path.display().to_string();
        words.extend([
            text(&self.program),
            probe.name.to_owned(),
            text(&ground.area),
        ]);
        words.extend([text(work), probe.target.to_string(), probe.mark.to_owned()]);
        words
    }
}

impl Default for Field {
    fn default() -> Self {
        Self::new()
    }
}

/// Started by somebody who is careless with descriptors, signals and the mask, and on a
/// terminal where it is the terminal that is attacked.
fn careless(name: &str, words: &[String]) -> Command {
    let mut command = Command::new("sh");
    if name == "terminal" {
        command = Command::new("script");
        let line = words.join(" ");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    } else {
        command.args(["-c", CARELESS, "sh"]).args(words);
    }
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command
        .env("LEAKED", "1")
        .stdin(Stdio::null())
        .current_dir("/");
    command
}

/// Gives the tree that a launcher has left a second to end.
fn ending(ground: &Ground, mark: &str) {
    let deadline = Instant::now() + Duration::from_secs(1);
    while !left(ground, mark).is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How a probe ended, by the status that a launcher passes on.
fn end(status: ExitStatus) -> Option<End> {
    match (status.code(), status.signal()) {
        (Some(code), _) if code > 128 => Some(End::Signaled(code - 128)),
        (Some(code), _) => Some(End::Exited(code)),
        (None, Some(signal)) => Some(End::Signaled(signal)),
        (None, None) => None,
    }
}
