//! One frame as JSON, for programs.

use super::seen::Watching;
use crate::admin::status::hexadecimal;
use serde_json::{Value as Json, json};
use wire::{Shown, Who};

/// Everything that the worker tells, and what commands use.
pub(super) fn document(watching: &Watching) -> Json {
    let overview = &watching.overview;
    json!({
        "pid": overview.pid,
        "uptime_ms": overview.uptime_ms,
        "policy": hexadecimal(&overview.policy),
        "lanes": overview.lanes,
        "started": overview.started,
        "denied": overview.denied,
        "trouble": overview.trouble,
        "seconds": overview.seconds.iter().map(|one| json!([one.started, one.denied])).collect::<Vec<_>>(),
        "running": running(watching),
        "waiting": waiting(watching),
        "queued": queued(watching),
        "rates": overview.rates.shown.iter().map(|one| json!({
            "principal": one.principal,
            "tool": one.tool,
            "last_10s": one.last_10s,
            "last_60s": one.last_60s,
            "denied_60s": one.denied_60s,
        })).collect::<Vec<_>>(),
        "limits": overview.limits.shown.iter().map(|one| json!({
            "rule": one.rule,
            "of": one.whom,
            "used": one.used,
            "most": one.most,
            "window_ms": one.window_ms,
        })).collect::<Vec<_>>(),
        "denials": denials(watching),
        "left_out": {
            "running": overview.running.left_out,
            "waiting": overview.waiting.left_out,
            "queued": overview.queued.left_out,
            "rates": overview.rates.left_out,
            "limits": overview.limits.left_out,
            "denials": overview.denials.left_out,
        },
    })
}

fn running(watching: &Watching) -> Vec<Json> {
    let all = watching.overview.running.shown.iter();
    let one = all.map(|one| {
        let load = watching.load(&one.run);
        let more = json!({
            "run": one.run,
            "since_ms": one.since_ms,
            "cpu": load.map(|load| load.cpu),
            "memory": load.map(|load| load.memory),
        });
        call(&one.who, &one.tool, Some(&one.argv), &more)
    });
    one.collect()
}

fn waiting(watching: &Watching) -> Vec<Json> {
    let all = watching.overview.waiting.shown.iter();
    let one = all.map(|one| {
        let more = json!({"id": one.id, "waited_ms": one.waited_ms, "left_ms": one.left_ms});
        call(&one.who, &one.tool, Some(&one.argv), &more)
    });
    one.collect()
}

fn queued(watching: &Watching) -> Vec<Json> {
    let all = watching.overview.queued.shown.iter();
    let one = all.map(|one| {
        let more = json!({
            "waited_ms": one.waited_ms,
            "left_ms": one.left_ms,
            "ahead": one.ahead,
        });
        call(&one.who, &one.tool, Some(&one.argv), &more)
    });
    one.collect()
}

fn denials(watching: &Watching) -> Vec<Json> {
    let all = watching.overview.denials.shown.iter();
    let one = all.map(|one| {
        let more = json!({
            "ago_ms": one.ago_ms,
            "code": one.code,
            "rule": one.rule,
            "reason": one.reason,
        });
        call(&one.who, &one.tool, None, &more)
    });
    one.collect()
}

/// A call, with what else is told of it.
fn call(who: &Who, tool: &str, argv: Option<&[Shown]>, more: &Json) -> Json {
    let mut call = json!({
        "principal": who.principal,
        "uid": who.uid,
        "key": who.key,
        "tool": tool,
    });
    let argv = argv.map(
        |argv| json!({"argv": argv.iter().map(crate::admin::approvals::shown).collect::<Vec<_>>()}),
    );
    for fields in argv.iter().chain(std::iter::once(more)) {
        if let (Some(call), Some(fields)) = (call.as_object_mut(), fields.as_object()) {
            call.extend(fields.clone());
        }
    }
    call
}
