//! Answers of a server, in whatever order they come.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Collects one JSON message a line until the stream ends.
#[derive(Debug, Clone)]
pub(crate) struct Inbox(Arc<Shared>);

#[derive(Debug)]
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
        let answers = |message: &Value| message.get("id") == Some(&id.into());
        let at = self.messages.iter().position(answers)?;
        Some(self.messages.swap_remove(at))
    }
}

impl Inbox {
    /// Reads `stream` in a thread of its own.
    pub(crate) fn reading(stream: impl Read + Send + 'static) -> Inbox {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let inbox = Inbox(shared);
        let filler = inbox.clone();
        std::thread::spawn(move || filler.fill(stream));
        inbox
    }

    /// The answer to request `id`; `None` when the stream ended without it.
    pub(crate) fn answer(&self, id: u64, limit: Duration) -> Option<Value> {
        let deadline = Instant::now() + limit;
        let mut state = self.0.state.lock().expect("no reader panicked");
        loop {
            if let Some(answer) = state.take(id) {
                return Some(answer);
            }
            if state.ended {
                return None;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no answer to request {id} in {limit:?}");
            state = self
                .0
                .changed
                .wait_timeout(state, left)
                .expect("no reader panicked")
                .0;
        }
    }

    /// The answer to request `id`, if it has come.
    pub(crate) fn take(&self, id: u64) -> Option<Value> {
        self.0.state.lock().expect("no reader panicked").take(id)
    }

    /// Everything that came and was not asked for.
    pub(crate) fn rest(&self) -> Vec<Value> {
        let state = self.0.state.lock().expect("no reader panicked");
        state.messages.clone()
    }

    /// The server has closed the stream.
    pub(crate) fn ended(&self) -> bool {
        self.0.state.lock().expect("no reader panicked").ended
    }

    fn fill(&self, stream: impl Read) {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // A line that is no JSON stands among the messages nobody waited for.
            let message = serde_json::from_str(&line).unwrap_or(Value::String(line));
            self.change(|state| state.messages.push(message));
        }
        self.change(|state| state.ended = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.state.lock().expect("no reader panicked"));
        self.0.changed.notify_all();
    }
}
