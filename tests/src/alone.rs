//! `mini-mcp stdio`: a server of her own for Alice, who has no privileges.

use crate::log::happened;
use crate::{ALICE, Client, Entry, Process, command_as, eventually, scratch};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A server and its one client. Dropping it hangs up and checks that nothing is left.
#[derive(Debug)]
pub struct Alone {
    client: Option<Client>,
    directory: TempDir,
}

impl Alone {
    /// Starts the server with the embedded policy and greets it.
    #[must_use]
    pub fn start() -> Alone {
        let mut alone = Alone::prepare();
        alone.serve("auto", None);
        alone
    }

    /// Starts the server with `policy`, in which `@site@` stands for the directory
    /// of the test, and greets it. `containment` is the worker's.
    #[must_use]
    pub fn with(policy: &str, containment: &str) -> Alone {
        let mut alone = Alone::prepare();
        let text = policy.replace("@site@", &alone.text());
        let file = alone.write("policy.toml", &text);
        alone.serve(containment, Some(file));
        alone
    }

    /// Makes the directory, and starts nothing.
    ///
    /// # Panics
    /// When a step fails.
    #[must_use]
    pub fn prepare() -> Alone {
        let directory = scratch();
        for name in ["workspace", "state"] {
            let path = directory.path().join(name);
            fs::create_dir(&path).expect("the directory is ours");
            chown(&path, Some(ALICE.uid()), Some(ALICE.gid())).expect("root may");
        }
        let client = None;
        Alone { client, directory }
    }

    /// The command line of the server, less `--policy`.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = command_as(ALICE, &self.path("bin/mini-mcp"));
        command.arg("stdio");
        command.arg("--workspace").arg(self.path("workspace"));
        command.arg("--audit").arg(self.path("state/audit.jsonl"));
        command.env("XDG_STATE_HOME", self.path("state"));
        command
    }

    fn serve(&mut self, containment: &str, policy: Option<PathBuf>) {
        let mut command = self.command();
        // What the server passes to its worker is fixed: a script adds the rest.
        let worker = self.path("bin/mini-mcp-worker").display().to_string();
        let script = format!("#!/bin/sh\nexec {worker} \"$@\" --containment {containment}\n");
        let script = self.write("worker.sh", &script);
        fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("ours");
        command.arg("--worker-program").arg(script);
        if let Some(policy) = policy {
            command.arg("--policy").arg(policy);
        }
        let client = Client::spawn(&mut command);
        client.initialize();
        self.client = Some(client);
    }

    /// The client of the running server.
    ///
    /// # Panics
    /// When it was not started.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("it was started")
    }

    /// Takes the client away, to end it otherwise.
    ///
    /// # Panics
    /// When it was not started.
    pub fn take_client(&mut self) -> Client {
        self.client.take().expect("it was started")
    }

    /// A path in the directory of the test.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// Writes a file that is Alice's; its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, relative: &str, content: &str) -> PathBuf {
        let path = self.path(relative);
        fs::write(&path, content).expect("the directory is ours");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("the file is ours");
        chown(&path, Some(ALICE.uid()), Some(ALICE.gid())).expect("root may");
        path
    }

    /// What happened, by the audit trail so far.
    #[must_use]
    pub fn audit(&self) -> Vec<Entry> {
        happened(&self.path("state/audit.jsonl"))
    }

    fn text(&self) -> String {
        self.directory.path().display().to_string()
    }
}

impl Drop for Alone {
    /// Hangs up, and panics when a process of the server survives that.
    fn drop(&mut self) {
        drop(self.client.take());
        if std::thread::panicking() {
            return;
        }
        let text = self.text();
        eventually("no process is left", Duration::from_secs(20), || {
            Process::mentioning(&text).is_empty().then_some(())
        });
    }
}
