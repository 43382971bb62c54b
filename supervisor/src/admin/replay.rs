//! `mini-mcp replay`: a recorded trail decided again, by another policy.

use super::options::Replay;
use super::{count, print, print_json, reading};
use crate::error::Error;
use crate::peer;
use crate::sanitize::harmless;
use crate::trail::{Lines, event};
use policy::{Arguments, Caller, Claim, Decision, Effect, Key, Peer, Policy, Proof, Value};
use serde_json::{Map, Value as Json, json};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::process::ExitCode;

/// Codes by which the worker denies what the policy allows.
const BY_LIMITS: [&str; 5] = [
    "rate_limited",
    "too_many_running",
    "quota_exceeded",
    "queue_full",
    "queue_timeout",
];

/// Codes by which the worker denies what an administrator must approve.
const BY_ASKING: [&str; 5] = [
    "needs_approval",
    "approval_denied",
    "approval_expired",
    "approval_too_large",
    "too_many_waiting",
];

/// Decides the trails again: success when nothing is decided differently, 1 when
/// something is, and 2 when that cannot be told.
pub(crate) fn replay(options: &Replay) -> ExitCode {
    match replayed(options) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            error.report();
            ExitCode::from(2)
        }
    }
}

/// How many calls are decided differently.
fn replayed(options: &Replay) -> Result<usize, Error> {
    let setting = options.reader.setting()?;
    let texts = reading::texts(&options.policy, &options.reader.packs, &setting)?;
    let policy = texts.parse(&setting)?;
    let mut summary = Summary::default();
    let mut shown = Vec::new();
    for trail in &options.trails {
        read(trail, &policy, &mut summary, |call| {
            let wanted = options.all || call.differs();
            match (wanted, options.json) {
                (false, _) => Ok(()),
                (true, true) => {
                    shown.push(call.document());
                    Ok(())
                }
                (true, false) => print(&harmless(call.line().as_bytes())),
            }
        })?;
    }
    if options.json {
        print_json(&summary.document(&shown))?;
    } else {
        print(&summary.line())?;
    }
    Ok(summary.different)
}

/// What came of all lines.
#[derive(Debug, Default)]
struct Summary {
    /// Calls that were decided again.
    calls: usize,
    /// Those of them that are decided differently.
    different: usize,
    /// Calls of which the trail does not tell enough.
    untold: usize,
    /// Lines that are no lines of a trail.
    unread: usize,
}

impl Summary {
    fn line(&self) -> String {
        let (calls, different) = (count(self.calls, "call"), self.different);
        let mut text = format!("{calls} decided again, {different} differently\n");
        if self.untold > 0 {
            let untold = count(self.untold, "call");
            text.push_str(&format!(
                "{untold} not decided again: the trail does not tell the whole call\n"
            ));
        }
        if self.unread > 0 {
            let unread = count(self.unread, "line");
            text.push_str(&format!("{unread} not understood\n"));
        }
        text
    }

    fn document(&self, calls: &[Json]) -> Json {
        json!({
            "decided": self.calls,
            "different": self.different,
            "untold": self.untold,
            "not_understood": self.unread,
            "calls": calls,
        })
    }
}

/// Reads the trail at `path` line by line; `tell` gets each call that is decided.
fn read(
    path: &Path,
    policy: &Policy,
    summary: &mut Summary,
    mut tell: impl FnMut(&Call) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |source| Error::ReadTrail {
        path: path.to_owned(),
        source,
    };
    let mut lines = Lines::new(BufReader::new(File::open(path).map_err(failed)?));
    let (mut entries, mut piece_of) = (0, 0);
    let before = summary.unread;
    while let Some((number, line)) = lines.next().map_err(failed)? {
        let entry = event(line);
        entries += usize::from(entry.is_some());
        match entry.map(|entry| Call::told(&entry, policy)) {
            Some(Told::Call(call)) => {
                summary.calls += 1;
                summary.different += usize::from(call.differs());
                tell(&call)?;
            }
            Some(Told::Untold) => summary.untold += 1,
            Some(Told::Other) => {}
            None if line == b"\n" => {}
            // Of a line that is too long, the first piece.
            None if number != piece_of => summary.unread += 1,
            None => {}
        }
        piece_of = number;
    }
    if entries == 0 && summary.unread > before {
        return Err(failed(io::Error::other("it is no audit trail")));
    }
    Ok(())
}

/// What a line tells.
enum Told {
    /// A call that was decided again.
    Call(Box<Call>),
    /// A call, but not all of it.
    Untold,
    /// No decision.
    Other,
}

/// A recorded call, and how it is decided now.
struct Call {
    time: String,
    who: Who,
    tool: String,
    arguments: Json,
    was: Effect,
    decision: Decision,
}

impl Call {
    /// What a line tells, decided by `policy`.
    fn told(entry: &Map<String, Json>, policy: &Policy) -> Told {
        let Some(was) = effect(entry) else {
            return Told::Other;
        };
        Self::decided(entry, policy, was).map_or(Told::Untold, |call| Told::Call(Box::new(call)))
    }

    fn decided(entry: &Map<String, Json>, policy: &Policy, was: Effect) -> Option<Self> {
        let text = |name: &str| entry.get(name)?.as_str().map(str::to_owned);
        let told = entry.get("arguments")?;
        let arguments = arguments(told)?;
        let (caller, tool) = (caller(entry, policy)?, text("tool")?);
        Some(Self {
            time: text("time").unwrap_or_default(),
            who: Who::of(&caller.proof),
            decision: policy.decide(&caller, &tool, &arguments),
            arguments: told.clone(),
            tool,
            was,
        })
    }

