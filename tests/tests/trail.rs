//! `mini-mcp audit`: reading the trail, and finding whoever has changed it.

use harness::{ALICE, BASE, BOB, Client, Site, SiteBuilder, scratch};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A trail that a worker wrote and closed.
struct Trail {
    site: Site,
    copy: TempDir,
}

impl Trail {
    /// Calls of two users, allowed, failing, denied.
    fn of(builder: SiteBuilder) -> Trail {
        let mut site = builder.start();
        {
            let (alice, bob) = (Client::attach(&site, ALICE), Client::attach(&site, BOB));
            for (client, tool, arguments) in [
                (&alice, "print", json!({"first": "hello world"})),
                (&alice, "sh", json!({"script": "exit 3"})),
                (&alice, "print", json!({"first": "-x"})),
                (&bob, "bobs", json!({})),
                (&bob, "true", json!({})),
                (&alice, "print", json!({"first": "\u{1b}[2J\u{202e}"})),
            ] {
                let _answer = client.call(tool, &arguments);
            }
        }
        site.stop_worker();
        let copy = scratch();
        let trail = Trail { site, copy };
        trail.copy();
        trail
    }

    fn file(&self) -> PathBuf {
        self.copy.path().join("audit.jsonl")
    }

    /// Every file as the worker left it.
    fn copy(&self) {
        let copied = self.copy.path();
        for old in fs::read_dir(copied).expect("a folder").flatten() {
            if old.path().is_file() {
                fs::remove_file(old.path()).expect("ours");
            }
        }
        for file in fs::read_dir(self.site.path("audit")).expect("a folder") {
            let file = file.expect("an entry");
            fs::copy(file.path(), copied.join(file.file_name())).expect("root may");
        }
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file()).expect("the trail");
        text.lines().map(str::to_owned).collect()
    }

    fn write(&self, lines: &[String]) {
        fs::write(self.file(), lines.join("\n") + "\n").expect("ours");
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(self.site.program("mini-mcp"));
        command.arg("audit").args(words);
        command.arg("--audit").arg(self.file());
        command.output().expect("it runs")
    }

    fn text(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Where verification finds something: file name, line and what.
    fn findings(&self) -> Vec<(String, u64, String)> {
        let output = self.run(&["verify", "--json"]);
        let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
        let findings = document["findings"].as_array().expect("a list").clone();
        assert_eq!(output.status.code(), Some(i32::from(!findings.is_empty())));
        let told = |finding: &Value| {
            let file = Path::new(finding["file"].as_str().expect("a file"));
            let name = file.file_name().expect("a name").to_string_lossy();
            let line = finding["line"].as_u64().expect("a line");
            (name.into_owned(), line, finding["what"].to_string())
        };
        findings.iter().map(told).collect()
    }

    #[track_caller]
    fn assert_found(&self, how: &str, line: u64, what: &str) {
        let findings = self.findings();
        let found = findings
            .iter()
            .any(|(file, at, told)| file == "audit.jsonl" && *at == line && told.contains(what));
        assert!(found, "{how}: {findings:?}");
        self.copy();
        assert_eq!(self.findings(), [], "the copy is whole again");
    }
}

fn sha256(text: &str) -> String {
    let mut command = Command::new("sha256sum");
    let file = scratch();
    let path = file.path().join("text");
    fs::write(&path, text).expect("ours");
    let output = command.arg(&path).output().expect("it runs");
    String::from_utf8_lossy(&output.stdout)[..64].to_owned()
}

/// Nobody edits, removes, inserts or moves a line, or cuts off the end, without being
/// found at its place.
#[test]
fn every_change_is_found_in_its_place() {
    let trail = Trail::of(Site::with(BASE));
    assert_eq!(trail.findings(), [], "as it was written");
    let lines = trail.lines();
    let last = lines.len();
    let deny = lines.iter().position(|line| line.contains("leading_dash"));
    let deny = deny.expect("a denial");
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        trail.write(&lines);
    };
    let number = |index: usize| index as u64 + 1;

    changed(&|lines| lines[deny] = lines[deny].replace("leading_dash", "too_long"));
    trail.assert_found("edited", number(deny), "was changed");
    changed(&|lines| drop(lines.remove(deny)));
    trail.assert_found("removed", number(deny), "are missing here");
    changed(&|lines| lines.insert(deny, lines[deny].clone()));
    trail.assert_found("inserted", number(deny) + 1, "not in its place");
    changed(&|lines| lines.insert(deny, "{\"seq\":1}".to_owned()));
    trail.assert_found(
        "a line of another kind",
        number(deny),
        "no line of the trail",
    );
    changed(&|lines| lines.swap(deny, deny + 1));
    trail.assert_found("moved", number(deny), "are missing here");
    changed(&|lines| lines.truncate(deny));
    trail.assert_found("cut off", number(deny) - 1, "the end is missing");
    changed(&|lines| lines.truncate(last - 1));
    trail.assert_found(
        "the last line cut off",
        number(last) - 2,
        "the end is missing",
    );
    changed(&|lines| drop(lines.drain(..deny)));
    trail.assert_found("the beginning cut off", 1, "what was before is not here");
    fs::write(trail.file(), "").expect("ours");
    trail.assert_found("emptied", 0, "the end is missing");
}

