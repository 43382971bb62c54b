//! One call as its trace shows it: a span that follows the client's, with a child for
//! each stage. Where there is no telemetry there is no context, and each question here
//! is one look at a variable of the thread.

use super::Telemetry;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::Span;
use std::borrow::Cow;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The method whose requests are traced.
const METHOD: &str = "tools/call";

/// A request for a call.
#[derive(Debug)]
pub(crate) struct Made<'a> {
    /// The tool, if the policy has it: what clients make up is not repeated.
    pub(crate) tool: Option<&'a str>,
    /// The client's `traceparent`.
    pub(crate) trace: Option<&'a str>,
    /// By what name log and audit trail know the request.
    pub(crate) request: &'a str,
    /// By what name the client knows it.
    pub(crate) id: String,
    /// Who is proven to have made it.
    pub(crate) caller: String,
    /// Whether it came over the network.
    pub(crate) network: bool,
}

impl Made<'_> {
    fn attributes(&self) -> Vec<KeyValue> {
        let mut all = self.labels();
        all.extend([
            KeyValue::new("jsonrpc.request.id", self.id.clone()),
            KeyValue::new("mini_mcp.request_id", self.request.to_owned()),
            KeyValue::new("mini_mcp.caller", self.caller.clone()),
        ]);
        all
    }

    /// Those of few values.
    fn labels(&self) -> Vec<KeyValue> {
        let transport = if self.network { "tcp" } else { "unix" };
        let mut all = vec![
            KeyValue::new("mcp.method.name", METHOD),
            KeyValue::new("gen_ai.operation.name", "execute_tool"),
            KeyValue::new("network.transport", transport),
        ];
        all.extend(self.tool.map(|tool| tool_name(tool.to_owned())));
        all
    }

    fn parent(&self) -> Context {
        let carrier = self
            .trace
            .map(|trace| ("traceparent".to_owned(), trace.to_owned()));
        let carrier: HashMap<String, String> = carrier.into_iter().collect();
        TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
    }
}

fn tool_name(tool: String) -> KeyValue {
    KeyValue::new("gen_ai.tool.name", tool)
}

/// A call that is traced and counted.
#[derive(Debug)]
pub(crate) struct Call {
    telemetry: Arc<Telemetry>,
    /// With the call's span and nothing else.
    span: Context,
    labels: Vec<KeyValue>,
    began: Instant,
    known: Mutex<Known>,
}

/// What is known of a call so far.
#[derive(Debug)]
struct Known {
    decision: &'static str,
    /// Until it is answered, what it is if nobody waits for that.
    error: Option<Cow<'static, str>>,
}

impl Telemetry {
    /// Begins the span of a call.
    pub(crate) fn call(self: &Arc<Self>, made: &Made<'_>) -> Arc<Call> {
        let name = match made.tool {
            Some(tool) => Cow::Owned(format!("{METHOD} {tool}")),
            None => Cow::Borrowed(METHOD),
        };
        let span = self.tracer.span_builder(name).with_kind(SpanKind::Server);
        let span = span.with_attributes(made.attributes());
        let span = span.start_with_context(&self.tracer, &made.parent());
        Arc::new(Call {
            telemetry: Arc::clone(self),
            span: Context::new().with_span(span),
            labels: made.labels(),
            began: Instant::now(),
            known: Mutex::new(Known {
                decision: "none",
                error: Some("cancelled".into()),
            }),
        })
    }
}

impl Call {
    /// The one that the present task works for, if it is traced.
    pub(crate) fn current() -> Option<Arc<Self>> {
        Context::map_current(|context| context.get::<Arc<Self>>().cloned())
    }

    /// Tells more of it.
    pub(crate) fn tell(&self, attributes: impl IntoIterator<Item = KeyValue>) {
        self.span.span().set_attributes(attributes);
    }

    /// The supervisor has decided it.
    pub(crate) fn decides(&self, decision: &'static str) {
        self.known().decision = decision;
    }

    /// What was decided.
    pub(crate) fn decision(&self) -> &'static str {
        self.known().decision
    }

    /// Counts it once, when it is decided and done.
    pub(crate) fn count(&self, labels: &[KeyValue]) {
        self.telemetry.meters.count(labels);
    }

    /// It is answered, perhaps with an error.
    fn answered(&self, error: Option<Cow<'static, str>>) {
        self.known().error = error;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let error = self.known().error.take();
        if let Some(error) = error {
            let error = KeyValue::new("error.type", error);
            self.span.span().set_attribute(error.clone());
            // No words: they may repeat what the client said.
            self.span.span().set_status(Status::error(""));
            self.labels.push(error);
        }
        self.span.span().end();
        let meters = &self.telemetry.meters;
        meters.took(self.began.elapsed(), &self.labels);
    }
}

/// Does `work` for `call`, if that is traced; `error` tells what kind of error an answer
/// is, if it is one.
pub(crate) async fn observed<T>(
    call: Option<Arc<Call>>,
    error: impl FnOnce(&T) -> Option<Cow<'static, str>>,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> T {
    let context = call
        .as_ref()
        .map(|call| call.span.with_value(Arc::clone(call)));
    let answer = poll_fn(|task| {
        let _attached = context.clone().map(Context::attach);
        work.as_mut().poll(task)
    });
    let answer = answer.await;
    if let Some(call) = call {
        call.answered(error(&answer));
    }
    answer
}

/// A part of a call, from its beginning to its end or its drop.
#[derive(Debug, Default)]
pub(crate) struct Stage(Option<Span>);

impl Stage {
    /// Begins the stage `name` of the call that the present task works for.
    pub(crate) fn begin(name: &'static str) -> Self {
        Self(Call::current().map(|call| {
            let tracer = &call.telemetry.tracer;
            tracer.start_with_context(name, &call.span)
        }))
    }

    /// Ends it.
    pub(crate) fn end(self) {}

    /// Tells how it went: `attributes`, and whether that is a failure.
    pub(crate) fn tell(
        &mut self,
        attributes: impl FnOnce() -> Vec<KeyValue>,
        error: Option<Cow<'static, str>>,
    ) {
        let Some(span) = &mut self.0 else { return };
        span.set_attributes(attributes());
        if let Some(error) = error {
            span.set_attribute(KeyValue::new("error.type", error));
            span.set_status(Status::error(""));
        }
    }
}
