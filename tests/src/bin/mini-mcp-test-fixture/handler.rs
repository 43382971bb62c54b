//! The handler: what it says stands in tests/conformance/fixture.json, so that here is
//! only what it does.

use crate::input::{Asked, Round};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities,
    CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock, ErrorData,
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
    ServerCapabilities, ServerConfig, ServerNotification, ServerRequest, SubscriptionFilter, Tool,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::sync::broadcast;

/// What is said.
pub(crate) static SAID: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../conformance/fixture.json");
    serde_json::from_str(text).expect("the file is JSON")
});

/// Pauses in which a client can see what comes before the result.
const PAUSE: Duration = Duration::from_millis(50);

/// What has changed, for those who listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Tools,
    Prompts,
}

/// Tells of changes.
#[derive(Debug, Clone)]
pub(crate) struct Changes(broadcast::Sender<Change>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(16))
    }
}

/// The handler.
pub(crate) struct Fixture {
    changes: Changes,
}

type Context = RequestContext<RoleServer>;

impl Fixture {
    pub(crate) fn new(changes: Changes) -> Self {
        Self { changes }
    }

    /// A tool that does something.
    async fn act(&self, name: &str, arguments: &Value, context: &Context) -> Acted {
        match name {
            "test_tool_with_logging" => log(context).await,
            "test_tool_with_progress" => progress(context).await,
            "test_missing_capability" => needs_sampling(context),
            "test_trigger_tool_change" => self.tell(Change::Tools),
            "test_trigger_prompt_change" => self.tell(Change::Prompts),
            _ => ask(name, arguments, context).await,
        }
    }

    fn tell(&self, change: Change) -> Acted {
        // Nobody needs to listen.
        drop(self.changes.0.send(change));
        Ok(text("told"))
    }
}

type Acted = Result<CallToolResult, ErrorData>;

fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text.into())])
}

/// A result of the file.
fn result<T: DeserializeOwned>(said: &Value) -> Result<T, ErrorData> {
    let mut said = said.clone();
    said["resultType"] = json!("complete");
    read(said)
}

/// A value of the file as a type of the protocol.
fn read<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn listed<T: DeserializeOwned>(name: &str) -> Result<Vec<T>, ErrorData> {
    read(SAID[name].clone())
}

async fn log(context: &Context) -> Acted {
    for said in ["started", "processing data", "completed"] {
        let message = json!({
            "method": "notifications/message",
            "params": {"level": "info", "data": format!("Tool {said}")},
        });
        let message: ServerNotification = read(message)?;
        drop(context.peer.send_notification(message).await);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(text("logged"))
}

async fn progress(context: &Context) -> Acted {
    for done in [0.0, 50.0, 100.0] {
        if let Some(token) = context.meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, done).with_total(100.0);
            drop(context.peer.notify_progress(progress).await);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(text("done"))
}

fn needs_sampling(context: &Context) -> Acted {
    let declared = context.client_capabilities();
    if declared.is_some_and(|declared| json!(declared).get("sampling").is_some()) {
        return Ok(text("it samples"));
    }
    let needed: ClientCapabilities = read(json!({"sampling": {}}))?;
    Err(ErrorData::missing_required_client_capability(needed))
}

/// Asks the client a question of the file, of the handshake era, and tells what it says.
async fn ask(name: &str, arguments: &Value, context: &Context) -> Acted {
    let mut question = match SAID["questions"].get(name) {
        Some(question) => question.clone(),
        None => return Err(ErrorData::invalid_params("Unknown tool", None)),
    };
    if let Some(message) = arguments["message"].as_str() {
        question["params"]["message"] = json!(message);
    }
    if let Some(prompt) = arguments["prompt"].as_str() {
        question["params"]["messages"][0]["content"]["text"] = json!(prompt);
    }
    let question: ServerRequest = read(question)?;
    Ok(match context.peer.send_request(question).await {
        Ok(answer) => text(format!("The client says: {}", json!(answer))),
        Err(error) => CallToolResult::error(vec![ContentBlock::text(error.to_string())]),
    })
}

/// `text` with the arguments in the place of their names in braces.
fn filled(said: &Value, arguments: &Value) -> Result<Value, ErrorData> {
    let mut text = said.to_string();
    for (name, value) in arguments.as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        text = text.replace(&format!("{{{name}}}"), value);
    }
    serde_json::from_str(&text).map_err(|_| ErrorData::invalid_params("Invalid arguments", None))
}

