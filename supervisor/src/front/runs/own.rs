//! The tools of the server's own, as clients see them: they start, read and end runs.
//! They are there for whoever may call a tool that runs in the background.

use crate::front::Front;
use crate::front::schema::{Catalogue, object};
use policy::{Background, Caller, Policy};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value as Json, json};

/// Starts a run.
pub(super) const START: &str = "run_start";
/// Reads what a run printed.
pub(super) const OUTPUT: &str = "run_output";
/// Ends a run.
pub(super) const CANCEL: &str = "run_cancel";

/// Seconds that a reader may wait: less than the patience of common clients.
pub(super) const WAIT_MAX: u64 = 50;

/// The names of the tools of `policy` that `caller` may start in the background.
pub(super) fn startable(policy: &Policy, caller: &Caller, connected: bool) -> Vec<String> {
    let tools = policy.tools_for(caller);
    let startable = tools.iter().filter(|tool| match tool.background() {
        Background::Never => false,
        Background::Connected => connected,
        Background::Outliving => true,
    });
    startable.map(|tool| tool.name().to_owned()).collect()
}

/// `tools`, and those of our own if `caller` has a use for them, sorted by name.
pub(in crate::front) fn with_own(
    mut tools: Vec<Tool>,
    policy: &Policy,
    caller: &Caller,
    connected: bool,
) -> Vec<Tool> {
    let names = startable(policy, caller, connected);
    if !names.is_empty() {
        tools.extend([start(&names), output(), cancel()]);
        tools.sort_by(|one, other| one.name.cmp(&other.name));
    }
    tools
}

impl Front {
    /// The tools that `caller` is shown under `policy`, sorted by name.
    pub(crate) fn tools_shown(policy: &Policy, caller: &Caller) -> Vec<Tool> {
        let tools = Catalogue::new(policy).for_caller(policy, caller);
        with_own(tools, policy, caller, true)
    }
}

fn start(names: &[String]) -> Tool {
    let about = "Starts a tool in the background and answers at once with a `run_id`, while the \
                 command goes on to its own time limit. For commands that take long, or that run \
                 beside other work. Read its output with run_output, end it with run_cancel.";
    let input = json!({
        "type": "object",
        "properties": {
            "tool": {"type": "string", "enum": names, "description": "which tool"},
            "arguments": {"type": "object", "description": "its arguments, as the tool itself takes them"},
        },
        "required": ["tool"],
        "additionalProperties": false,
    });
    tool(START, "Start in the background", about, input)
        .with_annotations(ToolAnnotations::new().read_only(false).open_world(false))
}

fn output() -> Tool {
    let about = "What a run has printed since `cursor`, and whether it still runs. With `wait` it \
                 waits for more output or the end. Give the `cursor` of the answer the next time, \
                 until `more` is false and `state` is `ended`. Reads any run of yours by its \
                 `run_id`, the whole output of an ordinary call too; without `run` it lists your runs.";
    let input = json!({
        "type": "object",
        "properties": {
            "run": {"type": "string", "maxLength": 64, "description": "`run_id` of a run of yours"},
            "cursor": {
                "type": "string",
                "pattern": r"^[0-9]{1,19}\.[0-9]{1,19}$",
                "description": "from the last answer; without it from the beginning on",
            },
            "wait": {
                "type": "integer",
                "minimum": 0,
                "maximum": WAIT_MAX,
                "default": 0,
                "description": "seconds to wait when there is nothing new",
            },
        },
        "additionalProperties": false,
    });
    tool(OUTPUT, "Output of a run", about, input)
        .with_annotations(ToolAnnotations::new().read_only(true).open_world(false))
}

fn cancel() -> Tool {
    let about = "Ends a run of yours: kills its command and all its processes.";
    let input = json!({
        "type": "object",
        "properties": {
            "run": {"type": "string", "maxLength": 64, "description": "`run_id` of a run of yours"},
        },
        "required": ["run"],
        "additionalProperties": false,
    });
    let hints = ToolAnnotations::new().read_only(false).destructive(true);
    tool(CANCEL, "End a run", about, input)
        .with_annotations(hints.idempotent(true).open_world(false))
}

fn tool(name: &'static str, title: &str, about: &'static str, input: Json) -> Tool {
    Tool::new(name, about, object(input))
        .with_title(title)
        .with_raw_output_schema(output_schema().into())
}

/// The shape of what all three answer.
fn output_schema() -> JsonObject {
    let refusal = |fields: Json| json!({"type": "object", "properties": fields});
    object(json!({
        "type": "object",
        "properties": {
            "run_id": {"type": "string"},
            "tool": {"type": "string"},
            "background": {"type": "boolean"},
            "state": {"enum": ["running", "ended"]},
            "started": {"type": "string", "description": "RFC 3339"},
            "ends_within_s": {"type": "number", "description": "from its start until its time is up"},
            "cursor": {"type": "string", "description": "where the next run_output goes on"},
            "more": {"type": "boolean", "description": "there is more output already"},
            "stdout": {"type": "string"},
            "stderr": {"type": "string"},
            "stdout_bytes": {"type": "integer", "description": "how many bytes the command wrote so far"},
            "stderr_bytes": {"type": "integer", "description": "how many bytes the command wrote so far"},
            "stdout_kept": {"type": "integer", "description": "how many of them can be read"},
            "stderr_kept": {"type": "integer", "description": "how many of them can be read"},
            "exit_code": {"type": ["integer", "null"]},
            "signal": {"type": ["string", "null"]},
            "timed_out": {"type": "boolean"},
            "cancelled": {"type": "boolean"},
            "wall_ms": {"type": "number"},
            "cpu_ms": {"type": "number"},
            "memory_peak_bytes": {"type": "integer"},
            "blocked": {"type": "array", "items": {"type": "string"}},
            "held_by_rlimits": {"type": "array", "items": {"type": "string"}},
            "denied_by_sandbox": {"type": "array"},
            "runs": {"type": "array", "items": {"type": "object"}, "description": "your runs, the newest first"},
            "denied": refusal(json!({"code": {"type": "string"}, "rule": {"type": "string"}, "reason": {"type": "string"}})),
            "failed": refusal(json!({"code": {"type": "string"}, "reason": {"type": "string"}})),
        },
        "additionalProperties": false,
    }))
}
