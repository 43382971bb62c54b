//! A call, or something of the service itself, in one line.

use super::fold::{columns, fold};
use super::style::{Style, Tone, one_line, shell_word};
use crate::trail::{Call, Event, Verdict, text};
use nix::unistd::{Uid, User};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// From this width on, a terminal shows the names of runs, for `audit show`.
const WIDE: usize = 120;

/// Makes rows; remembers the day of the last one and the names of users.
#[derive(Debug)]
pub(crate) struct Rows {
    style: Style,
    /// How wide they may be.
    columns: Option<usize>,
    day: String,
    users: BTreeMap<u32, String>,
    /// Those who are attached.
    clients: BTreeMap<String, String>,
}

impl Rows {
    pub(crate) fn new(style: Style) -> Self {
        Self {
            style,
            columns: columns(),
            day: String::new(),
            users: BTreeMap::new(),
            clients: BTreeMap::new(),
        }
    }

    /// The row of a call.
    pub(super) fn call(&mut self, call: &Call) -> String {
        let verdict = call.verdict();
        let words = format!("{:<9}", verdict.words());
        let took = call.measured("wall_us").map(duration).unwrap_or_default();
        let caller = pad(&user(call, &mut self.users), 14);
        let tool = pad(&one_line(text(&call.begin, "tool")), 16);
        let run = match self.columns {
            Some(WIDE..) => pad(&one_line(text(&call.begin, "run")), 17),
            Some(_) | None => String::new(),
        };
        let before = format!("{caller} {tool} {words} {took:>8}  {run}");
        let told = fold(&told(call), TIME + before.chars().count(), self.columns);
        let words = self.style.tone(tone(verdict), &words);
        let row = format!("{caller} {tool} {words} {took:>8}  {run}{told}");
        self.row(&call.begin, &row)
    }

    /// The row of something of the service itself.
    pub(super) fn service(&mut self, event: &Event) -> String {
        let (tone, words) = self.words(event);
        let words = fold(&words, TIME, self.columns);
        let words = self.style.tone(tone, &words);
        self.row(event, &words)
    }

    /// It in words, and what they mean.
    pub(crate) fn words(&mut self, event: &Event) -> (Tone, String) {
        let policy = text(event, "policy").get(..12).unwrap_or_default();
        let (tone, words) = match text(event, "event") {
            "open" => (Tone::Quiet, format!("the worker begins, policy {policy}")),
            "reload" => {
                let others = left_out(event);
                (Tone::Quiet, format!("a new policy, {policy}{others}"))
            }
            "keep" => {
                let reason = text(event, "reason").lines().next().unwrap_or_default();
                (
                    Tone::Odd,
                    format!("the former policy stays: {reason}{}", left_out(event)),
                )
            }
            "tamper" => (
                Tone::Bad,
                format!("the trail is not whole: {}", text(event, "reason")),
            ),
            "approved" => (Tone::Good, approved(event, &mut self.users)),
            "revoked" => (Tone::Odd, revoked(event, &mut self.users)),
            "wrong_key" => (Tone::Odd, wrong_key(event)),
            "key_use" => (Tone::Quiet, key_use(event)),
            "attach" => (Tone::Quiet, self.attach(event)),
            "detach" => (Tone::Quiet, self.detach(event)),
            "violation" => (Tone::Bad, violation(event)),
            "left_out" => (Tone::Odd, only_counted(event)),
            _ => (Tone::Quiet, "the worker ends".to_owned()),
        };
        (tone, one_line(&words))
    }

    /// Who has come, and with which program.
    fn attach(&mut self, event: &Event) -> String {
        let key = format!("key {}", text(event, "key"));
        let uid = event.get("uid").and_then(Json::as_u64);
        let who = uid.and_then(|uid| u32::try_from(uid).ok());
        let who = who.map_or(key, |uid| name(uid, &mut self.users));
        let claim = |name: &str| {
            let claim = event.get("claim").and_then(|claim| claim.get(name));
            claim.and_then(Json::as_str).unwrap_or_default().to_owned()
        };
        let client = text(event, "client").to_owned();
        let words = format!(
            "{who} attaches as {client}, with {} {}{}",
            claim("name"),
            claim("version"),
            left_out(event)
        );
        self.clients.insert(client, who);
        words
    }

