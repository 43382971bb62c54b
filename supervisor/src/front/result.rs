//! Endings of calls as the client reads them: text for the model, structure for
//! programs. The structure conforms to the output schema in every case.

use super::runs::uri;
use super::schema::object;
use crate::output::Captured;
use crate::runs::{Run, Stream, Telling};
use crate::sanitize::{harmless, harmless_word};
use nix::sys::signal::Signal;
use rmcp::model::{CallToolResult, ContentBlock, ErrorData, JsonObject, Resource};
use serde_json::{Value, json};
use std::sync::Arc;
use wire::{Denial, Failure, Outcome, Status};

/// Longest tool name that is repeated to the client, in bytes.
const NAME_MAX: usize = 128;

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The command ran.
    Finished {
        outcome: Outcome,
        stdout: Captured,
        stderr: Captured,
    },
    /// The command runs, and nobody waits for it.
    Started(Arc<Run>),
    /// The policy does not allow it.
    Denied(Denial),
    /// It is allowed but could not be carried out.
    Failed(Failure),
}

impl Ending {
    /// The run that goes on, or how there came to be none.
    #[expect(clippy::result_large_err, reason = "it is looked at once")]
    pub(super) fn started(self) -> Result<Arc<Run>, Self> {
        match self {
            Self::Started(run) => Ok(run),
            ended @ (Self::Finished { .. } | Self::Denied(_) | Self::Failed(_)) => Err(ended),
        }
    }
}

/// The answer to a call to `tool`: an unknown tool is an error of the protocol,
/// everything else a result that the model reads.
pub(crate) fn answer(tool: &str, ending: Ending) -> Result<CallToolResult, ErrorData> {
    match ending {
        Ending::Finished {
            outcome,
            stdout,
            stderr,
        } => Ok(finished(&outcome, stdout, stderr)),
        // Whoever starts a run says what is to be said of it.
        Ending::Started(run) => Ok(result(run.label.id.clone(), run.record(), false)),
        Ending::Denied(denial) if denial.code == "not_allowed" => Err(unknown_tool(tool, &denial)),
        Ending::Denied(denial) => Ok(denied(&denial)),
        Ending::Failed(failure) => Ok(failed(&failure)),
    }
}

/// The answer to a call of our own tools that came to nothing.
pub(super) fn answer_own(ending: Ending) -> CallToolResult {
    match ending {
        Ending::Denied(denial) => denied(&denial),
        Ending::Failed(failure) => failed(&failure),
        Ending::Finished {
            outcome,
            stdout,
            stderr,
        } => finished(&outcome, stdout, stderr),
        Ending::Started(run) => result(run.label.id.clone(), run.record(), false),
    }
}

fn finished(outcome: &Outcome, stdout: Captured, stderr: Captured) -> CallToolResult {
    let mut structure = fields(outcome);
    structure.insert("run_id".to_owned(), json!(outcome.run));
    let mut text = text(outcome, &stdout, &stderr);
    let mut links = Vec::new();
    for (stream, captured) in [(Stream::Stdout, stdout), (Stream::Stderr, stderr)] {
        let word = stream.word();
        structure.insert([word, "_truncated"].concat(), json!(captured.truncated));
        structure.insert([word, "_bytes"].concat(), json!(captured.bytes));
        if captured.truncated && captured.kept > 0 {
            let link = link(&outcome.run, stream, &captured);
            start_line(&mut text);
            let about = link.description.as_deref().unwrap_or_default();
            text.push_str(&format!("[{about}: resource {}]", link.uri));
            structure.insert([word, "_uri"].concat(), json!(link.uri));
            links.push(ContentBlock::resource_link(link));
        }
        structure.insert(word.to_owned(), captured.text.into());
    }
    let mut result = result(text, Value::Object(structure), !succeeded(outcome));
    result.content.extend(links);
    result
}

pub(super) fn succeeded(outcome: &Outcome) -> bool {
    outcome.status == Status::Exited(0) && !outcome.timed_out && !outcome.cancelled
}

/// How a run ended, for its record.
pub(super) fn telling(ending: &Ending) -> Telling {
    let told = match ending {
        Ending::Finished { outcome, .. } => {
            let outcome = outcome.clone();
            return Box::new(move || fields(&outcome));
        }
        Ending::Started(_) => JsonObject::new(),
        Ending::Denied(denial) => object(json!({ "denied": refusal(denial) })),
        Ending::Failed(failure) => object(json!({ "failed": trouble(failure) })),
    };
    Box::new(move || told.clone())
}

