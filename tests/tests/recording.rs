//! What tools with `record` print is kept beside the trail, by the worker's own word,
//! or nothing is printed.

use harness::{
    ALICE, Alone, BASE, CONTAINMENTS, Called, Client, Entry, Front, Lane, Process, Site,
    SiteBuilder, SmallDisk, eventually, unique,
};
use serde_json::{Value, json};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;
use wire::{Reply, Request, StreamDigest};

/// The shell and some of its like, recorded.
fn policy() -> String {
    let sh = BASE.replace("[tool.sh.args]", "record = true\n[tool.sh.args]");
    let tty = "\n[profile.terminal]\nextends = \"plain\"\ntty = true\n\
        [tool.typed]\ndescription = \"On a terminal\"\ncommand = [\"/usr/bin/sh\", \"-c\", \"{script}\"]\n\
        profile = \"terminal\"\nallow = [\"alice\"]\nrecord = true\n\
        [tool.typed.args]\nscript = { type = \"string\", max_length = 4000 }\n\
        [tool.while]\ndescription = \"In the background\"\ncommand = [\"/usr/bin/sh\", \"-c\", \"{script}\"]\n\
        profile = \"plain\"\nallow = [\"alice\"]\nrecord = true\nbackground = true\n\
        [tool.while.args]\nscript = { type = \"string\", max_length = 4000 }\n";
    format!("{sh}{tty}")
}

fn site() -> SiteBuilder {
    Site::with(&policy())
}

/// The recordings of `site`.
fn directory(site: &Site) -> PathBuf {
    site.path("audit/audit.jsonl.output")
}

fn sh(client: &Client, script: &str) -> Called {
    client.call("sh", &json!({ "script": script }))
}

/// The line that tells what was recorded of the run that `called` was.
#[track_caller]
fn told(site: &Site, run: &str) -> Entry {
    eventually("the output is told", Duration::from_secs(10), || {
        let trail = site.trail();
        let mut lines = trail.into_iter();
        lines.find(|entry| entry.event() == "output" && entry.text("run") == run)
    })
}

fn show(site: &Site, run: &str, words: &[&str]) -> Output {
    let mut command = Command::new(site.program("mini-mcp"));
    command.args(["audit", "show", run, "--output"]).args(words);
    command.arg("--audit").arg(site.trail_file());
    command.output().expect("it runs")
}

fn verify(site: &Site) -> Value {
    let mut command = Command::new(site.program("mini-mcp"));
    command.args(["audit", "verify", "--json", "--audit"]);
    let output = command.arg(site.trail_file()).output().expect("it runs");
    serde_json::from_slice(&output.stdout).expect("a document")
}

/// Both streams are kept whole, whatever holds the command, are told before the end of
/// the run by the worker, and are shown as they were.
#[test]
fn both_streams_are_kept() {
    for containment in CONTAINMENTS {
        let site = site().containment(containment).start();
        let client = Client::attach(&site, ALICE);
        let called = sh(&client, r"printf 'out\033[2J'; printf err >&2");
        let run = called.field("run_id").as_str().expect("a run").to_owned();
        let line = told(&site, &run);
        assert_eq!(line.text("by"), "worker", "{line:?}");
        assert_eq!(line.field("stdout")["bytes"], 7);
        assert_eq!(line.field("stderr")["bytes"], 3);
        let trail = site.trail();
        let of_run = trail.iter().filter(|entry| entry.text("run") == run);
        let events: Vec<&str> = of_run.map(Entry::event).collect();
        assert_eq!(events, ["start", "output", "end"], "and nobody adds to it");

        let shown = show(&site, &run, &[]);
        assert_eq!(shown.stdout, b"out\x1b[2J");
        assert_eq!(shown.stderr, b"err");
        let mode = |path: PathBuf| {
            fs::metadata(path)
                .expect("it is there")
                .permissions()
                .mode()
        };
        let sha256 = line.field("stdout")["sha256"].as_str().expect("a digest");
        assert_eq!(mode(directory(&site).join(sha256)) & 0o777, 0o600);
        assert_eq!(mode(directory(&site)) & 0o777, 0o700);
        assert_eq!(verify(&site)["whole"], true);
    }
}

