//! Approvals: a call that needs one waits until somebody answers who may, and nothing
//! else lets it run.

mod answers;
mod approvers;
mod bounds;
mod hijacked;
mod hooks;
mod keys;
mod leaving;
mod standing;
mod trail;
mod watching;

use harness::{ALICE, BASE, Client, Site, User, command_as, eventually};
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

const HELD: &str = r#"
[approvals]
unix_groups = ["mmtest-ops"]

[tool.held]
description = "Says a word, once somebody has approved it"
command = ["/usr/bin/printf", "%s", "{word}"]
profile = "plain"
ask = ["alice", "ops"]
[tool.held.args]
word = { type = "string" }

[tool.brief]
description = "Waits for two seconds at most"
command = ["/usr/bin/true"]
profile = "plain"
ask = ["alice"]
approval_timeout = "2s"

[tool.single]
description = "One at a time"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["alice"]
concurrency = 1
[tool.single.args]
time = { type = "string" }

[tool.hush]
description = "Is given a secret"
command = ["/usr/bin/printf", "--key={key}"]
profile = "plain"
ask = ["alice"]
[tool.hush.args]
key = { type = "string", secret = true }
"#;

fn site() -> Site {
    Site::with(&format!("{BASE}{HELD}")).start()
}

fn root() -> User {
    User {
        name: "root",
        ..ALICE
    }
}

/// An administrator's command, as `user`.
fn admin(site: &Site, user: User, words: &[&str]) -> Output {
    let program = site.program("mini-mcp");
    let mut command = match user.name {
        "root" => Command::new(program),
        _ => command_as(user, &program),
    };
    command.args(words).arg("--socket").arg(site.admin_socket());
    command.output().expect("it runs")
}

/// What `words` print, which must succeed for root.
#[track_caller]
fn done(site: &Site, words: &[&str]) -> String {
    let output = admin(site, root(), words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn document(site: &Site, word: &str) -> Vec<Value> {
    serde_json::from_str(&done(site, &[word, "--json"])).expect("a document")
}

fn pending(site: &Site) -> Vec<Value> {
    document(site, "pending")
}

/// The request that waits; the only one.
#[track_caller]
fn waiting(site: &Site) -> String {
    eventually("one waits", SOON, || match pending(site).as_slice() {
        [one] => Some(one["id"].as_str().expect("an id").to_owned()),
        _ => None,
    })
}

#[track_caller]
fn nothing_waits(site: &Site) {
    eventually("nothing waits", SOON, || {
        pending(site).is_empty().then_some(())
    });
}

fn held(client: &Client, word: &str) -> u64 {
    client.start_call("held", &json!({ "word": word }))
}

fn events(site: &Site) -> Vec<String> {
    let trail = site.trail();
    let told = trail.iter().map(|entry| entry.event().to_owned());
    told.filter(|event| event != "checkpoint").collect()
}