    /// Who has gone.
    fn detach(&mut self, event: &Event) -> String {
        let client = text(event, "client");
        let who = self.clients.remove(client).unwrap_or_default();
        format!("{who} detaches, {client}").trim_start().to_owned()
    }

    /// With its time, and before the first of a day, that day.
    fn row(&mut self, event: &Event, rest: &str) -> String {
        let time = one_line(text(event, "time"));
        let (day, time) = time.split_once('T').unwrap_or_default();
        let time = self.style.tone(Tone::Quiet, time.get(..8).unwrap_or(time));
        let mut rows = String::new();
        if day != self.day {
            day.clone_into(&mut self.day);
            rows = format!("{}\n", self.style.tone(Tone::Strong, &format!("{day} UTC")));
        }
        let lines: Vec<&str> = rest.lines().map(str::trim_end).collect();
        format!("{rows}{time}  {}\n", lines.join("\n"))
    }
}

/// Columns of the time, and of the blanks after it.
const TIME: usize = 10;

fn wrong_key(event: &Event) -> String {
    let others = left_out(event);
    format!("a wrong key from {}{others}", text(event, "address"))
}

fn key_use(event: &Event) -> String {
    let (key, address) = (text(event, "key"), text(event, "address"));
    format!("key {key} is used from {address}{}", left_out(event))
}

fn violation(event: &Event) -> String {
    let (socket, reason) = (text(event, "socket"), text(event, "reason"));
    format!("on the {socket} socket: {reason}{}", left_out(event))
}

/// What got no line, and was not followed by another of its kind.
fn only_counted(event: &Event) -> String {
    let count = event.get("left_out").and_then(Json::as_u64);
    let by = match text(event, "by") {
        "" => String::new(),
        by => format!(", by {by}"),
    };
    format!(
        "{} more of `{}`{by} were not recorded",
        count.unwrap_or_default(),
        text(event, "of")
    )
}

/// How many of the same kind got no line.
fn left_out(event: &Event) -> String {
    let others = event.get("left_out").and_then(Json::as_u64);
    match others.unwrap_or_default() {
        0 => String::new(),
        others => format!(", and {others} before it that were not recorded"),
    }
}

/// The user by his name of now, or what is known of him; `names` are those already known.
pub(crate) fn user(call: &Call, names: &mut BTreeMap<u32, String>) -> String {
    let uid = call.uid().and_then(|uid| u32::try_from(uid).ok());
    match (uid, text(&call.begin, "key")) {
        (Some(uid), _) => name(uid, names),
        (None, "") => one_line(&call.principals().join(",")),
        (None, key) => one_line(&format!("key {key}")),
    }
}

/// The name that `uid` has now.
pub(crate) fn name(uid: u32, names: &mut BTreeMap<u32, String>) -> String {
    let name = names.entry(uid).or_insert_with(|| {
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        user.map_or_else(|| format!("uid {uid}"), |user| user.name)
    });
    one_line(name)
}

/// Who has approved what, and for how long.
fn approved(event: &Event, names: &mut BTreeMap<u32, String>) -> String {
    let by = administrator(event, names).unwrap_or_default();
    let until = text(event, "until").replace('T', " ");
    let until = until.get(..16).unwrap_or(&until);
    let scope = match text(event, "scope") {
        "once" => "once".to_owned(),
        scope => format!("{scope}, until {until}"),
    };
    let (id, tool) = (text(event, "approval"), text(event, "tool"));
    format!("{by} approves {id}, {tool}: {scope}")
}

