//! A trail, line by line, in bounded memory.

use std::io::{self, BufRead, Read};

/// Longest line of a trail, in bytes: more than the worker ever writes.
const LINE_MAX: u64 = 4 * 1024 * 1024;

/// What is read next of a file.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    /// Lines that were read whole.
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The next line with its line break, and its number; `None` at the end. A line that
    /// is too long comes in pieces, of which only the last has a line break.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.line.clear();
        let mut limited = self.reader.by_ref().take(LINE_MAX);
        if limited.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        let number = self.number + 1;
        self.number += u64::from(self.line.ends_with(b"\n"));
        Ok(Some((number, &self.line)))
    }
}