/// What is not recorded costs nothing: no directory, and the supervisor's word.
#[test]
fn other_tools_are_as_before() {
    let site = site().start();
    let client = Client::attach(&site, ALICE);
    let called = client.call("print", &json!({"first": "x"}));
    let run = called.field("run_id").as_str().expect("a run").to_owned();
    assert_eq!(told(&site, &run).text("by"), "supervisor");
    assert!(!directory(&site).exists());
    let shown = show(&site, &run, &[]);
    let error = String::from_utf8_lossy(&shown.stderr);
    assert!(error.contains("it was not recorded"), "{error}");
}

/// A supervisor that tells other digests of a recorded run is not heard, and that of
/// another run as its own.
#[test]
fn a_hostile_supervisor_forges_no_recording() {
    let front = Front::with(&policy());
    let site = &front.site;
    let lane = Lane::greeted(site);
    let (client, _end) = front.client(ALICE);
    let pipes = lane.run(site, client.as_fd(), "sh", &[("script", "echo true")]);
    let run = lane.finished().run;
    assert_eq!(pipes.text(), "true\n");
    let forged = StreamDigest {
        blake3: [7; 32],
        bytes: 7,
    };
    let output = wire::Output {
        stdout: forged.clone(),
        stderr: forged,
    };
    lane.say(&Request::Output(output), &[]);
    // The lane serves on, and has taken it before this.
    let pipes = lane.run(site, client.as_fd(), "true", &[]);
    let _ended = lane.finished();
    drop(pipes);
    let trail = site.trail();
    let outputs: Vec<&Entry> = trail.iter().filter(|one| one.event() == "output").collect();
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    assert_eq!(outputs[0].text("by"), "worker");
    assert_eq!(show(site, &run, &[]).stdout, b"true\n");
}

/// A supervisor that reads nothing holds up the command, but neither its deadline nor
/// what is recorded.
#[test]
fn a_supervisor_that_reads_nothing_stops_no_clock() {
    let short = policy().replace("timeout = \"20s\"", "timeout = \"1s\"");
    let front = Front::with(&short);
    let site = &front.site;
    let lane = Lane::greeted(site);
    let (client, _end) = front.client(ALICE);
    let _pipes = lane.run(site, client.as_fd(), "sh", &[("script", "yes")]);
    let Ok(Reply::Started { run }) = lane.hear() else {
        panic!("it does not start");
    };
    let Ok(Reply::Finished(outcome)) = lane.hear() else {
        panic!("it does not end");
    };
    assert!(outcome.timed_out, "{outcome:?}");
    let line = told(site, &run);
    let bytes = line.field("stdout")["bytes"].as_u64().expect("a number");
    assert!((65_536..1 << 20).contains(&bytes), "{bytes}");
}

/// What prints more than may be recorded of one run is killed, and its caller told.
#[test]
fn more_than_one_run_may_print_kills_it() {
    let site = site().worker_option("--record-max", "100K").start();
    let client = Client::attach(&site, ALICE);
    let called = sh(&client, "yes");
    assert_eq!(
        called.field("blocked"),
        &json!(["record_max"]),
        "{}",
        called.0
    );
    let run = called.field("run_id").as_str().expect("a run").to_owned();
    let line = told(&site, &run);
    assert_eq!(line.field("stdout")["bytes"], 102_400);
    assert!(line.text("reason").contains("--record-max"), "{line:?}");
    let shown = show(&site, &run, &[]);
    assert_eq!(shown.stdout.len(), 102_400);
    assert_eq!(shown.status.code(), Some(1), "it is not all");
    assert_eq!(sh(&client, "echo on").text(), "on\n", "the lane serves on");
}

/// When the quota is used up nothing runs, in words, until there is room.
#[test]
fn a_quota_that_is_used_up_refuses() {
    let site = site()
        .worker_option("--record-max", "100K")
        .worker_option("--record-quota", "150K")
        .start();
    let client = Client::attach(&site, ALICE);
    let called = sh(&client, "head -c 60000 /dev/zero");
    assert_eq!(called.exit_code(), Some(0), "{}", called.0);
    let mark = site.path("drop/mark");
    let called = sh(&client, &format!("touch {}", mark.display()));
    assert_eq!(called.denied(), "not_recorded", "{}", called.0);
    assert!(called.reason().contains("153600 bytes"), "{}", called.0);
    assert!(!mark.exists());
    let denied = site.audited("the denial", |one| one.is("deny", "sh"));
    assert_eq!(denied.text("rule"), "tool.sh.record");
    assert_eq!(denied.text("by"), "worker");
    let called = client.call("true", &json!({}));
    assert_eq!(called.exit_code(), Some(0), "others run on");

    for file in fs::read_dir(directory(&site))
        .expect("it is there")
        .flatten()
    {
        fs::remove_file(file.path()).expect("root may");
    }
    eventually("there is room again", Duration::from_secs(5), || {
        (!sh(&client, "echo room").is_error()).then_some(())
    });
    let verified = verify(&site);
    assert_eq!(verified["whole"], true, "{verified}");
    assert!(verified["notes"].to_string().contains("not there any more"));
}

