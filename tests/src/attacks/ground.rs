//! What the probes are tried on: for each identity an area that is its own and that
//! nothing grants, a directory that is granted to write, and a process of the same
//! user outside.

use crate::{ALICE, Process, RUNNER, command_as};
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// As whom the probes run: the caller, a user of their own, root without capabilities.
pub const IDENTITIES: [&str; 3] = ["caller", "mmtest-run", "root"];

/// Names the probes where they were compiled elsewhere, for a machine that has no compiler.
pub const COMPILED: &str = "MINI_MCP_PROBE";

/// Makes the probes; the program.
///
/// # Panics
/// When they do not compile.
#[must_use]
pub fn compile(folder: &Path) -> PathBuf {
    let program = folder.join("probe");
    match std::env::var_os(COMPILED) {
        Some(compiled) => drop(fs::copy(compiled, &program).expect("a copy")),
        None => gcc(&program),
    }
    // Beside it: what it copies, a set-user-id copy of it, and one with capabilities.
    fs::write(folder.join("secret"), "nothing").expect("ours");
    for (name, mode) in [("setuid", 0o4755), ("capable", 0o755)] {
        fs::copy(&program, folder.join(name)).expect("a copy");
        set_mode(&folder.join(name), mode);
    }
    own(&program, "setcap", &folder.join("capable"));
    program
}

fn gcc(program: &Path) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("attack");
    let files = fs::read_dir(sources)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "c"));
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(program)
        .args(files);
    let status = gcc
        .status()
        .expect("gcc runs\nhint: apt-get install gcc libc6-dev");
    assert!(status.success(), "the probes do not compile");
}

/// Makes a program that is granted to read and not to execute.
///
/// # Panics
/// When it cannot be made.
pub fn make_readable(site: &Path) {
    fs::create_dir(site.join("readable")).expect("ours");
    fs::copy("/usr/bin/true", site.join("readable/program")).expect("ours");
}

/// Classes and names of all probes, in their order.
///
/// # Panics
/// When the program does not list them.
#[must_use]
pub fn list(program: &Path) -> Vec<(String, String)> {
    let output = Command::new(program)
        .arg("list")
        .output()
        .expect("it starts");
    let text = String::from_utf8(output.stdout).expect("names");
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(class, name)| (class.to_owned(), name.to_owned()))
        .collect()
}

/// Has the probe do something to `file` for the suite.
fn own(program: &Path, what: &str, file: &Path) {
    let status = Command::new(program).arg(what).arg(file).status();
    assert!(status.is_ok_and(|status| status.success()), "{what}");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
}

/// The ground of one identity, and its victim.
#[derive(Debug)]
pub struct Ground {
    /// The probes.
    pub program: PathBuf,
    /// The identity's own, and granted to nobody.
    pub area: PathBuf,
    /// Granted to write.
    pub work: PathBuf,
    identity: &'static str,
    victim: Option<Child>,
}

impl Ground {
    /// Prepares it beneath `base`, for probes of `program`.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new(base: &Path, program: &Path, identity: &'static str) -> Ground {
        let own = base.join(identity);
        let mut ground = Ground {
            program: program.to_path_buf(),
            area: own.join("area"),
            work: own.join("work"),
            identity,
            victim: None,
        };
        for folder in [&ground.area, &ground.work] {
            fs::create_dir_all(folder).expect("ours");
        }
        ground.restore();
        ground.victim = Some(ground.start_victim());
        ground
    }

    /// A command that runs the probe `name` as this identity, outside any sandbox.
    fn probe(&self, name: &str, mark: &str) -> Command {
        let mut command = match self.identity {
            "caller" => command_as(ALICE, &self.program),
            "mmtest-run" => command_as(RUNNER, &self.program),
            _ => {
                // Root without capabilities, so that those inside have no fewer than it.
                let mut command = Command::new("setpriv");
                command.args(["--bounding-set=-all", "--inh-caps=-all"]);
                command.arg(&self.program);
                command
            }
        };
        command.arg(name).arg(&self.area).arg(&self.work);
        command.args(["1", mark]);
        command
    }

    fn start_victim(&self) -> Child {
        let mut command = self.probe("victim", "outside");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut ready = [0; 6];
        let output = child.stdout.as_mut().expect("a pipe");
        output.read_exact(&mut ready).expect("the victim is ready");
        child
    }

    /// The process id of the victim.
    ///
    /// # Panics
    /// Never: there is one from the start.
    #[must_use]
    pub fn target(&self) -> u32 {
        self.victim.as_ref().expect("it was started").id()
    }

    /// Everything is again as a probe expects it, whatever the last one did.
    ///
    /// # Panics
    /// When it cannot be restored.
    pub fn restore(&self) {
        const KEPT: [&str; 6] = ["secret", "sub", "fifo", "symlink", "program", "socket"];
        for entry in fs::read_dir(&self.work).expect("ours").flatten() {
            remove(&entry.path());
        }
        for entry in fs::read_dir(&self.area).expect("ours").flatten() {
            if !KEPT.iter().any(|kept| entry.file_name() == *kept) {
                remove(&entry.path());
            }
        }
        let at = |name: &str| self.area.join(name);
        fs::write(at("plain"), "plain").expect("ours");
        own(&self.program, "keep", &at("plain"));
        if !at("secret").exists() {
            fs::write(at("secret"), "SECRET").expect("ours");
        }
        if !at("sub").exists() {
            fs::create_dir(at("sub")).expect("ours");
        }
        if !at("program").exists() {
            fs::copy("/usr/bin/true", at("program")).expect("ours");
        }
        if !at("fifo").exists() {
            nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("ours");
        }
        if at("symlink").symlink_metadata().is_err() {
            symlink("secret", at("symlink")).expect("ours");
        }
        for (name, mode) in [("plain", 0o644), ("secret", 0o644), ("program", 0o755)] {
            set_mode(&at(name), mode);
            self.give(&at(name));
        }
        for path in [&at("sub"), &at("fifo"), &self.area, &self.work] {
            self.give(path);
        }
    }

    fn give(&self, path: &Path) {
        let owner = match self.identity {
            "caller" => (ALICE.uid(), ALICE.gid()),
            "mmtest-run" => (RUNNER.uid(), RUNNER.gid()),
            _ => (0, 0),
        };
        chown(path, Some(owner.0), Some(owner.1)).expect("root may");
    }
}

fn remove(path: &Path) {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        _ => fs::remove_file(path),
    };
    removed.expect("ours");
}

impl Drop for Ground {
    /// Lets the victim clean up and end, which a probe may have stopped.
    fn drop(&mut self) {
        let Some(mut child) = self.victim.take() else {
            return;
        };
        let victim = nix::unistd::Pid::from_raw(Process::of(&child).id());
        drop(child.stdin.take());
        for _ in 0..500 {
            let _ended = nix::sys::signal::kill(victim, nix::sys::signal::Signal::SIGCONT);
            if matches!(child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        // It holds up whoever waits for the host.
        drop(child.kill());
        drop(child.wait());
    }
}
