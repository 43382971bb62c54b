//! One name for each request, by which its log lines, its lines in the audit trail and
//! its answer are found again; and the trace that it is a part of, if the client says.
//!
//! A client that has a name for its request is believed: the name decides nothing.

use crate::http::Reply;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use rmcp::RoleServer;
use rmcp::model::{ErrorData, Extensions, MetaObject};
use rmcp::service::RequestContext;
use serde_json::json;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::Span;
use wire::Correlation;

/// Where a client names its request, and is told the name.
const META: &str = "io.mini-mcp/request-id";
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Where a client names its trace, in headers; `_meta` has the same word.
const TRACE_HEADER: &str = "traceparent";

/// What the headers of a request say; whatever they do not say is made.
pub(super) fn of_headers(headers: &HeaderMap) -> Correlation {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    Correlation {
        request: text(HEADER.as_str()).and_then(name).unwrap_or_else(made),
        trace: text(TRACE_HEADER).and_then(trace),
    }
}

/// What a request is known by: `_meta` counts before headers.
pub(super) fn of(context: &RequestContext<RoleServer>) -> Correlation {
    let meta = &context.meta;
    let parts = context.extensions.get::<Parts>();
    let headers = parts.and_then(|parts| parts.extensions.get::<Correlation>());
    let request = meta.get(META).and_then(|value| name(value.as_str()?));
    let request = request.or_else(|| headers.map(|headers| headers.request.clone()));
    let trace = meta.get_traceparent().and_then(trace);
    Correlation {
        request: request.unwrap_or_else(made),
        trace: trace.or_else(|| headers?.trace.clone()),
    }
}

/// What [`of`] has found for the request that came with these `extensions`.
pub(super) fn found(extensions: &Extensions) -> Correlation {
    let found = extensions.get::<Correlation>().cloned();
    found.unwrap_or_else(|| Correlation {
        request: made(),
        trace: None,
    })
}

/// What every log line about the request is in.
pub(super) fn span(correlation: &Correlation) -> Span {
    let Correlation { request, trace } = correlation;
    match trace {
        Some(trace) => tracing::info_span!("request", request_id = request, traceparent = trace),
        None => tracing::info_span!("request", request_id = request),
    }
}

/// Names the request in the head of its answer.
pub(super) fn mark_reply(correlation: &Correlation, reply: &mut Reply) {
    if let Ok(name) = HeaderValue::from_str(&correlation.request) {
        reply.headers_mut().insert(HEADER, name);
    }
}

/// Names the request in what answers it.
pub(super) fn mark(correlation: &Correlation, meta: &mut MetaObject) {
    meta.insert(META.to_owned(), json!(correlation.request));
    if let Some(trace) = &correlation.trace {
        meta.set_traceparent(trace.clone());
    }
}

/// Names the request in the error that answers it.
pub(super) fn mark_error(correlation: &Correlation, error: &mut ErrorData) {
    let data = error.data.get_or_insert_with(|| json!({}));
    if let Some(data) = data.as_object_mut() {
        data.insert(META.to_owned(), json!(correlation.request));
    }
}

/// `text`, if it can be a name: one to 128 visible characters of ASCII.
fn name(text: &str) -> Option<String> {
    let fine = (1..=wire::REQUEST_MAX).contains(&text.len());
    (fine && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}

/// `text`, if it is a `traceparent`.
fn trace(text: &str) -> Option<String> {
    wire::is_traceparent(text).then(|| text.to_owned())
}

/// A new name, unique over restarts without randomness.
fn made() -> String {
    static EPOCH: LazyLock<u128> = LazyLock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_millis()
    });
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}.{number}", *EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.insert(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn a_clients_name_is_taken_over_if_it_is_harmless() {
        let of = |id: &str| of_headers(&headers(&[("x-request-id", id)])).request;
        let longest = "x".repeat(128);
        for fine in ["7", "a-b_c/D.e:f+g=", &longest] {
            assert_eq!(of(fine), fine);
        }
        let (first, long) = (of(""), "x".repeat(129));
        for wrong in ["a b", "é", "a\tb", &long] {
            let made = of(wrong);
            assert!(made != wrong && made != first && name(&made).is_some());
        }
    }

    #[test]
    fn what_answers_tells_the_name() {
        let correlation = Correlation {
            request: "r".to_owned(),
            trace: None,
        };
        let mut error = ErrorData::invalid_params("no", Some(json!({"code": 1})));
        mark_error(&correlation, &mut error);
        assert_eq!(error.data.unwrap(), json!({"code": 1, META: "r"}));
        let mut error = ErrorData::invalid_params("no", None);
        mark_error(&correlation, &mut error);
        assert_eq!(error.data.unwrap(), json!({META: "r"}));
    }
}
