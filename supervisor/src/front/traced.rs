//! What a trace and the metrics tell of a call: who, which tool, what was decided and
//! how it ended. Names and codes alone: no argument, output or key, and no sentence,
//! since sentences repeat what clients say.

use super::leave::Passed;
use super::result::{Ending, succeeded};
use super::{Client, Front};
use crate::sanitize::harmless_word;
use crate::telemetry::{Call, Made};
use opentelemetry::KeyValue;
use policy::{Caller, Policy};
use rmcp::RoleServer;
use rmcp::model::{CallToolResponse, ErrorData};
use rmcp::service::RequestContext;
use std::borrow::Cow;
use std::sync::Arc;
use wire::{Correlation, Denial, Failure, Outcome, Status};

/// Longest name of a request that is passed on, in bytes.
const ID_MAX: usize = 128;

/// Stands for tools that the policy does not have.
const OTHER: &str = "_OTHER";

impl Front {
    /// A call of `tool` that begins, if calls are traced.
    pub(super) fn traced(
        &self,
        name: &Correlation,
        tool: &str,
        client: &Client,
        context: &RequestContext<RoleServer>,
    ) -> Option<Arc<Call>> {
        let telemetry = self.telemetry()?;
        let generation = self.generation();
        let known = generation.policy().tool(tool).is_some() || policy::BUILT_IN.contains(&tool);
        Some(telemetry.call(&Made {
            tool: known.then_some(tool),
            trace: name.trace.as_deref(),
            request: &name.request,
            id: harmless_word(&context.id.to_string(), ID_MAX),
            caller: client.owner().to_string(),
            network: client.key.is_some(),
        }))
    }
}

/// What kind of error an answer is, by the conventions for MCP.
pub(super) fn error_of(answer: &Result<CallToolResponse, ErrorData>) -> Option<Cow<'static, str>> {
    match answer {
        Ok(CallToolResponse::Complete(result)) => {
            (result.is_error == Some(true)).then_some("tool_error".into())
        }
        Ok(_) => None,
        Err(error) => Some(error.code.0.to_string().into()),
    }
}

/// Tells what the supervisor decided.
pub(super) fn decided(policy: &Policy, caller: &Caller, passed: Result<&Passed, &Denial>) {
    let Some(call) = Call::current() else { return };
    let (decision, principal) = match passed {
        Ok(passed) => (passed.decision(), passed.principal().to_owned()),
        Err(_) => ("deny", policy.principals_of(caller).join(" ")),
    };
    call.tell([
        KeyValue::new("mini_mcp.decision", decision),
        KeyValue::new("mini_mcp.principal", principal),
    ]);
    call.decides(decision);
}

/// Tells how a call of `tool` ended, and counts it.
pub(super) fn ended(policy: &Policy, tool: &str, ending: &Ending) {
    let Some(call) = Call::current() else { return };
    let tool = policy.tool(tool).map_or(OTHER, |tool| tool.name());
    let tool = KeyValue::new("mini_mcp.tool", tool.to_owned());
    let decision = match ending {
        Ending::Denied(_) => "deny",
        Ending::Finished { .. } | Ending::Started(_) | Ending::Failed(_) => call.decision(),
    };
    let mut labels = vec![tool, KeyValue::new("mini_mcp.decision", decision)];
    labels.push(KeyValue::new("mini_mcp.outcome", outcome_of(ending)));
    labels.extend(code_of(ending));
    call.count(&labels);
    call.tell(labels);
    call.tell(run_of(ending));
}

fn outcome_of(ending: &Ending) -> &'static str {
    match ending {
        Ending::Finished { outcome, .. } => word(outcome),
        Ending::Started(_) => "started",
        Ending::Denied(_) => "denied",
        Ending::Failed(failure) if failure.code == "cancelled" => "cancelled",
        Ending::Failed(_) => "failed",
    }
}

/// How a command ended, in one word.
fn word(outcome: &Outcome) -> &'static str {
    match outcome.status {
        _ if outcome.timed_out => "timed_out",
        _ if outcome.cancelled => "cancelled",
        Status::Exited(0) => "succeeded",
        Status::Exited(_) => "nonzero",
        Status::Signaled(_) => "signaled",
    }
}

fn code_of(ending: &Ending) -> Option<KeyValue> {
    let code = match ending {
        Ending::Denied(denial) => &denial.code,
        Ending::Failed(failure) => &failure.code,
        Ending::Finished { .. } | Ending::Started(_) => return None,
    };
    Some(KeyValue::new("mini_mcp.code", code.clone()))
}

fn run_of(ending: &Ending) -> Vec<KeyValue> {
    match ending {
        Ending::Finished { outcome, .. } => run_attributes(outcome),
        Ending::Started(run) => vec![KeyValue::new("mini_mcp.run_id", run.label.id.clone())],
        Ending::Denied(_) | Ending::Failed(_) => Vec::new(),
    }
}

/// What is told of a command that has ended.
pub(super) fn run_attributes(outcome: &Outcome) -> Vec<KeyValue> {
    let mut all = vec![KeyValue::new("mini_mcp.run_id", outcome.run.clone())];
    if let Status::Exited(code) = outcome.status {
        all.push(KeyValue::new("process.exit.code", i64::from(code)));
    }
    all
}

/// What kind of error the end of a command is, if it is one.
pub(super) fn run_error(reply: &Result<Outcome, Failure>) -> Option<Cow<'static, str>> {
    match reply {
        Ok(outcome) => (!succeeded(outcome)).then(|| word(outcome).into()),
        Err(failure) => Some(failure.code.clone().into()),
    }
}