/// Who has taken back what.
fn revoked(event: &Event, names: &mut BTreeMap<u32, String>) -> String {
    let (id, tool) = (text(event, "approval"), text(event, "tool"));
    match administrator(event, names) {
        Some(by) => format!("{by} takes back the approval {id} of {tool}"),
        None => format!("a new policy takes back the approval {id} of {tool}"),
    }
}

fn administrator(event: &Event, names: &mut BTreeMap<u32, String>) -> Option<String> {
    let uid = event.get("administrator")?.as_u64()?;
    Some(name(u32::try_from(uid).ok()?, names))
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Exited(0) => Tone::Good,
        Verdict::Running
        | Verdict::Exited(_)
        | Verdict::Signaled(_)
        | Verdict::TimedOut
        | Verdict::Waiting
        | Verdict::Withdrawn
        | Verdict::Cancelled => Tone::Odd,
        Verdict::Failed | Verdict::Denied | Verdict::Refused => Tone::Bad,
    }
}

/// What ran, or why nothing did.
fn told(call: &Call) -> String {
    match call.reason() {
        // Its verdict says so already.
        Some(("withdrawn", reason)) => one_line(reason),
        Some((code, reason)) if call.was_denied() => one_line(&format!("{code}: {reason}")),
        Some((code, _)) => format!("{}  ({})", command(&call.begin), one_line(code)),
        None => command(&call.begin),
    }
}

/// The argument vector.
pub(crate) fn command(begin: &Event) -> String {
    let words = begin.get("argv").and_then(Json::as_array);
    let words = words.into_iter().flatten();
    words.map(word).collect::<Vec<_>>().join(" ")
}

/// An element, in which a secret stands as the beginning of its digest.
fn word(word: &Json) -> String {
    let field = |name: &str| word.get(name).and_then(Json::as_str).unwrap_or_default();
    match word.as_str() {
        Some(plain) => shell_word(plain),
        None => {
            let digest = one_line(field("hmac_sha256"));
            let digest = digest.get(..8).unwrap_or_default();
            format!("{}‹secret {digest}›", shell_prefix(field("prefix")))
        }
    }
}

fn shell_prefix(prefix: &str) -> String {
    if prefix.is_empty() {
        String::new()
    } else {
        shell_word(prefix)
    }
}

/// A time in a form that fits a column.
pub(super) fn duration(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is shown with three digits")]
    let micros = micros as f64;
    match micros {
        short if short < 1e4 => format!("{:.1} ms", short / 1e3),
        short if short < 1e6 => format!("{:.0} ms", short / 1e3),
        long if long < 1e8 => format!("{:.1} s", long / 1e6),
        long => format!("{:.0} s", long / 1e6),
    }
}

fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(begin: Json, end: Json) -> Call {
        let map = |json: Json| json.as_object().cloned();
        Call {
            begin: map(begin).unwrap(),
            end: map(end),
        }
    }

    #[test]
    fn a_hostile_call_stays_in_its_row() {
        let hostile = "\u{1b}[2J\r\n\u{202e}x";
        let begin = json!({
            "event": "start", "time": "2026-11-26T10:00:00.000000Z", "principal": hostile,
            "tool": hostile, "argv": [hostile, {"prefix": hostile, "hmac_sha256": hostile}],
        });
        let end = json!({"code": hostile});
        let mut rows = Rows::new(Style::of_stdout());
        let row = rows.call(&call(begin, end));
        assert_eq!(row.lines().count(), 2, "{row}");
        assert!(!row.contains(['\u{1b}', '\r', '\u{202e}']), "{row:?}");
    }

    #[test]
    fn times_have_three_digits_or_so() {
        for (micros, shown) in [
            (950, "0.9 ms"),
            (12_340, "12 ms"),
            (1_250_000, "1.2 s"),
            (250_000_000, "250 s"),
        ] {
            assert_eq!(duration(micros), shown);
        }
    }
}
