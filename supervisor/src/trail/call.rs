//! Calls: what began a call and what ended it, put together again.

use super::{Event, text};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A call, as far as the trail tells it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `start`, `deny`, `refuse`, `waiting` or `withdrawn`.
    pub(crate) begin: Event,
    /// `end`, of a call that was started and has ended.
    pub(crate) end: Option<Event>,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has begun and not ended.
    Running,
    /// Its program ended by itself, with this code.
    Exited(i64),
    /// A signal ended its program.
    Signaled(i64),
    /// Its time was up.
    TimedOut,
    /// Its caller gave it up.
    Cancelled,
    /// It could not be executed, or nobody knows how it ended.
    Failed,
    /// The policy does not allow it.
    Denied,
    /// It is allowed, and could not be carried out.
    Refused,
    /// It waits for an administrator's approval.
    Waiting,
    /// It did not wait for the answer.
    Withdrawn,
}

impl Verdict {
    /// A word or two.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Running => "running".to_owned(),
            Self::Exited(code) => format!("exit {code}"),
            Self::Signaled(signal) => format!("signal {signal}"),
            Self::TimedOut => "timed out".to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
            Self::Failed => "failed".to_owned(),
            Self::Denied => "denied".to_owned(),
            Self::Refused => "refused".to_owned(),
            Self::Waiting => "waiting".to_owned(),
            Self::Withdrawn => "withdrawn".to_owned(),
        }
    }
}

impl Call {
    /// What became of it.
    pub(crate) fn verdict(&self) -> Verdict {
        match text(&self.begin, "event") {
            "deny" => Verdict::Denied,
            "refuse" => Verdict::Refused,
            "waiting" => Verdict::Waiting,
            "withdrawn" => Verdict::Withdrawn,
            _ => self.end.as_ref().map_or(Verdict::Running, ended),
        }
    }

    /// Whether nothing was run.
    pub(crate) fn was_denied(&self) -> bool {
        matches!(
            self.verdict(),
            Verdict::Denied | Verdict::Refused | Verdict::Withdrawn
        )
    }

    /// The principal it was matched as, or all that its caller is.
    pub(crate) fn principals(&self) -> Vec<&str> {
        let several = self.begin.get("principals").and_then(Json::as_array);
        let several = several.into_iter().flatten().filter_map(Json::as_str);
        let one = Some(text(&self.begin, "principal")).filter(|name| !name.is_empty());
        one.into_iter().chain(several).collect()
    }

    /// The user id, as the kernel proved it.
    pub(crate) fn uid(&self) -> Option<u64> {
        self.begin.get("uid")?.as_u64()
    }

    /// A number of the outcome.
    pub(crate) fn measured(&self, name: &str) -> Option<u64> {
        self.end.as_ref()?.get("outcome")?.get(name)?.as_u64()
    }

    /// Why it was denied, refused or failed: a word and a sentence.
    pub(crate) fn reason(&self) -> Option<(&str, &str)> {
        let told = [Some(&self.begin), self.end.as_ref()];
        let event = told
            .into_iter()
            .flatten()
            .find(|event| event.contains_key("code"))?;
        Some((text(event, "code"), text(event, "reason")))
    }
}

fn ended(end: &Event) -> Verdict {
    let Some(outcome) = end.get("outcome") else {
        return Verdict::Failed;
    };
    let is = |name: &str| outcome.get(name).and_then(Json::as_bool) == Some(true);
    let number = |name: &str| outcome.get(name).and_then(Json::as_i64);
    match (number("exit_code"), number("signal")) {
        _ if is("timed_out") => Verdict::TimedOut,
        _ if is("cancelled") => Verdict::Cancelled,
        (Some(code), _) => Verdict::Exited(code),
        (None, Some(signal)) => Verdict::Signaled(signal),
        (None, None) => Verdict::Failed,
    }
}

/// A call that waited in a worker that was killed.
fn left_behind(mut waiting: Event) -> Event {
    let reason = "the worker was killed while it waited";
    for (name, value) in [
        ("event", "withdrawn"),
        ("code", "worker_lost"),
        ("reason", reason),
    ] {
        waiting.insert(name.to_owned(), value.into());
    }
    waiting
}

/// What came of one more event.
#[derive(Debug)]
pub(crate) enum Fed {
    /// A call is complete.
    Call(Box<Call>),
    /// Something of the service itself.
    Service(Event),
    /// Nothing to tell yet.
    Nothing,
}

/// Starts that wait for their ends.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    begun: BTreeMap<String, Event>,
    /// Calls that wait for an approval, by its name.
    waiting: BTreeMap<String, Event>,
    /// Calls that waited when their worker was killed.
    lost: Vec<Event>,
}

impl Pairing {
    /// Takes the next event of a trail.
    pub(crate) fn feed(&mut self, event: Event) -> Fed {
        let run = text(&event, "run").to_owned();
        let approval = text(&event, "approval").to_owned();
        if text(&event, "event") != "approved" {
            // Whatever is said of it but that: it waits no longer.
            self.waiting.remove(&approval);
        }
        match text(&event, "event") {
            "start" => {
                self.begun.insert(run, event);
                Fed::Nothing
            }
            "waiting" => {
                self.waiting.insert(approval, event);
                Fed::Nothing
            }
            "deny" | "refuse" | "withdrawn" => Fed::Call(Box::new(Call {
                begin: event,
                end: None,
            })),
            "end" => match self.begun.remove(&run) {
                Some(begin) => Fed::Call(Box::new(Call {
                    begin,
                    end: Some(event),
                })),
                // It began before what is read here.
                None => Fed::Nothing,
            },
            "open" => {
                // What waits did so in a worker that is gone.
                let lost = std::mem::take(&mut self.waiting);
                self.lost.extend(lost.into_values().map(left_behind));
                Fed::Service(event)
            }
            "reload" | "keep" | "tamper" | "wrong_key" | "violation" | "key_use" | "attach"
            | "detach" | "left_out" | "close" | "approved" | "revoked" => Fed::Service(event),
            _ => Fed::Nothing,
        }
    }

    /// The calls that have not ended, or wait.
    pub(crate) fn running(self) -> impl Iterator<Item = Call> {
        let begun = self.begun.into_values().chain(self.waiting.into_values());
        let begun = begun.chain(self.lost);
        begun.map(|begin| Call { begin, end: None })
    }
}
