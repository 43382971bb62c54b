//! A new policy comes into force: for both processes or for neither, without
//! losing a call, and never for half of one.

use harness::{ALICE, BASE, Client, Process, Site, User, eventually, unique};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// A policy whose tool `word` says `word`, twice, and is called by `extra` too.
fn policy(word: &str, extra: &str) -> String {
    format!(
        "{BASE}\n[tool.word]\ndescription = \"Says a word\"\n\
         command = [\"/usr/bin/printf\", \"%s %s\", \"{word}\", \"{word}\"]\n\
         profile = \"plain\"\nallow = [\"alice\"]\n{extra}"
    )
}

/// Puts `text` in the place of the policy, whole at any moment.
fn write(site: &Site, text: &str) {
    let next = site.file("policy.next", &text.replace("@site@", &site.text()));
    std::fs::rename(next, site.policy()).expect("the directory is ours");
}

fn hang_up(process: Process) {
    kill(Pid::from_raw(process.id()), Signal::SIGHUP).expect("it lives");
}

fn word(client: &Client) -> String {
    client.call("word", &json!({})).success().to_owned()
}

#[track_caller]
fn await_word(client: &Client, expected: &str) {
    eventually("the new policy is in force", SOON, || {
        (word(client) == expected).then_some(())
    });
}

fn events<'a>(trail: &'a [harness::Entry], event: &str) -> Vec<&'a harness::Entry> {
    trail
        .iter()
        .filter(|entry| entry.field("event") == event)
        .collect()
}

/// SIGHUP to the supervisor is enough: the worker follows, records it, and clients
/// are told; a client sees the new tools on the connection it has.
#[test]
fn the_supervisor_takes_the_worker_along() {
    let site = Site::with(&policy("one", "")).start();
    let client = Client::attach(&site, ALICE);
    assert_eq!(word(&client), "one one");
    let extra = "[tool.more]\ndescription = \"More\"\ncommand = [\"/usr/bin/true\"]\nprofile = \"plain\"\nallow = [\"alice\"]\n";
    write(&site, &policy("two", extra));
    hang_up(site.supervisor());
    await_word(&client, "two two");
    assert!(client.tools().contains(&"more".to_owned()));
    assert_eq!(events(&site.audit(), "reload").len(), 1);
    eventually("the client is told", SOON, || {
        let told = |message: &Value| message["method"] == "notifications/tools/list_changed";
        client.unclaimed().iter().any(told).then_some(())
    });
}

/// A client of the stateless era subscribes to changes of the list, and hears of them.
#[test]
fn a_subscriber_is_told() {
    let site = Site::with(&policy("one", "")).start();
    let client = Client::attach_silent(&site, ALICE);
    let listen = json!({
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "0"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
        "notifications": {
            "toolsListChanged": true,
            "resourcesListChanged": true,
            "promptsListChanged": true,
        },
    });
    client.start("subscriptions/listen", &listen);
    let heard = |method: &str| {
        let mut messages = client.unclaimed().into_iter();
        messages.any(|message| message["method"] == method)
    };
    eventually("the subscription is acknowledged", SOON, || {
        heard("notifications/subscriptions/acknowledged").then_some(())
    });
    write(&site, &policy("two", ""));
    hang_up(site.supervisor());
    for list in ["tools", "resources", "prompts"] {
        let method = format!("notifications/{list}/list_changed");
        eventually("the subscriber is told", SOON, || {
            heard(&method).then_some(())
        });
    }
}

/// SIGHUP to the worker alone: the supervisor finds out with the next call, which
/// is decided anew and answered.
#[test]
fn the_worker_takes_the_supervisor_along() {
    let site = Site::with(&policy("one", "")).start();
    let client = Client::attach(&site, ALICE);
    assert_eq!(word(&client), "one one");
    write(&site, &policy("two", ""));
    hang_up(site.worker());
    eventually("the worker has it", SOON, || {
        (!events(&site.audit(), "reload").is_empty()).then_some(())
    });
    // A lane of the former policy may take one more call before it hears of it.
    await_word(&client, "two two");
}

/// A policy with a mistake changes nothing, whichever process is asked to load it.
#[test]
fn a_mistake_changes_nothing() {
    let site = Site::with(&policy("one", "")).start();
    let client = Client::attach(&site, ALICE);
    write(&site, &policy("two", "[tool.broken]\n"));
    hang_up(site.supervisor());
    eventually("the supervisor says so", SOON, || {
        site.log_text("supervisor")
            .contains("the former policy stays in force")
            .then_some(())
    });
    assert!(
        site.log_text("supervisor").contains("tool `broken`"),
        "every mistake is told"
    );
    hang_up(site.worker());
    eventually("the trail says so", SOON, || {
        (!events(&site.audit(), "keep").is_empty()).then_some(())
    });
    assert_eq!(word(&client), "one one");
    assert!(events(&site.audit(), "reload").is_empty());
}

