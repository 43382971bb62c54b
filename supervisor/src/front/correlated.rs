//! A handler whose every request has a name, in the log and in the answer.

use super::correlation::{self, mark_error};
use super::handler::Handler;
use crate::metrics::FRONT;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CancelledNotificationParam,
    CompleteRequestParams, CompleteResult, CustomNotification, CustomRequest, CustomResult,
    DiscoverResult, ErrorData, GetPromptRequestParams, GetPromptResponse, GetTaskParams,
    GetTaskResult, InitializeRequestParams, InitializeResult, InputRequiredResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    MetaObject, PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, ServerConfig, SubscribeRequestParams,
    SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use std::borrow::Cow;
use std::time::Instant;
use tracing::Instrument;
use wire::Correlation;

/// A [`Handler`] that is told by which name each request is known.
pub(super) struct Correlated(pub(super) Handler);

impl Correlated {
    /// Has the handler do `work`, under the name of the request.
    async fn name<T, F>(
        &self,
        mut context: RequestContext<RoleServer>,
        work: impl FnOnce(RequestContext<RoleServer>) -> F,
    ) -> Result<T, ErrorData>
    where
        T: Marked,
        F: Future<Output = Result<T, ErrorData>>,
    {
        let begin = Instant::now();
        let correlation = correlation::of(&context);
        context.extensions.insert(correlation.clone());
        if !self.0.attached.initialized() {
            let claimed = context.meta.client_info();
            let noting = self
                .0
                .note_client(&context.peer, claimed, &context.extensions);
            Box::pin(noting).await;
        }
        let work = work(context).instrument(correlation::span(&correlation));
        // rmcp moves what serves a request a few times before it begins, whichever method
        // it is for: so it has to be small for all.
        let mut answer = Box::pin(work).await;
        FRONT.served(begin.elapsed());
        match &mut answer {
            Ok(result) => result.mark(&correlation),
            Err(error) => mark_error(&correlation, error),
        }
        answer
    }
}

/// What can tell the name of the request that it answers.
trait Marked {
    fn mark(&mut self, correlation: &Correlation);
}

impl Marked for Option<MetaObject> {
    fn mark(&mut self, correlation: &Correlation) {
        correlation::mark(correlation, self.get_or_insert_default());
    }
}

/// An answer without any room.
impl Marked for () {
    fn mark(&mut self, _correlation: &Correlation) {}
}

impl Marked for CustomResult {
    fn mark(&mut self, correlation: &Correlation) {
        if let Some(result) = self.0.as_object_mut() {
            let mut meta = MetaObject::default();
            correlation::mark(correlation, &mut meta);
            result.insert("_meta".to_owned(), meta.0.into());
        }
    }
}

macro_rules! with_meta {
    ($($result:ty),*) => { $(
        impl Marked for $result {
            fn mark(&mut self, correlation: &Correlation) {
                self.meta.mark(correlation);
            }
        }
    )* };
}

with_meta!(
    CompleteResult,
    DiscoverResult,
    GetTaskResult,
    InitializeResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourceTemplatesResult,
    ListResourcesResult,
    ListToolsResult
);

impl Marked for CallToolResponse {
    fn mark(&mut self, correlation: &Correlation) {
        match self {
            Self::Complete(result) => result.meta.mark(correlation),
            Self::InputRequired(result) => result.mark(correlation),
            Self::Task(result) => result.meta.mark(correlation),
            _ => {}
        }
    }
}

impl Marked for GetPromptResponse {
    fn mark(&mut self, correlation: &Correlation) {
        match self {
            Self::Complete(result) => result.meta.mark(correlation),
            Self::InputRequired(result) => result.mark(correlation),
            _ => {}
        }
    }
}

impl Marked for ReadResourceResponse {
    fn mark(&mut self, correlation: &Correlation) {
        match self {
            Self::Complete(result) => result.meta.mark(correlation),
            Self::InputRequired(result) => result.mark(correlation),
            _ => {}
        }
    }
}

macro_rules! named {
    ($($method:ident($($parameters:ty)?) -> $result:ty;)*) => { $(
        named!(@ $method($($parameters)?) -> $result);
    )* };
    (@ $method:ident() -> $result:ty) => {
        async fn $method(
            &self,
            context: RequestContext<RoleServer>,
        ) -> Result<$result, ErrorData> {
            self.name(context, |context| self.0.$method(context)).await
        }
    };
    (@ $method:ident($parameters:ty) -> $result:ty) => {
        async fn $method(
            &self,
            parameters: $parameters,
            context: RequestContext<RoleServer>,
        ) -> Result<$result, ErrorData> {
            self.name(context, |context| self.0.$method(parameters, context)).await
        }
    };
}

/// Every method that a server can have, whether or not the handler has it.
#[expect(deprecated, reason = "clients of former revisions use them")]
impl ServerHandler for Correlated {
    named! {
        initialize(InitializeRequestParams) -> InitializeResult;
        discover() -> DiscoverResult;
        complete(CompleteRequestParams) -> CompleteResult;
        set_level(rmcp::model::SetLevelRequestParams) -> ();
        get_prompt(GetPromptRequestParams) -> GetPromptResponse;
        list_prompts(Option<PaginatedRequestParams>) -> ListPromptsResult;
        list_resources(Option<PaginatedRequestParams>) -> ListResourcesResult;
        list_resource_templates(Option<PaginatedRequestParams>) -> ListResourceTemplatesResult;
        read_resource(ReadResourceRequestParams) -> ReadResourceResponse;
        subscribe(SubscribeRequestParams) -> ();
        unsubscribe(UnsubscribeRequestParams) -> ();
        call_tool(CallToolRequestParams) -> CallToolResponse;
        list_tools(Option<PaginatedRequestParams>) -> ListToolsResult;
        on_custom_request(CustomRequest) -> CustomResult;
        get_task(GetTaskParams) -> GetTaskResult;
        update_task(UpdateTaskParams) -> ();
        cancel_task(CancelTaskParams) -> ();
    }

    /// The answer has no room for a name, and nothing is logged under it; so there is none
    /// but for the first request of a client, which is recorded.
    async fn ping(&self, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        let begin = Instant::now();
        if self.0.attached.initialized() {
            FRONT.served(begin.elapsed());
            return Ok(());
        }
        self.name(context, |context| self.0.ping(context)).await
    }

    fn get_info(&self) -> ServerConfig {
        self.0.get_info()
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.0.get_tool(name)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.0.supported_protocol_versions()
    }

    fn negotiate_initialize(
        &self,
        request: &InitializeRequestParams,
    ) -> Result<InitializeResult, ErrorData> {
        self.0.negotiate_initialize(request)
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.0.accepted_subscription_filter(requested)
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        self.0.listen(subscription).await
    }

    async fn on_cancelled(
        &self,
        notification: CancelledNotificationParam,
        context: NotificationContext<RoleServer>,
    ) {
        self.0.on_cancelled(notification, context).await;
    }

    async fn on_progress(
        &self,
        notification: ProgressNotificationParam,
        context: NotificationContext<RoleServer>,
    ) {
        self.0.on_progress(notification, context).await;
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.0.on_initialized(context).await;
    }

    async fn on_roots_list_changed(&self, context: NotificationContext<RoleServer>) {
        self.0.on_roots_list_changed(context).await;
    }

    async fn on_custom_notification(
        &self,
        notification: CustomNotification,
        context: NotificationContext<RoleServer>,
    ) {
        self.0.on_custom_notification(notification, context).await;
    }
}
