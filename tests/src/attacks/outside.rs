//! The positive controls: a probe that nothing holds must get through, or its being
//! refused inside says nothing.

use super::Ground;
use crate::{ALICE, Process, command_as, eventually};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Outside there is everything a command must not have: a signal that is ignored, an
/// open mask, an output for both streams, a seekable input. `@` becomes the probe.
pub(crate) const CARELESS: &str = "trap '' PIPE; umask 0; exec 3</etc/hostname; exec \"$@\"";

/// Whether the probe `name` gets through outside, as Alice, as root in a mount
/// namespace of his own, or on a terminal.
#[must_use]
pub fn gets_through(ground: &Ground, class: &str, name: &str, mark: &str) -> bool {
    if class == "lifetime" {
        return survives(ground, name, mark);
    }
    let ways: [Way; 3] = [as_alice, as_root, on_a_terminal];
    ways.into_iter().any(|way| goes(way, ground, name, mark))
}

/// Whether it gets through outside as Alice.
#[must_use]
pub fn user_gets_through(ground: &Ground, class: &str, name: &str, mark: &str) -> bool {
    match class {
        "lifetime" => survives(ground, name, mark),
        _ => goes(as_alice, ground, name, mark),
    }
}

type Way = fn(&Ground, &str, &str) -> Command;

fn goes(way: Way, ground: &Ground, name: &str, mark: &str) -> bool {
    ground.restore();
    let mut command = way(ground, name, mark);
    let through = command.status().is_ok_and(|status| status.success());
    clean(mark);
    through
}

/// What some controls leave outside the ground.
fn clean(mark: &str) {
    for folder in ["/tmp", "/dev/shm", "/usr"] {
        drop(std::fs::remove_file(Path::new(folder).join(mark)));
    }
    drop(std::fs::remove_dir(
        Path::new("/sys/fs/cgroup/unified").join(mark),
    ));
}

fn words(ground: &Ground, name: &str, mark: &str) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let target = ground.target().to_string();
    [
        text(&ground.program),
        name.to_owned(),
        text(&ground.area),
        text(&ground.work),
        target,
        mark.to_owned(),
    ]
    .into()
}

fn careless(mut command: Command, words: Vec<String>) -> Command {
    // Of `SITE/bin/probe`.
    let site = Path::new(&words[0])
        .ancestors()
        .nth(2)
        .expect("a directory");
    // What would meet everybody is only asked for there.
    command.env("SITE", site).env("OUTSIDE", "1");
    command.args(["-c", CARELESS, "sh"]).args(words);
    let input = File::open("/etc/passwd").expect("it is there");
    let null = File::options()
        .write(true)
        .open("/dev/null")
        .expect("it is there");
    let both = null.try_clone().expect("a descriptor");
    command.stdin(input).stdout(null).stderr(both);
    command
}

fn as_alice(ground: &Ground, name: &str, mark: &str) -> Command {
    let command = command_as(ALICE, Path::new("/usr/bin/sh"));
    careless(command, words(ground, name, mark))
}

fn as_root(ground: &Ground, name: &str, mark: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh"]);
    careless(command, words(ground, name, mark))
}

fn on_a_terminal(ground: &Ground, name: &str, mark: &str) -> Command {
    let mut command = command_as(ALICE, Path::new("/usr/bin/script"));
    let line = words(ground, name, mark).join(" ");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// The processes of a probe with `mark`.
#[must_use]
pub fn left(ground: &Ground, mark: &str) -> Vec<Process> {
    let program = ground.program.display().to_string();
    let mut found = Process::with_argument(mark);
    found.retain(|process| process.arguments().first() == Some(&program));
    found
}

/// Whether a process of the probe is there some time after its start: in a pid
/// namespace, so that it can be ended however it defends itself.
///
/// # Panics
/// When the probe does not start.
fn survives(ground: &Ground, name: &str, mark: &str) -> bool {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "sh", "-c"]);
    command.arg("\"$@\" & wait $!; : > \"$0\"; sleep 60");
    let ended = ground.work.join("ended");
    command.arg(&ended).args(words(ground, name, mark));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().expect("unshare starts");
    let daemon = name.starts_with("leave");
    eventually(
        "the probe has done its work",
        Duration::from_secs(20),
        || {
            let there = !left(ground, mark).is_empty();
            (there && (!daemon || ended.exists())).then_some(())
        },
    );
    std::thread::sleep(Duration::from_millis(20));
    // A chain is always there, and its links hardly ever when one looks.
    let survived = (0..100).any(|_| !left(ground, mark).is_empty());
    end(&mut child);
    survived
}

fn end(child: &mut Child) {
    child.kill().expect("ours");
    child.wait().expect("a child");
}
