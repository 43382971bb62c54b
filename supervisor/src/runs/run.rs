//! One run as its principal can look at it: what it is, what it prints, how it ended.

use super::kept::Kept;
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio_util::sync::CancellationToken;

/// What a run is called, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Label {
    /// Its name in the audit trail.
    pub(crate) id: String,
    /// Whose it is: nobody else learns of it.
    pub(crate) owner: Arc<str>,
    /// The tool that was called.
    pub(crate) tool: String,
    /// Whether its caller does not wait for it.
    pub(crate) background: bool,
    /// When its time is up, from its start.
    pub(crate) ends_within: Duration,
}

/// One of the two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// Its name in addresses and fields.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// Its name for people.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Stdout => "standard output",
            Self::Stderr => "standard error",
        }
    }
}

/// One run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) label: Label,
    pub(crate) started: SystemTime,
    stdout: Kept,
    stderr: Kept,
    /// The result of a call that nobody waited for.
    pub(crate) result: Kept,
    end: Mutex<Option<End>>,
    changed: Notify,
    /// Bytes of it in files.
    pub(super) used: AtomicU64,
    /// Told to end it.
    pub(crate) cancel: CancellationToken,
}

/// What tells how a run ended. Few are asked, so it is put in words when one is.
pub(crate) type Telling = Box<dyn Fn() -> Map<String, Value> + Send + Sync>;

/// How a run ended.
struct End {
    at: Instant,
    wall: SystemTime,
    telling: Telling,
}

impl fmt::Debug for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("End");
        shown.field("at", &self.at).finish_non_exhaustive()
    }
}

impl Run {
    pub(super) fn new(label: Label) -> Self {
        Self {
            label,
            started: SystemTime::now(),
            stdout: Kept::default(),
            stderr: Kept::default(),
            result: Kept::default(),
            end: Mutex::new(None),
            changed: Notify::new(),
            used: AtomicU64::new(0),
            cancel: CancellationToken::new(),
        }
    }

    /// What it printed to `stream`.
    pub(crate) fn stream(&self, stream: Stream) -> &Kept {
        match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        }
    }

    /// Notes that it ended; how, `telling` tells.
    pub(crate) fn ended(&self, telling: Telling) {
        let end = End {
            at: Instant::now(),
            wall: SystemTime::now(),
            telling,
        };
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
        self.changed();
    }

    /// How it ended, if it has.
    pub(crate) fn end(&self) -> Option<Map<String, Value>> {
        self.look_at_end(|end| (end.telling)())
    }

    /// How long ago it began.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed().unwrap_or_default()
    }

    /// When it was last changed in its state.
    pub(crate) fn updated(&self) -> SystemTime {
        self.look_at_end(|end| end.wall).unwrap_or(self.started)
    }

    /// When it ended, if it has.
    pub(super) fn ended_at(&self) -> Option<Instant> {
        self.look_at_end(|end| end.at)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.ended_at().is_none()
    }

    fn look_at_end<T>(&self, look: impl FnOnce(&End) -> T) -> Option<T> {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        end.as_ref().map(look)
    }

    /// Tells whoever waits that there is more, or the end.
    pub(super) fn changed(&self) {
        self.changed.notify_waiters();
    }

    /// Ends with the next change after this.
    pub(crate) fn change(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// All that there is to say about it but its output.
    pub(crate) fn record(&self) -> Value {
        let Label {
            id,
            tool,
            background,
            ends_within,
            ..
        } = &self.label;
        let ended = self.end();
        let mut record = json!({
            "run_id": id,
            "tool": tool,
            "background": background,
            "state": if ended.is_some() { "ended" } else { "running" },
            "ends_within_s": ends_within.as_secs_f64(),
            "started": humantime::format_rfc3339_millis(self.started).to_string(),
        });
        if let Value::Object(fields) = &mut record {
            for stream in Stream::ALL {
                let extent = self.stream(stream).extent();
                let word = stream.word();
                fields.insert(format!("{word}_bytes"), json!(extent.seen));
                fields.insert(format!("{word}_kept"), json!(extent.kept));
            }
            fields.extend(ended.unwrap_or_default());
        }
        record
    }

    pub(super) fn add_used(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}
