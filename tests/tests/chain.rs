//! What makes the audit trail whole: the chain, runs that were cut off, secrets that
//! stay secret, and the output as the supervisor tells it.

use harness::{ALICE, Alone, BASE, Client, Front, Hangup, Lane, Site, eventually, unique};
use serde_json::{Value, json};
use std::fs;
use std::os::fd::AsFd;
use std::time::Duration;
use wire::{Output, Request, StreamDigest};

const SECRETS: &str = r#"
[tool.login]
description = "Takes a token"
command = ["/usr/bin/printf", "%.0s", "{token}", "--token={again}"]
stdin = "{more}"
profile = "plain"
allow = ["alice"]
[tool.login.args]
token = { type = "string", secret = true, pattern = "[a-z-]+" }
again = { type = "string", secret = true }
more = { type = "string", secret = true, optional = true }
"#;

const CANARY: &str = "planted-canary-of-a-token";

/// A worker that is killed leaves a start without an end; the next one says so, once,
/// and the chain goes on.
#[test]
fn a_run_cut_off_is_told_by_the_next_worker() {
    let mut site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let _call = client.start_call("sleep", &json!({"time": unique()}));
    let start = site.audited("the start", |entry| entry.is("start", "sleep"));
    site.kill_worker();
    site.kill_supervisor();
    for restart in 1..3 {
        site.start_worker();
        let lost = |entry: &&harness::Entry| entry.text("code") == "worker_lost";
        // It listens before it has begun its trail, which it signs when it has.
        let trail = eventually("it has begun", Duration::from_secs(20), || {
            let trail = site.trail();
            let opens = trail.iter().filter(|entry| entry.event() == "open").count();
            let signed = trail
                .last()
                .is_some_and(|last| last.event() == "checkpoint");
            (opens == restart + 1 && signed).then_some(trail)
        });
        let ends: Vec<_> = trail.iter().filter(lost).collect();
        assert_eq!(ends.len(), 1, "{trail:?}");
        assert_eq!(ends[0].event(), "end");
        assert_eq!(ends[0].text("run"), start.text("run"));
        site.kill_worker();
    }
    // The lanes of the killed workers end by themselves.
    site.start_worker();
}

/// A secret stands in no file that the installation writes: not in the argument
/// vector, the arguments, the standard input, a reason, or a log.
#[test]
fn a_secret_is_written_nowhere() {
    let site = Site::with(&format!("{BASE}{SECRETS}")).start();
    let client = Client::attach(&site, ALICE);
    let called = client.call(
        "login",
        &json!({"token": CANARY, "again": CANARY, "more": CANARY}),
    );
    assert_eq!(called.exit_code(), Some(0), "{}", called.0);
    let refused = client.call(
        "login",
        &json!({"token": format!("{CANARY}!"), "again": CANARY}),
    );
    assert_eq!(refused.denied(), "pattern_mismatch");
    assert!(!refused.0.to_string().contains(CANARY), "{}", refused.0);
    let _odd = client.call("login", &json!({"token": [CANARY]}));
    let _unknown = client.call(
        "login",
        &json!({"token": CANARY, "again": CANARY, "none": 1}),
    );

    let start = site.audited("the start", |entry| entry.is("start", "login"));
    let digest = &start.field("argv")[2]["hmac_sha256"];
    assert_eq!(digest.as_str().map(str::len), Some(64), "{start:?}");
    assert_eq!(
        start.field("argv")[3],
        json!({"prefix": "--token=", "hmac_sha256": digest})
    );
    assert_eq!(start.field("arguments")["token"]["hmac_sha256"], *digest);
    assert_eq!(start.field("stdin")["hmac_sha256"], *digest);
    for folder in ["audit", "."] {
        for file in fs::read_dir(site.path(folder)).expect("a folder") {
            let path = file.expect("an entry").path();
            if path.is_file() {
                let text =
                    String::from_utf8_lossy(&fs::read(&path).expect("root may")).into_owned();
                assert!(!text.contains(CANARY), "{}", path.display());
            }
        }
    }
    assert!(site.log_text("worker").len() + site.log_text("supervisor").len() > 0);
}

/// The supervisor's word on the output: of the run that ended last, once, and marked
/// as its own. Anything else ends the connection and is not recorded.
#[test]
fn the_output_is_told_once_and_as_hearsay() {
    let front = Front::with(BASE);
    let stream = |byte| StreamDigest {
        blake3: [byte; 32],
        bytes: 3,
    };
    let output = || {
        Request::Output(Output {
            stdout: stream(1),
            stderr: stream(2),
        })
    };
    let early = Lane::greeted(&front.site);
    early.say(&output(), &[]);
    assert_eq!(early.hear(), Err(Hangup));

    let (client, _end) = front.client(ALICE);
    let lane = Lane::greeted(&front.site);
    let _pipes = lane.run(&front.site, client.as_fd(), "true", &[]);
    let outcome = lane.finished();
    lane.say(&output(), &[]);
    lane.say(&output(), &[]);
    assert_eq!(lane.hear(), Err(Hangup), "a second one");
    let told: Vec<_> = front.site.trail();
    let told: Vec<_> = told
        .iter()
        .filter(|entry| entry.event() == "output")
        .collect();
    let [told] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(told.text("run"), outcome.run);
    assert_eq!(told.text("by"), "supervisor");
    assert_eq!(told.field("stdout")["blake3"], "01".repeat(32));
}

