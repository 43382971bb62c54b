//! The tasks extension, `io.modelcontextprotocol/tasks` (SEP-2663): a client that
//! declares it gets a task for a call that takes long, and asks for its state.
//!
//! A task is a run in the background under another name.

use super::background::{Answer, kept_answer};
use super::own::startable;
use super::tools::{ended, how};
use crate::front::Client;
use crate::front::carry::{Asked, How, cancelled};
use crate::front::confirm::Returned;
use crate::front::handler::Handler;
use crate::front::result::answer;
use crate::front::schema::object;
use crate::http::Visitor;
use crate::runs::{Run, Stream};
use crate::sanitize::harmless_word;
use humantime::format_rfc3339_millis;
use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CreateTaskResult, DetailedTask, ErrorData,
    GetTaskResult, Task, TaskPayload, TaskStatus,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use wire::Correlation;

/// How long a call is waited for before it becomes a task.
const GRACE: Duration = Duration::from_secs(1);

/// How often a client should ask, in milliseconds.
const POLL_MS: u64 = 1000;

impl Handler {
    /// Whether a call of `tool` may become a task.
    pub(in crate::front) async fn is_task(
        &self,
        tool: &str,
        client: &Client,
        context: &RequestContext<RoleServer>,
    ) -> bool {
        let declared = context.client_capabilities();
        if !declared.is_some_and(|capabilities| capabilities.supports_tasks()) {
            return false;
        }
        let policy = &self.generation().policy;
        let caller = client.caller(policy, context).await;
        let startable = startable(policy, &caller, self.stays_connected());
        startable.iter().any(|name| name == tool)
    }

    /// Carries out a call that becomes a task if it takes long.
    pub(in crate::front) async fn call_task(
        &self,
        name: Correlation,
        mut request: CallToolRequestParams,
        visitor: &Visitor<Client>,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = request.name.to_string();
        let asked = Asked {
            tool: tool.clone(),
            returned: Returned::of(&mut request),
            arguments: request.arguments.unwrap_or_default(),
            how: How::Background,
        };
        let ending = match self.ending(&name, asked, visitor, context).await {
            Ok(ending) => ending,
            Err(asks) => return Ok(asks.into()),
        };
        let run = match ending.started() {
            Ok(run) => run,
            Err(ending) => return answer(&tool, ending).map(CallToolResponse::from),
        };
        tokio::select! {
            _ = timeout(GRACE, ended(&run)) => {}
            () = context.ct.cancelled() => run.cancel.cancel(),
            () = visitor.gone.cancelled() => run.cancel.cancel(),
        }
        if run.cancel.is_cancelled() {
            return answer(&tool, cancelled()).map(CallToolResponse::from);
        }
        let payload = self.payload(&run).await;
        if let TaskPayload::Completed { result } = payload {
            let result = serde_json::from_value(Value::Object(result));
            let lost = |_| ErrorData::internal_error("cannot read kept result", None);
            return Ok(CallToolResponse::Complete(result.map_err(lost)?));
        }
        let DetailedTask { task, .. } = DetailedTask::new(self.task(&run), payload);
        Ok(CallToolResponse::Task(CreateTaskResult::new(task)))
    }

    /// The state of the task `id` of `client`, with its result if it has one.
    pub(in crate::front) async fn task_state(
        &self,
        client: &Client,
        id: &str,
    ) -> Result<GetTaskResult, ErrorData> {
        let run = self.task_run(client, id)?;
        let payload = self.payload(&run).await;
        Ok(GetTaskResult::new(DetailedTask::new(
            self.task(&run),
            payload,
        )))
    }

    /// Has the task `id` of `client` end; its state tells when it has.
    pub(in crate::front) fn end_task(&self, client: &Client, id: &str) -> Result<(), ErrorData> {
        self.task_run(client, id)?.cancel.cancel();
        Ok(())
    }

    /// The run of the task `id` of `client`.
    pub(in crate::front) fn task_run(
        &self,
        client: &Client,
        id: &str,
    ) -> Result<Arc<Run>, ErrorData> {
        let found = self.runs().find(client.owner(), id);
        let found = found.filter(|run| run.label.background);
        found.ok_or_else(|| {
            let id = json!({ "taskId": harmless_word(id, 64) });
            ErrorData::invalid_params("Unknown task", Some(id))
        })
    }

    fn task(&self, run: &Run) -> Task {
        let (started, updated) = (run.started, run.updated());
        let keeps = run.label.ends_within + self.runs().expiry();
        let printed: u64 = Stream::ALL
            .into_iter()
            .map(|stream| run.stream(stream).extent().seen)
            .sum();
        Task::new(
            run.label.id.clone(),
            TaskStatus::Working,
            format_rfc3339_millis(started).to_string(),
            format_rfc3339_millis(updated).to_string(),
        )
        .with_status_message(format!(
            "{}: {}, {printed} bytes of output",
            run.label.tool,
            how(run)
        ))
        .with_ttl_ms(u64::try_from(keeps.as_millis()).unwrap_or(u64::MAX))
        .with_poll_interval_ms(POLL_MS)
    }

    async fn payload(&self, run: &Run) -> TaskPayload {
        let Some(end) = run.end() else {
            return TaskPayload::Working;
        };
        if end.get("cancelled") == Some(&Value::Bool(true)) {
            return TaskPayload::Cancelled;
        }
        match kept_answer(run).await {
            Some(Answer::Result(result)) => TaskPayload::Completed { result },
            Some(Answer::Error(error)) => TaskPayload::Failed { error },
            None => TaskPayload::Failed {
                error: object(json!({"code": -32603, "message": "the result is not kept"})),
            },
        }
    }
}