/// A policy that others may write is as good as a mistake.
#[test]
fn an_untrusted_file_changes_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::with(&policy("one", "")).start();
    let client = Client::attach(&site, ALICE);
    write(&site, &policy("two", ""));
    std::fs::set_permissions(site.policy(), PermissionsExt::from_mode(0o664)).expect("ours");
    hang_up(site.worker());
    eventually("the trail says so", SOON, || {
        (!events(&site.audit(), "keep").is_empty()).then_some(())
    });
    assert_eq!(word(&client), "one one");
}

/// What runs goes on to its end under the policy it began with.
#[test]
fn a_running_command_is_not_disturbed() {
    let site = Site::with(&policy("one", "")).start();
    let client = Client::attach(&site, ALICE);
    let time = unique().replace(|character: char| !character.is_ascii_digit(), "");
    let call = client.start_call(
        "sh",
        &json!({"script": format!("sleep 1.{time}; echo done")}),
    );
    eventually("it runs", SOON, || {
        (!Process::with_argument(&format!("1.{time}")).is_empty()).then_some(())
    });
    write(&site, &policy("two", ""));
    hang_up(site.supervisor());
    await_word(&client, "two two");
    assert_eq!(client.called(call).success(), "done\n");
}

/// Calls across good and bad reloads: each is answered, and each answer is of one
/// policy alone. `MINI_MCP_RELOAD_CALLS` sets how many calls; 10000 is the long form.
#[test]
fn no_call_is_lost_or_mixed() {
    let calls: u64 = std::env::var("MINI_MCP_RELOAD_CALLS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1000);
    let site = Site::with(&policy("w0", "")).start();
    let clients: Vec<Client> = (0..4).map(|_| Client::attach(&site, ALICE)).collect();
    let mut pending: Vec<(usize, u64)> = Vec::new();
    let mut words = std::collections::BTreeSet::new();
    for number in 0..calls {
        if number.is_multiple_of(calls / 50) {
            let generation = number / (calls / 50);
            // Every fourth has a mistake; a signal to either process begins a reload.
            let extra = if generation % 4 == 3 {
                "[tool.broken]\n"
            } else {
                ""
            };
            write(&site, &policy(&format!("w{generation}"), extra));
            hang_up(if generation.is_multiple_of(2) {
                site.supervisor()
            } else {
                site.worker()
            });
        }
        let index = usize::try_from(number % 4).expect("small");
        pending.push((index, clients[index].start_call("word", &json!({}))));
        if pending.len() >= 16 {
            let (index, call) = pending.remove(0);
            words.insert(checked(clients[index].called(call).success()));
        }
    }
    for (index, call) in pending {
        words.insert(checked(clients[index].called(call).success()));
    }
    assert!(words.len() > 5, "the policy did change: {words:?}");
    let trail = site.audit();
    let (starts, ends) = (events(&trail, "start").len(), events(&trail, "end").len());
    assert_eq!((starts as u64, ends as u64), (calls, calls));
}

fn checked(answer: &str) -> String {
    let (one, two) = answer.split_once(' ').expect("two words");
    assert_eq!(one, two, "of one policy");
    one.to_owned()
}

fn ask(site: &Site, user: Option<User>) -> Output {
    let program = harness::binary("mini-mcp");
    let mut command = match user {
        Some(user) => harness::command_as(user, &program),
        None => Command::new(program),
    };
    command.arg("reload").arg("--socket").arg(site.front());
    command.output().expect("it starts")
}

/// The administrator sees on his terminal what came of it, mistakes with their places,
/// although no principal of the policy is root.
#[test]
fn the_administrator_is_told() {
    let site = Site::with(&policy("one", "")).start();
    let client = Client::attach(&site, ALICE);
    write(&site, &policy("two", ""));
    let output = ask(&site, None);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.starts_with("policy in force: "), "{said}");
    assert!(said.contains(" tools, "), "{said}");
    assert_eq!(word(&client), "two two");

    write(&site, &policy("three", "[tool.word]\nreed_only = true\n"));
    let output = ask(&site, None);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(
        said.starts_with("mini-mcp: cannot reload the policy: "),
        "{said}"
    );
    assert!(
        said.contains(&site.policy().display().to_string()),
        "{said}"
    );
    assert!(said.contains("the former policy stays in force"), "{said}");
    assert_eq!(word(&client), "two two");
}

/// A policy that only the worker cannot use: it says so, and both stay.
#[test]
fn the_worker_is_asked_as_well() {
    let mut site = Site::with(&policy("one", "")).start();
    write(&site, &policy("two", ""));
    site.kill_worker();
    let output = ask(&site, None);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("worker"), "{said}");
}

/// Others neither by the command nor by the method that it uses, which does not even
/// exist for them; and root gets no tool by it.
#[test]
fn only_root_may_ask() {
    let site = Site::with(&policy("one", "")).start();
    let output = ask(&site, Some(ALICE));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("only root may ask"));
    write(&site, &policy("two", ""));
    let client = Client::attach(&site, ALICE);
    let answer = client
        .request("mini-mcp/reload", &json!({}))
        .expect("an answer");
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
    assert_eq!(word(&client), "one one");
}