/// Whoever writes the trail anew, with every digest right, lacks the key.
#[test]
fn a_trail_written_anew_is_found_by_its_signatures() {
    let trail = Trail::of(Site::with(BASE));
    let mut lines = trail.lines();
    let deny = lines.iter().position(|line| line.contains("leading_dash"));
    let deny = deny.expect("a denial");
    lines[deny] = lines[deny].replace("leading_dash", "too_long");
    for index in deny + 1..lines.len() {
        let prev = sha256(&lines[index - 1]);
        let (before, rest) = lines[index].split_once(r#""prev":""#).expect("a link");
        lines[index] = format!(r#"{before}"prev":"{prev}{}"#, &rest[64..]);
    }
    trail.write(&lines);
    let signed = (deny + 1..lines.len()).find(|index| lines[*index].contains("\"checkpoint\""));
    let signed = signed.expect("a checkpoint") as u64 + 1;
    trail.assert_found("chained anew", signed, "the signature does not hold");

    let key = fs::read_to_string(trail.copy.path().join("audit.jsonl.pub")).expect("a key");
    let another = key.replace(['0', '1', '2'], "3");
    fs::write(trail.copy.path().join("audit.jsonl.pub"), another).expect("ours");
    trail.assert_found("another key", 2, "signed by an unknown key");
    fs::remove_file(trail.copy.path().join("audit.jsonl.head")).expect("ours");
    trail.assert_found("no head", trail.lines().len() as u64, "the head is missing");
}

/// A trail in parts is one trail, and a part that is missing is missed.
#[test]
fn parts_are_one_trail() {
    let trail = Trail::of(Site::with(BASE).worker_option("--audit-turn", "2K"));
    assert_eq!(trail.findings(), []);
    let mut parts: Vec<PathBuf> = fs::read_dir(trail.copy.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending.len() == 12))
        .collect();
    parts.sort();
    assert!(parts.len() > 2, "{parts:?}");
    let rows = trail.text(&[]);
    assert!(
        rows.contains("hello world") && rows.contains("exit 3"),
        "{rows}"
    );

    fs::remove_file(&parts[1]).expect("ours");
    let findings = trail.findings();
    assert!(
        findings
            .iter()
            .any(|(.., what)| what.contains("are missing here")),
        "{findings:?}"
    );
    trail.copy();
    fs::remove_file(&parts[0]).expect("ours");
    assert_eq!(trail.findings().len(), 1);
    assert!(trail.run(&["verify", "--partial"]).status.success());
}

/// Rows for people: one for each call, filtered, harmless.
#[test]
fn calls_are_listed() {
    let trail = Trail::of(Site::with(BASE));
    let all = trail.text(&[]);
    for part in [
        ALICE.name,
        "exit 0",
        "/usr/bin/printf '[%s]\\n' 'hello world' default",
        "exit 3",
        "denied",
        "leading_dash: ",
        "control_character: ",
        "the worker begins",
        "the worker ends",
    ] {
        assert!(all.contains(part), "{part} is missing in\n{all}");
    }
    assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all:?}");

    let rows = |words: &[&str]| {
        let text = trail.text(words);
        text.lines()
            .filter(|row| row.starts_with("  ") || row.contains(':'))
            .count()
    };
    assert_eq!(rows(&["--denied"]), 2);
    assert_eq!(rows(&["--principal", "ops"]), 2);
    assert_eq!(rows(&["--principal", "alice", "--tool", "sh"]), 1);
    assert_eq!(rows(&["--since", "1h"]), rows(&[]));
    assert_eq!(rows(&["--until", "1h"]), 0);
    let json = trail.text(&["--json", "--tool", "sh"]);
    let lines: Vec<Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2, "{json}");
    assert_eq!(lines[1]["outcome"]["exit_code"], 3);

    let run = lines[0]["run"].as_str().expect("a name");
    assert_eq!(rows(&["--run", run]), 1);
    let shown = trail.text(&["show", run]);
    for part in [
        "/usr/bin/sh -c 'exit 3'",
        "exit 3",
        "tool.sh.allow",
        "exit_code",
    ] {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
    let unknown = trail.run(&["show", "none"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(trail.text(&["key"]).trim().len(), 64);
}

/// What is followed is told as it comes, also past the turn of a file.
#[test]
fn a_trail_is_followed() {
    use std::io::{BufRead, BufReader};
    let site = Site::with(BASE).worker_option("--audit-turn", "2K").start();
    let client = Client::attach(&site, ALICE);
    let mut command = Command::new(site.program("mini-mcp"));
    command.args(["audit", "--follow", "--tool", "print", "--audit"]);
    command
        .arg(site.trail_file())
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut rows = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for number in 0..8 {
        let word = format!("number-{number}");
        let called = client.call("print", &json!({"first": word}));
        assert_eq!(called.exit_code(), Some(0));
        let found = rows
            .by_ref()
            .map_while(Result::ok)
            .any(|row| row.contains(&word));
        assert!(found, "{word}");
    }
    child.kill().expect("it runs");
    child.wait().expect("a child");
}
