//! The policy that a run needs, as text.

use super::system_calls::beyond;
use super::tree::{is_shared, trees, without_inner};
use super::{Seen, Subject};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Below these sizes and numbers a program of another day soon needs more.
const LEAST_MEMORY: u64 = 64 << 20;
const LEAST_TASKS: u64 = 8;

/// Descriptors that a profile has without saying so, and bytes of a file.
const DESCRIPTORS: u64 = 256;
const FILE_SIZE: u64 = 64 << 20;

/// The whole policy; `default` are the system calls that need no mention.
pub(super) fn text(subject: &Subject, seen: &Seen, default: &BTreeSet<String>) -> String {
    let name = name(subject);
    let profile = profile(subject, seen, default);
    let command = words(
        std::iter::once(subject.program.display().to_string())
            .chain(subject.arguments.iter().cloned()),
    );
    format!(
        "# What one run of this command needed, as `mini-mcp learn` saw it:\n\
         #   {}\n\
         # It ended with status {} after {:.1} s, with {}M of memory and {} tasks at most.\n\
         # Another run may need more: other arguments, other files, an error. Read it before you use it.\n\
         version = 1\n\n\
         # Who may call it: name them.\n\
         [principal.administrator]\nunix_users = [\"root\"]\n\n\
         [profile.{name}]\n{profile}\n\
         [tool.{name}]\ndescription = {}\ncommand = [{command}]\nprofile = {}\nallow = [\"administrator\"]\n",
        comment(&shown(subject)),
        seen.status,
        seen.wall.as_secs_f64(),
        seen.memory.resident.div_ceil(1 << 20),
        seen.tasks,
        quoted(&format!("Runs {}", shown(subject))),
        quoted(&name),
    )
}

fn shown(subject: &Subject) -> String {
    let program = subject.program.display().to_string();
    let words = std::iter::once(program).chain(subject.arguments.iter().cloned());
    let text = words.collect::<Vec<_>>().join(" ");
    let short: String = text
        .chars()
        .take(200)
        .filter(|one| !one.is_control())
        .collect();
    short
}

/// A comment ends with its line.
fn comment(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn name(subject: &Subject) -> String {
    let name = subject
        .program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let fit = |one: char| {
        if one.is_ascii_alphanumeric() || one == '-' {
            one
        } else {
            '_'
        }
    };
    let name: String = name.chars().take(40).map(fit).collect();
    if name.is_empty() {
        "learned".to_owned()
    } else {
        name
    }
}

fn profile(subject: &Subject, seen: &Seen, default: &BTreeSet<String>) -> String {
    let mut text = format!("run_as = {}\n", quoted(&subject.user));
    if subject.user == "root" {
        text.push_str("# Learned as root; `--as USER` learns what another user needs.\n");
    }
    text.push_str(&paths(subject, seen));
    text.push_str(&seen.sockets.lines());
    text.push_str(&system_calls(seen, default));
    text.push_str(&limits(seen));
    text.push_str(&format!(
        "working_directory = {}\n",
        quoted(&subject.directory.display().to_string())
    ));
    text.push_str(&environment(subject));
    text
}

fn paths(subject: &Subject, seen: &Seen) -> String {
    let files = &seen.files;
    let own = subject.program.canonicalize().unwrap_or_default();
    // One by one: a directory of programs would grant others.
    let libraries = files.read.iter().filter(|path| is_own_library(path));
    let execute = files.executed.iter().chain(libraries);
    let execute = execute.filter(|path| **path != own);
    let execute: BTreeSet<PathBuf> = execute.cloned().collect();
    let private = uses_private_temporary(subject, seen);
    let written = files.written.union(&files.changed).cloned();
    let written = written
        .filter(|path| !(private && is_temporary(path)))
        .collect();
    let write = without_inner(&trees(&written, &files.changed, &subject.home));
    let covered = |path: &PathBuf| {
        path.ancestors().any(|above| write.contains(above)) || execute.contains(path)
    };
    let read = files
        .read
        .iter()
        .filter(|path| !covered(path) && **path != own)
        .cloned();
    let read = trees(&read.collect(), &files.listed, &subject.home);
    let home = &subject.home;
    let mut text = rules("read", &read, home)
        + &rules("write", &write, home)
        + &rules("execute", &execute, home);
    if private {
        text.push_str("private_tmp = true\n");
    }
    text
}

/// Where what may be read may be mapped as code, docs/sandbox.md.
const SYSTEM: [&str; 9] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/nix/store",
    "/gnu/store",
];

