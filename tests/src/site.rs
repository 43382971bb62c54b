//! A throwaway installation: a worker as root and a supervisor as its own user,
//! with sockets, policy and audit file of their own in a scratch directory.

use crate::cgroup::of_worker;
use crate::log::{entries, happened};
use crate::users::System;
use crate::wait::listens;
use crate::{Entry, FRONT, Process, SiteBuilder, command_as, eventually, peer::without_clone3};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use policy::{Policy, Setting};
use std::fs::{self, File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use wire::PolicyDigest;

const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(20);

/// An installation. Dropping it stops everything and checks that nothing is left.
#[derive(Debug)]
pub struct Site {
    directory: TempDir,
    audit: PathBuf,
    containment: String,
    worker_options: Vec<String>,
    /// Further arguments of the supervisor.
    further: Vec<String>,
    /// Whether each process gets a session of its own.
    apart: bool,
    worker: Option<Child>,
    supervisor: Option<Child>,
}

impl Site {
    /// An installation with `policy`, in which `@site@` stands for its directory.
    #[must_use]
    pub fn with(policy: &str) -> SiteBuilder {
        SiteBuilder::new(policy)
    }

    pub(crate) fn new(
        directory: TempDir,
        audit: PathBuf,
        containment: String,
        worker_options: Vec<String>,
        (further, apart): (Vec<String>, bool),
    ) -> Site {
        Site {
            directory,
            audit,
            containment,
            worker_options,
            further,
            apart,
            worker: None,
            supervisor: None,
        }
    }

    /// Starts the worker and waits until it listens.
    ///
    /// # Panics
    /// When it ends or does not listen in time.
    pub fn start_worker(&mut self) {
        let child = self.worker_command().stderr(self.log("worker")).spawn();
        self.worker = Some(child.expect("the worker starts"));
        self.await_listener("worker", &self.worker_socket());
    }

    /// As [`Site::start_worker`], under a filter that answers clone3(2) as systemd's
    /// `RestrictNamespaces=` does.
    ///
    /// # Panics
    /// When it ends or does not listen in time.
    pub fn start_worker_without_clone3(&mut self) {
        let worker = self.worker_command();
        let mut command = without_clone3(worker.get_program());
        command.args(worker.get_args()).stdin(Stdio::null());
        let child = command.stderr(self.log("worker")).spawn();
        self.worker = Some(child.expect("the worker starts"));
        self.await_listener("worker", &self.worker_socket());
    }

    /// Starts the supervisor and waits until it listens.
    ///
    /// # Panics
    /// When it ends or does not listen in time.
    pub fn start_supervisor(&mut self) {
        let child = self
            .supervisor_command()
            .stderr(self.log("supervisor"))
            .spawn();
        self.supervisor = Some(child.expect("the supervisor starts"));
        self.await_listener("supervisor", &self.front());
    }

    /// Starts both at once and waits for neither.
    ///
    /// # Panics
    /// When one cannot be executed.
    pub fn start_at_once(&mut self) {
        let worker = self.worker_command().stderr(self.log("worker")).spawn();
        self.worker = Some(worker.expect("the worker starts"));
        let mut supervisor = self.supervisor_command();
        let supervisor = supervisor.stderr(self.log("supervisor")).spawn();
        self.supervisor = Some(supervisor.expect("the supervisor starts"));
    }

    /// As [`Site::start_supervisor`], with a variable in its environment.
    ///
    /// # Panics
    /// When it ends or does not listen in time.
    pub fn start_supervisor_with(&mut self, variable: &str, value: &str) {
        let mut command = self.supervisor_command();
        command.env(variable, value).stderr(self.log("supervisor"));
        self.supervisor = Some(command.spawn().expect("the supervisor starts"));
        self.await_listener("supervisor", &self.front());
    }

    /// As [`Site::start_worker`], from a shell `script`, as root, that ends in `exec "$@"`.
    ///
    /// # Panics
    /// When it ends or does not listen in time.
    pub fn start_worker_by(&mut self, script: &str) {
        let mut command = by(script, &self.worker_command());
        self.worker = Some(command.stderr(self.log("worker")).spawn().expect("a shell"));
        self.await_listener("worker", &self.worker_socket());
    }

    /// As [`Site::start_supervisor`], from a shell `script`, as root, that ends in
    /// `exec "$@"`.
    ///
    /// # Panics
    /// When it ends or does not listen in time.
    pub fn start_supervisor_by(&mut self, script: &str) {
        let mut command = by(script, &self.supervisor_command());
        self.supervisor = Some(
            command
                .stderr(self.log("supervisor"))
                .spawn()
                .expect("a shell"),
        );
        self.await_listener("supervisor", &self.front());
    }

    /// Another option of a worker that is not started yet, and its value.
    pub fn add_worker_option(&mut self, name: &str, value: &str) {
        let words = [name.to_owned(), value.to_owned()];
        self.worker_options.extend(words);
    }

    /// The command line of the worker.
    #[must_use]
    pub fn worker_command(&self) -> Command {
        let mut command = self.command("mini-mcp-worker", |program| Command::new(program));
        command.arg("serve").arg("--policy").arg(self.policy());
        command.arg("--packs").arg(self.path("packs"));
        command.arg("--socket").arg(self.worker_socket());
        command.arg("--front").arg(self.front());
        command.arg("--audit").arg(&self.audit);
        command.arg("--keys").arg(self.keys());
        command.args(["--supervisor", FRONT.name]);
        command.args(["--containment", &self.containment]);
        command.arg("--admin").arg(self.admin_socket());
        command.args(&self.worker_options);
        command.stdin(Stdio::null());
        command
    }

    /// The command line of the supervisor.
    #[must_use]
    pub fn supervisor_command(&self) -> Command {
        let mut command = self.command("mini-mcp", |program| command_as(FRONT, program));
        command.arg("serve").arg("--policy").arg(self.policy());
        command.arg("--packs").arg(self.path("packs"));
        command.arg("--socket").arg(self.front());
        command.arg("--worker").arg(self.worker_socket());
        if !self.further.iter().any(|word| word == "--spool") {
            command.arg("--spool").arg(self.path("spool"));
        }
        command.args(&self.further);
        command.stdin(Stdio::null());
        command
    }

    /// The beginning of a command line that executes the program `name`, as `make` has it.
    fn command(&self, name: &str, make: impl FnOnce(&Path) -> Command) -> Command {
        let program = self.program(name);
        if !self.apart {
            return make(&program);
        }
        let mut command = make(Path::new("/usr/bin/setsid"));
        command.arg(program);
        command
    }

    /// A file below the site's directory.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// The site's directory as text; every process of the site mentions it.
    #[must_use]
    pub fn text(&self) -> String {
        self.directory.path().display().to_string()
    }

    /// A binary under test that every user can execute.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.path("bin").join(name)
    }

    /// The policy file.
    #[must_use]
    pub fn policy(&self) -> PathBuf {
        self.path("policy.toml")
    }

    /// The socket that clients connect to.
    #[must_use]
    pub fn front(&self) -> PathBuf {
        self.path("front/mcp.sock")
    }

    /// The file of API keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.path("keys")
    }

    /// A new API key, as the administrator makes it.
    ///
    /// # Panics
    /// When it is not made.
    #[must_use]
    pub fn new_key(&self, name: &str) -> String {
        self.key(&["new", name]).trim_end().to_owned()
    }

    /// What `mini-mcp key` says, which must succeed.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn key(&self, words: &[&str]) -> String {
        let mut command = Command::new(self.program("mini-mcp"));
        command
            .arg("key")
            .args(words)
            .arg("--keys")
            .arg(self.keys());
        let output = command.output().expect("the program starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {error}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Where the supervisor serves HTTP on the network, from its log.
    #[track_caller]
    pub fn http(&self) -> SocketAddr {
        eventually("HTTP is served", START, || {
            let log = self.log_text("supervisor");
            let (_, rest) = log.split_once("serving HTTP address=")?;
            rest.split_whitespace().next()?.parse().ok()
        })
    }

    /// The socket that the supervisor connects to.
    #[must_use]
    pub fn worker_socket(&self) -> PathBuf {
        self.path("worker/worker.sock")
    }

    /// The socket where root asks the worker.
    #[must_use]
    pub fn admin_socket(&self) -> PathBuf {
        self.path("worker/admin.sock")
    }

    /// Writes a file that all may read; its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, relative: &str, content: &str) -> PathBuf {
        let path = self.path(relative);
        fs::write(&path, content).expect("the directory is ours");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("the file is ours");
        path
    }

    /// The digest of the policy, as supervisor and worker compute it.
    ///
    /// # Panics
    /// When the policy has errors.
    #[must_use]
    pub fn digest(&self) -> PolicyDigest {
        let text = fs::read_to_string(self.policy()).expect("the policy is a file");
        Policy::parse("policy", &text, &Setting::System, &System)
            .unwrap_or_else(|errors| panic!("{errors}"))
            .digest()
    }

    /// What happened, by the audit trail so far.
    #[must_use]
    pub fn audit(&self) -> Vec<Entry> {
        happened(&self.audit)
    }

    /// Every line of the audit trail so far.
    #[must_use]
    pub fn trail(&self) -> Vec<Entry> {
        entries(&self.audit)
    }

    /// The file of the audit trail.
    #[must_use]
    pub fn trail_file(&self) -> &Path {
        &self.audit
    }

    /// Waits for a line of the audit trail that `wanted` accepts.
    #[track_caller]
    pub fn audited(&self, what: &str, wanted: impl Fn(&Entry) -> bool) -> Entry {
        eventually(what, Duration::from_secs(10), || {
            self.audit().into_iter().find(&wanted)
        })
    }

    /// The worker's main process.
    ///
    /// # Panics
    /// When it was not started.
    #[must_use]
    pub fn worker(&self) -> Process {
        Process::of(self.worker.as_ref().expect("the worker was started"))
    }

    /// The supervisor.
    ///
    /// # Panics
    /// When it was not started.
    #[must_use]
    pub fn supervisor(&self) -> Process {
        Process::of(self.supervisor.as_ref().expect("it was started"))
    }

    /// Kills the supervisor without warning and waits until it is gone.
    ///
    /// # Panics
    /// When it was not started.
    pub fn kill_supervisor(&mut self) {
        let mut child = self.supervisor.take().expect("it was started");
        child.kill().expect("it runs");
        child.wait().expect("a child can be waited for");
    }

    /// Kills the worker's main process without warning and waits until it is gone.
    ///
    /// # Panics
    /// When it was not started.
    pub fn kill_worker(&mut self) {
        let mut child = self.worker.take().expect("it was started");
        child.kill().expect("it runs");
        child.wait().expect("a child can be waited for");
    }

    /// Stops the supervisor in order and waits until it is gone.
    pub fn stop_supervisor(&mut self) {
        Site::stop(self.supervisor.take());
    }

    /// Stops the worker in order and waits until it is gone.
    pub fn stop_worker(&mut self) {
        Site::stop(self.worker.take());
    }

    /// The lanes: the worker's forked copies, each of which serves one connection.
    #[must_use]
    pub fn lanes(&self) -> Vec<Process> {
        let mut lanes = self.worker().children();
        lanes.retain(|process| process.has_stderr());
        lanes
    }

    /// The forked copies of the worker that have nothing open but what they wait for: the
    /// disk that the trail is on.
    #[must_use]
    pub fn waiting_for_disk(&self) -> Vec<Process> {
        let mut waiting = self.worker().children();
        waiting.retain(|process| !process.has_stderr());
        waiting
    }

    /// The control groups of a worker, this site's or a former one.
    #[must_use]
    pub fn cgroups_of(&self, worker: Process) -> Vec<PathBuf> {
        of_worker(worker)
    }

    /// What a process wrote to its log, `worker` or `supervisor`.
    #[must_use]
    pub fn log_text(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default()
    }

    fn log(&self, name: &str) -> File {
        let path = self.path(&format!("{name}.log"));
        let options = File::options().create(true).append(true).open(path);
        options.expect("the directory is ours")
    }

    fn await_listener(&mut self, name: &str, socket: &Path) {
        let log = self.path(&format!("{name}.log"));
        let child = if name == "worker" {
            &mut self.worker
        } else {
            &mut self.supervisor
        };
        let child = child.as_mut().expect("it was started");
        eventually(&format!("the {name} listens"), START, || {
            let ended: Option<ExitStatus> = child.try_wait().expect("a child can be waited for");
            if let Some(status) = ended {
                let log = fs::read_to_string(&log).unwrap_or_default();
                panic!("the {name} ended with {status}:\n{log}");
            }
            listens(socket).then_some(())
        });
    }

    fn stop(child: Option<Child>) {
        let Some(mut child) = child else { return };
        let pid = Pid::from_raw(Process::of(&child).id());
        // Fails when the test has killed and reaped it already.
        let _ = kill(pid, Signal::SIGTERM);
        eventually("it ends upon SIGTERM", STOP, || {
            child.try_wait().expect("a child can be waited for")
        });
    }

    /// Waits until no process of the site is left.
    #[track_caller]
    pub fn assert_no_process(&self) {
        let text = self.text();
        eventually("no process of the site is left", STOP, || {
            Process::mentioning(&text).is_empty().then_some(())
        });
    }
}

/// A shell that runs `script`, whose arguments are `command`.
fn by(script: &str, command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-euc", script, "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.stdin(Stdio::null());
    shell
}

impl Drop for Site {
    /// Stops both processes and panics when a process of the site survives them. After a
    /// failure nothing of it may stay, whoever has started it: it would keep what reads the
    /// test's output waiting.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["worker", "supervisor"] {
                eprintln!("--- {name} log ---\n{}", self.log_text(name));
            }
            for left in Process::mentioning(&self.text()) {
                let _ended_already = kill(Pid::from_raw(left.id()), Signal::SIGKILL);
            }
            return;
        }
        Site::stop(self.supervisor.take());
        let worker = self.worker.as_ref().map(Process::of);
        Site::stop(self.worker.take());
        self.assert_no_process();
        let groups = worker.map(of_worker).unwrap_or_default();
        assert_eq!(groups, Vec::<PathBuf>::new(), "cgroups are left");
    }
}
