//! Harness shared by the tests: a throwaway installation ([`Site`]), clients
//! that speak to it as any user ([`Client`], [`python`]), a hand-made supervisor
//! ([`Lane`]), and looks at what the kernel says of a process ([`Process`]).
//!
//! Everything drives the built binaries from outside, as root, in a scratch
//! directory. A step that does not work panics: nothing is skipped.

#![forbid(unsafe_code)]

mod alone;
pub mod attacks;
mod auditing;
pub mod bench;
mod binaries;
mod browser;
mod builder;
mod called;
mod certificate;
mod cgroup;
mod client;
mod collector;
pub mod comparison;
mod dice;
pub mod everyday;
mod failing_disk;
mod front;
mod hijacked;
mod inbox;
mod instructions;
mod landlock;
mod lane;
mod log;
pub mod man;
pub mod node;
pub mod packaging;
mod peer;
mod process;
pub mod python;
pub mod relay;
mod runs;
mod scratch;
mod site;
mod small_disk;
pub mod systemd;
mod terminal;
mod trail;
mod users;
mod wait;
pub mod web;

pub use alone::Alone;
pub use auditing::Auditing;
pub use binaries::{binary, target_directory};
pub use browser::Browser;
pub use builder::{CONTAINMENTS, SiteBuilder};
pub use called::Called;
pub use certificate::Certificate;
pub use client::Client;
pub use collector::{Attributes, Collector, Manner, Seen};
pub use dice::Dice;
pub use failing_disk::FailingDisk;
pub use front::{Front, listen};
pub use hijacked::{Hijacked, Outcomes};
pub use instructions::{Instructions, count};
pub use landlock::landlock_abi;
pub use lane::{Hangup, Lane, Pipes, request};
pub use log::Entry;
pub use peer::{bound_and_connected, command_as, connect_as};
pub use process::Process;
pub use runs::Starter;
pub use scratch::{scratch, scratch_in};
pub use site::Site;
pub use small_disk::SmallDisk;
pub use terminal::Terminal;
pub use trail::{assert_lawful, assert_whole};
pub use users::{ALICE, BOB, CAROL, FRONT, RUNNER, User};
pub use wait::{eventually, unique};
pub use web::Web;

/// Principals, a profile and tools that most tests share.
pub const BASE: &str = include_str!("../policies/base.toml");

/// The tool `sh` of [`BASE`] once more, for Alice, in each of these profiles and by its name.
#[must_use]
pub fn shells(profiles: &[&str]) -> String {
    let one = |profile: &&str| {
        format!(
            "[tool.{profile}]\ndescription = \"d\"\ncommand = [\"/usr/bin/sh\", \"-c\", \"{{script}}\"]\n\
             profile = \"{profile}\"\nallow = [\"alice\"]\n\
             args = {{ script = {{ type = \"string\", max_length = 4000 }} }}\n"
        )
    };
    profiles.iter().map(one).collect()
}
