//! The benchmark suite: what a launch costs relative to a bare spawn, and what else
//! docs/performance.md tells. `tests/benches/suite.rs` is the command.
//!
//! Every number is a ratio to something that was measured in the same run, in turn, or
//! an amount of memory: times of one machine say nothing of another.

pub mod bare;
pub mod contest;
mod crowd;
mod decisions;
pub mod direct;
mod growth;
mod idle;
mod launches;
mod machine;
mod memory;
mod output;
mod peers;
pub mod plan;
pub mod policy;
mod protocol;
pub mod report;
mod series;
pub mod session;
pub mod stages;
mod start;
mod suite;
pub mod table;
mod web;

pub use machine::Machine;
pub use series::{Series, Spread};
pub use suite::{Found, measure};