/// How a command ended, but for its name and its output.
pub(super) fn fields(outcome: &Outcome) -> JsonObject {
    let (exit_code, signal) = match outcome.status {
        Status::Exited(code) => (Some(code), None),
        Status::Signaled(number) => (None, Some(signal_name(number))),
    };
    object(json!({
        "exit_code": exit_code,
        "signal": signal,
        "timed_out": outcome.timed_out,
        "cancelled": outcome.cancelled,
        "wall_ms": milliseconds(outcome.wall_us),
        "cpu_ms": milliseconds(outcome.cpu_us),
        "memory_peak_bytes": outcome.memory_peak,
        "blocked": outcome.blocked.iter().map(|one| one.word()).collect::<Vec<_>>(),
        "held_by_rlimits": outcome.held_by_rlimits.iter().map(|one| one.word()).collect::<Vec<_>>(),
        "denied_by_sandbox": refused(outcome),
    }))
}

/// Where the whole of a stream can be read, of which the result has head and tail.
fn link(run: &str, stream: Stream, captured: &Captured) -> Resource {
    let (kept, bytes) = (captured.kept, captured.bytes);
    let part = match kept == bytes {
        true => format!("all {bytes} bytes"),
        false => format!("the first {kept} of {bytes} bytes"),
    };
    Resource::new(uri::stream(run, stream), stream.word())
        .with_description(format!("{part} of {}", stream.noun()))
        .with_size(kept)
}

/// Output first; then, each under a line of its own, standard error and how the
/// command ended, when that is not plain success.
fn text(outcome: &Outcome, stdout: &Captured, stderr: &Captured) -> String {
    let mut text = stdout.text.clone();
    if !stderr.text.is_empty() {
        start_line(&mut text);
        text.push_str("[stderr]\n");
        text.push_str(&stderr.text);
    }
    let status = status(outcome).or_else(|| text.is_empty().then(|| "no output".to_owned()));
    if let Some(status) = status {
        start_line(&mut text);
        text.push_str(&format!("[{status}]"));
    }
    for blocked in &outcome.blocked {
        start_line(&mut text);
        text.push_str(&format!("[blocked by the sandbox: {}]", blocked.sentence()));
    }
    for refused in refused(outcome) {
        start_line(&mut text);
        text.push_str(&format!("[blocked by the sandbox: {refused}]"));
    }
    text
}

/// Names in it were the command's choice.
fn refused(outcome: &Outcome) -> Vec<String> {
    let each = outcome.denied.iter();
    each.map(|one| harmless(one.as_bytes())).collect()
}

fn start_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// How the command ended, unless it succeeded.
fn status(outcome: &Outcome) -> Option<String> {
    if outcome.timed_out {
        let seconds = milliseconds(outcome.wall_us) / 1000.0;
        return Some(format!(
            "timed out after {seconds:.1} s: the command and all its processes were killed"
        ));
    }
    if outcome.cancelled {
        return Some("cancelled: the command and all its processes were killed".to_owned());
    }
    match outcome.status {
        Status::Exited(0) => None,
        Status::Exited(code) => Some(format!("exit code {code}")),
        Status::Signaled(number) => Some(format!("killed by {}", signal_name(number))),
    }
}

