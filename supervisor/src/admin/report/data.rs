//! What the page shows, as the JSON that stands in it.

use crate::admin::audit::{command, one_line, user};
use crate::trail::verify::Verified;
use crate::trail::{Call, Event, Verdict, text};
use humantime::format_rfc3339_seconds;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Longest text of a call on the page, in characters.
const TEXT_MAX: usize = 400;

/// What the page is about.
pub(super) struct Data<'a> {
    pub(super) calls: &'a [Call],
    /// Earlier calls that are not on the page.
    pub(super) left_out: usize,
    pub(super) since: Option<&'a str>,
    pub(super) verified: &'a Verified,
    pub(super) approvals: Json,
    pub(super) keys: Json,
}

impl Data<'_> {
    pub(super) fn json(&self) -> Json {
        let mut users = BTreeMap::new();
        let calls = self.calls.iter().map(|call| one(call, &mut users));
        let host = nix::unistd::gethostname().ok();
        let host = host.and_then(|name| name.into_string().ok());
        json!({
            "host": host.unwrap_or_default(),
            "made": format_rfc3339_seconds(SystemTime::now()).to_string(),
            "range": self.range(),
            "left_out": self.left_out,
            "chain": self.chain(),
            "calls": calls.collect::<Vec<_>>(),
            "approvals": self.approvals,
            "keys": self.keys,
        })
    }

    fn range(&self) -> String {
        match self.since {
            Some(since) => format!(
                "since {}",
                since.get(..16).unwrap_or(since).replace('T', " ")
            ),
            None => "the whole trail".to_owned(),
        }
    }

    fn chain(&self) -> Json {
        let findings = &self.verified.findings;
        let shown = findings.iter().map(|finding| {
            let file = one_line(&finding.file.display().to_string());
            format!("{file}:{}: {}", finding.line, one_line(&finding.what))
        });
        let words = if findings.is_empty() {
            let (lines, good) = (self.verified.lines, self.verified.signatures);
            format!("Trail whole: {lines} lines, {good} signatures")
        } else {
            "Trail not whole".to_owned()
        };
        json!({
            "whole": findings.is_empty(),
            "words": words,
            "findings": shown.take(50).collect::<Vec<_>>(),
        })
    }
}

fn one(call: &Call, users: &mut BTreeMap<u32, String>) -> Json {
    let begin = &call.begin;
    let (code, reason) = call.reason().unwrap_or_default();
    json!({
        "time": text(begin, "time"),
        "user": user(call, users),
        "principal": short(&call.principals().join(", ")),
        "tool": short(text(begin, "tool")),
        "run": short(text(begin, "run")),
        "command": short(&command(begin)),
        "class": class(call.verdict()),
        "verdict": call.verdict().words(),
        "code": short(code),
        "reason": short(reason),
        "rule": short(text(begin, "rule")),
        "wall": call.measured("wall_us"),
        "cpu": call.measured("cpu_us"),
        "memory": call.measured("memory_peak"),
    })
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Exited(0) => "ok",
        Verdict::Running | Verdict::Waiting => "running",
        Verdict::Denied | Verdict::Refused | Verdict::Withdrawn => "denied",
        Verdict::Exited(_)
        | Verdict::Signaled(_)
        | Verdict::TimedOut
        | Verdict::Cancelled
        | Verdict::Failed => "failed",
    }
}

/// How many microseconds passed on the clock since the boot; `None` over a boot.
pub(super) fn waited(begin: &Event, end: &Event) -> Option<u64> {
    let at = |event: &Event| event.get("boot_us")?.as_u64();
    at(end)?.checked_sub(at(begin)?)
}

/// At most so much as somebody reads in a table.
pub(super) fn short(text: &str) -> String {
    let text = one_line(text);
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