/// A disk that fills up while something is recorded ends the command, and says so.
#[test]
fn a_full_disk_ends_the_command() {
    let disk = SmallDisk::mount();
    let place = disk.path("output");
    let site = site()
        .worker_option("--record-dir", &place.display().to_string())
        .start();
    let client = Client::attach(&site, ALICE);
    let called = sh(&client, "yes; echo never >&2");
    assert_eq!(called.field("blocked"), &json!(["record"]), "{}", called.0);
    let run = called.field("run_id").as_str().expect("a run").to_owned();
    let line = told(&site, &run);
    assert!(line.text("reason").contains("No space left"), "{line:?}");
    let bytes = line.field("stdout")["bytes"].as_u64().expect("a number");
    assert!((1..=65_536).contains(&bytes), "{bytes}");
    let words = ["--record-dir", &place.display().to_string()];
    let shown = show(&site, &run, &words);
    assert_eq!(
        shown.stdout.len() as u64,
        bytes,
        "what was recorded is kept"
    );
}

/// Where no file can be made nothing starts.
#[test]
fn without_a_place_nothing_starts() {
    let site = site()
        .worker_option("--record-dir", "/proc/nowhere")
        .start();
    let client = Client::attach(&site, ALICE);
    let mark = site.path("drop/mark");
    let called = sh(&client, &format!("touch {}", mark.display()));
    assert_eq!(called.denied(), "not_recorded", "{}", called.0);
    assert!(called.reason().contains("/proc/nowhere"), "{}", called.0);
    assert!(!mark.exists());
    assert!(site.audit().iter().all(|one| one.event() != "start"));
}

/// A cancelled run and a lane that is killed leave what was recorded until then.
#[test]
fn what_was_recorded_of_a_run_that_is_cut_off_is_kept() {
    let site = site().start();
    let client = Client::attach(&site, ALICE);
    let script = format!("echo before; exec sleep {}", unique());
    let call = client.start_call("sh", &json!({ "script": script }));
    let begun = |number: usize| {
        let start = eventually("it starts", Duration::from_secs(10), || {
            let trail = site.trail();
            let mut starts = trail.into_iter().filter(|one| one.event() == "start");
            starts.nth(number)
        });
        eventually("it sleeps", Duration::from_secs(10), || {
            let mine = Process::mentioning(&site.text());
            mine.into_iter()
                .find(|one| one.bytes("comm").starts_with("sleep"))
        });
        start.text("run").to_owned()
    };
    let run = begun(0);
    client.cancel(call);
    let line = told(&site, &run);
    assert_eq!(line.field("stdout")["bytes"], 7);

    client.start_call(
        "sh",
        &json!({ "script": format!("echo lost; exec sleep {}", unique()) }),
    );
    let run = begun(1);
    site.lanes().into_iter().for_each(Process::kill);
    let end = site.audited("the lane is lost", |one| one.text("code") == "lane_lost");
    assert_eq!(end.text("run"), run);
    let line = told(&site, &run);
    assert_eq!(
        (line.text("by"), &line.field("stdout")["bytes"]),
        ("worker", &json!(5))
    );
    let shown = show(&site, &run, &[]);
    assert_eq!(shown.stdout, b"lost\n");
    assert!(String::from_utf8_lossy(&shown.stderr).contains("lane was lost"));
}

