//! What one client asks, and what it gets: the MCP methods.

use super::address::Address;
use super::attached::Attached;
use super::carry::{Asked, How};
use super::confirm::Returned;
use super::page::{Page, page};
use super::read::Reader;
use super::result::answer;
use super::traced::error_of;
use super::{Client, Front, Generation, announce, complete, correlation, prompt, published};
use super::{resource, runs};
use crate::http::{Visitor, visitor};
use crate::runs::Runs;
use crate::sanitize::{harmless, harmless_word};
use crate::summary::summary;
use crate::telemetry::observed;
use policy::Caller;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams,
    CompleteResult, CustomRequest, CustomResult, ErrorCode, ErrorData, Extensions,
    GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
    ResourceContents, ServerCapabilities, ServerConfig, SubscriptionFilter, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::json;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::OnceCell;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

/// How long a client may keep the list of its tools, in milliseconds.
const LIST_TTL_MS: u64 = 60_000;

/// The method by which `mini-mcp reload` asks for a new policy.
pub(crate) const RELOAD: &str = "mini-mcp/reload";

/// Methods that take parameters, without which they arrive as unknown ones.
const PARAMETERS: [&str; 4] = [
    "tools/call",
    "resources/read",
    "prompts/get",
    "completion/complete",
];

/// What a model should know before its first call.
const INSTRUCTIONS: &str = "\
Each tool runs one command on this server that its administrator allows you. There is no shell: \
an argument is passed to the command exactly as given, as one word. Commands run confined, with \
bounded time, memory and output; of long output you get the head and the tail, and a line between \
them says how much is left out. The whole of it is the resource that the result links, to be read in \
pages: `?from=BYTE` begins elsewhere, and `next` in the `_meta` of a page is the address of the next.
Where there is a tool `run_start`, it starts the tools that it names in the background, for what takes \
long or runs beside other work: it answers at once with a `run_id`. `run_output` with that `run`, the \
last `cursor` and a `wait` of up to 50 seconds gives what is new; go on until `state` is `ended` and \
`more` is false. It pages through the output of any run of yours, and without `run` it lists them. \
`run_cancel` ends one; each ends at its time limit.
Before you plan, read the resource mini-mcp://policy: it lists every tool, resource and prompt \
that you have, with limits; whatever is not there is denied. \
Files that are published are resources, mini-mcp://resource/NAME; beneath a directory add the \
path, and end it with `/` to list. A file that is larger than one read ends with words that name \
the address of its next page. What does not exist and what you may not read look alike. \
Prompts are runbooks: where one fits the task, follow it.
A result `denied [code] rule: reason` is the decision of the server's policy. Repeating the call \
does not change it: choose other arguments or another tool, or tell the user which rule refused. \
`rate_limited`, `quota_exceeded`, `too_many_running`, `queue_full` and `queue_timeout` pass: the \
reason says when to try again. \
A tool whose description says that an administrator must approve each call waits for him, \
minutes perhaps; the answer `approval_expired` means that nobody was there. \
One whose description says that the user must confirm each call has this client ask him first: \
`declined` is his answer, `not_confirmed` means that he has given none; tell him, do not repeat. \
A result `failed [code] reason` means that an allowed call could not be carried out. \
`[exit code N]` comes from the command itself. `[blocked by the sandbox: …]` tells what its \
confinement stopped; files and system calls that are refused with an error show only in its own \
words, such as `Permission denied` or `Operation not permitted`.";

/// The MCP server that a client talks to.
pub(crate) struct Handler {
    pub(super) front: Arc<Front>,
    pub(super) whose: Whose,
    /// The client's coming, once it is recorded.
    pub(super) attached: OnceCell<Option<Attached>>,
    /// Which of all connections is his.
    number: u64,
    /// Told when the client of a connection has finished sending.
    pub(super) silent: CancellationToken,
    /// Told when the handler ends, and so its session.
    ended: CancellationToken,
    _end: DropGuard,
}

/// Whose requests a handler gets.
#[derive(Debug)]
pub(crate) enum Whose {
    /// Those of this client, on its own connection.
    One(Arc<Client>),
    /// Those of whoever comes with each of them: a session of HTTP outlives its
    /// connections.
    Each,
}

