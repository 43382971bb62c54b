//! What the page tells beside calls: approvals, and keys that were presented.

use super::data::{short, waited};
use crate::admin::audit::{command, one_line, user, user_name};
use crate::trail::{Call, Event, text};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Most rows of each on a page, the latest.
const ROWS_MAX: usize = 5000;

/// All that was seen of them.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Not before this time.
    since: Option<String>,
    /// By their names, in the order in which they were asked for.
    approvals: Vec<Approval>,
    places: BTreeMap<String, usize>,
    /// Those that wait now, as far as is known.
    waiting: Vec<usize>,
    keys: Vec<Json>,
    users: BTreeMap<u32, String>,
}

/// One request, and what became of it.
#[derive(Debug, Default)]
struct Approval {
    name: String,
    /// The call that began to wait.
    asked: Option<Event>,
    /// What ended the waiting.
    answer: Option<Event>,
    /// What took it back.
    revoked: Option<Event>,
    /// A worker that was killed forgot it.
    lost: bool,
    /// How many runs began by it.
    runs: u64,
}

impl Events {
    /// None yet.
    pub(super) fn since(since: Option<String>) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// Whether `event`, which concerns no call, stands in a table of these.
    pub(super) fn shows(event: &Event) -> bool {
        matches!(
            text(event, "event"),
            "approved" | "revoked" | "key_use" | "wrong_key"
        )
    }

    /// Takes the next event of the trail.
    pub(super) fn feed(&mut self, event: &Event) {
        let since = self.since.as_deref();
        if since.is_some_and(|since| text(event, "time") < since) {
            return;
        }
        match text(event, "event") {
            "waiting" => {
                let place = self.place(event);
                self.waiting.push(place);
                self.set(event, |one| &mut one.asked);
            }
            "approved" => self.set(event, |one| &mut one.answer),
            // Of further calls it does not matter here what became.
            "deny" | "withdrawn" if event.contains_key("approval") => {
                let place = self.place(event);
                if let Some(one) = self.approvals.get_mut(place) {
                    one.answer.get_or_insert_with(|| event.clone());
                }
            }
            "revoked" => self.set(event, |one| &mut one.revoked),
            "start" if event.contains_key("approval") => {
                let place = self.place(event);
                if let Some(one) = self.approvals.get_mut(place) {
                    one.runs += 1;
                }
            }
            // What waited did so in a worker that is gone.
            "open" => {
                for place in std::mem::take(&mut self.waiting) {
                    if let Some(one) = self.approvals.get_mut(place) {
                        one.lost = one.answer.is_none();
                    }
                }
            }
            "key_use" | "wrong_key" => self.keys.push(key(event)),
            _ => {}
        }
    }

    /// The approvals, the oldest first.
    pub(super) fn approvals(&mut self) -> Json {
        let users = &mut self.users;
        let old = self.approvals.len().saturating_sub(ROWS_MAX);
        let latest = self.approvals.iter().skip(old);
        latest.map(|one| one.json(users)).collect()
    }

    /// The keys that were presented.
    pub(super) fn keys(&self) -> Json {
        let old = self.keys.len().saturating_sub(ROWS_MAX);
        self.keys.iter().skip(old).cloned().collect()
    }

    fn set(&mut self, event: &Event, part: impl FnOnce(&mut Approval) -> &mut Option<Event>) {
        let place = self.place(event);
        if let Some(one) = self.approvals.get_mut(place) {
            *part(one) = Some(event.clone());
        }
    }

    /// The row of the approval that `event` names.
    fn place(&mut self, event: &Event) -> usize {
        let name = text(event, "approval").to_owned();
        let next = self.approvals.len();
        let place = *self.places.entry(name.clone()).or_insert(next);
        if place == next {
            self.approvals.push(Approval {
                name,
                ..Approval::default()
            });
        }
        place
    }
}

