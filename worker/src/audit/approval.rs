//! Lines about approvals; documented in docs/audit.md.

use super::json::Object;
use super::key::Key;
use super::{Call, Waiting, line};
use std::time::{Duration, SystemTime};
use wire::{Covers, Denial, Failure};

/// What happens to an approval.
#[derive(Debug)]
pub(crate) enum Approving<'a> {
    /// A call waits for it.
    Waiting(&'a Waiting),
    /// An administrator has given it.
    Approved {
        /// The call.
        waiting: &'a Waiting,
        /// His user id.
        by: u32,
        /// Which further calls it stands for, and how long.
        further: Option<(Covers, Duration)>,
    },
    /// It is not given: by an administrator, or because nobody answered.
    Denied {
        /// The call.
        waiting: &'a Waiting,
        /// The administrator's user id.
        by: Option<u32>,
        /// What the caller is told.
        denial: &'a Denial,
    },
    /// Nobody waits for it any more.
    Withdrawn {
        /// The call.
        waiting: &'a Waiting,
        /// Why.
        why: &'a Failure,
    },
    /// It no longer stands for further calls.
    Revoked {
        /// What it is known by.
        id: &'a str,
        /// The call that was approved.
        waiting: &'a Waiting,
        /// The administrator's user id; none where the policy has changed.
        by: Option<u32>,
    },
}

impl Approving<'_> {
    /// The word for it.
    pub(super) fn event(&self) -> &'static str {
        match self {
            Self::Waiting(_) => "waiting",
            Self::Approved { .. } => "approved",
            Self::Denied { .. } => "deny",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Revoked { .. } => "revoked",
        }
    }

    /// The line, after its event.
    pub(super) fn line(&self, line: Object, key: &Key) -> Object {
        match self {
            Self::Waiting(waiting) => wanted(line, waiting, key),
            Self::Approved {
                waiting,
                by,
                further,
            } => approved(line, waiting, *by, *further),
            Self::Denied {
                waiting,
                by,
                denial,
            } => denied(line, (waiting, key), *by, denial),
            Self::Withdrawn { waiting, why } => {
                line::with_failure(line::with_call(line, &waiting.call, key), why)
            }
            Self::Revoked { id, waiting, by } => {
                let line = line
                    .text("approval", id)
                    .text("principal", &waiting.principal)
                    .text("tool", &waiting.call.tool);
                match by {
                    Some(by) => line.literal("administrator", by),
                    None => line.text("reason", "the policy has changed"),
                }
            }
        }
    }
}

fn wanted(line: Object, waiting: &Waiting, key: &Key) -> Object {
    let line = line::with_call(line, &waiting.call, key)
        .text("principal", &waiting.principal)
        .text("decision", "ask")
        .text("rule", &waiting.rule)
        .items("argv", waiting.argv.iter().map(|one| line::word(one, key)));
    let line = match &waiting.directory {
        Some(directory) => line.text("directory", directory),
        None => line,
    };
    let line = match &waiting.stdin {
        Some(stdin) => line.object("stdin", line::input(stdin, key)),
        None => line,
    };
    line.literal("timeout_ms", waiting.timeout.as_millis())
}

fn approved(
    line: Object,
    waiting: &Waiting,
    by: u32,
    further: Option<(Covers, Duration)>,
) -> Object {
    let line = line
        .text("approval", id(&waiting.call))
        .text("principal", &waiting.principal)
        .text("tool", &waiting.call.tool)
        .literal("administrator", by)
        .text("scope", further.map_or("once", |(covers, _)| covers.word()));
    let until = further.and_then(|(_, time)| SystemTime::now().checked_add(time));
    match until {
        Some(until) => line.text(
            "until",
            &humantime::format_rfc3339_seconds(until).to_string(),
        ),
        None => line,
    }
}

fn denied(
    line: Object,
    (waiting, key): (&Waiting, &Key),
    by: Option<u32>,
    denial: &Denial,
) -> Object {
    let line = line::with_call(line, &waiting.call, key)
        .texts("principals", std::slice::from_ref(&waiting.principal))
        .text("decision", "deny");
    let line = match by {
        Some(by) => line
            .text("by", "administrator")
            .literal("administrator", by),
        None => line.text("by", "worker"),
    };
    line.text("code", &denial.code)
        .text("rule", &denial.rule)
        .text("reason", &denial.reason)
}

/// What the approval that `call` waits for is known by.
fn id(call: &Call) -> &str {
    call.approval.as_deref().unwrap_or_default()
}
