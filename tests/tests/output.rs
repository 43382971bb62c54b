//! Large output: head and tail in the result, the whole of it in pages, for its
//! principal alone; and what a client hears while a command runs.

use harness::{ALICE, BASE, BOB, Called, Client, FRONT, Process, Site, SmallDisk, eventually};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

const MORE: &str = r#"
[profile.patient]
extends = "plain"
timeout = "300s"

[tool.flood]
description = "Writes numbered lines up to a number"
command = ["/usr/bin/seq", "1", "{last}"]
profile = "patient"
allow = ["alice"]
[tool.flood.args]
last = { type = "integer", min = 1, max = 1000000000 }

[tool.giant]
description = "Writes a gibibyte"
command = ["/usr/bin/sh", "-c", "yes 0123456789abcde | head -c 1073741824"]
profile = "patient"
allow = ["alice"]
"#;

fn site() -> Site {
    Site::with(&format!("{BASE}{MORE}")).start()
}

/// The contents of a resource.
#[track_caller]
fn read(client: &Client, uri: &str) -> Value {
    let answer = client.request("resources/read", &json!({ "uri": uri }));
    let answer = answer.expect("an answer");
    let contents = &answer["result"]["contents"][0];
    assert!(contents.is_object(), "{answer}");
    contents.clone()
}

/// The error code of a resource that is not there.
#[track_caller]
fn refused(client: &Client, uri: &str) -> i64 {
    let answer = client.request("resources/read", &json!({ "uri": uri }));
    let answer = answer.expect("an answer");
    answer["error"]["code"]
        .as_i64()
        .unwrap_or_else(|| panic!("{answer}"))
}

/// The address of the whole standard output, as the result links it.
#[track_caller]
fn link(called: &Called) -> String {
    let content = called.0["result"]["content"].as_array().expect("content");
    let mut links = content
        .iter()
        .filter(|part| part["type"] == "resource_link");
    let link = links
        .next()
        .unwrap_or_else(|| panic!("no link: {}", called.0));
    assert_eq!(&link["uri"], called.field("stdout_uri"));
    assert!(
        called
            .text()
            .contains(link["uri"].as_str().expect("a text"))
    );
    link["uri"].as_str().expect("a text").to_owned()
}

/// All pages from `uri` on, and how many they are.
fn all_pages(client: &Client, uri: &str) -> (String, usize) {
    let (mut text, mut pages) = (String::new(), 0);
    let mut next = Some(uri.to_owned());
    while let Some(uri) = next {
        let page = read(client, &uri);
        text.push_str(page["text"].as_str().expect("text"));
        next = page["_meta"]["mini-mcp/page"]["next"]
            .as_str()
            .map(str::to_owned);
        pages += 1;
    }
    (text, pages)
}

/// Head and tail come back; the rest is read in pages, which join without a seam.
#[test]
fn the_whole_output_is_read_in_pages() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let called = client.call("flood", &json!({"last": 100_000}));
    assert_eq!(called.exit_code(), Some(0));
    assert_eq!(called.field("stdout_truncated"), &json!(true));
    assert!(called.stdout().contains("bytes left out"));
    let uri = link(&called);
    let (text, pages) = all_pages(&client, &uri);
    let whole: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    assert!(text == whole, "{} of {} bytes", text.len(), whole.len());
    assert!(pages > 20, "{pages} pages");
    let middle = read(&client, &format!("{uri}?from=1000&length=10"));
    assert_eq!(middle["text"], whole[1000..1010]);
    let place = &middle["_meta"]["mini-mcp/page"];
    assert_eq!(place["bytes"], json!(whole.len()));
    // Another connection of the same user finds it too.
    let later = Client::attach(&site, ALICE);
    assert_eq!(read(&later, &format!("{uri}?from=1000&length=10")), middle);
}

/// What a command prints at once is whole, whether or not a pipe holds it, and whether or
/// not the command is there still when it is read.
#[test]
fn what_is_printed_at_once_is_whole() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    for bytes in [0, 1, 65_535, 65_536, 65_537, 200_000] {
        for last in ["true", "sleep 0.01"] {
            let zeros = format!("head -c {bytes} /dev/zero");
            let script = format!("{zeros}; {zeros} >&2; {last}");
            let called = client.call("sh", &json!({ "script": script }));
            for stream in ["stdout_bytes", "stderr_bytes"] {
                assert_eq!(called.field(stream), &json!(bytes), "{script}: {stream}");
            }
        }
    }
}

