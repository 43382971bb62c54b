//! A supervisor that is taken over: `mini-mcp-test-hostile FRONT WORKER ADMIN POLICY
//! ATTACK` listens at FRONT as the supervisor does, speaks to WORKER whatever ATTACK is
//! made of, and prints `NAME: OUTCOME` for each attempt. Where it prints a word alone,
//! it waits for a line on its standard input: it needs something done.

#![forbid(unsafe_code)]

mod approval;
mod attached;
mod confirmed;
mod fuzz;
mod identity;
mod lanes;
mod rate;
mod replay;
mod spoof;
mod storm;
mod supervisor;

use std::error::Error;
use supervisor::Supervisor;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [front, worker, admin, policy, attack] = words.as_slice() else {
        return Err("usage: mini-mcp-test-hostile FRONT WORKER ADMIN POLICY ATTACK".into());
    };
    let mut supervisor = Supervisor::in_place(front, worker, admin, policy)?;
    match attack.as_str() {
        "identity" => identity::forge(&mut supervisor),
        "keys" => identity::guess_keys(&mut supervisor),
        "replay" => replay::replay(&mut supervisor),
        "late" => replay::late(&mut supervisor),
        "approval" => approval::forge(&mut supervisor),
        "approval-race-soon" => approval::race(&mut supervisor, 0..20),
        "approval-race-later" => approval::race(&mut supervisor, 20..40),
        "approval-race-late" => approval::race(&mut supervisor, 40..60),
        "rate" => rate::evade(&mut supervisor),
        "concurrency" => rate::crowd(&mut supervisor),
        "spoof" => spoof::spoof(&mut supervisor),
        "attach" => attached::forge(&mut supervisor),
        "confirm" => confirmed::forge(&mut supervisor),
        "stolen" => confirmed::steal_a_key(&mut supervisor),
        "reloads" => storm::reload(&mut supervisor),
        "nobody" => storm::nobody(&mut supervisor),
        "denials" => storm::denials(&mut supervisor),
        "fuzz" => fuzz::fuzz(&mut supervisor),
        "crowd" => lanes::crowd(&mut supervisor),
        "deaf" => lanes::deaf(&mut supervisor),
        "linger" => lanes::linger(&mut supervisor),
        "filters" => lanes::filters(&mut supervisor),
        other => Err(format!("unknown attack `{other}`").into()),
    }
}
