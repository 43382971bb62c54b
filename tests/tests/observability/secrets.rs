//! Secrets are planted wherever they can be, everything is done that logs something, at
//! the level that logs most, and then they are looked for everywhere.

use harness::systemd::Journal;
use harness::web::{bearer, modern};
use harness::{ALICE, BASE, Client, Process, Site, Web, eventually};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

const MORE: &str = r#"
[approvals]
[principal.ci]
api_key = "ci"
[profile.brief]
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
timeout = "500ms"
environment = { SITE = "@site@" }
[profile.shared]
extends = "plain"
run_as = "mmtest-run"
[tool.hush]
description = "Is given a secret"
command = ["/usr/bin/printf", "--", "%.0s%s", "--key={key}", "{word}"]
profile = "shared"
allow = ["alice", "ci"]
[tool.hush.args]
key = { type = "string", secret = true, pattern = "[a-z-]+", max_length = 64 }
word = { type = "string", default = "word" }
[tool.read]
description = "Reads a secret"
command = ["/usr/bin/true"]
stdin = "{key}"
profile = "plain"
allow = ["alice"]
[tool.read.args]
key = { type = "string", secret = true }
[tool.slow]
description = "Takes too long"
command = ["/usr/bin/sh", "-c", "sleep 60", "{key}"]
profile = "brief"
allow = ["alice"]
[tool.slow.args]
key = { type = "string", secret = true }
[tool.absent]
description = "Has no program"
command = ["/usr/bin/no-such-program", "{key}"]
profile = "plain"
allow = ["alice"]
[tool.absent.args]
key = { type = "string", secret = true }
[tool.held]
description = "Needs an approval"
command = ["/usr/bin/true", "{key}"]
profile = "plain"
ask = ["alice"]
[tool.held.args]
key = { type = "string", secret = true }
"#;

/// In an argument that is secret.
const ARGUMENT: &str = "canary-in-an-argument";
/// In an argument that is secret, and which its pattern refuses.
const REFUSED: &str = "CANARY in a refused argument";
/// In the environment of worker and supervisor.
const ENVIRONMENT: &str = "canary-in-the-environment";
/// In the output of a command, which makes it of two parts.
const OUTPUT: [&str; 2] = ["canary-in-", "the-output"];
/// A key that is none.
const WRONG: &str = "mmcp_canary_of_a_wrong_key";
/// Where the policy has no such argument, so that nobody can know that it is secret: it
/// stands in the trail, which root alone reads.
const MISPLACED: &str = "canary-where-none-is-declared";
/// What is no secret, and is found: the search can find something.
const PLAIN: &str = "no-secret-at-all";

#[test]
fn no_log_of_text_has_a_secret() {
    nowhere("text");
}

#[test]
fn no_log_of_json_has_a_secret() {
    nowhere("json");
}

#[test]
fn no_journal_has_a_secret() {
    nowhere("auto");
}

#[track_caller]
fn nowhere(format: &str) {
    let policy = format!("{BASE}{MORE}");
    let words = [
        "--http",
        "127.0.0.1:0",
        "--metrics",
        "127.0.0.1:0",
        "--log-format",
        format,
    ];
    let mut site = Site::with(&policy)
        .serving(&words)
        .worker_option("--log-format", format)
        .prepare();
    let journal = (format == "auto").then(|| Journal::listen(site.path("journal")));
    let script = journal
        .as_ref()
        .map_or("exec \"$@\"".to_owned(), Journal::script);
    let script = format!("export MINI_MCP_LOG=trace SECRET={ENVIRONMENT}\n{script}");
    site.start_worker_by(&script);
    site.start_supervisor_by(&script);
    let mut messages = Vec::new();
    let key = site.new_key("ci");
    let address = eventually("HTTP is served", SOON, || {
        let told = journal.as_ref().map(Journal::messages);
        let log = format!("{}{told:?}", site.log_text("supervisor"));
        let (_, rest) = log.split_once("serving HTTP")?;
        let (_, rest) = rest.split_once("127.0.0.1:")?;
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(([127, 0, 0, 1], port.parse().ok()?).into())
    });
    let said = lines(&site);
    let said = [said, network(address, &key)].concat();
    administrators(&site, &mut messages);
    if let Some(journal) = &journal {
        let told = journal.messages();
        assert!(told.len() > 50, "only {} messages", told.len());
        messages.extend(told);
    }

    let output = OUTPUT.concat();
    let secrets = [ARGUMENT, REFUSED, ENVIRONMENT, &output, WRONG, &key];
    let mut found = 0;
    for (place, text) in places(&site, &messages) {
        for secret in secrets {
            assert!(
                !text.contains(secret),
                "`{secret}` stands in {place}:\n{text}"
            );
        }
        let trail = place.contains("audit");
        assert!(trail || !text.contains(MISPLACED), "{place}: {text}");
        found += usize::from(text.contains(PLAIN));
    }
    assert!(found > 0, "what is no secret was not found either");
    // To the client goes what its command printed, and nothing else.
    for answer in said {
        for secret in [ARGUMENT, REFUSED, ENVIRONMENT, MISPLACED, WRONG, &key] {
            assert!(!answer.contains(secret), "`{secret}` is answered: {answer}");
        }
    }
    // It has no core, and nobody but root can look into it.
    let supervisor = format!("/proc/{}/mem", site.supervisor().id());
    assert_eq!(fs::metadata(supervisor).expect("it runs").uid(), 0);
}

