//! What a command prints, told while it runs: to clients that gave a progress token.

use super::waiting::Standing;
use crate::runs::Stream;
use crate::sanitize::{cut_front, harmless};
use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Shortest time between two messages with output.
const PACE: Duration = Duration::from_millis(100);

/// How often a silent command is told to run still; several clients give up after a
/// silent minute.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Longest message, in bytes before it is made harmless.
const MESSAGE_MAX: usize = 2048;

/// The newest lines of a running command.
#[derive(Debug, Default)]
pub(super) struct Live {
    recent: Mutex<Recent>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Recent {
    /// Whole lines that nobody was told of.
    lines: Vec<u8>,
    /// The beginning of `lines` was dropped.
    cut: bool,
    /// The last line of each stream, not ended yet.
    begun: [Vec<u8>; 2],
}

impl Live {
    /// Takes note of the next bytes of `stream`.
    pub(super) fn push(&self, stream: Stream, bytes: &[u8]) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.push(stream, bytes) {
            self.news.notify_one();
        }
    }

    /// Tells the client of `context` what is new, and now and then that the command
    /// still runs. Never ends.
    pub(super) async fn tell(
        &self,
        context: &RequestContext<RoleServer>,
        standing: &Standing,
    ) -> Infallible {
        match context.meta.get_progress_token() {
            Some(token) => self.tell_by(&context.peer, token, standing).await,
            None => std::future::pending().await,
        }
    }

    async fn tell_by(
        &self,
        peer: &Peer<RoleServer>,
        token: ProgressToken,
        standing: &Standing,
    ) -> Infallible {
        let began = Instant::now();
        let mut told = began;
        loop {
            let message = tokio::select! {
                () = self.news.notified() => {
                    sleep_until(told + PACE).await;
                    self.take()
                }
                () = standing.changed() => standing.words(),
                () = sleep_until(told + HEARTBEAT) => {
                    Some(standing.words().unwrap_or_else(|| self.beat(began)))
                }
            };
            let Some(message) = message else { continue };
            told = Instant::now();
            let passed = (told - began).as_secs_f64();
            let progress = ProgressNotificationParam::new(token.clone(), passed);
            // A client that has gone is noticed elsewhere.
            let _ = peer.notify_progress(progress.with_message(message)).await;
        }
    }

    /// The lines that nobody was told of.
    fn take(&self) -> Option<String> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut recent.lines);
        let cut = std::mem::take(&mut recent.cut);
        let text = harmless(&lines);
        let text = text.trim_end_matches('\n');
        let mark = if cut { "[…]\n" } else { "" };
        (!text.is_empty()).then(|| format!("{mark}{text}"))
    }

    /// For a client that heard nothing for a while: how long the command runs, and
    /// the line that it has begun.
    fn beat(&self, began: Instant) -> String {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = recent.begun.iter().find(|line| !line.is_empty());
        let begun = begun.map_or_else(String::new, |line| format!(": {}", harmless(line)));
        format!("running for {} s{begun}", began.elapsed().as_secs())
    }
}

impl Recent {
    /// Whether there are whole lines now.
    fn push(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        let [stdout, stderr] = &mut self.begun;
        let begun = match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        };
        // A lone carriage return ends a line too: it is how progress is drawn.
        let end = bytes.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
        let (whole, rest) = bytes.split_at(end.map_or(0, |end| end + 1));
        if !whole.is_empty() {
            self.lines.append(begun);
            self.lines.extend_from_slice(cut_front(whole, MESSAGE_MAX));
            self.cut |= whole.len() > MESSAGE_MAX || self.lines.len() > MESSAGE_MAX;
            keep_end(&mut self.lines);
        }
        begun.extend_from_slice(cut_front(rest, MESSAGE_MAX));
        keep_end(begun);
        !self.lines.is_empty()
    }
}

/// Shortens `bytes` to the last that a message holds, whole lines where there are any.
fn keep_end(bytes: &mut Vec<u8>) {
    let surplus = bytes.len().saturating_sub(MESSAGE_MAX);
    if surplus == 0 {
        return;
    }
    bytes.drain(..surplus);
    let line = bytes.iter().position(|byte| *byte == b'\n');
    if let Some(end) = line.filter(|end| end + 1 < bytes.len()) {
        bytes.drain(..=end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[&[u8]]) -> Option<String> {
        let live = Live::default();
        for piece in pieces {
            live.push(Stream::Stdout, piece);
        }
        live.take()
    }

    #[test]
    fn lines_are_told_when_they_are_whole() {
        assert_eq!(told(&[b"a", b"b"]), None);
        assert_eq!(told(&[b"a", b"b\nc"]).as_deref(), Some("ab"));
        assert_eq!(told(&[b"10%\r20%\r"]).as_deref(), Some("10%\n20%"));
        assert_eq!(told(&[b"\x1b[2Jx\n"]).as_deref(), Some("␛[2Jx"));
    }

    #[test]
    fn of_many_lines_the_last_are_told() {
        let many: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        for size in [7, 100, 64 * 1024] {
            let live = Live::default();
            for piece in many.as_bytes().chunks(size) {
                live.push(Stream::Stdout, piece);
            }
            let text = live.take().unwrap();
            assert!(text.starts_with("[…]\nline "), "{text}");
            assert!(text.ends_with("line 9998\nline 9999"), "{text}");
            assert!(text.len() <= MESSAGE_MAX + 10);
            assert_eq!(live.take(), None);
        }
    }

    #[test]
    fn streams_do_not_mix_within_a_line() {
        let live = Live::default();
        live.push(Stream::Stdout, b"out");
        live.push(Stream::Stderr, b"err\n");
        live.push(Stream::Stdout, b"put\n");
        assert_eq!(live.take().as_deref(), Some("err\noutput"));
    }

    #[test]
    fn a_line_that_is_begun_is_told_by_the_heartbeat() {
        let live = Live::default();
        live.push(Stream::Stdout, b"50 %");
        assert_eq!(live.beat(Instant::now()), "running for 0 s: 50 %");
    }
}
