//! `mini-mcp pending --watch`: what comes, and what goes.

use super::{SOON, admin, done, held, nothing_waits, root, site, waiting};
use harness::{ALICE, BOB, Client, Site, User, command_as, eventually};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Whoever watches.
struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn start(site: &Site, user: User, words: &[&str]) -> Watch {
        let program = site.program("mini-mcp");
        let mut command = match user.name {
            "root" => Command::new(program),
            _ => command_as(user, &program),
        };
        command.args(["pending", "--watch"]).args(words);
        command.arg("--socket").arg(site.admin_socket());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        Watch { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }

    fn document(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// How it ended, without being told to.
    fn ended(mut self) -> Option<i32> {
        drop(self.lines);
        let status = eventually("it ends", SOON, || self.child.try_wait().expect("a child"));
        status.code()
    }
}

/// What waits already, what comes and what goes: approved, denied, given up.
#[test]
fn whoever_watches_is_told_of_what_comes_and_goes() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let first = held(&client, "first");
    let id = waiting(&site);
    let mut programs = Watch::start(&site, root(), &["--json"]);
    let mut people = Watch::start(&site, BOB, &[]);
    let told = programs.document();
    assert_eq!(
        (&told["id"], &told["argv"][2]),
        (&id.clone().into(), &"first".into())
    );
    assert!(people.line().starts_with(&id));
    let paragraph: Vec<String> = (0..5).map(|_| people.line()).collect();
    assert!(
        paragraph[1..].concat().contains("/usr/bin/printf %s first"),
        "{paragraph:?}"
    );

    done(&site, &["approve", &id]);
    assert_eq!(client.called(first).success(), "first");
    let gone = programs.document();
    assert_eq!(
        (&gone["id"], &gone["gone"]),
        (&id.clone().into(), &true.into())
    );
    assert_eq!(people.line(), format!("{id} waits no longer"));
    assert_eq!(people.line(), "");

    for end in ["deny", "cancel"] {
        let call = held(&client, end);
        let id = waiting(&site);
        assert_eq!(programs.document()["id"], id.as_str());
        match end {
            "deny" => drop(done(&site, &["deny", &id])),
            _ => client.cancel(call),
        }
        assert_eq!(programs.document()["gone"], true);
    }
    nothing_waits(&site);
    // Nobody reads any more.
    assert_eq!(programs.ended(), Some(0));
    assert_eq!(people.ended(), Some(0));
}

/// A worker that has gone is told, by the exit status too.
#[test]
fn a_watch_ends_with_the_worker() {
    let mut site = site();
    let mut watch = Watch::start(&site, root(), &["--json"]);
    let client = Client::attach(&site, ALICE);
    held(&client, "x");
    assert_eq!(watch.document()["tool"], "held");
    site.stop_worker();
    let status = eventually("it ends", SOON, || watch.child.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(2));
    assert_eq!(admin(&site, root(), &["pending"]).status.code(), Some(2));
}
