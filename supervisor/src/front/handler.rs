//! What one client asks, and what it gets: the MCP methods.

use super::address::Address;
use super::call::Denied;
use super::page::{Page, page};
use super::read::Reader;
use super::result::{Ending, answer};
use super::who::in_words_of_the_wire;
use super::{Client, Front, Generation, announce, arguments, call, correlation, resource};
use super::{complete, prompt, published};
use crate::http::{Visitor, visitor};
use crate::lane::LaneError;
use crate::sanitize::{harmless, harmless_word};
use crate::summary::summary;
use policy::{Arguments, Caller, Decision, Grant};
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams,
    CompleteResult, CustomRequest, CustomResult, ErrorCode, ErrorData, Extensions,
    GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
    ResourceContents, ServerCapabilities, ServerConfig, SubscriptionFilter,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;
use wire::{Argument, Correlation, Denial, Failure, Given, Run, Value};

/// How often a client that gave a progress token hears that its command still
/// runs; several clients give up after a silent minute.
const HEARTBEAT: Duration = Duration::from_secs(5);

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
them says how much is left out.
Before you plan, read the resource mini-mcp://policy: it lists every tool, resource and prompt \
that you have, with limits; whatever is not there is denied. \
Files that are published are resources, mini-mcp://resource/NAME; beneath a directory add the \
path, and end it with `/` to list. A file that is larger than one read ends with words that name \
the address of its next page. What does not exist and what you may not read look alike. \
Prompts are runbooks: where one fits the task, follow it.
A result `denied [code] rule: reason` is the decision of the server's policy. Repeating the call \
does not change it: choose other arguments or another tool, or tell the user which rule refused. \
`rate_limited`, `too_many_running` and `quota_exceeded` pass: the reason says when to try again. \
A result `failed [code] reason` means that an allowed call could not be carried out. \
`[exit code N]` comes from the command itself. `[blocked by the sandbox: …]` tells what its \
confinement stopped; files and system calls that are refused with an error show only in its own \
words, such as `Permission denied` or `Operation not permitted`.";

/// The MCP server that a client talks to.
pub(crate) struct Handler {
    front: Arc<Front>,
    whose: Whose,
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
    pub(crate) fn new(front: Arc<Front>, whose: Whose) -> Self {
        let ended = CancellationToken::new();
        Self {
            front,
            whose,
            _end: ended.clone().drop_guard(),
            ended,
        }
    }

