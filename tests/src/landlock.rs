//! Which Landlock the running kernel has.

use crate::binary;
use serde_json::Value;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Its ABI, as `mini-mcp doctor` tells it.
///
/// # Panics
/// When it does not tell.
#[must_use]
pub fn landlock_abi() -> u64 {
    static ABI: OnceLock<u64> = OnceLock::new();
    *ABI.get_or_init(|| {
        let mut doctor = Command::new(binary("mini-mcp"));
        doctor.args(["doctor", "--json"]).stdin(Stdio::null());
        let output = doctor.output().expect("it starts");
        let report: Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
        report["landlock_abi"].as_u64().expect("a number")
    })
}
