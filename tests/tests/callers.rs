//! Who calls: what stands for the caller in a policy, and what his client says.

use harness::{ALICE, BASE, BOB, Client, Site, User};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

const OWN: &str = r#"
[profile.own]
read = ["/usr", "/etc/ld.so.cache"]
write = ["@site@/homes/${caller.name}"]
execute = ["/usr"]
working_directory = "@site@/homes/${caller.name}"
environment = { HOME = "${caller.home}", WHO = "${caller.name} ${caller.uid}", SITE = "@site@" }

[tool.own_sh]
description = "Runs a line of shell where only the caller's own files are"
command = ["/usr/bin/sh", "-c", "{script}"]
profile = "own"
allow = ["alice", "ops"]
args = { script = { type = "string", max_length = 4000 } }

[tool.own_file]
description = "Prints a file of the caller's own"
command = ["/usr/bin/cat", "{file}"]
profile = "own"
allow = ["alice", "ops"]
args = { file = { type = "path", under = ["@site@/homes/${caller.name}"] } }

[principal.claude]
unix_users = ["mmtest-alice"]
clients = ["claude-code"]
client_versions = ["2.*"]

[tool.for_claude]
description = "Only for one client"
command = ["/usr/bin/true"]
profile = "plain"
allow = ["claude"]
"#;

fn site() -> Site {
    let mut site = Site::with(&format!("{BASE}{OWN}")).prepare();
    for user in [ALICE, BOB] {
        let home = site.path("homes").join(user.name);
        fs::create_dir_all(&home).expect("a directory");
        // Open to all: only the sandbox keeps the other out.
        fs::set_permissions(&home, PermissionsExt::from_mode(0o777)).expect("ours");
        chown(&home, Some(user.uid()), Some(user.gid())).expect("root may");
        fs::write(home.join("note"), user.name).expect("a file");
    }
    site.start_worker();
    site.start_supervisor();
    site
}

fn attach_as(site: &Site, user: User, name: &str, version: &str) -> Client {
    let client = Client::attach_silent(site, user);
    let hello = client.request(
        "initialize",
        &json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": name, "version": version },
        }),
    );
    hello.expect("the server answers");
    client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    client
}

/// Calls of two users go through the same lane in turn, and each finds his own
/// files there and nothing of the other's.
#[test]
fn rules_of_one_caller_are_never_anothers() {
    let site = site();
    let clients = [ALICE, BOB, ALICE, BOB].map(|user| (user, Client::attach(&site, user)));
    for (round, (user, client)) in clients.iter().enumerate() {
        let other = if *user == ALICE { BOB } else { ALICE };
        let script = format!(
            "cat note; echo; echo \"$WHO $HOME\"; pwd; echo {round} > mine; \
             cat ../{other}/note; echo x > ../{other}/planted; ls ../{other}",
            other = other.name
        );
        let called = client.call("own_sh", &json!({ "script": script }));
        let own = site.path("homes").join(user.name);
        assert_eq!(
            called.stdout(),
            format!(
                "{name}\n{name} {uid} /nonexistent\n{own}\n",
                name = user.name,
                uid = user.uid(),
                own = own.display()
            )
        );
        // By his rights, or by the mount that is read-only there: which of them is asked
        // first is the kernel's affair.
        let refused = ["Permission denied", "Read-only file system"];
        let count = |reason: &str| called.stderr().matches(reason).count();
        assert_eq!(refused.map(count).iter().sum::<usize>(), 3);
        let mine = fs::read_to_string(own.join("mine")).expect("it was written");
        assert_eq!(mine.trim(), round.to_string());
    }
    assert!(!site.path("homes").join(BOB.name).join("planted").exists());
    assert_eq!(site.lanes().len(), 1, "the calls went through one lane");
}

#[test]
fn a_path_is_beneath_the_callers_own_directory() {
    let site = site();
    let bob = Client::attach(&site, BOB);
    let call = |file: &str| bob.call("own_file", &json!({ "file": file }));
    assert_eq!(call("note").success(), BOB.name);
    assert_eq!(call("../mmtest-alice/note").denied(), "path_invalid");
    let alices = site.path("homes").join(ALICE.name).join("note");
    assert_eq!(call(&alices.display().to_string()).denied(), "path_outside");
    let tools = bob.request("tools/list", &json!({})).expect("an answer");
    let text = tools.to_string();
    assert!(text.contains("homes/mmtest-bob"), "{text}");
    assert!(!text.contains("${caller"), "{text}");
}

/// In the handshake and with every request of the stateless era alike.
#[test]
fn a_claim_narrows_and_is_recorded_as_one() {
    let site = site();
    let right = attach_as(&site, ALICE, "claude-code", "2.1.0");
    assert_eq!(right.call("for_claude", &json!({})).exit_code(), Some(0));
    for (name, version) in [("claude-code", "1.0"), ("codex", "2.1")] {
        let wrong = attach_as(&site, ALICE, name, version);
        assert!(wrong.call("for_claude", &json!({})).is_unknown_tool());
        assert!(!wrong.tools().contains(&"for_claude".to_owned()));
    }
    let bob = attach_as(&site, BOB, "claude-code", "2.1.0");
    assert!(bob.call("for_claude", &json!({})).is_unknown_tool());

    let stateless = Client::attach_silent(&site, ALICE);
    let call = |name: &str| {
        let parameters = json!({
            "name": "for_claude",
            "arguments": {},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": name, "version": "2.9" },
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        });
        stateless.called(stateless.start("tools/call", &parameters))
    };
    assert_eq!(call("claude-code").exit_code(), Some(0));
    assert!(call("codex").is_unknown_tool());

    let trail = site.audit();
    let claims: Vec<&Value> = trail
        .iter()
        .filter(|entry| entry.is("start", "for_claude"))
        .map(|entry| entry.field("claim"))
        .collect();
    let claim = |version: &str| json!({"name": "claude-code", "version": version});
    assert_eq!(claims, [&claim("2.1.0"), &claim("2.9")]);
    let denied = trail.iter().find(|entry| entry.is("deny", "for_claude"));
    assert_eq!(
        denied.expect("it is recorded").field("claim")["version"],
        "1.0"
    );
}