    fn differs(&self) -> bool {
        self.now() != self.was
    }

    fn now(&self) -> Effect {
        match &self.decision {
            Decision::Allow(_) => Effect::Allow,
            Decision::Ask(_) => Effect::Ask,
            Decision::Deny(_) => Effect::Deny,
        }
    }

    fn line(&self) -> String {
        let Self {
            time,
            who,
            tool,
            arguments,
            ..
        } = self;
        let change = match self.differs() {
            true => format!("was {}, would be {}", past(self.was), past(self.now())),
            false => format!("is {} as before", past(self.was)),
        };
        let reason = match &self.decision {
            Decision::Allow(grant) => format!("by {}", grant.rule()),
            Decision::Ask(ask) => format!("by {}", ask.rule()),
            Decision::Deny(denial) => format!("{}: {}", denial.code, denial.reason),
        };
        format!("{time} {who} {tool} {arguments}: {change}, {reason}\n")
    }

    fn document(&self) -> Json {
        let (rule, code, reason) = match &self.decision {
            Decision::Allow(grant) => (grant.rule(), None, None),
            // It is not denied.
            Decision::Ask(ask) => (ask.rule(), Some("needs_approval"), None),
            Decision::Deny(denial) => (
                denial.rule.as_str(),
                Some(denial.code),
                Some(&denial.reason),
            ),
        };
        json!({
            "time": self.time,
            "uid": self.who.uid(),
            "key": self.who.key(),
            "tool": self.tool,
            "arguments": self.arguments,
            "was": self.was.key(),
            "now": self.now().key(),
            "rule": rule,
            "code": code,
            "reason": reason,
        })
    }
}

fn past(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allowed",
        Effect::Ask => "left to an administrator",
        Effect::Deny => "denied",
    }
}

/// How the policy of then decided; `None` for a line that holds no decision.
fn effect(entry: &Map<String, Json>) -> Option<Effect> {
    let text = |name: &str| entry.get(name).and_then(Json::as_str);
    match (text("event")?, text("code")) {
        ("start", _) if entry.contains_key("approval") => Some(Effect::Ask),
        ("start", _) => Some(Effect::Allow),
        ("withdrawn", _) => Some(Effect::Ask),
        ("deny", Some(code)) if BY_ASKING.contains(&code) => Some(Effect::Ask),
        ("deny", Some(code)) if BY_LIMITS.contains(&code) => Some(Effect::Allow),
        ("deny", _) => Some(Effect::Deny),
        _ => None,
    }
}

/// A caller, as people tell one from another.
enum Who {
    User(u32),
    Key(String),
}

impl Who {
    fn of(proof: &Proof) -> Self {
        match proof {
            Proof::Peer(peer) => Self::User(peer.uid),
            Proof::Key(key) => Self::Key(key.name.clone()),
        }
    }

    fn uid(&self) -> Option<u32> {
        match self {
            Self::User(uid) => Some(*uid),
            Self::Key(_) => None,
        }
    }

    fn key(&self) -> Option<&str> {
        match self {
            Self::User(_) => None,
            Self::Key(name) => Some(name),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(uid) => write!(f, "uid {uid}"),
            Self::Key(name) => write!(f, "key {name}"),
        }
    }
}

/// The caller who was proven then, by his account of now.
fn caller(entry: &Map<String, Json>, policy: &Policy) -> Option<Caller> {
    let caller = match entry.get("key") {
        Some(name) => Caller {
            proof: Proof::Key(Key {
                name: name.as_str()?.to_owned(),
                address: entry.get("address")?.as_str()?.parse().ok()?,
            }),
            claim: None,
        },
        None => Caller::from(user(entry, policy)?),
    };
    let claim = entry.get("claim").and_then(|claim| {
        let text = |name: &str| claim.get(name)?.as_str().map(str::to_owned);
        Some(Claim {
            name: text("name")?,
            version: text("version")?,
        })
    });
    Some(caller.claiming(claim))
}

fn user(entry: &Map<String, Json>, policy: &Policy) -> Option<Peer> {
    let uid = id(entry.get("uid"))?;
    let groups = entry.get("groups")?.as_array()?.iter();
    Some(Peer {
        uid,
        gid: id(entry.get("gid"))?,
        groups: groups.map(|group| id(Some(group))).collect::<Option<_>>()?,
        login: policy.names_callers().then(|| peer::login(uid)).flatten(),
    })
}

fn id(value: Option<&Json>) -> Option<u32> {
    u32::try_from(value?.as_u64()?).ok()
}

/// The arguments, unless the trail keeps one of them to itself.
fn arguments(told: &Json) -> Option<Arguments> {
    let told = told.as_object()?.iter();
    told.map(|(name, told)| Some((name.clone(), value(told)?)))
        .collect()
}

fn value(told: &Json) -> Option<Value> {
    match told {
        Json::Bool(flag) => Some(Value::Boolean(*flag)),
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Some(Value::Integer(whole)),
            None => number.as_f64().map(Value::Number),
        },
        Json::Array(items) => {
            let items = items.iter().map(value);
            items.collect::<Option<_>>().map(Value::List)
        }
        Json::Null | Json::Object(_) => None,
    }
}
