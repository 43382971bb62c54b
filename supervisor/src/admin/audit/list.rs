//! `mini-mcp audit`: calls, one a line.

use super::events;
use super::follow::Tail;
use super::options::Audit;
use super::row::Rows;
use super::style::Style;
use crate::admin::print;
use crate::error::Error;
use crate::trail::{Call, Event, Fed, Filter, Pairing, text};
use std::collections::BTreeSet;

/// Prints what is wanted, and with `--follow` what comes.
pub(super) fn list(options: &Audit) -> Result<(), Error> {
    let mut tail = Tail::end_of(&options.place.trail, options.follow)?;
    let mut list = List::new(options);
    events(&options.place.trail, |event, line| list.take(event, line))?;
    while let Some(lines) = tail.next()? {
        for line in lines {
            if let Some(event) = crate::trail::event(&line) {
                list.take(event, &line)?;
            }
        }
    }
    list.finish()
}

struct List {
    filter: Filter,
    rows: Rows,
    json: bool,
    pairing: Pairing,
    /// Runs of which every line is wanted.
    runs: BTreeSet<String>,
    /// Number of the last line that was taken: what is followed may be read twice.
    last: u64,
}

impl List {
    fn new(options: &Audit) -> Self {
        Self {
            filter: options.wanted.filter(),
            rows: Rows::new(Style::of_stdout()),
            json: options.json,
            pairing: Pairing::default(),
            runs: BTreeSet::new(),
            last: 0,
        }
    }

    fn take(&mut self, event: Event, line: &[u8]) -> Result<(), Error> {
        let number = event.get("seq").and_then(serde_json::Value::as_u64);
        let number = number.unwrap_or_default();
        if number <= self.last {
            return Ok(());
        }
        self.last = number;
        if self.json {
            return self.raw(event, line);
        }
        match self.pairing.feed(event) {
            Fed::Call(call) => self.call(&call),
            Fed::Service(event) if self.filter.wants_service(text(&event, "time")) => {
                print(&self.rows.service(&event))
            }
            Fed::Service(_) | Fed::Nothing => Ok(()),
        }
    }

    fn call(&mut self, call: &Call) -> Result<(), Error> {
        if self.filter.wants(call) {
            print(&self.rows.call(call))
        } else {
            Ok(())
        }
    }

    /// The line itself. The worker escapes everything that drives a terminal.
    fn raw(&mut self, begin: Event, line: &[u8]) -> Result<(), Error> {
        let run = text(&begin, "run").to_owned();
        let wanted = match text(&begin, "event") {
            "start" | "deny" | "refuse" | "waiting" | "withdrawn" => {
                let call = Call { begin, end: None };
                let wanted = self.filter.wants(&call);
                self.runs.extend((wanted && !run.is_empty()).then_some(run));
                wanted
            }
            // What the worker has recorded stands before the end, what the supervisor
            // says after it.
            "output" if text(&begin, "by") == "supervisor" => self.runs.remove(&run),
            "end" | "output" => self.runs.contains(&run),
            _ => self.filter.wants_service(text(&begin, "time")),
        };
        if wanted {
            print(&crate::sanitize::harmless(line))
        } else {
            Ok(())
        }
    }

    /// What still runs.
    fn finish(mut self) -> Result<(), Error> {
        let running: Vec<Call> = std::mem::take(&mut self.pairing).running().collect();
        running.iter().try_for_each(|call| self.call(call))
    }
}
