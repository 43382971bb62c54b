//! The fields of each kind of line; documented in docs/audit.md.

use super::json::{Object, quoted};
use super::log::hexadecimal;
use super::{Call, Decider, Ending, Entry, Input, RunUser, Told};
use wire::{Argument, Given, Outcome, Status, Value};

/// The line for `entry`, after sequence and time; `run` names the run that it
/// starts or ends.
pub(crate) fn entry(line: Object, entry: &Entry, run: Option<&str>) -> Object {
    match entry {
        Entry::Start {
            call,
            principal,
            rule,
            argv,
            directory,
            stdin,
            user,
            bounds: _,
        } => {
            let line = with_call(
                line.text("event", "start")
                    .text("run", run.unwrap_or_default()),
                call,
            );
            let line = line
                .text("principal", principal)
                .text("decision", "allow")
                .text("rule", rule)
                .texts("argv", argv);
            let line = match directory {
                Some(directory) => line.text("directory", directory),
                None => line,
            };
            let line = match user {
                RunUser::Given(user) => line.literal("dynamic_user", user),
                RunUser::Known | RunUser::Fresh => line,
            };
            match stdin {
                Some(stdin) => line.object("stdin", input(stdin)),
                None => line,
            }
        }
        Entry::End(ending) => end(
            line.text("event", "end")
                .text("run", run.unwrap_or_default()),
            ending,
        ),
        Entry::Deny {
            call,
            principals,
            by,
            denial,
        } => with_call(line.text("event", "deny"), call)
            .texts("principals", principals)
            .text("decision", "deny")
            .text("by", decider(*by))
            .text("code", &denial.code)
            .text("rule", &denial.rule)
            .text("reason", &denial.reason),
        Entry::Refuse { call, failure } => {
            with_failure(with_call(line.text("event", "refuse"), call), failure)
        }
    }
}

fn with_call(line: Object, call: &Call) -> Object {
    let line = line.text("request", &call.request);
    let line = match call.caller {
        Some((uid, gid)) => line
            .literal("uid", uid)
            .literal("gid", gid)
            .literals("groups", &call.groups),
        None => line,
    };
    let line = match &call.claim {
        Some(claim) => line.object(
            "claim",
            Object::new()
                .text("name", &claim.name)
                .text("version", &claim.version),
        ),
        None => line,
    };
    let line = line.text("tool", &call.tool);
    match &call.arguments {
        Some(told) => line.object("arguments", told.iter().fold(Object::new(), argument)),
        None => line,
    }
}

fn argument(object: Object, told: &Told) -> Object {
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

fn input(stdin: &Input) -> Object {
    match stdin {
        Input::File(path) => Object::new().text("file", path),
        Input::Text { sha256, bytes } => digest(sha256, *bytes),
    }
}

fn digest(sha256: &[u8; 32], bytes: u64) -> Object {
    Object::new()
        .text("sha256", &hexadecimal(sha256))
        .literal("bytes", bytes)
}

fn with_failure(line: Object, failure: &wire::Failure) -> Object {
    line.text("code", &failure.code)
        .text("reason", &failure.reason)
}

fn decider(by: Decider) -> &'static str {
    match by {
        Decider::Supervisor => "supervisor",
        Decider::Worker => "worker",
    }
}

fn end(line: Object, ending: &Ending) -> Object {
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
}