/// A small result has no link; its record and output are there all the same.
#[test]
fn every_run_has_a_record() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let called = client.call("sh", &json!({"script": "echo out; echo err >&2; exit 3"}));
    assert_eq!(
        called.0["result"]["content"].as_array().map(Vec::len),
        Some(1)
    );
    let run = called.field("run_id").as_str().expect("a name");
    let record = read(&client, &format!("mini-mcp://run/{run}"));
    assert_eq!(record["mimeType"], "application/json");
    let record: Value = serde_json::from_str(record["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(record["tool"], "sh");
    assert_eq!(record["state"], "ended");
    assert_eq!(record["exit_code"], 3);
    assert_eq!(record["stdout_kept"], 4);
    let error = read(&client, &format!("mini-mcp://run/{run}/stderr"));
    assert_eq!(error["text"], "err\n");
    let list = read(&client, "mini-mcp://runs");
    assert!(list["text"].as_str().expect("text").contains(run));
    let templates = client.request("resources/templates/list", &json!({}));
    let templates = templates.expect("an answer").to_string();
    assert!(
        templates.contains("mini-mcp://run/{run}/{stream}"),
        "{templates}"
    );
}

/// What others ran does not exist for a client, and what is asked wrongly is told so.
#[test]
fn a_run_is_its_principals_alone() {
    let site = site();
    let (alice, bob) = (Client::attach(&site, ALICE), Client::attach(&site, BOB));
    let uri = link(&alice.call("flood", &json!({"last": 100_000})));
    let record = uri.trim_end_matches("/stdout").to_owned();
    for uri in [&uri, &record] {
        let (theirs, nobodys) = (refused(&bob, uri), refused(&bob, "mini-mcp://run/0-0"));
        assert_eq!(theirs, nobodys);
    }
    assert!(
        !read(&bob, "mini-mcp://runs")["text"]
            .to_string()
            .contains(&record)
    );
    assert_eq!(refused(&alice, &format!("{uri}?from=x")), -32602);
    assert_eq!(refused(&alice, &format!("{uri}?length=0")), -32602);
}

/// Bytes that are no text: replaced in the result, exact in the resource. Escape
/// sequences are text and made harmless, and exact where that is asked for.
#[test]
fn bytes_that_are_no_text_are_base64() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let called = client.call(
        "sh",
        &json!({"script": r"printf '\377\376\033[2J'; printf '\033[2J' >&2"}),
    );
    assert!(called.stdout().starts_with("\u{fffd}\u{fffd}"));
    let run = called.field("run_id").as_str().expect("a name");
    let bytes = read(&client, &format!("mini-mcp://run/{run}/stdout"));
    assert_eq!(bytes["blob"], "//4bWzJK");
    let text = read(&client, &format!("mini-mcp://run/{run}/stderr"));
    assert_eq!(text["text"], "␛[2J");
    let exact = read(
        &client,
        &format!("mini-mcp://run/{run}/stderr?encoding=base64"),
    );
    assert_eq!(exact["blob"], "G1sySg==");
}

/// A page never ends within a character, so that text stays text.
#[test]
fn pages_end_between_characters() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let script = "for i in 1 2 3 4 5 6 7 8; do printf 'aé☕'; done";
    let called = client.call("sh", &json!({ "script": script }));
    let run = called.field("run_id").as_str().expect("a name");
    let mut uri = format!("mini-mcp://run/{run}/stdout?from=0&length=5");
    let mut whole = String::new();
    loop {
        let page = read(&client, &uri);
        whole.push_str(page["text"].as_str().unwrap_or_else(|| panic!("{page}")));
        let place = &page["_meta"]["mini-mcp/page"];
        if place["next"].is_null() {
            break;
        }
        uri = format!("mini-mcp://run/{run}/stdout?from={}&length=5", place["to"]);
    }
    assert_eq!(whole, "aé☕".repeat(8));
}

/// A principal keeps as much as his quota: then the oldest go, and of a single run
/// the beginning stays, which the result says.
#[test]
fn the_quota_of_a_principal_is_kept() {
    let site = Site::with(&format!("{BASE}{MORE}"));
    let site = site.serving(&["--spool-quota", "1M"]).start();
    let client = Client::attach(&site, ALICE);
    let first = link(&client.call("flood", &json!({"last": 100_000})));
    let second = link(&client.call("flood", &json!({"last": 100_001})));
    assert_eq!(refused(&client, &first), -32002);
    assert_eq!(
        read(&client, &second)["text"]
            .as_str()
            .map(|text| &text[..4]),
        Some("1\n2\n")
    );
    let large = client.call("flood", &json!({"last": 1_000_000}));
    assert!(
        large.text().contains("the first 1048576 of 6888896 bytes"),
        "{}",
        large.text()
    );
    assert!(large.stdout().ends_with("\n1000000\n"));
}

