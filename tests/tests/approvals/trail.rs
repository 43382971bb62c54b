//! What the readers of the trail make of it.

use super::{done, held, nothing_waits, site, waiting};
use harness::{ALICE, Client};
use std::process::Command;

/// What the readers of the trail make of it.
#[test]
fn the_trail_is_read_with_its_approvals() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "one");
    let id = waiting(&site);
    done(&site, &["approve", &id, "--for", "1h"]);
    let run = client
        .called(call)
        .field("run_id")
        .as_str()
        .expect("a run")
        .to_owned();
    let call = held(&client, "two");
    waiting(&site);
    client.cancel(call);
    nothing_waits(&site);
    let call = held(&client, "three");
    waiting(&site);
    let tell = |words: &[&str]| {
        let mut command = Command::new(site.program("mini-mcp"));
        command.args(words).arg("--audit").arg(site.trail_file());
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let list = tell(&["audit"]);
    for words in [
        &format!("root approves {id}, held: exact, until "),
        "exit 0",
        "withdrawn",
        "waiting",
    ] {
        assert!(list.contains(words), "no `{words}` in {list}");
    }
    let shown = tell(&["audit", "show", &run]);
    for words in ["waiting", "approved", "start", "administrator"] {
        assert!(shown.contains(words), "no `{words}` in {shown}");
    }
    let page = site.path("report.html");
    tell(&["report", "--output", &page.display().to_string()]);
    client.cancel(call);
    nothing_waits(&site);

    let mut replay = Command::new(site.program("mini-mcp"));
    replay.arg("replay").arg(site.trail_file()).arg("--json");
    let output = replay
        .arg("--policy")
        .arg(site.policy())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
