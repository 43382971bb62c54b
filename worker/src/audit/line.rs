//! The fields of each kind of line; documented in docs/audit.md.

use super::json::{Item, hexadecimal};
use super::json::{Object, quoted};
use super::key::Key;
use super::{
    Attachment, Call, Decider, Ending, Entry, Input, Offender, Proven, Recorded, RecordedStream,
    RunUser, Told, Word,
};
use wire::{Argument, Claim, Correlation, Given, Outcome, Status, Value};

/// The word for what happened.
pub(super) fn event(entry: &Entry) -> &'static str {
    match entry {
        Entry::Start { .. } => "start",
        Entry::End(_) => "end",
        Entry::Output(_) => "output",
        Entry::Deny { .. } => "deny",
        Entry::Refuse { .. } => "refuse",
        Entry::WrongKey { .. } => "wrong_key",
        Entry::Recorded(_) => "output",
        Entry::KeyUse { .. } => "key_use",
        Entry::Attach(_) => "attach",
        Entry::Detach(_) => "detach",
        Entry::Violation { .. } => "violation",
    }
}

/// The line for `entry`, after its event; `run` names the run that it is about.
/// The history reads the name of a run where it is put here: first.
pub(super) fn entry(line: Object, entry: &Entry, run: Option<&str>, key: &Key) -> Object {
    let named = |line: Object| line.text("run", run.unwrap_or_default());
    match entry {
        Entry::Start {
            call,
            principal,
            rule,
            argv,
            sandbox,
            directory,
            stdin,
            user,
            bounds: _,
            patience: _,
            record: _,
        } => {
            let line = with_call(named(line), call, key)
                .text("principal", principal)
                .text("decision", "allow")
                .text("rule", rule)
                .items("argv", argv.iter().map(|one| word(one, key)))
                .text("sandbox", &hexadecimal(sandbox));
            let line = match directory {
                Some(directory) => line.text("directory", directory),
                None => line,
            };
            let line = match user {
                RunUser::Given(user) => line.literal("dynamic_user", user),
                RunUser::Known | RunUser::Fresh => line,
            };
            match stdin {
                Some(stdin) => line.object("stdin", input(stdin, key)),
                None => line,
            }
        }
        Entry::End(ending) => end(named(line), ending),
        Entry::Output(told) => output(named(line), told),
        Entry::Recorded(recorded) => {
            let line = recording(named(line), recorded);
            match &recorded.failure {
                Some(failure) => line.text("reason", failure),
                None => line,
            }
        }
        Entry::Deny {
            call,
            principals,
            by,
            denial,
        } => with_call(line, call, key)
            .texts("principals", principals)
            .text("decision", "deny")
            .text("by", decider(*by))
            .text("code", &denial.code)
            .text("rule", &denial.rule)
            .text("reason", &denial.reason),
        Entry::Refuse {
            call,
            failure,
            left_out,
        } => {
            let line = with_failure(with_call(line, call, key), failure);
            match call.caller {
                Some(_) => line,
                None => line.literal("left_out", left_out),
            }
        }
        Entry::WrongKey {
            correlation,
            address,
            left_out,
        } => with_correlation(line, correlation)
            .text("address", &address.to_string())
            .literal("left_out", left_out),
        Entry::KeyUse {
            correlation,
            name,
            address,
            left_out,
        } => with_correlation(line, correlation)
            .text("key", name)
            .text("address", &address.to_string())
            .literal("left_out", left_out),
        Entry::Attach(attachment) => attach(line, attachment),
        Entry::Detach(name) => line
            .text("client", name)
            .text("by", decider(Decider::Supervisor)),
        Entry::Violation {
            offender,
            reason,
            left_out,
        } => with_offender(line, *offender)
            .text("reason", reason)
            .literal("left_out", left_out),
    }
}

fn with_offender(line: Object, offender: Offender) -> Object {
    let (socket, user) = match offender {
        Offender::Supervisor => ("worker", None),
        Offender::NoSupervisor(user) => ("worker", Some(user)),
        Offender::Administrator(user) | Offender::NoAdministrator(user) => ("admin", Some(user)),
    };
    let line = line.text("socket", socket);
    match user {
        Some(user) => line.literal("uid", user),
        None => line,
    }
}

fn attach(line: Object, attachment: &Attachment) -> Object {
    let line = with_correlation(line, &attachment.correlation).text("client", &attachment.name);
    with_claim(
        with_caller(line, Some(&attachment.caller)),
        attachment.claim.as_ref(),
    )
    .texts("principals", &attachment.principals)
    .text("speech", attachment.speech.word())
    .literal("left_out", attachment.left_out)
}

fn with_caller(line: Object, caller: Option<&Proven>) -> Object {
    match caller {
        Some(Proven::Peer { uid, gid, groups }) => line
            .text("proof", "unix")
            .literal("uid", uid)
            .literal("gid", gid)
            .literals("groups", groups),
        Some(Proven::Key { name, address }) => {
            line.text("key", name).text("address", &address.to_string())
        }
        None => line,
    }
}

fn with_claim(line: Object, claim: Option<&Claim>) -> Object {
    match claim {
        Some(claim) => line.object(
            "claim",
            Object::new()
                .text("name", &claim.name)
                .text("version", &claim.version),
        ),
        None => line,
    }
}