/// Whether code is mapped from a file of a directory that is not the system's: what is
/// granted to read there cannot be executed, and neither can it be mapped so.
fn is_own_library(path: &Path) -> bool {
    // elf(5): the magic number, 12 bytes on, and e_type, which is ET_DYN.
    let mut head = [0; 18];
    let system = SYSTEM.iter().any(|tree| path.starts_with(tree));
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    !system && read.is_ok() && head.starts_with(b"\x7fELF") && head.ends_with(&[3, 0])
}

/// Whether all that the run had of temporary directories it made there itself.
fn uses_private_temporary(subject: &Subject, seen: &Seen) -> bool {
    let files = &seen.files;
    let others = files
        .read
        .iter()
        .chain(&files.written)
        .chain(&files.executed);
    let others = others.chain([&subject.directory]);
    let inner = files.changed.iter().filter(|path| !is_top_temporary(path));
    files.changed.iter().any(|path| is_top_temporary(path))
        && !others.chain(inner).any(|path| is_temporary(path))
}

fn is_top_temporary(path: &Path) -> bool {
    path == Path::new("/tmp") || path == Path::new("/var/tmp")
}

fn is_temporary(path: &Path) -> bool {
    path.starts_with("/tmp") || path.starts_with("/var/tmp")
}

/// `key = […]`, a line for each path; a file may be missing another time.
fn rules(key: &str, paths: &BTreeSet<PathBuf>, home: &Path) -> String {
    if paths.is_empty() {
        return String::new();
    }
    let mut text = format!("{key} = [\n");
    for path in paths {
        let lead = if path.is_dir() || key == "execute" {
            ""
        } else {
            "-"
        };
        let word = quoted(&format!("{lead}{}", path.display()));
        let note = match is_shared(path, home) && path.is_dir() {
            true => "  # all of it: the run listed it or made entries in it; is that needed?",
            false => "",
        };
        text.push_str(&format!("    {word},{note}\n"));
    }
    text + "]\n"
}

fn system_calls(seen: &Seen, default: &BTreeSet<String>) -> String {
    let (more, never) = beyond(&seen.calls, default);
    let mut text = String::new();
    if !more.is_empty() {
        let names: Vec<String> = more
            .iter()
            .map(|name| quoted(&format!("+{name}")))
            .collect();
        text.push_str(&format!("system_calls = [{}]\n", names.join(", ")));
    }
    if !never.is_empty() {
        text.push_str(&format!(
            "# No profile allows these, which it made: {}\n",
            never.join(" ")
        ));
    }
    text
}

/// Twice what was seen, rounded up; watched programs are slow, so time is left as is.
fn limits(seen: &Seen) -> String {
    let memory = seen.memory.data.max(seen.memory.resident) * 2;
    let memory = memory.next_power_of_two().max(LEAST_MEMORY) >> 20;
    let tasks = (seen.tasks * 2).next_power_of_two().max(LEAST_TASKS);
    let steps = [10, 30, 60, 300, 1800, 3600, 6 * 3600];
    let wall = seen.wall.as_secs() * 2 + 1;
    let timeout = steps
        .into_iter()
        .find(|step| *step >= wall)
        .unwrap_or(86_400);
    let mut text =
        format!("memory_max = \"{memory}M\"\ntasks_max = {tasks}\ntimeout = \"{timeout}s\"\n");
    let descriptors = (seen.descriptor * 2).next_power_of_two();
    if descriptors > DESCRIPTORS {
        text.push_str(&format!("limit_nofile = {descriptors}\n"));
    }
    let size = seen.files.largest() * 2;
    if size > FILE_SIZE {
        text.push_str(&format!(
            "limit_fsize = \"{}M\"\n",
            size.next_power_of_two() >> 20
        ));
    }
    text
}

/// The line of a profile for the environment of `subject`.
pub(super) fn environment(subject: &Subject) -> String {
    let pairs = subject.environment.iter();
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{} = {}", quoted(name), quoted(value)))
        .collect();
    match pairs.as_slice() {
        [] => String::new(),
        pairs => format!("environment = {{ {} }}\n", pairs.join(", ")),
    }
}

/// Elements of `command`; braces stand for themselves.
fn words(words: impl Iterator<Item = String>) -> String {
    let words = words.map(|word| quoted(&word.replace('{', "{{").replace('}', "}}")));
    words.collect::<Vec<_>>().join(", ")
}

/// A basic string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for one in text.chars() {
        match one {
            '"' | '\\' => quoted.extend(['\\', one]),
            one if one.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(one))),
            one => quoted.push(one),
        }
    }
    quoted + "\""
}
