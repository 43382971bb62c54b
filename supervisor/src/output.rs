//! One output stream of a command, kept in bounded memory: its head and its tail.
//!
//! A command may print for ever; the beginning and the end are what its reader
//! wants. Bytes are counted all the way, so the gap between is named exactly.

use crate::sanitize::harmless;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;

/// What is kept of one stream while it is read.
#[derive(Debug)]
pub(crate) struct Capture {
    head_max: usize,
    tail_max: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
    /// Of all bytes, kept or not.
    sha256: Sha256,
}

/// What was kept of one stream after its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    /// Harmless text; where something was left out, a line between head and
    /// tail says how much.
    pub(crate) text: String,
    /// Whether something was left out.
    pub(crate) truncated: bool,
    /// How many bytes the command wrote.
    pub(crate) bytes: u64,
    /// How many of them can be read as a resource, from the beginning on.
    pub(crate) kept: u64,
}

impl Capture {
    /// Keeps at most `kept` bytes, half of them head and half tail.
    pub(crate) fn new(kept: u64) -> Self {
        let kept = usize::try_from(kept).unwrap_or(usize::MAX);
        Self {
            head_max: kept / 2,
            tail_max: kept - kept / 2,
            head: Vec::new(),
            tail: VecDeque::new(),
            total: 0,
            sha256: Sha256::new(),
        }
    }

    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        self.sha256.update(bytes);
        let room = self.head_max - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        self.push_tail(rest);
    }

    fn push_tail(&mut self, bytes: &[u8]) {
        let skipped = bytes.len().saturating_sub(self.tail_max);
        let (_, kept) = bytes.split_at(skipped);
        let surplus = (self.tail.len() + kept.len()).saturating_sub(self.tail_max);
        self.tail.drain(..surplus);
        self.tail.extend(kept);
    }

    /// Whether there was nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// All of the stream so far, for the audit trail.
    pub(crate) fn digest(&self) -> wire::StreamDigest {
        wire::StreamDigest {
            sha256: self.sha256.clone().finalize().into(),
            bytes: self.total,
        }
    }

    /// The stream's text.
    pub(crate) fn finish(mut self) -> Captured {
        let tail = &*self.tail.make_contiguous();
        let kept = (self.head.len() + tail.len()) as u64;
        let truncated = kept < self.total;
        let text = if truncated {
            with_gap(&self.head, tail, self.total)
        } else {
            self.head.extend_from_slice(tail);
            harmless(&self.head)
        };
        Captured {
            text,
            truncated,
            bytes: self.total,
            kept: 0,
        }
    }
}

/// Head, gap and tail, without the halves of the characters that the cuts went
/// through.
fn with_gap(head: &[u8], tail: &[u8], total: u64) -> String {
    let (head, _) = head.split_at(whole_characters(head));
    let (_, tail) = tail.split_at(continuation(tail));
    let gap = total - (head.len() + tail.len()) as u64;
    let mut text = harmless(head);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("[… {gap} bytes left out …]\n"));
    text.push_str(&harmless(tail));
    text
}

/// Length of `bytes` without a UTF-8 sequence that its end cuts through.
pub(crate) fn whole_characters(bytes: &[u8]) -> usize {
    for (after, byte) in bytes.iter().rev().take(3).enumerate() {
        let wanted = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => 1,
        };
        let present = after + 1;
        return bytes.len() - if wanted > present { present } else { 0 };
    }
    bytes.len()
}

/// How many bytes at the beginning of `bytes` belong to a sequence before it.
pub(crate) fn continuation(bytes: &[u8]) -> usize {
    let is_continuation = |byte: &&u8| (0x80..=0xbf).contains(*byte);
    bytes.iter().take(3).take_while(is_continuation).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(kept: u64, pieces: &[&[u8]]) -> Captured {
        let mut capture = Capture::new(kept);
        for piece in pieces {
            capture.push(piece);
        }
        capture.finish()
    }

    #[test]
    fn what_fits_is_kept_whole() {
        let got = captured(10, &[b"0123", b"456789"]);
        assert_eq!(got.text, "0123456789");
        assert!(!got.truncated);
        assert_eq!(got.bytes, 10);
    }

    #[test]
    fn a_gap_is_named_in_bytes() {
        let got = captured(10, &[b"aaaaaaaa", b"bbbb", b"c", b"zzzzz"]);
        assert_eq!(got.text, "aaaaa\n[… 8 bytes left out …]\nzzzzz");
        assert!(got.truncated);
        assert_eq!(got.bytes, 18);
    }

    #[test]
    fn one_large_piece_equals_many_small_ones() {
        let long: Vec<u8> = (0..100_000_u32).map(|i| b'a' + (i % 26) as u8).collect();
        let whole = captured(1001, &[&long]);
        let pieces: Vec<&[u8]> = long.chunks(7).collect();
        assert_eq!(whole, captured(1001, &pieces));
    }

    #[test]
    fn memory_stays_within_the_limit() {
        let mut capture = Capture::new(64 * 1024);
        for _ in 0..1000 {
            capture.push(&[b'x'; 64 * 1024]);
        }
        assert!(capture.head.capacity() + capture.tail.capacity() <= 256 * 1024);
        assert_eq!(capture.finish().bytes, 64 * 1024 * 1000);
    }

    #[test]
    fn characters_that_the_cut_went_through_are_left_out() {
        // Each `é` has two bytes, so that both cuts fall into one.
        let got = captured(6, &["éé".as_bytes(), b"------", "éé".as_bytes()]);
        assert_eq!(got.text, "é\n[… 10 bytes left out …]\né");
    }

    #[test]
    fn a_character_over_the_seam_without_gap_is_whole() {
        let got = captured(4, &["aé".as_bytes(), b"b"]);
        assert_eq!(got.text, "aéb");
    }

    #[test]
    fn bytes_that_are_no_text_are_counted_and_shown() {
        let got = captured(4, &[&[0xff; 10]]);
        assert_eq!(
            got.text,
            "\u{fffd}\u{fffd}\n[… 6 bytes left out …]\n\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn keeping_nothing_still_counts() {
        let got = captured(0, &[b"abc"]);
        assert_eq!(got.text, "[… 3 bytes left out …]\n");
        assert_eq!(got.bytes, 3);
    }
}
