//! The command lines of the others: as strict as each goes with what it brings, and
//! the same paths as the shipped profiles.

use super::terms::{Bounds, Network, Shipped, Terms, shipped};
use std::path::{Path, PathBuf};

/// Options of bwrap(1).
pub(super) fn bubblewrap(terms: &Terms) -> Vec<String> {
    let mut options = words(&["--unshare-all", "--die-with-parent", "--new-session"]);
    options.extend(words(&[
        "--cap-drop",
        "ALL",
        "--hostname",
        "sandbox",
        "--clearenv",
    ]));
    if let Network::Port(_) = terms.network {
        options.push("--share-net".into());
    }
    for (name, value) in terms.variables() {
        options.extend(words(&["--setenv", &name, &value]));
    }
    options.extend(words(&["--proc", "/proc", "--dev", "/dev"]));
    for folder in ["/tmp", "/var/tmp"] {
        let size = temporary(terms.bounds).to_string();
        options.extend(words(&["--size", &size, "--tmpfs", folder]));
    }
    for one in shipped() {
        match one {
            Shipped::Tree(path) => options.extend(bound("--ro-bind", &path)),
            Shipped::Link(to, name) => {
                options.extend(words(&["--symlink", &text(&to), &text(&name)]));
            }
        }
    }
    for path in terms.read.iter().chain(&terms.execute) {
        options.extend(bound("--ro-bind", path));
    }
    for path in &terms.write {
        options.extend(bound("--bind", path));
    }
    options.extend(words(&["--remount-ro", "/"]));
    let directory = terms.directory.as_deref().unwrap_or(Path::new("/"));
    options.extend(words(&["--chdir", &text(directory)]));
    options
}

/// How much fits into temporary directories, in bytes.
fn temporary(bounds: Bounds) -> u32 {
    match bounds {
        Bounds::Small => 8 << 20,
        Bounds::Shipped | Bounds::Short => 512 << 20,
    }
}

fn bound(option: &str, path: &Path) -> Vec<String> {
    words(&[option, &text(path), &text(path)])
}

/// Where nsjail is: where `NSJAIL` says, or in `PATH`.
pub(super) fn nsjail_program() -> Option<PathBuf> {
    let named = std::env::var_os("NSJAIL").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = || {
        let mut all = std::env::split_paths(&path).map(|folder| folder.join("nsjail"));
        all.find(|path| path.is_file())
    };
    named.or_else(found)
}

/// Options of nsjail(1). Its cgroups would need root.
pub(super) fn nsjail(terms: &Terms) -> Vec<String> {
    let mut options = words(&["--mode", "o", "--really_quiet", "--hostname", "sandbox"]);
    options.extend(words(&["--nice_level", "0"]));
    options.extend(words(&[
        "--time_limit",
        &terms.bounds.seconds().to_string(),
    ]));
    options.extend(bounds(terms.bounds));
    if let Network::Port(_) = terms.network {
        options.push("--disable_clone_newnet".into());
    }
    for (name, value) in terms.variables() {
        options.extend(words(&["--env", &format!("{name}={value}")]));
    }
    options.extend(devices());
    for folder in ["/tmp", "/var/tmp"] {
        let size = temporary(terms.bounds);
        options.extend(words(&[
            "--mount",
            &format!("none:{folder}:tmpfs:size={size}"),
        ]));
    }
    for one in shipped() {
        match one {
            Shipped::Tree(path) => options.extend(words(&["--bindmount_ro", &text(&path)])),
            Shipped::Link(to, name) => options.extend(link(&text(&to), &text(&name))),
        }
    }
    for path in terms.read.iter().chain(&terms.execute) {
        options.extend(words(&["--bindmount_ro", &text(path)]));
    }
    for path in &terms.write {
        options.extend(words(&["--bindmount", &text(path)]));
    }
    let directory = terms.directory.as_deref().unwrap_or(Path::new("/"));
    options.extend(words(&["--cwd", &text(directory)]));
    options
}

/// Of each process. The address space is left alone but where it is what is attacked:
/// node and others reserve much more than they use.
fn bounds(bounds: Bounds) -> Vec<String> {
    words(match bounds {
        Bounds::Small => &[
            "--rlimit_as",
            "128",
            "--rlimit_nproc",
            "24",
            "--rlimit_nofile",
            "64",
            "--rlimit_fsize",
            "1",
            "--rlimit_core",
            "0",
        ],
        Bounds::Shipped | Bounds::Short => &[
            "--rlimit_as",
            "hard",
            "--rlimit_nproc",
            "512",
            "--rlimit_nofile",
            "1024",
            "--rlimit_fsize",
            "1024",
            "--rlimit_core",
            "0",
        ],
    })
}

/// It has no /dev of its own.
fn devices() -> Vec<String> {
    let mut options = words(&["--mount", "none:/dev:tmpfs:size=65536,mode=755"]);
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        options.extend(words(&["--bindmount", &format!("/dev/{name}")]));
    }
    for (to, name) in [
        ("/proc/self/fd", "/dev/fd"),
        ("/proc/self/fd/0", "/dev/stdin"),
        ("/proc/self/fd/1", "/dev/stdout"),
        ("/proc/self/fd/2", "/dev/stderr"),
        ("pts/ptmx", "/dev/ptmx"),
    ] {
        options.extend(link(to, name));
    }
    options.extend(words(&["--mount", "none:/dev/shm:tmpfs:size=67108864"]));
    let terminals = "none:/dev/pts:devpts:newinstance,ptmxmode=0666,mode=620";
    options.extend(words(&["--mount", terminals]));
    options
}

fn link(to: &str, name: &str) -> Vec<String> {
    words(&["--symlink", &format!("{to}:{name}")])
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