/// A recording that somebody has changed is found, and not shown.
#[test]
fn another_recording_is_found() {
    let site = site().start();
    let client = Client::attach(&site, ALICE);
    let called = sh(&client, "echo truth");
    let run = called.field("run_id").as_str().expect("a run").to_owned();
    let line = told(&site, &run);
    let sha256 = line.field("stdout")["sha256"].as_str().expect("a digest");
    fs::write(directory(&site).join(sha256), "a lie\n").expect("root may");
    let shown = show(&site, &run, &[]);
    assert_eq!(
        (shown.status.code(), &shown.stdout[..]),
        (Some(1), &b""[..])
    );
    let error = String::from_utf8_lossy(&shown.stderr);
    assert!(error.contains("its digest is another one"), "{error}");
    let verified = verify(&site);
    assert_eq!(verified["whole"], false);
    assert!(
        verified["findings"].to_string().contains(sha256),
        "{verified}"
    );
}

/// Terminals and runs in the background are recorded like the rest.
#[test]
fn terminals_and_runs_in_the_background_are_recorded() {
    let site = site().start();
    let client = Client::attach(&site, ALICE);
    let called = client.call("typed", &json!({"script": "test -t 1 && seq 20000"}));
    assert_eq!(called.exit_code(), Some(0), "{}", called.0);
    let run = called.field("run_id").as_str().expect("a run").to_owned();
    let expected: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    let shown = show(&site, &run, &[]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), expected);

    let asked = json!({"tool": "while", "arguments": {"script": "echo back"}});
    let called = client.call("run_start", &asked);
    let run = called.field("run_id").as_str().expect("a run").to_owned();
    told(&site, &run);
    assert_eq!(show(&site, &run, &[]).stdout, b"back\n");
}

/// A great deal of output passes in constant memory, unchanged.
#[test]
fn much_output_is_recorded_in_constant_memory() {
    const BYTES: u64 = 64 << 20;
    let site = site().worker_option("--record-max", "100M").start();
    let client = Client::attach(&site, ALICE);
    let call = client.start_call(
        "sh",
        &json!({"script": format!("head -c {BYTES} /dev/zero")}),
    );
    let mut most = 0;
    let called = eventually("it ends", Duration::from_secs(60), || {
        let lanes = site.lanes().into_iter().map(Process::resident);
        most = most.max(lanes.max().unwrap_or_default());
        client.poll(call)
    });
    assert_eq!(called.exit_code(), Some(0), "{}", called.0);
    assert!(most < 32 << 20, "a lane has {most} bytes");
    let run = called.field("run_id").as_str().expect("a run").to_owned();
    let line = told(&site, &run);
    assert_eq!(line.field("stdout")["bytes"], BYTES);
    let shown = show(&site, &run, &[]);
    assert_eq!(shown.stdout.len() as u64, BYTES);
}

/// The recordings are not the command's to read.
#[test]
fn a_command_cannot_reach_its_recording() {
    let site = site().start();
    let client = Client::attach(&site, ALICE);
    let called = sh(&client, "ls /proc/self/fd; readlink /proc/self/fd/1");
    let text = called.text();
    assert!(text.contains("pipe:"), "{text}");
    assert!(!text.contains("output"), "{text}");
}

/// A user without privileges records what his own commands print.
#[test]
fn a_single_user_records_too() {
    let policy = "version = 1\n[profile.plain]\nread = [\"/usr\", \"-/etc/ld.so.cache\"]\nexecute = [\"/usr\"]\n\
        environment = { SITE = \"@site@\" }\n\
        [tool.sh]\ndescription = \"Shell\"\ncommand = [\"/usr/bin/sh\", \"-c\", \"{script}\"]\nprofile = \"plain\"\n\
        allow = [\"self\"]\nrecord = true\nargs = { script = { type = \"string\" } }\n";
    for containment in ["auto", "pid-namespace", "subreaper"] {
        let alone = Alone::with(policy, containment);
        let called = alone
            .client()
            .call("sh", &json!({"script": "echo mine; echo ours >&2"}));
        assert_eq!(called.exit_code(), Some(0), "{}", called.0);
        let run = called.field("run_id").as_str().expect("a run");
        let mut command = Command::new(alone.path("bin/mini-mcp"));
        command.args(["audit", "show", run, "--output", "--audit"]);
        let shown = command
            .arg(alone.path("state/audit.jsonl"))
            .output()
            .expect("it runs");
        assert_eq!(
            (&shown.stdout[..], &shown.stderr[..]),
            (&b"mine\n"[..], &b"ours\n"[..])
        );
    }
}
