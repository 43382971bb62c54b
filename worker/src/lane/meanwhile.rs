//! A start is recorded while the process is made for it: both take about as long, and most
//! calls have a place at once. Until the start stands in the trail the process touches
//! nothing that its caller named, and executes nothing.

use super::call::failure_to_go_on;
use super::records::Admitted;
use super::{HangUp, Lane};
use crate::audit::{Began, Entry};
use crate::files::Files;
use crate::launcher::{Refused, Streams};
use crate::sandbox::launch::Running;
use landlock::RulesetCreated;
use policy::Grant;
use wire::Stage;

/// What became of a call whose start was asked for.
pub(super) enum Start {
    /// It is recorded, and the command runs, or came as far as this.
    Recorded(Began, Box<Result<Running, Refused>>),
    /// Nothing runs.
    Answered(Admitted),
}

/// Whether the command of `grant` may be made before its start is recorded: nothing of it
/// is to be given by the answer, and nothing stays behind if that is no.
pub(super) fn may_begin(grant: &Grant, files: &Files<'_>) -> bool {
    let known = grant.identity().is_some();
    known && !grant.record() && !grant.profile().tty && !files.are_to_be_made()
}

impl Lane {
    /// Asks for `entry` to be recorded and makes the process of `grant` meanwhile.
    pub(super) fn begin_meanwhile(
        &mut self,
        entry: &Entry,
        grant: &Grant,
        (files, domain): (&mut Files<'_>, RulesetCreated),
        streams: &Streams,
    ) -> Result<Start, HangUp> {
        if let Some(refused) = self.records.ask_start(entry)? {
            return Ok(Start::Answered(refused));
        }
        let (records, watch) = (&mut self.records, &mut self.watch);
        let mut answer = None;
        // The process itself asks, as if it were this one, which waits for it.
        let mut gate = || {
            let answer = answer.get_or_insert_with(|| {
                let answer = records.admitted();
                watch.lap(Stage::Admit);
                answer
            });
            matches!(answer, Ok(Admitted::Began(_)))
        };
        let running = self
            .launcher
            .start((grant, None), (files, domain), streams, &mut gate);
        // Where it came to nothing before it asked.
        let answer = answer.unwrap_or_else(|| self.records.admitted())?;
        match (answer, running) {
            (Admitted::Began(began), running) => Ok(Start::Recorded(began, Box::new(running))),
            (answer, Err(_)) => Ok(Start::Answered(answer)),
            (_, Ok(running)) => {
                running.end().map_err(|error| failure_to_go_on(&error))?;
                Err(HangUp::Broken("a command runs that must not".to_owned()))
            }
        }
    }
}