pub(super) fn word(word: &Word, key: &Key) -> Item {
    match word {
        Word::Plain(text) => Item::Text(text.clone()),
        Word::Secret(prefix, secret) if prefix.is_empty() => Item::Object(keyed(secret, key)),
        Word::Secret(prefix, secret) => {
            let (object, secret) = (Object::new().text("prefix", prefix), key.digest(secret));
            Item::Object(object.text("hmac_sha256", &secret))
        }
    }
}

/// What stands for a secret.
fn keyed(secret: &str, key: &Key) -> Object {
    Object::new().text("hmac_sha256", &key.digest(secret))
}

pub(super) fn with_call(line: Object, call: &Call, key: &Key) -> Object {
    let line = with_correlation(line, &call.correlation);
    let line = line.text("policy", &hexadecimal(&call.policy));
    let line = with_claim(with_caller(line, call.caller.as_ref()), call.claim.as_ref());
    let line = match &call.approval {
        Some(approval) => line.text("approval", approval),
        None => line,
    };
    let line = line.text("tool", &call.tool);
    let line = match call.background {
        true => line.literal("background", true),
        false => line,
    };
    let line = match call.queued {
        Some(queued) => line.literal("queued_us", queued.as_micros()),
        None => line,
    };
    let line = match call.confirmed {
        // That is the supervisor's word.
        true => line.text("confirmed", "client"),
        false => line,
    };
    match &call.arguments {
        Some(told) => line.object("arguments", with_arguments(told, key)),
        None => line,
    }
}

fn with_correlation(line: Object, correlation: &Correlation) -> Object {
    let line = line.text("request", &correlation.request);
    match &correlation.trace {
        Some(trace) => line.text("traceparent", trace),
        None => line,
    }
}

fn with_arguments(told: &[Told], key: &Key) -> Object {
    let told = told.iter();
    told.fold(Object::new(), |object, one| argument(object, one, key))
}

fn argument(object: Object, told: &Told, key: &Key) -> Object {
    match told {
        Told::Given(Argument {
            name,
            value: Given::One(value),
        }) => object.literal(name, json(value)),
        Told::Given(Argument {
            name,
            value: Given::Many(values),
        }) => {
            let values: Vec<String> = values.iter().map(json).collect();
            object.literals(name, &values)
        }
        Told::Digest {
            name,
            sha256,
            bytes,
        } => object.object(name, digest(sha256, *bytes)),
        Told::Secret(Argument {
            name,
            value: Given::One(Value::Text(text)),
        }) => object.object(name, keyed(text, key)),
        // Not what the policy takes; it may be meant to be secret all the same.
        Told::Secret(Argument { name, value }) => {
            object.object(name, keyed(&format!("{value:?}"), key))
        }
    }
}

fn json(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Number(value) if value.is_finite() => value.to_string(),
        Value::Number(_) => "null".to_owned(),
        Value::Text(text) => quoted(text),
    }
}

pub(super) fn input(stdin: &Input, key: &Key) -> Object {
    match stdin {
        Input::File(path) => Object::new().text("file", path),
        Input::Text { sha256, bytes } => digest(sha256, *bytes),
        Input::Secret(text) => keyed(text, key),
    }
}

/// What a run printed, by the word of the supervisor.
fn output(line: Object, output: &wire::Output) -> Object {
    let told = |one: &wire::StreamDigest| {
        Object::new()
            .text("blake3", &hexadecimal(&one.blake3))
            .literal("bytes", one.bytes)
    };
    line.text("by", decider(Decider::Supervisor))
        .object("stdout", told(&output.stdout))
        .object("stderr", told(&output.stderr))
}

/// What a run printed, by the worker's own word.
fn recording(line: Object, recorded: &Recorded) -> Object {
    let told = |one: &RecordedStream| digest(&one.sha256, one.bytes);
    line.text("by", decider(Decider::Worker))
        .object("stdout", told(&recorded.stdout))
        .object("stderr", told(&recorded.stderr))
}

fn digest(sha256: &[u8; 32], bytes: u64) -> Object {
    Object::new()
        .text("sha256", &hexadecimal(sha256))
        .literal("bytes", bytes)
}

pub(super) fn with_failure(line: Object, failure: &wire::Failure) -> Object {
    line.text("code", &failure.code)
        .text("reason", &failure.reason)
}

fn decider(by: Decider) -> &'static str {
    match by {
        Decider::Supervisor => "supervisor",
        Decider::Worker => "worker",
    }
}

/// How a run ended.
pub(super) fn end(line: Object, ending: &Ending) -> Object {
    match ending {
        Ending::Finished(outcome) => line.object("outcome", self::outcome(outcome)),
        Ending::Failed(failure) => with_failure(line, failure),
    }
}

fn outcome(outcome: &Outcome) -> Object {
    let (exit_code, signal) = match outcome.status {
        Status::Exited(code) => (Some(code), None),
        Status::Signaled(signal) => (None, Some(signal)),
    };
    let blocked = outcome.blocked.iter().map(|one| one.word().to_owned());
    let floor = outcome
        .held_by_rlimits
        .iter()
        .map(|one| one.word().to_owned());
    Object::new()
        .number("exit_code", exit_code)
        .number("signal", signal)
        .literal("timed_out", outcome.timed_out)
        .literal("cancelled", outcome.cancelled)
        .literal("cpu_us", outcome.cpu_us)
        .literal("memory_peak", outcome.memory_peak)
        .literal("wall_us", outcome.wall_us)
        .texts("blocked", &blocked.collect::<Vec<_>>())
        .texts("held_by_rlimits", &floor.collect::<Vec<_>>())
        .texts("denied", &outcome.denied)
}