/// A run that prints more than one may have costs its principal no other.
#[test]
fn one_run_is_not_all_that_is_kept() {
    let site = Site::with(&format!("{BASE}{MORE}"));
    let site = site.serving(&["--spool-run=1M", "--spool-quota=2M"]);
    let site = site.start();
    let client = Client::attach(&site, ALICE);
    let first = link(&client.call("flood", &json!({"last": 100_000})));
    let large = client.call("flood", &json!({"last": 1_000_000}));
    let told = large.text();
    assert!(
        told.contains("the first 1048576 of 6888896 bytes"),
        "{told}"
    );
    assert!(read(&client, &first)["text"].is_string());
}

#[test]
fn what_has_expired_is_gone() {
    let site = Site::with(&format!("{BASE}{MORE}"));
    let site = site.serving(&["--spool-expiry", "1s"]).start();
    let client = Client::attach(&site, ALICE);
    let uri = link(&client.call("flood", &json!({"last": 100_000})));
    assert!(read(&client, &uri)["text"].is_string());
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(refused(&client, &uri), -32002);
}

/// A gibibyte: all of it is kept, and the supervisor needs no more memory than before.
#[test]
fn a_gibibyte_is_kept_in_bounded_memory() {
    let site = Site::with(&format!("{BASE}{MORE}"));
    let site = site
        .serving(&["--spool-run=2G", "--spool-quota=2G", "--spool-max=2G"])
        .start();
    let client = Client::attach(&site, ALICE);
    let first = link(&client.call("flood", &json!({"last": 100_000})));
    drop(read(&client, &first));
    let before = largest_resident_set(site.supervisor());
    let called = client.call("giant", &json!({}));
    assert_eq!(
        called.field("stdout_bytes"),
        &json!(1_u64 << 30),
        "{}",
        called.text()
    );
    let uri = link(&called);
    let grown = largest_resident_set(site.supervisor()) - before;
    assert!(grown <= 4096, "grew by {grown} kB");
    for from in [0_u64, 16 << 20, (1 << 30) - 16] {
        let page = read(&client, &format!("{uri}?from={from}&length=16"));
        assert_eq!(page["text"], "0123456789abcde\n", "from {from}");
    }
}

/// Both streams come faster than they are digested, with a pause between: every byte is
/// digested in its order, kept, and read again.
#[test]
fn a_flood_is_digested_and_kept_whole() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let script = "seq 1 2000000 & seq 1 3000000 >&2; wait; sleep 0.1; seq 1 400000; echo end";
    let called = client.call("sh", &json!({ "script": script }));
    assert_eq!(called.exit_code(), Some(0), "{}", called.0);
    let run = called.field("run_id").as_str().expect("a name");
    let numbers = |last| (1..=last).map(|number| format!("{number}\n"));
    let end = numbers(400_000).chain(["end\n".to_owned()]);
    let stdout: String = numbers(2_000_000).chain(end).collect();
    let stderr: String = numbers(3_000_000).collect();
    let line = eventually("its output is told", Duration::from_secs(10), || {
        let mut trail = site.trail().into_iter();
        trail.find(|entry| entry.event() == "output" && entry.text("run") == run)
    });
    for (stream, text) in [("stdout", &stdout), ("stderr", &stderr)] {
        let told =
            json!({"blake3": blake3::hash(text.as_bytes()).to_string(), "bytes": text.len()});
        assert_eq!(line.field(stream), &told, "{stream}");
        for from in [0, text.len() / 2, text.len() - 1000] {
            let uri = format!("mini-mcp://run/{run}/{stream}?from={from}&length=1000");
            assert_eq!(read(&client, &uri)["text"], text[from..from + 1000]);
        }
    }
}

/// In kB.
fn largest_resident_set(process: Process) -> u64 {
    let status = process.status();
    let number = status["VmHWM"].split(' ').next();
    number
        .and_then(|number| number.parse().ok())
        .expect("a number of kB")
}

/// Nobody else can look into the spool, and nothing is left there by name, even when
/// the supervisor is killed.
#[test]
fn the_spool_has_no_names() {
    let mut site = site();
    let client = Client::attach(&site, ALICE);
    let _uri = link(&client.call("flood", &json!({"last": 100_000})));
    let names = || {
        std::fs::read_dir(site.path("spool"))
            .expect("it is there")
            .count()
    };
    assert_eq!(names(), 0);
    let kept = site.supervisor().descriptors();
    let spool = site.path("spool");
    let files = kept.values().filter(|path| path.starts_with(&spool));
    assert_eq!(files.count(), 1, "{kept:?}");
    drop(client);
    site.kill_supervisor();
    assert_eq!(std::fs::read_dir(&spool).expect("it is there").count(), 0);
}

