//! Calls of the server's own tools.

use super::background::invalid;
use super::own::{CANCEL, OUTPUT, START, WAIT_MAX, startable};
use super::page::Part;
use super::uri::{self, Page};
use crate::front::Client;
use crate::front::carry::{Asked, How};
use crate::front::confirm::Returned;
use crate::front::handler::Handler;
use crate::front::live::Live;
use crate::front::result::{answer_own, result, status_of};
use crate::front::waiting::Standing;
use crate::http::Visitor;
use crate::runs::{Run, Stream};
use crate::sanitize::harmless_word;
use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject, Resource,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use wire::Correlation;

/// How much of each stream one answer holds, in bytes.
const EACH: u64 = 16 * 1024;

/// How long more output may come after the first, before it is answered.
const GATHER: Duration = Duration::from_millis(200);

/// How long the end of a run that was cancelled is waited for.
const END: Duration = Duration::from_secs(10);

impl Handler {
    /// Whether `tool` is one of our own, and there for whoever makes this request.
    pub(in crate::front) async fn is_own(
        &self,
        tool: &str,
        client: &Client,
        context: &RequestContext<RoleServer>,
    ) -> bool {
        if !policy::BUILT_IN.contains(&tool) {
            return false;
        }
        let policy = &self.generation().policy;
        let caller = client.caller(policy, context).await;
        !startable(policy, &caller, self.stays_connected()).is_empty()
    }

    /// Carries out a call of one of our own tools.
    pub(in crate::front) async fn call_own(
        &self,
        name: Correlation,
        mut request: CallToolRequestParams,
        visitor: &Visitor<Client>,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let returned = Returned::of(&mut request);
        let given = Given(request.arguments.unwrap_or_default());
        let owner = visitor.client.owner();
        if request.name == START {
            let started = self
                .run_start(name, given, returned, visitor, context)
                .await;
            return started.unwrap_or_else(|reason| invalid(&reason).into());
        }
        let done = match &*request.name {
            OUTPUT => self.run_output(owner, &given, visitor, context).await,
            CANCEL => self.run_cancel(owner, &given).await,
            _ => Err("no such tool".to_owned()),
        };
        done.unwrap_or_else(|reason| invalid(&reason)).into()
    }

