//! The supervisor is replaced by a hostile program, which runs as its user against a real
//! worker and tries, at the wire, what issue after issue says that it cannot do. After
//! each attack nothing outside the policy has run, the worker lives, and the audit trail
//! shows what was tried.

mod administrators;
mod frames;
mod storms;
mod supervisor;
mod words;

use harness::{
    Entry, Hijacked, Outcomes, Process, Site, assert_lawful, assert_whole, eventually, listen,
    unique,
};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::time::Duration;

const POLICY: &str = include_str!("../../policies/hostile.toml");

/// An installation without supervisor, and what marks its processes that sleep.
struct Ground {
    site: Site,
    marker: String,
    worker: Process,
}

impl Ground {
    fn new() -> Ground {
        Ground::with(POLICY)
    }

    fn with(policy: &str) -> Ground {
        let marker = unique();
        let site = Site::with(&policy.replace("@marker@", &marker)).worker_only();
        let drop = site.path("drop");
        fs::set_permissions(drop, PermissionsExt::from_mode(0o777)).expect("root may");
        let worker = site.worker();
        let ground = Ground {
            site,
            marker,
            worker,
        };
        // It listens before it is open to those whom the policy names.
        assert_eq!(ground.status()["well"], true);
        ground
    }

    /// Lets the hostile program do `attack`.
    fn attacked(&self, attack: &str) -> Outcomes {
        self.attacked_with(attack, |_, word| panic!("it asks for `{word}`"))
    }

    fn attacked_with(&self, attack: &str, help: impl FnMut(&Site, &str) -> String) -> Outcomes {
        Hijacked::start(&self.site, attack).finish(help)
    }

    /// What the commands that ran have left behind.
    fn marks(&self) -> Vec<String> {
        let entries = fs::read_dir(self.site.path("drop")).expect("it is there");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = names
            .map(|name| name.into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    /// What must hold after every attack: nothing of it runs, the same worker is there and
    /// tells how it is, nothing panicked, and the trail is whole.
    fn assert_unharmed(&self) {
        eventually("nothing of it runs", Duration::from_secs(20), || {
            Process::with_argument(&self.marker)
                .is_empty()
                .then_some(())
        });
        assert!(self.worker.alive(), "the worker has ended");
        assert_eq!(self.status()["pid"], self.worker.id());
        eventually("no lane is left", Duration::from_secs(20), || {
            self.site.lanes().is_empty().then_some(())
        });
        let log = self.site.log_text("worker");
        assert!(!log.contains("panicked"), "{log}");
        let known = ["mini-mcp-worker: ", "hint: ", "caused by: "];
        let odd = |line: &&str| {
            !known
                .iter()
                .any(|start| line.trim_start().starts_with(start))
        };
        assert_eq!(
            log.lines().find(odd),
            None,
            "a line that is not the worker's"
        );
        assert_whole(&self.site);
        assert_lawful(&self.site.trail());
        assert!(!self.marks().contains(&"forged".to_owned()), "it ran");
    }

    fn status(&self) -> Value {
        let output = administrator(&self.site, &["status", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// The lines of the trail that tell of `event`.
    fn lines(&self, event: &str) -> Vec<Entry> {
        let mut lines = self.site.trail();
        lines.retain(|entry| entry.event() == event);
        lines
    }

    /// How many refusals the trail has with this code.
    fn refused(&self, code: &str) -> usize {
        let lines = self.lines("refuse");
        lines.iter().filter(|one| one.text("code") == code).count()
    }

    /// Why the lines tell that a protocol was broken.
    fn violations(&self) -> Vec<String> {
        let lines = self.lines("violation");
        lines
            .iter()
            .map(|one| one.text("reason").to_owned())
            .collect()
    }

    /// Writes another policy and has the worker load it; its digest.
    fn reload(&self, change: impl FnOnce(&str) -> String) -> String {
        let text = fs::read_to_string(self.site.policy()).expect("it is there");
        self.site.file("policy.toml", &change(&text));
        let before = self.lines("reload").len();
        self.worker.hang_up();
        eventually("it is loaded", Duration::from_secs(20), || {
            (self.lines("reload").len() > before).then_some(())
        });
        let digest = self.site.digest();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// An administrator's command, as root.
fn administrator(site: &Site, words: &[&str]) -> Output {
    let mut command = Command::new(site.program("mini-mcp"));
    command.args(words).arg("--socket").arg(site.admin_socket());
    command.output().expect("it runs")
}

/// A daemon of root's that everybody may connect to.
fn daemon(site: &Site) -> (std::os::unix::net::UnixListener, String) {
    let path = site.path("worker/daemon.sock");
    let listener = listen(&path);
    std::os::unix::fs::chown(&path, Some(0), Some(0)).expect("root may");
    (listener, path.display().to_string())
}