impl Approval {
    fn json(&self, users: &mut BTreeMap<u32, String>) -> Json {
        let nothing = Event::new();
        // Of what was asked for before this page begins, less is known.
        let known = self.asked.as_ref().or(self.answer.as_ref());
        let known = known.or(self.revoked.as_ref()).unwrap_or(&nothing);
        let answer = self.answer.as_ref().unwrap_or(&nothing);
        let call = Call {
            begin: known.clone(),
            end: None,
        };
        let by = |event: &Event, users: &mut BTreeMap<u32, String>| {
            let uid = event.get("administrator").and_then(Json::as_u64);
            let uid = uid.and_then(|uid| u32::try_from(uid).ok());
            uid.map_or_else(String::new, |uid| user_name(uid, users))
        };
        let (class, words) = self.answered();
        let asked = self.asked.as_ref();
        json!({
            "id": short(&self.name),
            "time": text(known, "time"),
            "user": user(&call, users),
            "principal": short(text(known, "principal")),
            "tool": short(text(known, "tool")),
            "rule": short(text(known, "rule")),
            "command": short(&asked.map(command).unwrap_or_default()),
            "class": class,
            "answer": words,
            "by": by(answer, users),
            "reason": short(text(answer, "reason")),
            "until": short(text(answer, "until")),
            "waited": asked.and_then(|asked| waited(asked, answer)),
            "runs": self.runs,
            "revoked": self.revoked.as_ref().map(|event| by(event, users)),
        })
    }

    /// A class, and words.
    fn answered(&self) -> (&'static str, String) {
        let Some(answer) = &self.answer else {
            return match (self.lost, &self.asked) {
                (true, _) => ("denied", "worker lost".to_owned()),
                (false, Some(_)) => ("running", "waiting".to_owned()),
                (false, None) => ("ok", "approved before".to_owned()),
            };
        };
        match (text(answer, "event"), text(answer, "code")) {
            ("approved", _) => {
                let scope = match text(answer, "scope") {
                    "exact" => "approved, this call",
                    "tool" => "approved, the tool",
                    _ => "approved, once",
                };
                ("ok", scope.to_owned())
            }
            ("withdrawn", _) => ("failed", "given up".to_owned()),
            (_, "approval_expired") => ("failed", "not answered".to_owned()),
            (_, _) => ("denied", "denied".to_owned()),
        }
    }
}

/// A key that was presented: by its name, or a wrong one.
fn key(event: &Event) -> Json {
    let left_out = event.get("left_out").and_then(Json::as_u64);
    json!({
        "time": text(event, "time"),
        "name": one_line(text(event, "key")),
        "wrong": text(event, "event") == "wrong_key",
        "address": one_line(text(event, "address")),
        "times": left_out.unwrap_or_default().saturating_add(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(events: &mut Events, event: &Json) {
        events.feed(event.as_object().unwrap());
    }

    fn told(events: &mut Events) -> Vec<String> {
        let all = events.approvals();
        let all = all.as_array().unwrap().iter();
        all.map(|one| format!("{} {} {}", one["id"], one["answer"], one["runs"]))
            .collect()
    }

    #[test]
    fn each_request_is_one_row_with_its_answer() {
        let mut events = Events::since(Some("2026".to_owned()));
        let at = |event: &str, approval: &str| json!({"event": event, "time": "2026-01", "approval": approval});
        feed(
            &mut events,
            &json!({"event": "waiting", "time": "2025", "approval": "old"}),
        );
        for (event, approval) in [
            ("waiting", "a"),
            ("waiting", "b"),
            ("approved", "a"),
            ("start", "a"),
            ("start", "a"),
            ("withdrawn", "b"),
            ("withdrawn", "a"),
            ("waiting", "c"),
            ("open", ""),
            ("waiting", "d"),
            ("approved", "old"),
        ] {
            feed(&mut events, &at(event, approval));
        }
        let wanted = [
            r#""a" "approved, once" 2"#,
            r#""b" "given up" 0"#,
            r#""c" "worker lost" 0"#,
            r#""d" "waiting" 0"#,
            r#""old" "approved, once" 0"#,
        ];
        assert_eq!(told(&mut events), wanted);
    }
}