    async fn run_start(
        &self,
        name: Correlation,
        mut given: Given,
        returned: Option<Returned>,
        visitor: &Visitor<Client>,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, String> {
        given.only(&["tool", "arguments"])?;
        let tool = given.text("tool")?.ok_or("`tool` is missing")?.to_owned();
        let arguments = match given.0.remove("arguments") {
            None | Some(Value::Null) => JsonObject::new(),
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return Err("`arguments` is an object".to_owned()),
        };
        let asked = Asked {
            tool,
            arguments,
            returned,
            how: How::Background,
        };
        let ending = match self.ending(&name, asked, visitor, context).await {
            Ok(ending) => ending,
            Err(asks) => return Ok(asks.into()),
        };
        let result = match ending.started() {
            Ok(run) => started(&run),
            Err(ending) => answer_own(ending),
        };
        Ok(result.into())
    }

    async fn run_output(
        &self,
        owner: &str,
        given: &Given,
        visitor: &Visitor<Client>,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, String> {
        given.only(&["run", "cursor", "wait"])?;
        let Some(id) = given.text("run")? else {
            return Ok(self.list(owner));
        };
        let run = self.run_of(owner, id)?;
        let cursor = given.text("cursor")?.map_or(Ok([0, 0]), cursor)?;
        let wait = given.whole("wait")?.unwrap_or(0);
        if wait > WAIT_MAX {
            return Err(format!("`wait` is at most {WAIT_MAX} seconds"));
        }
        // Nothing waits for an approval here.
        let (beat, standing) = (Live::default(), Standing::new(&visitor.client));
        tokio::select! {
            () = news(&run, cursor, Duration::from_secs(wait)) => {}
            () = context.ct.cancelled() => {}
            () = visitor.gone.cancelled() => {}
            never = beat.tell(context, &standing) => match never {},
        }
        output(&run, cursor).await
    }

    async fn run_cancel(&self, owner: &str, given: &Given) -> Result<CallToolResult, String> {
        given.only(&["run"])?;
        let run = self.run_of(owner, given.text("run")?.ok_or("`run` is missing")?)?;
        if !run.is_running() {
            let text = format!("[run {} had ended already: {}]", run.label.id, how(&run));
            return Ok(result(text, run.record(), false));
        }
        run.cancel.cancel();
        let ended = timeout(END, ended(&run)).await.is_ok();
        let what = if ended {
            how(&run)
        } else {
            "is being killed".to_owned()
        };
        let text = format!("[run {}: {what}]", run.label.id);
        Ok(result(text, run.record(), false))
    }

    fn list(&self, owner: &str) -> CallToolResult {
        let runs = self.runs().of(owner);
        let line = |run: &Arc<Run>| format!("{} {}: {}\n", run.label.id, run.label.tool, how(run));
        let text: String = runs.iter().map(line).collect();
        let text = if text.is_empty() {
            "[no runs]".to_owned()
        } else {
            text
        };
        let records: Vec<Value> = runs.iter().map(|run| run.record()).collect();
        result(text, json!({ "runs": records }), false)
    }

    fn run_of(&self, owner: &str, id: &str) -> Result<Arc<Run>, String> {
        let found = self.runs().find(owner, id);
        let word = harmless_word(id, 64);
        found.ok_or_else(|| {
            format!("there is no run `{word}` of yours, or none any more; run_output without `run` lists them")
        })
    }
}

/// What a caller is told of the run he has started.
fn started(run: &Run) -> CallToolResult {
    let label = &run.label;
    let seconds = label.ends_within.as_secs_f64();
    let text = format!(
        "[run {} has started: {}; it ends within {seconds} s. Read its output with run_output, end it with run_cancel]",
        label.id, label.tool
    );
    let structure = json!({
        "run_id": label.id,
        "tool": label.tool,
        "background": true,
        "state": "running",
        "ends_within_s": seconds,
        "cursor": "0.0",
    });
    let mut result = result(text, structure, false);
    let record = Resource::new(uri::record(&label.id), "run");
    let record = record.with_description("the record of the run");
    result.content.push(ContentBlock::resource_link(record));
    result
}

/// What there is from `cursor` on.
async fn output(run: &Run, cursor: [u64; 2]) -> Result<CallToolResult, String> {
    // Before the output is read: what comes in between is more.
    let running = run.is_running();
    let (mut text, mut structure) = (String::new(), run.record());
    let (mut next, mut more) = (cursor, false);
    for (stream, from) in Stream::ALL.into_iter().zip(&mut next) {
        let page = Page {
            from: *from,
            length: EACH,
            exact: false,
        };
        let part = Part::read(run, stream, page).await;
        let part = part.map_err(|_| "cannot read kept output".to_owned())?;
        let words = part.text();
        if stream == Stream::Stderr && !words.is_empty() {
            start_line(&mut text);
            text.push_str("[stderr]\n");
        }
        text.push_str(&words);
        *from = part.to.max(*from);
        more |= part.to < part.kept;
        if !running && part.to == part.kept && part.kept < part.seen {
            start_line(&mut text);
            let lost = part.seen - part.kept;
            text.push_str(&format!(
                "[{lost} bytes of {} were not kept]\n",
                stream.noun()
            ));
        }
        if let Value::Object(fields) = &mut structure {
            fields.insert(stream.word().to_owned(), json!(words));
        }
    }
    let [stdout, stderr] = next;
    let cursor = format!("{stdout}.{stderr}");
    start_line(&mut text);
    text.push_str(&match (more, running) {
        (true, _) => format!("[there is more: cursor {cursor}]"),
        (false, true) => format!("[{}; go on from cursor {cursor}]", how(run)),
        (false, false) => format!("[ended: {}]", how(run)),
    });
    if let Value::Object(fields) = &mut structure {
        fields.insert("cursor".to_owned(), json!(cursor));
        fields.insert("more".to_owned(), json!(more));
    }
    Ok(result(text, structure, false))
}

fn start_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// Waits until there is something after `cursor` or the run ends, at most `wait`.
async fn news(run: &Run, cursor: [u64; 2], wait: Duration) {
    let there_is = || {
        let mut streams = Stream::ALL.into_iter().zip(cursor);
        streams.any(|(stream, from)| run.stream(stream).extent().kept > from)
    };
    let deadline = Instant::now() + wait;
    let first = until(run, || there_is() || !run.is_running());
    if timeout_at(deadline, first).await.is_err() || !run.is_running() || wait.is_zero() {
        return;
    }
    // A line seldom comes alone.
    let gathered = deadline.min(Instant::now() + GATHER);
    let _ = timeout_at(gathered, ended(run)).await;
}

/// Waits for the end of `run`.
pub(super) async fn ended(run: &Run) {
    until(run, || !run.is_running()).await;
}

async fn until(run: &Run, reached: impl Fn() -> bool) {
    loop {
        let change = run.change();
        tokio::pin!(change);
        // Before looking, so that no change is missed.
        change.as_mut().enable();
        if reached() {
            return;
        }
        change.await;
    }
}

/// How it is with `run`, in words.
pub(super) fn how(run: &Run) -> String {
    match run.end() {
        None => format!("running for {} s", run.age().as_secs()),
        Some(end) => status_of(&end),
    }
}

fn cursor(text: &str) -> Result<[u64; 2], String> {
    let parts = text
        .split_once('.')
        .and_then(|(stdout, stderr)| Some([stdout.parse().ok()?, stderr.parse().ok()?]));
    parts.ok_or_else(|| "`cursor` is not from an answer of run_output".to_owned())
}

/// The arguments of a call of our own.
struct Given(JsonObject);

impl Given {
    fn only(&self, known: &[&str]) -> Result<(), String> {
        let unknown = self.0.keys().find(|name| !known.contains(&name.as_str()));
        unknown.map_or(Ok(()), |name| {
            let name = harmless_word(name, 64);
            Err(format!(
                "there is no argument `{name}`; it takes `{}`",
                known.join("`, `")
            ))
        })
    }

    fn text(&self, name: &str) -> Result<Option<&str>, String> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` is a string")),
        }
    }

    fn whole(&self, name: &str) -> Result<Option<u64>, String> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(given) => {
                let whole = given.as_u64().or_else(|| whole(given.as_f64()?));
                whole
                    .map(Some)
                    .ok_or_else(|| format!("`{name}` is a whole number"))
            }
        }
    }
}

/// JSON has no integers: 5.0 is one.
fn whole(float: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and in range"
    )]
    (float.fract() == 0.0 && (0.0..1e15).contains(&float)).then_some(float as u64)
}