#[expect(deprecated, reason = "the scenarios of former revisions use them")]
impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let capabilities = json!({
            "tools": {"listChanged": true}, "prompts": {"listChanged": true},
            "resources": {"subscribe": true}, "completions": {}, "logging": {},
        });
        let capabilities: ServerCapabilities = read(capabilities).expect("they are some");
        ServerConfig::new(capabilities).with_server_info(Implementation::new("fixture", "1"))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(listed("tools")?))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let tools: Vec<Tool> = listed("tools").ok()?;
        tools.into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.as_ref();
        if let Some(asked) = Asked::by(name) {
            let given = (request.input_responses, request.request_state);
            return Ok(match asked.next(given, &context)? {
                Round::Ask(question) => question.into(),
                Round::Done(answers) => text(format!("state-ok {answers}")).into(),
            });
        }
        if let Some(result) = SAID["results"].get(name) {
            return Ok(self::result::<CallToolResult>(result)?.into());
        }
        let arguments = json!(request.arguments);
        Ok(self.act(name, &arguments, &context).await?.into())
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(listed("prompts")?))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        if let Some(asked) = Asked::by(&request.name) {
            let given = (request.input_responses, request.request_state);
            if let Round::Ask(question) = asked.next(given, &context)? {
                return Ok(question.into());
            }
        }
        let Some(said) = SAID["prompt_results"].get(&request.name) else {
            return Err(ErrorData::invalid_params("Unknown prompt", None));
        };
        let said = filled(said, &json!(request.arguments))?;
        Ok(result::<GetPromptResult>(&said)?.into())
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(listed("resources")?))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let templates = listed("templates")?;
        Ok(ListResourceTemplatesResult::with_all_items(templates))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri;
        let id = uri.strip_prefix("test://template/");
        let mut content = match id.and_then(|rest| rest.strip_suffix("/data")) {
            Some(id) => {
                let data = format!("Data for ID: {id}");
                let text = json!({"id": id, "templateTest": true, "data": data}).to_string();
                json!({"text": text, "mimeType": "application/json"})
            }
            None => SAID["resource_results"][&uri].clone(),
        };
        if content.is_null() {
            let unknown = json!({ "uri": uri });
            return Err(ErrorData::resource_not_found(
                "Unknown resource",
                Some(unknown),
            ));
        }
        content["uri"] = json!(uri);
        let said = json!({"contents": [content]});
        Ok(result::<ReadResourceResult>(&said)?.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let words = ["paris", "park", "party"].map(str::to_owned).into_iter();
        let begin = request.argument.value;
        let values = words.filter(|word| word.starts_with(&begin)).collect();
        let values = CompletionInfo::new(values);
        Ok(CompleteResult::new(
            values.map_err(|error| ErrorData::internal_error(error, None))?,
        ))
    }

    async fn set_level(
        &self,
        _request: rmcp::model::SetLevelRequestParams,
        _context: Context,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn subscribe(
        &self,
        _request: rmcp::model::SubscribeRequestParams,
        _context: Context,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _request: rmcp::model::UnsubscribeRequestParams,
        _context: Context,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        _requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let every = SubscriptionFilter::builder();
        Some(every.tools_list_changed().prompts_list_changed().build())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.0.subscribe();
        loop {
            let change = tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                change = changes.recv() => change,
            };
            let sink = subscription.sink();
            drop(match change {
                Ok(Change::Tools) => sink.notify_tool_list_changed().await,
                Ok(Change::Prompts) => sink.notify_prompt_list_changed().await,
                Err(_) => return Ok(()),
            });
        }
    }
}
