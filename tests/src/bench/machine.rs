//! The machine that a run was on.

use serde::{Deserialize, Serialize};
use std::fs;
use std::thread::available_parallelism;

/// What the numbers depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Name and version of the kernel, and the architecture.
    pub kernel: String,
    /// Its name.
    pub processor: String,
    /// How many processors this process may use.
    pub cores: usize,
    /// The load averages of 1, 5 and 15 minutes before the first measurement.
    pub load_before: [f64; 3],
    /// And after the last.
    pub load_after: [f64; 3],
}

impl Machine {
    /// As it is now, before and after alike.
    #[must_use]
    pub fn now() -> Machine {
        let load = load();
        Machine {
            kernel: kernel(),
            processor: processor(),
            cores: available_parallelism().map_or(1, usize::from),
            load_before: load,
            load_after: load,
        }
    }

    /// With the load that there is now, after the measurements.
    #[must_use]
    pub fn afterwards(self) -> Machine {
        Machine {
            load_after: load(),
            ..self
        }
    }
}

/// proc_loadavg(5).
fn load() -> [f64; 3] {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut numbers = text.split_whitespace().map(str::parse);
    [(); 3].map(|()| numbers.next().and_then(Result::ok).unwrap_or_default())
}

fn kernel() -> String {
    let read = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/kernel/{name}"));
        text.unwrap_or_default().trim().to_owned()
    };
    let architecture = std::env::consts::ARCH;
    format!("{} {} {architecture}", read("ostype"), read("osrelease"))
}

fn processor() -> String {
    let table = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = table
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("unknown", |(_, name)| name).to_owned()
}
