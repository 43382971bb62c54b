//! The policies that are measured.

use crate::BASE;

/// `true` in the default strength, as `isolated` in the other one, and so on.
const LAUNCHES: &str = r#"
[profile.isolated]
extends = "plain"
strength = "isolated"
read = ["/lib64"]

[profile.own-network]
extends = "isolated"
network = "loopback"

[profile.host-network]
extends = "isolated"
network = "full"

[tool.isolated]
description = "Succeeds"
command = ["/usr/bin/true"]
profile = "isolated"
allow = ["alice"]

[tool.own-network]
description = "Succeeds"
command = ["/usr/bin/true"]
profile = "own-network"
allow = ["alice"]

[tool.host-network]
description = "Succeeds"
command = ["/usr/bin/true"]
profile = "host-network"
allow = ["alice"]

[tool.zeros]
description = "Prints a gibibyte"
command = ["/usr/bin/head", "--bytes=1G", "/dev/zero"]
profile = "plain"
allow = ["alice"]
"#;

/// Limits of every kind, wide enough for a benchmark.
const LIMITED: &str = r#"
[limits]
rate = "10000/s"
concurrency = 512
quota = 100000000
queue = 128

[tool.limited]
description = "Succeeds"
command = ["/usr/bin/true"]
profile = "plain"
allow = ["alice"]
rate = "10000/s"
concurrency = 256
quota = 100000000
"#;

/// The tools of [`launches`] that a benchmark asks a worker for.
pub const LAUNCHED: [&str; 4] = ["true", "isolated", "own-network", "host-network"];

/// Launches in each strength.
#[must_use]
pub fn launches() -> String {
    format!("{BASE}{LAUNCHES}")
}

/// The tool `limited`, which every kind of limit counts.
#[must_use]
pub fn limited() -> String {
    format!("{BASE}{LIMITED}")
}

/// So many tools that Alice may call, and nothing else.
#[must_use]
pub fn tools(count: usize) -> String {
    let (head, _) = BASE.split_once("[tool.true]").expect("it has that tool");
    let tool = |number| {
        format!(
            "[tool.t{number}]\ndescription = \"Shows the last lines of a file\"\n\
             command = [\"/usr/bin/tail\", \"-n\", \"{{lines}}\", \"--\", \"{{file}}\"]\n\
             profile = \"plain\"\nallow = [\"alice\"]\n[tool.t{number}.args]\n\
             lines = {{ type = \"integer\", min = 1, max = 5000, default = 100 }}\n\
             file = {{ type = \"path\", under = [\"/var/log\"] }}\n"
        )
    };
    head.to_owned() + &(0..count).map(tool).collect::<String>()
}