impl Handler {
    /// Serves from `front` the clients that `whose` tells.
    /// `silent` is told when such a client as [`Whose::One`] has finished sending.
    pub(crate) fn new(front: Arc<Front>, whose: Whose, silent: CancellationToken) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let ended = CancellationToken::new();
        Self {
            front,
            whose,
            attached: OnceCell::new(),
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            silent,
            _end: ended.clone().drop_guard(),
            ended,
        }
    }

    /// The runs that are known.
    pub(super) fn runs(&self) -> &Arc<Runs> {
        self.front.runs()
    }

    /// Who made the request that came with these `extensions`.
    pub(super) fn visitor(&self, extensions: &Extensions) -> Result<Visitor<Client>, ErrorData> {
        match &self.whose {
            Whose::One(client) => Ok(Visitor {
                client: Arc::clone(client),
                // Whoever serves the connection watches it.
                gone: CancellationToken::new(),
            }),
            Whose::Each => visitor(extensions)
                .ok_or_else(|| ErrorData::internal_error("nobody made this request", None)),
        }
    }

    /// The policy in force, and the caller of one request as it knows him.
    async fn asked(
        &self,
        context: &RequestContext<RoleServer>,
    ) -> Result<(Arc<Generation>, Caller), ErrorData> {
        let generation = self.front.generation();
        let Visitor { client, .. } = self.visitor(&context.extensions)?;
        let caller = client.caller(&generation.policy, context).await;
        Ok((generation, caller))
    }

    /// The generation in force.
    pub(super) fn generation(&self) -> Arc<Generation> {
        self.front.generation()
    }

    /// The connection that all requests come on, if they do.
    pub(super) fn connection(&self) -> Option<u64> {
        self.stays_connected().then_some(self.number)
    }

    /// The end of this handler.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Whether clients have a connection of their own, which is watched.
    pub(super) fn stays_connected(&self) -> bool {
        matches!(self.whose, Whose::One(_))
    }
}