/// The digest is that of every byte, also of those that nobody kept.
#[test]
fn the_digest_is_of_the_whole_output() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let script = "head -c 3000000 /dev/zero; printf abc >&2";
    let called = client.call("sh", &json!({"script": script}));
    assert_eq!(called.exit_code(), Some(0), "{}", called.0);
    let told = eventually("the output is told", Duration::from_secs(10), || {
        let mut trail = site.trail().into_iter();
        trail.rfind(|entry| entry.event() == "output")
    });
    assert_eq!(called.field("run_id"), told.text("run"));
    assert_eq!(told.field("stdout")["bytes"], 3_000_000);
    assert_eq!(
        told.field("stderr"),
        &json!({
            "blake3": "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
            "bytes": 3,
        })
    );
}

/// Every line says when by both clocks, under which policy and in which sandbox: the
/// same for the same terms, another for others.
#[test]
fn a_line_tells_terms_and_times() {
    let other = "\n[profile.other]\nextends = \"plain\"\ntimeout = \"19s\"\n[tool.other]\ndescription = \"Succeeds\"\ncommand = [\"/usr/bin/true\"]\nprofile = \"other\"\nallow = [\"alice\"]\n";
    let site = Site::with(&format!("{BASE}{other}")).start();
    let client = Client::attach(&site, ALICE);
    for tool in ["true", "other", "true"] {
        assert_eq!(client.call(tool, &json!({})).exit_code(), Some(0));
    }
    let trail = site.trail();
    let starts: Vec<_> = trail
        .iter()
        .filter(|entry| entry.event() == "start")
        .collect();
    let sandbox: Vec<&Value> = starts.iter().map(|start| start.field("sandbox")).collect();
    assert_eq!(sandbox[0], sandbox[2]);
    assert_ne!(sandbox[0], sandbox[1]);
    let open = &trail[0];
    assert!(
        starts
            .iter()
            .all(|start| start.text("policy") == open.text("policy"))
    );
    assert!(starts.iter().all(|start| start.text("proof") == "unix"));
    let boots: Vec<u64> = trail
        .iter()
        .filter_map(|entry| entry.field("boot_us").as_u64())
        .collect();
    assert_eq!(boots.len(), trail.len());
    assert!(boots.is_sorted(), "{boots:?}");
}

/// However often the worker is killed in the middle of its work, the chain holds, and
/// every start has exactly one end. `MINI_MCP_KILLS=1000` is the long form.
#[test]
fn no_kill_breaks_the_chain() {
    let kills = std::env::var("MINI_MCP_KILLS").map_or(12, |text| text.parse().expect("a number"));
    let mut site = Site::with(BASE)
        .worker_option("--audit-turn", "16K")
        .prepare();
    for kill in 0..kills {
        site.start_worker();
        site.start_supervisor();
        let client = Client::attach(&site, ALICE);
        for _ in 0..4 {
            let _call = client.start_call("true", &json!({}));
            let _call = client.start_call("sleep", &json!({"time": "0.01"}));
        }
        // Any moment of the first calls: of start, of end, of a checkpoint, of a turn.
        std::thread::sleep(Duration::from_micros(kill * 7919 % 40_000));
        site.kill_worker();
        site.kill_supervisor();
    }
    site.start_worker();
    site.stop_worker();
    let mut verify = std::process::Command::new(site.program("mini-mcp"));
    verify.args(["audit", "verify", "--json", "--audit"]);
    let output = verify.arg(site.trail_file()).output().expect("it runs");
    let told: Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(
        (&told["whole"], &told["findings"]),
        (&json!(true), &json!([]))
    );

    let mut list = std::process::Command::new(site.program("mini-mcp"));
    list.args(["audit", "--json", "--audit"]);
    let output = list.arg(site.trail_file()).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let count = |event: &str| {
        let mut runs: Vec<&str> = text
            .lines()
            .filter(|line| line.contains(&format!(r#""event":"{event}","run":""#)))
            .filter_map(|line| line.split(r#""run":""#).nth(1)?.split('"').next())
            .collect();
        runs.sort_unstable();
        runs
    };
    let (starts, ends) = (count("start"), count("end"));
    assert!(!starts.is_empty(), "nothing was ever started");
    let odd = |run: &&&str| {
        let times = |all: &[&str]| all.iter().filter(|one| *one == *run).count();
        (times(&starts), times(&ends)) != (1, 1)
    };
    let all = starts.iter().chain(&ends);
    let told: Vec<String> = all
        .filter(odd)
        .flat_map(|run| text.lines().filter(move |line| line.contains(*run)))
        .map(str::to_owned)
        .collect();
    assert_eq!(told, Vec::<String>::new());
}

/// Two sessions of one user have a trail each, and both are whole.
#[test]
fn two_sessions_of_one_user_have_a_trail_each() {
    let alone = Alone::prepare();
    let sessions: Vec<Client> = (0..2)
        .map(|_| {
            let client = Client::spawn(&mut alone.command());
            client.initialize();
            let _denied = client.call("no-such-tool", &json!({}));
            client
        })
        .collect();
    drop(sessions);
    for name in ["audit.jsonl", "audit-2.jsonl"] {
        let trail = alone.path(&format!("state/{name}"));
        let text = eventually("the worker ends", Duration::from_secs(20), || {
            let text = fs::read_to_string(&trail).unwrap_or_default();
            text.contains(r#""event":"close""#).then_some(text)
        });
        assert_eq!(text.matches(r#""event":"deny""#).count(), 1, "{text}");
        let mut verify = std::process::Command::new(alone.path("bin/mini-mcp"));
        verify.args(["audit", "verify", "--audit"]).arg(&trail);
        let output = verify.output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
    }
}