/// What a client of the Unix socket is answered, who does everything that can go wrong.
fn lines(site: &Site) -> Vec<String> {
    let client = Client::attach(site, ALICE);
    let call = |tool: &str, arguments: Value| client.call(tool, &arguments).0.to_string();
    let [first, second] = OUTPUT;
    let script = format!("a={first}; b={second}; echo $a$b; echo $a$b >&2");
    let answer = client.call("sh", &json!({"script": script}));
    assert_eq!(answer.stdout(), format!("{}\n", OUTPUT.concat()));
    let failing = client.call("sh", &json!({"script": format!("{script}; exit 1")}));
    assert_eq!(failing.exit_code(), Some(1));
    let fine = client.call("hush", &json!({"key": ARGUMENT, "word": PLAIN}));
    assert_eq!(fine.success(), PLAIN);
    let told = vec![
        call("read", json!({"key": ARGUMENT})),
        call("slow", json!({"key": ARGUMENT})),
        call("absent", json!({"key": ARGUMENT})),
        // Denied for their value, their type, and what stands beside them.
        call("hush", json!({"key": REFUSED})),
        call("hush", json!({"key": format!("{ARGUMENT}-").repeat(20)})),
        call("hush", json!({"key": [ARGUMENT]})),
        call("hush", json!({"key": {"of": ARGUMENT}})),
        call("hush", json!({"key": ARGUMENT, "word": 7})),
        call("hush", json!({"key": ARGUMENT, "no_such": MISPLACED})),
        call("bobs", json!({"key": MISPLACED})),
    ];
    let cancelled = client.start_call("held", &json!({"key": ARGUMENT}));
    site.audited("it waits", |entry| entry.event() == "waiting");
    client.cancel(cancelled);
    client.send_line(&format!("{{\"jsonrpc\": \"2.0\", \"key\": \"{ARGUMENT}\""));
    client.send_line(&format!(
        "{{\"method\": \"{ARGUMENT}\", \"id\": 1, \"params\": 1}}"
    ));
    told
}

/// What clients of HTTP are answered.
fn network(address: std::net::SocketAddr, key: &str) -> Vec<String> {
    let mut web = Web::network(address);
    let mut told = Vec::new();
    for key in [Some(key), Some(WRONG), None] {
        for (tool, arguments) in [
            ("hush", json!({"key": ARGUMENT})),
            ("hush", json!({"key": REFUSED})),
            ("hush", json!({"key": 7, "word": PLAIN})),
            ("no-such-tool", json!({"key": MISPLACED})),
        ] {
            told.push(format!("{:?}", web.call(tool, &arguments, key)));
        }
    }
    let (message, headers) = modern("tools/list", json!({}));
    let basic = ("Authorization", format!("Basic {WRONG}"));
    let cookie = ("Cookie", format!("key={ARGUMENT}"));
    let headers = [headers, vec![basic, cookie, bearer(key)]].concat();
    told.push(format!("{:?}", web.post(&message, &headers)));
    for _ in 0..12 {
        told.push(format!(
            "{:?}",
            web.ask("tools/list", json!({}), Some(WRONG))
        ));
    }
    told
}

/// Everything that an administrator can ask for, and a reload; all of it is kept.
fn administrators(site: &Site, messages: &mut Vec<harness::systemd::Message>) {
    let client = Client::attach(site, ALICE);
    let waiting = client.start_call("held", &json!({"key": ARGUMENT}));
    let page = |words: &[&str]| {
        let mut command = Command::new(site.program("mini-mcp"));
        let output = command.args(words).output().expect("it runs");
        format!("{output:?}")
    };
    let socket = site.admin_socket().display().to_string();
    let trail = site.trail_file().display().to_string();
    eventually("it waits", SOON, || {
        page(&["pending", "--socket", &socket])
            .contains("held")
            .then_some(())
    });
    for words in [
        &["pending", "--json", "--socket", &socket][..],
        &["pending", "--socket", &socket],
        &["grants", "--socket", &socket],
        &["status", "--json", "--socket", &socket],
        &["metrics", "--socket", &socket],
        &["audit", "--audit", &trail],
        &["audit", "--json", "--audit", &trail],
    ] {
        let told = [(words.join(" "), page(words))];
        messages.push(told.into());
    }
    client.cancel(waiting);
    for process in [site.worker(), site.supervisor()] {
        process.hang_up();
    }
}

/// Every place where something could stand, and what stands there.
fn places(site: &Site, messages: &[harness::systemd::Message]) -> Vec<(String, String)> {
    let read = |path: &Path| {
        let bytes = fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut all: Vec<(String, String)> = files(&site.path(""))
        .iter()
        .map(|file| (file.display().to_string(), read(file)))
        .collect();
    for message in messages {
        for (name, value) in message {
            all.push((name.clone(), value.clone()));
        }
    }
    for process in Process::mentioning(&site.text()) {
        let path = format!("/proc/{}/cmdline", process.id());
        all.push((path.clone(), read(Path::new(&path))));
    }
    all
}

/// Every file below, programs but for.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.symlink_metadata().expect("it is there") {
            data if data.is_dir() && !path.ends_with("bin") => found.extend(files(&path)),
            data if data.is_file() => found.push(path),
            _ => {}
        }
    }
    found
}
