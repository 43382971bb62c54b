//! What the kernel says of a process: /proc/PID, see proc(5).

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Child;

/// A process of this machine, seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(i32);

impl Process {
    /// The process `child`.
    #[must_use]
    pub fn of(child: &Child) -> Process {
        Process(i32::try_from(child.id()).expect("a pid fits"))
    }

    /// All processes that have not ended.
    #[must_use]
    pub fn all() -> Vec<Process> {
        let entries = fs::read_dir("/proc").expect("/proc is mounted");
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .map(Process)
            .filter(|process| process.alive())
            .collect()
    }

    /// The processes that have `argument` in their argument vector.
    #[must_use]
    pub fn with_argument(argument: &str) -> Vec<Process> {
        let mut found = Process::all();
        found.retain(|process| process.arguments().iter().any(|word| word == argument));
        found
    }

    /// The processes that mention `text` in their arguments or environment.
    #[must_use]
    pub fn mentioning(text: &str) -> Vec<Process> {
        let mut found = Process::all();
        found.retain(|process| {
            process.bytes("cmdline").contains(text) || process.bytes("environ").contains(text)
        });
        found
    }

    /// The direct children that have not ended.
    #[must_use]
    pub fn children(self) -> Vec<Process> {
        let mut found = Process::all();
        found.retain(|process| process.status().get("PPid") == Some(&self.0.to_string()));
        found
    }

    /// Its resident memory, in bytes.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn resident(self) -> u64 {
        let status = self.status();
        let text = status.get("VmRSS").expect("it lives");
        let kilobytes = text.split_whitespace().next().expect("a number");
        kilobytes.parse::<u64>().expect("a number") * 1024
    }

    /// The process id.
    #[must_use]
    pub fn id(self) -> i32 {
        self.0
    }

    /// It has not ended; a zombie has.
    #[must_use]
    pub fn alive(self) -> bool {
        self.status()
            .get("State")
            .is_some_and(|state| !state.starts_with(['Z', 'X']))
    }

    /// The argument vector.
    #[must_use]
    pub fn arguments(self) -> Vec<String> {
        let text = self.bytes("cmdline");
        text.trim_end_matches('\0')
            .split('\0')
            .map(str::to_owned)
            .collect()
    }

    /// The fields of `status`, by name; empty when the process is gone.
    #[must_use]
    pub fn status(self) -> BTreeMap<String, String> {
        let text = self.bytes("status");
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().replace('\t', " ")))
            .collect()
    }

    /// The open descriptors and what they lead to.
    #[must_use]
    pub fn descriptors(self) -> BTreeMap<i32, PathBuf> {
        let entries = fs::read_dir(self.path("fd")).expect("the process lives");
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        numbers
            .map(|number: i32| (number, self.path(&format!("fd/{number}"))))
            .map(|(number, link)| (number, fs::read_link(link).unwrap_or_default()))
            .collect()
    }

    /// Whether it has a standard error; it has not when it is gone.
    #[must_use]
    pub fn has_stderr(self) -> bool {
        fs::read_link(self.path("fd/2")).is_ok()
    }

    /// The cgroup in the unified hierarchy.
    #[must_use]
    pub fn cgroup(self) -> String {
        let text = self.bytes("cgroup");
        let line = text.lines().find_map(|line| line.strip_prefix("0::"));
        line.unwrap_or_default().to_owned()
    }

    /// The session id.
    #[must_use]
    pub fn session(self) -> i32 {
        let stat = self.bytes("stat");
        // The command name may hold blanks and parentheses: count from its end.
        let rest = stat.rsplit_once(')').expect("the process lives").1;
        let session = rest.split_whitespace().nth(3);
        session.expect("stat has a session").parse().expect("a pid")
    }

    /// The namespace of `kind`, such as `pid:[4026531836]`.
    #[must_use]
    pub fn namespace(self, kind: &str) -> PathBuf {
        fs::read_link(self.path(&format!("ns/{kind}"))).unwrap_or_default()
    }

    /// Sends SIGKILL.
    pub fn kill(self) {
        kill(Pid::from_raw(self.0), Signal::SIGKILL).expect("the process lives");
    }

    /// Sends SIGHUP.
    pub fn hang_up(self) {
        kill(Pid::from_raw(self.0), Signal::SIGHUP).expect("the process lives");
    }

    /// One file of the process as text; empty when the process is gone.
    #[must_use]
    pub fn bytes(self, file: &str) -> String {
        let bytes = fs::read(self.path(file)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn path(self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.0))
    }
}
