//! Answers of a server, in whatever order they come.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::Value;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Collects one JSON message a line until the stream ends or is given up.
#[derive(Debug)]
pub(crate) struct Inbox {
    shared: Arc<Shared>,
    /// Closed to make the reader close its stream.
    leash: Option<PipeWriter>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    messages: Vec<Value>,
    ended: bool,
}

impl State {
    fn take(&mut self, id: u64) -> Option<Value> {
        // A server numbers its own requests likewise.
        let answers = |message: &Value| {
            message.get("id") == Some(&id.into()) && message.get("method").is_none()
        };
        let at = self.messages.iter().position(answers)?;
        Some(self.messages.swap_remove(at))
    }
}

impl Inbox {
    /// Reads `stream` in a thread of its own.
    pub(crate) fn reading(stream: OwnedFd) -> Inbox {
        let shared = Arc::new(Shared::default());
        let (released, leash) = std::io::pipe().expect("the kernel makes pipes");
        let filled = Arc::clone(&shared);
        std::thread::spawn(move || fill(&filled, stream.into(), &released));
        let leash = Some(leash);
        Inbox { shared, leash }
    }

    /// The answer to request `id`; `None` when the stream ended without it.
    pub(crate) fn answer(&self, id: u64, limit: Duration) -> Option<Value> {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.state.lock().expect("no reader panicked");
        loop {
            if let Some(answer) = state.take(id) {
                return Some(answer);
            }
            if state.ended {
                return None;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no answer to request {id} in {limit:?}");
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.expect("no reader panicked").0;
        }
    }

    /// The answer to request `id`, if it has come.
    pub(crate) fn take(&self, id: u64) -> Option<Value> {
        self.with_state(|state| state.take(id))
    }

    /// Everything that came and was not asked for.
    pub(crate) fn rest(&self) -> Vec<Value> {
        self.with_state(|state| state.messages.clone())
    }

    /// The same, which is then forgotten.
    pub(crate) fn drain(&self) -> Vec<Value> {
        self.with_state(|state| std::mem::take(&mut state.messages))
    }

    /// The server has closed the stream, or the reader has.
    pub(crate) fn ended(&self) -> bool {
        self.with_state(|state| state.ended)
    }

    /// Has the reader close its stream.
    pub(crate) fn give_up(&mut self) {
        self.leash = None;
    }

    fn with_state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.shared.state.lock().expect("no reader panicked"))
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("no reader panicked"));
        self.changed.notify_all();
    }
}

fn fill(shared: &Shared, mut stream: File, released: &PipeReader) {
    let (mut pending, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    while readable(&stream, released) {
        let length = stream.read(&mut chunk).unwrap_or(0);
        if length == 0 {
            break;
        }
        pending.extend_from_slice(&chunk[..length]);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            shared.change(|state| state.messages.push(message(&line)));
        }
    }
    drop(stream);
    shared.change(|state| state.ended = true);
}

/// Waits for bytes; `false` when the reading is given up.
fn readable(stream: &File, released: &PipeReader) -> bool {
    let mut descriptors = [
        PollFd::new(stream.as_fd(), PollFlags::POLLIN),
        PollFd::new(released.as_fd(), PollFlags::POLLIN),
    ];
    poll(&mut descriptors, PollTimeout::NONE).expect("descriptors can be polled");
    descriptors[1].any() == Some(false)
}

/// A line that is no JSON stands, as text, among the messages nobody waited for.
fn message(line: &[u8]) -> Value {
    let text = || Value::String(String::from_utf8_lossy(line).into_owned());
    serde_json::from_slice(line).unwrap_or_else(|_| text())
}
