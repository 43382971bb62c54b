//! Lines and checkpoints, as they are put into the file.

use super::super::history::Link;
use super::super::json::{Object, hexadecimal};
use super::super::moment::Moment;
use super::place::HeadCopy;
use super::{AuditError, Log};
use crate::audit::Durable;
use crate::explain::explain;
use sha2::{Digest, Sha256};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long a line stays unsigned.
pub(super) const TIME_UNSIGNED: Duration = Duration::from_secs(5);

impl Log {
    /// Writes a line that signs all before it, and waits until it is on the disk.
    pub(super) fn checkpoint(&mut self) -> Result<(), AuditError> {
        self.settle();
        match self.sign()? {
            Some(copy) => self.put(&copy),
            None => Ok(()),
        }
    }

    /// The same, but a process of its own waits for the disk.
    pub(super) fn checkpoint_apart(&mut self) -> Result<(), AuditError> {
        match self.sign()? {
            Some(copy) => self.put_apart(copy),
            None => Ok(()),
        }
    }

    /// Writes a line that signs all before it. Returns a copy of it, which is to be kept
    /// beside the trail: so many lines there must be. Beside a device nothing is kept.
    fn sign(&mut self) -> Result<Option<HeadCopy>, AuditError> {
        self.due = None;
        self.look()?;
        let key = Rc::clone(&self.key);
        let mut copy = String::new();
        let written = self.write("checkpoint", |object| {
            let object = object.text("key", &key.public());
            let signature = key.sign(object.so_far());
            let object = object.text("signature", &signature);
            object.so_far().clone_into(&mut copy);
            object
        });
        written?;
        (self.unsigned, self.due) = (0, None);
        copy.push_str("}\n");
        let is_file = self.file.size().is_some();
        Ok(is_file.then(|| HeadCopy::new(self.file.path(), copy)))
    }

    /// Appends one line.
    pub(super) fn write(
        &mut self,
        event: &str,
        fields: impl FnOnce(Object) -> Object,
    ) -> Result<(), AuditError> {
        self.write_at(&Moment::now(), event, fields)
    }

    /// As [`Self::write`], at `moment`.
    pub(super) fn write_at(
        &mut self,
        moment: &Moment,
        event: &str,
        fields: impl FnOnce(Object) -> Object,
    ) -> Result<(), AuditError> {
        let seq = self.last.seq + 1;
        let object = Object::new()
            .literal("seq", seq)
            .text("prev", &hexadecimal(&self.last.sha256))
            .text("time", &moment.utc())
            .literal("boot_us", moment.boot.as_micros())
            .text("event", event);
        let mut object = fields(object);
        if let Some(torn) = &self.torn {
            let told = Object::new()
                .literal("bytes", torn.bytes)
                .text("sha256", &hexadecimal(&torn.sha256));
            object = object.object("torn", told);
        }
        let mut text = object.finish();
        let sha256 = Sha256::digest(&text).into();
        text.push('\n');
        if self.torn.as_ref().is_some_and(|torn| !torn.closed) {
            text.insert(0, '\n');
        }
        let written = self
            .file
            .append(text.as_bytes(), self.durable == Durable::Always)
            .map_err(|error| self.unwritten(error));
        self.failure = written.as_ref().err().map(|error| explain(error));
        self.failures += u64::from(written.is_err());
        written?;
        self.last = Link { seq, sha256 };
        self.torn = None;
        if self.first == 0 {
            self.first = seq;
        }
        self.unsigned += 1;
        self.due
            .get_or_insert_with(|| Instant::now() + TIME_UNSIGNED);
        Ok(())
    }

    pub(super) fn unwritten(&self, error: io::Error) -> AuditError {
        AuditError::Write(self.file.path().to_path_buf(), error)
    }
}
