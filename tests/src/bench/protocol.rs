//! What a request costs that runs nothing, against a server of rmcp alone that answers
//! the same.

use super::contest::Contest;
use super::plan::Plan;
use super::policy;
use super::report::{Row, Target};
use super::session::{LIST, PING, Session};
use crate::wait::listens;
use crate::{ALICE, Site, binary, eventually};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

const TOOLS: usize = 20;
const PLAIN: &str = "plain rmcp";

/// `tools/list` and `ping`.
pub(super) fn rows(plan: &Plan) -> Vec<Row> {
    let site = Site::with(&policy::tools(TOOLS)).apart().start();
    let mut ours = Session::of(&site, ALICE);
    let plain = Plain::start(&site, &ours.ask(LIST));
    let mut theirs = Session::at(&plain.socket).expect("it answers");
    let sizes = [ours.ask(LIST), theirs.ask(LIST)].map(|answer| answer.matches("\"name\"").count());
    assert!(sizes[0] >= TOOLS && sizes[0] == sizes[1], "{sizes:?}");
    let (ours, theirs) = (
        std::cell::RefCell::new(ours),
        std::cell::RefCell::new(theirs),
    );
    let ask = |session: &std::cell::RefCell<Session>, line| drop(session.borrow_mut().ask(line));
    let times = Contest::default()
        .enter("list", || ask(&ours, LIST))
        .enter("plain list", || ask(&theirs, LIST))
        .enter("ping", || ask(&ours, PING))
        .enter("plain ping", || ask(&theirs, PING))
        .run(plan.rounds(1));
    let row = |id: &str, what: &str, to: &str| {
        let (found, baseline) = (times.of(id).spread(), times.of(to).spread());
        Row::ratio(id, what, found, (PLAIN, baseline)).within(Target::AtMost(1.3))
    };
    vec![
        row("list", "`tools/list` of 20 tools", "plain list"),
        row("ping", "`ping`", "plain ping"),
    ]
}

/// The other server.
struct Plain {
    socket: PathBuf,
    child: Child,
}

impl Plain {
    /// With the tools of `list`, an answer of ours.
    fn start(site: &Site, list: &str) -> Plain {
        let (list, socket) = (site.file("list.json", list), site.path("plain.sock"));
        let mut command = Command::new(binary("mini-mcp-bench-plain"));
        let child = command.arg(&socket).arg(list).spawn().expect("it starts");
        eventually("it listens", Duration::from_secs(20), || {
            listens(&socket).then_some(())
        });
        Plain { socket, child }
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
