//! `[profile.NAME]` as JSON Schema.

use super::part::{
    about, by_default, flag, integer, path, size, table, text, texts, time, with, word,
};
use policy::Controller;
use serde_json::{Value as Json, json};

/// A profile.
pub(super) fn profile() -> Json {
    let keys = vec![
        (
            "extends",
            text("the profile whose keys hold where this one has none"),
        ),
        (
            "read",
            rules("files, and trees beneath directories, that may be read"),
        ),
        (
            "write",
            rules("files and trees that may be read and written"),
        ),
        (
            "execute",
            rules("files and trees that may be executed, besides the program itself"),
        ),
        (
            "run_as",
            by_default(text("\"caller\", or a user"), "caller"),
        ),
        (
            "dynamic_user",
            flag(
                "whether each run has a user and a group that no other has",
                false,
            ),
        ),
        (
            "supplementary_groups",
            texts("exactly these groups; without it the caller's own, or none for a fixed user"),
        ),
        (
            "capabilities",
            listed("exactly these capabilities", "^CAP_[A-Z_]+$"),
        ),
        (
            "umask",
            by_default(
                json!({"type": "string", "pattern": "^[0-7]+$", "description": "mode bits that new files do not get, in octal"}),
                "0022",
            ),
        ),
        (
            "timeout",
            by_default(
                time("wall time until the whole process tree gets SIGTERM; at most 24h"),
                "30s",
            ),
        ),
        (
            "timeout_stop",
            by_default(
                time("wall time from then until what is left is killed; at most 10min"),
                "2s",
            ),
        ),
        (
            "memory_max",
            by_default(
                size("memory of all processes together; at least 1M"),
                "512M",
            ),
        ),
        (
            "tasks_max",
            by_default(integer("processes and threads", 1, 65_536), 64),
        ),
        (
            "memory_high",
            size("memory above which the command is slowed down; at least 1M"),
        ),
        (
            "memory_swap_max",
            by_default(size("swap of all processes together"), "0"),
        ),
        (
            "cpu_quota",
            json!({"type": "string", "pattern": "^[0-9]+%$", "description": "share of one processor, 1% to 6400%"}),
        ),
        (
            "cpu_weight",
            integer("share of busy processors; others have 100", 1, 10_000),
        ),
        (
            "io_weight",
            integer("share of busy disks; others have 100", 1, 10_000),
        ),
        (
            "minimum_cgroup",
            json!({
                "type": "array",
                "items": word("a controller", &Controller::ALL.map(Controller::name)),
                "description": "cgroup controllers without which calls are refused",
            }),
        ),
        (
            "limit_fsize",
            by_default(size("size of any file written"), "64M"),
        ),
        (
            "limit_nofile",
            by_default(
                integer("open descriptors of each process", 8, 1_048_576),
                256,
            ),
        ),
        (
            "limit_cpu",
            time("processor time of each process, in whole seconds"),
        ),
        ("limit_stack", size("stack of each process; at least 128K")),
        ("limit_memlock", size("memory that each process may lock")),
        (
            "limit_as",
            size("address space of each process; at least 1M"),
        ),
        (
            "nice",
            integer("how far behind others on processors", 0, 19),
        ),
        (
            "oom_score_adjust",
            integer("how likely to be killed when memory runs out", 0, 1000),
        ),
        (
            "io_scheduling_class",
            word("how disks are shared", &["best-effort", "idle"]),
        ),
        (
            "output_max",
            by_default(
                size("kept of each output stream, half head and half tail; 1K to 16M"),
                "48K",
            ),
        ),
        (
            "tty",
            flag(
                "whether the standard streams are a terminal of the command's own",
                false,
            ),
        ),
        (
            "network",
            by_default(
                word("what may be reached", &["none", "unix", "loopback", "full"]),
                "none",
            ),
        ),
        (
            "connect",
            with(
                listed(
                    "TCP ports that may be connected to",
                    "^tcp:[1-9][0-9]{0,4}$",
                ),
                "minItems",
                1,
            ),
        ),
        (
            "unix_sockets",
            rules("Unix sockets that may be connected to by name"),
        ),
        (
            "strength",
            by_default(
                word("the base of all restrictions", &["default", "isolated"]),
                "default",
            ),
        ),
        (
            "private_tmp",
            flag(
                "whether /tmp, /var/tmp, /dev/shm and pseudo-terminals are the command's own",
                false,
            ),
        ),
        (
            "tmp_size",
            by_default(
                size("what may be written to private temporary directories; at least 1M"),
                "64M",
            ),
        ),
        (
            "system_calls",
            listed(
                "system calls and groups of systemd.exec(5); `~` takes away, `+` adds",
                "^[~+]?@?[a-z0-9_-]+$",
            ),
        ),
        (
            "system_call_error_number",
            by_default(
                word(
                    "what becomes of other system calls",
                    &["EPERM", "ENOSYS", "kill"],
                ),
                "EPERM",
            ),
        ),
        (
            "minimum_landlock",
            by_default(integer("oldest Landlock ABI to run under", 1, 99), 6),
        ),
        (
            "minimum_containment",
            word(
                "the weakest way of holding processes together to run under",
                &["pid-namespace", "cgroup"],
            ),
        ),
        ("working_directory", about(path(), DIRECTORY)),
        (
            "environment",
            json!({
                "type": "object",
                "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
                "additionalProperties": {"type": "string"},
                "description": "added to the environment, which is built from nothing",
            }),
        ),
        (
            "dangerous_environment",
            flag(
                "whether `environment` may hold variables that make programs run other code",
                false,
            ),
        ),
    ];
    table("a bundle of restrictions", &[], keys)
}

/// Paths, of which one with a leading `-` may be missing.
fn rules(words: &str) -> Json {
    let words = format!("{words}; one with a leading `-` may be missing");
    let rule = json!({"type": "string", "pattern": r"^-?(/|\$\{workspace\}|\$\{caller\.home\})"});
    json!({"type": "array", "items": rule, "description": words})
}

/// Strings that match `pattern`.
fn listed(words: &str, pattern: &str) -> Json {
    json!({"type": "array", "items": {"type": "string", "pattern": pattern}, "description": words})
}

const DIRECTORY: &str =
    "where the command starts, and what relative path arguments are relative to";
