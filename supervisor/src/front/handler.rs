//! What one client asks, and what it gets: the MCP methods.

use super::address::Address;
use super::call::Denied;
use super::page::{Page, page};
use super::read::Reader;
use super::result::{Ending, answer, ending_fields};
use super::who::in_words_of_the_wire;
use super::{Client, Front, Generation, announce, arguments, call, correlation, live, resource};
use super::{complete, prompt, published, runs};
use crate::http::{Visitor, visitor};
use crate::lane::LaneError;
use crate::runs::{Label, Runs};
use crate::sanitize::{harmless, harmless_word};
use crate::summary::summary;
use policy::{Arguments, Caller, Decision, Grant};
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams,
    CompleteResult, CustomRequest, CustomResult, ErrorCode, ErrorData, Extensions,
    GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation,
    JsonObject, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ReadResourceResult, ResourceContents, ServerCapabilities, ServerConfig, SubscriptionFilter,
    UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;
use wire::{Argument, Correlation, Denial, Failure, Given, Run, Value};

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

/// Whether a call is answered when its command has ended, or has begun.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    /// When it has ended.
    Waiting,
    /// When it has begun.
    Background,
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

    /// The runs that are known.
    pub(super) fn runs(&self) -> &Arc<Runs> {
        self.front.runs()
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

    /// The generation in force.
    pub(super) fn generation(&self) -> Arc<Generation> {
        self.front.generation()
    }

    /// Whether clients have a connection of their own, which is watched.
    pub(super) fn stays_connected(&self) -> bool {
        matches!(self.whose, Whose::One(_))
    }

    /// Decides one call and carries it out, as far as `how` says.
    pub(super) async fn ending(
        &self,
        name: &Correlation,
        (tool, arguments): (String, JsonObject),
        visitor: &Visitor<Client>,
        context: &RequestContext<RoleServer>,
        how: How,
    ) -> Ending {
        let typed = arguments::typed(&tool, arguments);
        let mut generation = self.generation();
        let ending = loop {
            let call = (name, &*tool, &typed);
            match self.attempt(&generation, call, visitor, context, how).await {
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
        ending
    }

    /// Decides and carries out a call under one generation.
    async fn attempt(
        &self,
        generation: &Generation,
        (name, tool, typed): (&Correlation, &str, &Result<Arguments, Denial>),
        Visitor { client, gone }: &Visitor<Client>,
        context: &RequestContext<RoleServer>,
        how: How,
    ) -> Result<Ending, LaneError> {
        let caller = client.caller(&generation.policy, context).await;
        match decide(generation, &caller, tool, typed) {
            Ok((grant, arguments)) => {
                let live = Arc::new(live::Live::default());
                let wanted = context.meta.get_progress_token().map(|_| Arc::clone(&live));
                let terms = (&caller, &grant);
                let run = async {
                    match how {
                        How::Waiting => {
                            self.run(generation, client, name, terms, arguments, wanted)
                                .await
                        }
                        How::Background => {
                            self.launch(generation, client, name, terms, arguments)
                                .await
                        }
                    }
                };
                tokio::select! {
                    ending = run => ending,
                    () = context.ct.cancelled() => Ok(cancelled()),
                    () = gone.cancelled() => Ok(cancelled()),
                    never = live.tell(context) => match never {},
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

    /// Runs the command of a call and waits for its end.
    async fn run(
        &self,
        generation: &Generation,
        client: &Client,
        name: &Correlation,
        (caller, grant): (&Caller, &Grant),
        arguments: Arguments,
        live: Option<Arc<live::Live>>,
    ) -> Result<Ending, LaneError> {
        let Ok(_turn) = client.running.acquire().await else {
            return Ok(cancelled());
        };
        let terms = (caller, grant);
        let started = start(generation, client, name, terms, arguments, false).await?;
        let started = match started {
            Ok(started) => started,
            Err(refusal) => return Ok(refusal),
        };
        let entry = self.runs().begin(Label {
            id: started.name().to_owned(),
            owner: client.owner(),
            tool: grant.tool().to_owned(),
            background: false,
            ends_within: grant.profile().timeout + grant.profile().timeout_stop,
        });
        let sink = call::Sink {
            runs: Arc::clone(self.runs()),
            run: Arc::clone(entry.run()),
            live,
            output_max: grant.profile().output_max,
        };
        let ending = started.follow(&sink).await?;
        entry.run().ended(ending_fields(&ending));
        Ok(ending)
    }
}

/// Has the command of a call started; or the ending of a call that is refused.
pub(super) async fn start(
    generation: &Generation,
    client: &Client,
    name: &Correlation,
    (caller, grant): (&Caller, &Grant),
    arguments: Arguments,
    background: bool,
) -> Result<Result<call::Started, Ending>, LaneError> {
    let run = Run {
        correlation: name.clone(),
        policy: generation.policy.digest(),
        tool: grant.tool().to_owned(),
        arguments: in_packets(arguments),
        claim: in_words_of_the_wire(caller.claim.as_ref()),
        key: client.key.clone(),
        background,
    };
    match call::start(&generation.pool, client, run).await {
        Err(LaneError::Request(error)) => {
            let denied = Denied {
                denial: too_large(grant.tool(), &error),
                arguments: None,
                claim: in_words_of_the_wire(caller.claim.as_ref()),
            };
            let reported = report(generation, client, name, grant.tool(), denied).await;
            reported.map(Err)
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
            .enable_tasks()
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
        let call = async {
            if self.is_own(&request.name, &visitor.client, &context).await {
                let result = self.call_own(name, request, &visitor, &context).await;
                return Ok(result.into());
            }
            if self.is_task(&request.name, &visitor.client, &context).await {
                return self.call_task(name, request, &visitor, &context).await;
            }
            let tool = request.name.into_owned();
            let asked = (tool.clone(), request.arguments.unwrap_or_default());
            let ending = self.ending(&name, asked, &visitor, &context, How::Waiting);
            answer(&tool, ending.await).map(CallToolResponse::from)
        };
        call.instrument(span).await
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

/// One line for each call, without arguments and output.
pub(super) fn log(ending: &Ending) {
    match ending {
        Ending::Started(run) => {
            tracing::info!(run = run.label.id, "command started in the background");
        }
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