/// How a run ended whose fields are `end`, in words.
pub(super) fn status_of(end: &JsonObject) -> String {
    let is = |name: &str| end.get(name) == Some(&Value::Bool(true));
    let code = end.get("exit_code").and_then(Value::as_i64);
    let signal = end.get("signal").and_then(Value::as_str);
    match (code, signal) {
        _ if end.contains_key("failed") => "failed".to_owned(),
        _ if is("timed_out") => "timed out and was killed".to_owned(),
        _ if is("cancelled") => "cancelled and killed".to_owned(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn denied(denial: &Denial) -> CallToolResult {
    let reason = harmless(denial.reason.as_bytes());
    let rule = harmless(denial.rule.as_bytes());
    let text = format!("denied [{}] {rule}: {reason}", denial.code);
    result(text, json!({ "denied": refusal(denial) }), true)
}

fn refusal(denial: &Denial) -> Value {
    json!({
        "code": denial.code,
        "rule": harmless(denial.rule.as_bytes()),
        "reason": harmless(denial.reason.as_bytes()),
    })
}

fn failed(failure: &Failure) -> CallToolResult {
    let reason = harmless(failure.reason.as_bytes());
    let text = format!("failed [{}] {reason}", failure.code);
    result(text, json!({ "failed": trouble(failure) }), true)
}

fn trouble(failure: &Failure) -> Value {
    json!({"code": failure.code, "reason": harmless(failure.reason.as_bytes())})
}

/// A tool that does not exist and one that is not for this caller look alike.
fn unknown_tool(tool: &str, denial: &Denial) -> ErrorData {
    let data = refusal(denial);
    let name = harmless_word(tool, NAME_MAX);
    ErrorData::invalid_params(format!("Unknown tool: {name}"), Some(data))
}

pub(super) fn result(text: String, structure: Value, is_error: bool) -> CallToolResult {
    let content = vec![ContentBlock::text(text)];
    let mut result = if is_error {
        CallToolResult::error(content)
    } else {
        CallToolResult::success(content)
    };
    result.structured_content = Some(structure);
    result
}

fn signal_name(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("SIG{number}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Blocked;
    use wire::Floor;

    fn captured(text: &str) -> Captured {
        Captured {
            text: text.to_owned(),
            truncated: false,
            bytes: text.len() as u64,
            kept: 0,
        }
    }

    fn outcome(status: Status) -> Outcome {
        Outcome {
            run: "r1".to_owned(),
            status,
            timed_out: false,
            cancelled: false,
            cpu_us: 1500,
            memory_peak: 4096,
            wall_us: 2_500_000,
            blocked: Vec::new(),
            held_by_rlimits: vec![Floor::Memory],
            denied: Vec::new(),
        }
    }

    fn text_of(outcome: &Outcome, stdout: &str, stderr: &str) -> String {
        text(outcome, &captured(stdout), &captured(stderr))
    }

    #[test]
    fn success_is_the_output_and_nothing_else() {
        let success = outcome(Status::Exited(0));
        assert_eq!(text_of(&success, "hello\n", ""), "hello\n");
        assert_eq!(text_of(&success, "", ""), "[no output]");
        let result = finished(&success, captured("hello\n"), captured(""));
        assert_eq!(result.is_error, Some(false));
        let structure = result.structured_content.unwrap();
        assert_eq!(structure["exit_code"], 0);
        assert_eq!(structure["signal"], Value::Null);
        assert_eq!(structure["wall_ms"], 2500.0);
        assert_eq!(structure["cpu_ms"], 1.5);
    }

    #[test]
    fn failure_of_the_command_is_an_error_with_its_output() {
        let failure = outcome(Status::Exited(2));
        let text = text_of(&failure, "out", "bad\n");
        assert_eq!(text, "out\n[stderr]\nbad\n[exit code 2]");
        let result = finished(&failure, captured("out"), captured("bad\n"));
        assert_eq!(result.is_error, Some(true));
    }

    #[test]
    fn signals_have_names() {
        let killed = outcome(Status::Signaled(11));
        assert_eq!(text_of(&killed, "", ""), "[killed by SIGSEGV]");
        assert_eq!(signal_name(40), "SIG40");
    }

    #[test]
    fn what_the_sandbox_stopped_is_told_apart() {
        let mut killed = outcome(Status::Signaled(31));
        killed.blocked = vec![Blocked::SystemCall];
        killed.denied = vec!["openat of /a\u{1b}[2J for reading".to_owned()];
        let text = text_of(&killed, "out", "");
        assert!(
            text.starts_with("out\n[killed by SIGSYS]\n[blocked by the sandbox: a system call"),
            "{text}"
        );
        let result = finished(&killed, captured("out"), captured(""));
        let structure = result.structured_content.unwrap();
        assert_eq!(structure["blocked"], json!(["system_call"]));
        assert_eq!(structure["held_by_rlimits"], json!(["memory_max"]));
        let denied = structure["denied_by_sandbox"][0].as_str().unwrap();
        assert!(denied.starts_with("openat of /a") && !denied.contains('\u{1b}'));
        assert!(text.ends_with(&format!("[blocked by the sandbox: {denied}]")));
    }

    #[test]
    fn a_timeout_keeps_the_output_so_far() {
        let mut late = outcome(Status::Signaled(9));
        late.timed_out = true;
        let text = text_of(&late, "so far\n", "");
        assert!(
            text.starts_with("so far\n[timed out after 2.5 s: "),
            "{text}"
        );
    }

    #[test]
    fn denials_name_code_rule_and_reason() {
        let denial = Denial {
            code: "path_outside".to_owned(),
            rule: "tool.t.args.file".to_owned(),
            reason: "no\u{1b}[2J".to_owned(),
        };
        let result = answer("t", Ending::Denied(denial)).unwrap();
        assert_eq!(result.is_error, Some(true));
        let ContentBlock::Text(text) = &result.content[0] else {
            panic!("a denial is text");
        };
        assert_eq!(text.text, "denied [path_outside] tool.t.args.file: no␛[2J");
        let structure = result.structured_content.unwrap();
        assert_eq!(structure["denied"]["code"], "path_outside");
    }

    #[test]
    fn a_tool_that_is_not_for_the_caller_is_unknown() {
        let denial = Denial {
            code: "not_allowed".to_owned(),
            rule: "default".to_owned(),
            reason: "no".to_owned(),
        };
        let error = answer("x\u{7}", Ending::Denied(denial)).unwrap_err();
        assert_eq!(error.code.0, -32602);
        assert_eq!(error.message, "Unknown tool: x␇");
        assert_eq!(error.data.unwrap()["code"], "not_allowed");
    }
}