    /// Who made the request that came with these `extensions`.
    fn visitor(&self, extensions: &Extensions) -> Result<Visitor<Client>, ErrorData> {
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

    /// Decides one call and carries it out.
    async fn call(
        &self,
        name: Correlation,
        request: CallToolRequestParams,
        visitor: &Visitor<Client>,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let tool = request.name.into_owned();
        let typed = arguments::typed(&tool, request.arguments.unwrap_or_default());
        let mut generation = self.front.generation();
        let ending = loop {
            match self
                .attempt(&generation, &name, (&tool, &typed), visitor, context)
                .await
            {
                Ok(ending) => break ending,
                // The worker has gone on to another policy; nothing ran or was recorded.
                Err(stale @ LaneError::OtherPolicy(_)) => match self.front.after(&generation).await
                {
                    Some(next) => generation = next,
                    None => break Ending::Failed(stale.failure()),
                },
                Err(error) => break Ending::Failed(error.failure()),
            }
        };
        log(&ending);
        answer(&tool, ending)
    }

    /// Decides and carries out a call under one generation.
    async fn attempt(
        &self,
        generation: &Generation,
        name: &Correlation,
        (tool, typed): (&str, &Result<Arguments, Denial>),
        Visitor { client, gone }: &Visitor<Client>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Ending, LaneError> {
        let caller = client.caller(&generation.policy, context).await;
        match decide(generation, &caller, tool, typed) {
            Ok((grant, arguments)) => {
                let run = run(generation, client, name, (&caller, &grant), arguments);
                tokio::select! {
                    ending = run => ending,
                    () = context.ct.cancelled() => Ok(cancelled()),
                    () = gone.cancelled() => Ok(cancelled()),
                    never = heartbeat(context) => match never {},
                }
            }
            // Recorded even when the client no longer wants to know.
            Err(denial) => {
                let arguments = typed.as_ref().ok().cloned().map(in_packets);
                let denied = Denied {
                    denial,
                    arguments,
                    claim: in_words_of_the_wire(caller.claim.as_ref()),
                };
                report(generation, client, name, tool, denied).await
            }
        }
    }
}

async fn run(
    generation: &Generation,
    client: &Client,
    name: &Correlation,
    (caller, grant): (&Caller, &Grant),
    arguments: Arguments,
) -> Result<Ending, LaneError> {
    let run = Run {
        correlation: name.clone(),
        policy: generation.policy.digest(),
        tool: grant.tool().to_owned(),
        arguments: in_packets(arguments),
        claim: in_words_of_the_wire(caller.claim.as_ref()),
        key: client.key.clone(),
    };
    let Ok(_turn) = client.running.acquire().await else {
        return Ok(cancelled());
    };
    let output_max = grant.profile().output_max;
    match call::run(&generation.pool, client, run, output_max).await {
        Err(LaneError::Request(error)) => {
            let denied = Denied {
                denial: too_large(grant.tool(), &error),
                arguments: None,
                claim: in_words_of_the_wire(caller.claim.as_ref()),
            };
            report(generation, client, name, grant.tool(), denied).await
        }
        result => result,
    }
}

pub(super) async fn report(
    generation: &Generation,
    client: &Client,
    name: &Correlation,
    tool: &str,
    denied: Denied,
) -> Result<Ending, LaneError> {
    let name = name.clone();
    call::report(&generation.pool, client, name, tool, denied).await
}

/// The supervisor's own decision: for a fast answer, not for safety.
fn decide(
    generation: &Generation,
    caller: &Caller,
    tool: &str,
    typed: &Result<Arguments, Denial>,
) -> Result<(Grant, Arguments), Denial> {
    let policy = &generation.policy;
    let sees = || {
        let tools = policy.tools_for(caller);
        tools.iter().any(|visible| visible.name() == tool)
    };
    // What reads resources and completes prompts is no tool.
    if policy.tool(tool).is_none() && policy.command(tool).is_some() {
        return Err(no_tool());
    }
    let arguments = match typed {
        Err(denial) if sees() => return Err(denial.clone()),
        // Whatever the arguments: the decision names the tool.
        Err(_) => Arguments::new(),
        Ok(arguments) => arguments.clone(),
    };
    match policy.decide(caller, tool, &arguments) {
        Decision::Allow(grant) => Ok((grant, arguments)),
        Decision::Deny(denial) => Err(Denial {
            code: denial.code.to_owned(),
            rule: denial.rule,
            reason: denial.reason,
        }),
    }
}

/// Every list is one page, so there is no cursor to come back with.
fn one_page(request: Option<&PaginatedRequestParams>) -> Result<(), ErrorData> {
    if request.is_some_and(|request| request.cursor.is_some()) {
        return Err(ErrorData::invalid_params("Unknown cursor", None));
    }
    Ok(())
}

fn no_tool() -> Denial {
    Denial {
        code: "not_allowed".to_owned(),
        rule: "default".to_owned(),
        reason: "there is no tool of that name".to_owned(),
    }
}

fn too_large(tool: &str, error: &wire::FrameError) -> Denial {
    Denial {
        code: "too_large".to_owned(),
        rule: format!("tool.{tool}.args"),
        reason: format!("the arguments are too large together: {error}"),
    }
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
        let all = published::templates(&generation.policy, &caller);
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
        if matches!(self.whose, Whose::Each) {
            let (changes, ended) = (self.front.changes(), self.ended.clone());
            let telling = announce(context.peer, changes);
            tokio::spawn(ended.run_until_cancelled_owned(telling));
        }
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let visitor = self.visitor(&context.extensions)?;
        let name = correlation::found(&context.extensions);
        let tool = harmless_word(&request.name, 128);
        let span = tracing::info_span!("call", tool);
        let call = self
            .call(name, request, &visitor, &context)
            .instrument(span);
        call.await.map(CallToolResponse::from)
    }
}

pub(super) fn in_packets(arguments: Arguments) -> Vec<Argument> {
    arguments.into_iter().map(argument).collect()
}

fn argument((name, value): (String, policy::Value)) -> Argument {
    let value = if let policy::Value::List(items) = value {
        // The policy allows no list in a list.
        Given::Many(items.into_iter().filter_map(scalar).collect())
    } else {
        scalar(value).map_or_else(|| Given::Many(Vec::new()), Given::One)
    };
    Argument { name, value }
}

fn scalar(value: policy::Value) -> Option<Value> {
    match value {
        policy::Value::Boolean(flag) => Some(Value::Boolean(flag)),
        policy::Value::Integer(whole) => Some(Value::Integer(whole)),
        policy::Value::Number(number) => Some(Value::Number(number)),
        policy::Value::Text(text) => Some(Value::Text(text)),
        policy::Value::List(_) => None,
    }
}

/// For a client that no longer waits, or a server that stops.
pub(super) fn cancelled() -> Ending {
    Ending::Failed(Failure {
        code: "cancelled".to_owned(),
        reason: "the call was cancelled and its command killed".to_owned(),
    })
}

/// Tells the client now and then that its command still runs. Never ends.
async fn heartbeat(context: &RequestContext<RoleServer>) -> Infallible {
    let Some(token) = context.meta.get_progress_token() else {
        return std::future::pending().await;
    };
    let mut running = Duration::ZERO;
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        running += HEARTBEAT;
        let beat = ProgressNotificationParam::new(token.clone(), running.as_secs_f64())
            .with_message(format!("running for {} s", running.as_secs()));
        // A client that has gone is noticed elsewhere.
        let _ = context.peer.notify_progress(beat).await;
    }
}

/// One line for each call, without arguments and output.
fn log(ending: &Ending) {
    match ending {
        Ending::Finished { outcome, .. } => tracing::info!(
            run = outcome.run,
            status = ?outcome.status,
            timed_out = outcome.timed_out,
            wall_us = outcome.wall_us,
            "command finished"
        ),
        Ending::Denied(denial) => {
            tracing::info!(code = denial.code, rule = ?denial.rule, "call denied");
        }
        Ending::Failed(failure) if failure.code == "cancelled" => tracing::info!("call cancelled"),
        // The reason names a path argument; the audit trail has it.
        Ending::Failed(failure) if failure.code == "open" => {
            tracing::info!(code = failure.code, "call failed");
        }
        Ending::Failed(failure) => {
            tracing::warn!(code = failure.code, reason = ?failure.reason, "call failed");
        }
    }
}
