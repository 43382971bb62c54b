//! The files of a trail: a chain goes on from one to the next.

use super::super::file::TrailFile;
use super::super::history::turned;
use super::Log;
use crate::explain::explain;
use crate::worker::say;

impl Log {
    /// Turns a file that is large enough.
    pub(super) fn turn_when_due(&mut self) {
        if self.turn_at > 0 && self.file.size() >= Some(self.turn_at) {
            self.turn();
        }
    }

    /// Goes on in a new file where somebody has moved this one away.
    pub(crate) fn follow(&mut self) {
        if !self.file.was_moved() {
            return;
        }
        match TrailFile::open(self.file.path()) {
            Ok(file) if file.size() == Some(0) => {
                if let Err(error) = self.checkpoint() {
                    say(&explain(&error));
                }
                self.file = file;
                self.begin_file();
            }
            Ok(_) => {
                let moved = "the audit trail goes on where it was moved to";
                say(&format!("{moved}: another file is in its place"));
            }
            Err(error) => say(&format!(
                "the audit trail goes on where it was moved to: {error}"
            )),
        }
    }

    /// Gives the file the name of its first line, and goes on in a new one.
    fn turn(&mut self) {
        let to = turned(self.file.path(), self.first);
        let turned = self
            .checkpoint()
            .and_then(|()| self.file.turn(&to).map_err(|error| self.unwritten(error)));
        match turned {
            Ok(()) => self.begin_file(),
            // It grows on; nothing is lost.
            Err(error) => say(&format!(
                "the audit trail is not turned: {}",
                explain(&error)
            )),
        }
    }

    fn begin_file(&mut self) {
        self.first = 0;
        self.torn = None;
        let running = self.running.clone();
        let mut begun = self.write("turn", |object| object);
        for run in &running {
            begun = begun.and_then(|()| self.write("running", |object| object.text("run", run)));
        }
        if let Err(error) = begun.and_then(|()| self.checkpoint()) {
            say(&explain(&error));
        }
    }
}