/// Every list is one page, so there is no cursor to come back with.
fn one_page(request: Option<&PaginatedRequestParams>) -> Result<(), ErrorData> {
    if request.is_some_and(|request| request.cursor.is_some()) {
        return Err(ErrorData::invalid_params("Unknown cursor", None));
    }
    Ok(())
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_completions()
            .enable_tasks()
            .build();
        let name = Implementation::new("mini-mcp", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(capabilities)
            .with_server_info(name.with_title("Mini MCP"))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        one_page(request.as_ref())?;
        let generation = self.front.generation();
        let Generation {
            policy, catalogue, ..
        } = &*generation;
        let Visitor { client, .. } = self.visitor(&context.extensions)?;
        let caller = client.caller(policy, &context).await;
        let tools = catalogue.for_caller(policy, &caller);
        let tools = runs::with_own(tools, policy, &caller, self.stays_connected());
        Ok(ListToolsResult::with_all_items(tools)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let Visitor { client, .. } = self.visitor(&context.extensions)?;
        if PARAMETERS.contains(&request.method.as_str()) {
            // A method that we have, with parameters that it cannot take.
            return Err(ErrorData::invalid_params("Invalid params", None));
        }
        if request.method != RELOAD || !client.is_administrator() {
            let method = harmless_word(&request.method, 128);
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None));
        }
        match self.front.reload().await {
            Ok(generation) => Ok(CustomResult(json!({
                "policy": summary(&generation.policy),
            }))),
            Err(why) => Err(ErrorData::internal_error(why, None)),
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let (generation, caller) = self.asked(&context).await?;
        let mut all = resource::all();
        all.extend(published::resources(&generation.policy, &caller));
        let Page { items, next } = page(all, |one| &one.uri, request.as_ref())?;
        let mut result = ListResourcesResult::with_all_items(items)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let (generation, caller) = self.asked(&context).await?;
        let mut all = runs::templates();
        all.extend(published::templates(&generation.policy, &caller));
        let Page { items, next } = page(all, |one| &one.uri_template, request.as_ref())?;
        let mut result = ListResourceTemplatesResult::with_all_items(items)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let (generation, caller) = self.asked(&context).await?;
        let all = prompt::listed(&generation.policy, &caller);
        let Page { items, next } = page(all, |one| &one.name, request.as_ref())?;
        let mut result = ListPromptsResult::with_all_items(items)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let (generation, caller) = self.asked(&context).await?;
        prompt::composed(&generation.policy, &caller, request).map(GetPromptResponse::from)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let visitor = self.visitor(&context.extensions)?;
        let reader = Reader::new(&self.front, &visitor, &context);
        complete::complete(&reader, &request).await
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if runs::uri::is_ours(&request.uri) {
            let Visitor { client, .. } = self.visitor(&context.extensions)?;
            return Ok(self.read_run(&client, request.uri).await?.into());
        }
        if let Some(address) = Address::of(&request.uri) {
            let visitor = self.visitor(&context.extensions)?;
            let reader = Reader::new(&self.front, &visitor, &context);
            let result = published::read(&reader, &request.uri, address?).await?;
            return Ok(result
                .with_ttl_ms(0)
                .with_cache_scope(CacheScope::Private)
                .into());
        }
        if request.uri != resource::POLICY {
            let unknown = json!({"uri": harmless_word(&request.uri, 256)});
            return Err(ErrorData::resource_not_found(
                "Unknown resource",
                Some(unknown),
            ));
        }
        let generation = self.front.generation();
        let Generation {
            policy, catalogue, ..
        } = &*generation;
        let Visitor { client, .. } = self.visitor(&context.extensions)?;
        let caller = client.caller(policy, &context).await;
        let tools = catalogue.for_caller(policy, &caller);
        let text = resource::own_policy(policy, &caller, &tools);
        let contents = ResourceContents::text(harmless(text.as_bytes()), request.uri)
            .with_mime_type(resource::MARKDOWN);
        let result = ReadResourceResult::new(vec![contents])
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        Ok(result.into())
    }

    fn accepted_subscription_filter(
        &self,
        _requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let all = SubscriptionFilter::builder().tools_list_changed();
        Some(all.resources_list_changed().prompts_list_changed().build())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.front.changes();
        loop {
            tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                changed = changes.changed() => match changed {
                    Ok(()) => {
                        // Refused where the client did not ask for it.
                        let sink = subscription.sink();
                        let _ = sink.notify_tool_list_changed().await;
                        let _ = sink.notify_resource_list_changed().await;
                        let _ = sink.notify_prompt_list_changed().await;
                    }
                    Err(_) => return Ok(()),
                },
            }
        }
    }

    /// A session of HTTP hears of new policies from here, other clients from whoever
    /// serves their connection.
    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        Box::pin(self.note_client(&context.peer, None, &context.extensions)).await;
        if matches!(self.whose, Whose::Each) {
            let (changes, ended) = (self.front.changes(), self.ended.clone());
            let telling = announce(context.peer, changes);
            tokio::spawn(ended.run_until_cancelled_owned(telling));
        }
    }

    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let visitor = self.visitor(&context.extensions)?;
        let name = correlation::found(&context.extensions);
        let tool = harmless_word(&request.name, 128);
        let span = visitor.client.span(&tool);
        let traced = self
            .front
            .traced(&name, &request.name, &visitor.client, &context);
        let call = async {
            if self.is_own(&request.name, &visitor.client, &context).await {
                let call = self.call_own(name, request, &visitor, &context);
                return Ok(Box::pin(call).await);
            }
            if self.is_task(&request.name, &visitor.client, &context).await {
                return Box::pin(self.call_task(name, request, &visitor, &context)).await;
            }
            let asked = Asked {
                returned: Returned::of(&mut request),
                tool: request.name.into_owned(),
                arguments: request.arguments.unwrap_or_default(),
                how: How::Waiting,
            };
            let tool = asked.tool.clone();
            match self.ending(&name, asked, &visitor, &context).await {
                Ok(ending) => answer(&tool, ending).map(CallToolResponse::from),
                Err(asks) => Ok(asks.into()),
            }
        };
        observed(traced, error_of, pin!(call.instrument(span))).await
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let Visitor { client, .. } = self.visitor(&context.extensions)?;
        self.task_state(&client, &request.task_id).await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let Visitor { client, .. } = self.visitor(&context.extensions)?;
        self.end_task(&client, &request.task_id)
    }

    /// No task asks for anything, so there is nothing to take.
    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let Visitor { client, .. } = self.visitor(&context.extensions)?;
        self.task_run(&client, &request.task_id).map(drop)
    }
}