/// A call with a progress token hears lines of output as they come, harmless and at
/// most ten times a second.
#[test]
fn lines_of_output_are_told_while_a_command_runs() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let script = r"printf 'one\033[2J\n'; sleep 0.5; echo two >&2; i=0; while [ $i -lt 2000 ]; do echo $i; sleep 0.001; i=$((i+1)); done";
    let began = Instant::now();
    let call = client.start(
        "tools/call",
        &json!({"name": "sh", "arguments": {"script": script}, "_meta": {"progressToken": "t"}}),
    );
    assert_eq!(client.called(call).exit_code(), Some(0));
    let seconds = began.elapsed().as_secs_f64();
    let heard = client.unclaimed();
    let told: Vec<&str> = heard
        .iter()
        .inspect(|message| assert_eq!(message["params"]["progressToken"], "t", "{message}"))
        .filter_map(|message| message["params"]["message"].as_str())
        .collect();
    assert_eq!(told.first(), Some(&"one␛[2J"));
    assert!(
        told.iter()
            .any(|text| text.lines().any(|line| line == "two")),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|text| text.lines().any(|line| line == "1999"))
            || told.len() > 5,
        "{told:?}"
    );
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let rate = told.len() as f64 / seconds;
    assert!(rate <= 11.0, "{} messages in {seconds} s", told.len());
    let progress: Vec<f64> = heard
        .iter()
        .filter_map(|one| one["params"]["progress"].as_f64())
        .collect();
    assert!(
        progress.is_sorted_by(|one, next| one < next),
        "{progress:?}"
    );
}

/// A silent command is told to run still.
#[test]
fn a_silent_command_has_a_heartbeat() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = client.start(
        "tools/call",
        &json!({"name": "sleep", "arguments": {"time": "6"}, "_meta": {"progressToken": 7}}),
    );
    assert_eq!(client.called(call).exit_code(), Some(0));
    let heard = client.unclaimed();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0]["params"]["message"], "running for 5 s");
}

/// When the disk of the spool is full, calls go on, and the result says what is kept.
#[test]
fn a_full_disk_costs_pages_and_no_call() {
    let disk = SmallDisk::mount();
    let spool = disk.path("spool");
    std::fs::create_dir(&spool).expect("the disk is ours");
    let (uid, gid) = (FRONT.uid(), FRONT.gid());
    std::os::unix::fs::chown(&spool, Some(uid), Some(gid)).expect("root may");
    std::fs::set_permissions(&spool, PermissionsExt::from_mode(0o700)).expect("root may");
    let site = Site::with(&format!("{BASE}{MORE}"));
    let spool = spool.display().to_string();
    let site = site.serving(&["--spool-quota", "1M", "--spool", &spool]);
    let site = site.start();
    let client = Client::attach(&site, ALICE);
    let called = client.call("flood", &json!({"last": 100_000}));
    assert_eq!(called.exit_code(), Some(0));
    assert_eq!(called.field("stdout_bytes"), &json!(588_895));
    assert!(called.stdout().ends_with("\n99999\n100000\n"));
    assert!(called.text().contains("the first "), "{}", called.text());
    assert!(site.log_text("supervisor").contains("cannot keep output"));
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
}

/// A command opens its own output anew by name: to write, and not to read what the
/// supervisor has yet to read, nor to change who may.
#[test]
fn output_that_is_opened_anew_is_for_writing_alone() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    // Whoever holds it open in the end is ended with the others.
    let script = [
        "exec 4>&1 5>&2; for number in 4 5; do file=/proc/self/fd/$number",
        "(exec 3<>$file) 2>/dev/null && echo read and written",
        "(exec 3<$file) 2>/dev/null && echo read",
        "(chmod 666 $file) 2>/dev/null && echo changed",
        "(exec 3>$file && echo $number >&3); done",
        "(exec 3>/proc/self/fd/1; sleep 600 >&3) & exit 0",
    ];
    let script = script.join("; ");
    let called = client.call("sh", &json!({ "script": script }));
    assert_eq!(called.success(), "4\n", "{}", called.0);
    assert_eq!(called.field("stderr"), "5\n", "{}", called.0);
    // Nobody else's output: what belongs to the supervisor and to the worker.
    for process in [site.supervisor(), site.worker()] {
        let script = format!(
            "for one in /proc/{0}/fd/*; do (exec 3<\"$one\") 2>/dev/null && echo \"$one\"; \
             done; ls /proc/{0}/fd 2>/dev/null; true",
            process.id()
        );
        let called = client.call("sh", &json!({ "script": script }));
        assert_eq!(called.success(), "", "{}", called.0);
    }
}
