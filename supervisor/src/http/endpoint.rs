//! Requests to `/mcp`: whole, of an owner, and watched to their end.

use super::PATH;
use super::body::{Reply, Watched, whole};
use super::sessions::Sessions;
use crate::message::parse;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use rmcp::model::{ErrorData, Extensions};
use rmcp::service::TxJsonRpcMessage;
use rmcp::transport::streamable_http_server::session::SessionManager;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a session may be silent: longer than any sensible command runs, for that
/// is silence too.
const SESSION_SILENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Web pages that may call: those of this host, which a developer serves himself.
const ORIGINS: [&str; 3] = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];

/// The header that names a session.
const SESSION: &str = "mcp-session-id";

/// Where an endpoint can be reached, and so what a browser could be tricked into.
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    /// A Unix socket, which no browser connects to.
    Socket,
    /// The network, under these names and addresses.
    Network(Vec<String>),
}

/// Who makes a request: what the handler is to know of him.
#[derive(Debug)]
pub(crate) struct Visitor<C> {
    /// Whatever the handler wants to find.
    pub(crate) client: Arc<C>,
    /// Nobody waits for the answer any more.
    pub(crate) gone: CancellationToken,
}

impl<C> Clone for Visitor<C> {
    fn clone(&self) -> Self {
        Self {
            client: Arc::clone(&self.client),
            gone: self.gone.clone(),
        }
    }
}

/// The visitor who made the request that came with these `extensions`.
pub(crate) fn visitor<C: Send + Sync + 'static>(extensions: &Extensions) -> Option<Visitor<C>> {
    extensions.get::<Parts>()?.extensions.get().cloned()
}

/// Whether the request that came with these `extensions` is of a session.
pub(crate) fn in_session(extensions: &Extensions) -> bool {
    let parts = extensions.get::<Parts>();
    parts.is_some_and(|parts| parts.headers.contains_key(SESSION))
}

/// Serves MCP over HTTP with handlers of one kind.
pub(crate) struct Endpoint<S> {
    service: StreamableHttpService<S, LocalSessionManager>,
    manager: Arc<LocalSessionManager>,
    sessions: Sessions,
}

impl<S: ServerHandler> Endpoint<S> {
    /// An endpoint at `reach`, with a handler of `make` for each session and each
    /// stateless request. `stop` ends them all.
    pub(crate) fn new(
        make: impl Fn() -> S + Send + Sync + 'static,
        reach: Reach,
        stop: CancellationToken,
    ) -> Self {
        let mut manager = LocalSessionManager::default();
        manager.session_config = sessions();
        let manager = Arc::new(manager);
        let service = StreamableHttpService::new(
            move || Ok(make()),
            Arc::clone(&manager),
            config(reach, stop),
        );
        Self {
            service,
            manager,
            sessions: Sessions::default(),
        }
    }

    /// How many sessions there are.
    pub(crate) async fn sessions(&self) -> usize {
        self.manager.sessions.read().await.len()
    }

    /// Answers a request of `client`, who goes by the name of `owner`. When the answer
    /// is no longer waited for, or no longer read, the handler is told.
    pub(crate) async fn answer<B, C>(
        &self,
        request: Request<B>,
        client: Arc<C>,
        owner: &str,
    ) -> Reply
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        C: Send + Sync + 'static,
    {
        let (mut parts, body) = request.into_parts();
        if parts.uri.path() != PATH {
            return plain(StatusCode::NOT_FOUND, "Not Found: MCP is served at /mcp");
        }
        if !self.may_enter(&parts.headers, owner) {
            return plain(StatusCode::NOT_FOUND, "Not Found: Session not found");
        }
        let body = match whole(body).await {
            Ok(body) => body,
            Err(status) => return plain(status, status.canonical_reason().unwrap_or_default()),
        };
        if let Some(error) = fault(&parts.headers, &body) {
            return refusal(error);
        }
        // Nobody behind this point has any use for them, and some log what they get.
        parts.headers.remove(AUTHORIZATION);
        parts.headers.remove(COOKIE);
        let gone = CancellationToken::new();
        let guard = gone.clone().drop_guard();
        parts.extensions.insert(Visitor { client, gone });
        let request = Request::from_parts(parts, Full::new(body));
        let reply = self.service.handle(request).await;
        if let Some(id) = session(reply.headers()) {
            self.begun(id, owner).await;
        }
        Watched::over(reply, guard)
    }

    /// A session that belongs to somebody else is one that does not exist.
    fn may_enter(&self, headers: &HeaderMap, owner: &str) -> bool {
        let mut named = headers.get_all(SESSION).iter();
        named.all(|id| id.to_str().is_ok_and(|id| self.sessions.belongs(id, owner)))
    }

    async fn begun(&self, id: &str, owner: &str) {
        let surplus = self.sessions.begun(&self.manager, id.into(), owner).await;
        if let Some(surplus) = surplus {
            // It may have ended by itself meanwhile.
            let _ = self.manager.close_session(&surplus).await;
        }
    }
}

fn session(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION)?.to_str().ok()
}

fn sessions() -> SessionConfig {
    let mut config = SessionConfig::default();
    config.keep_alive = Some(SESSION_SILENCE);
    // What nobody waits for is cancelled, so there is nothing to come back to.
    config.sse_retry = None;
    config.completed_cache_ttl = Duration::ZERO;
    config
}

fn config(reach: Reach, stop: CancellationToken) -> StreamableHttpServerConfig {
    let config = StreamableHttpServerConfig::default()
        .with_cancellation_token(stop)
        .with_sse_retry(None);
    match reach {
        Reach::Socket => config.disable_allowed_hosts(),
        Reach::Network(hosts) => config
            .with_allowed_hosts(hosts)
            .with_allowed_origins(ORIGINS),
    }
}

/// What is wrong with a body that is said to be JSON.
fn fault(headers: &HeaderMap, body: &[u8]) -> Option<ErrorData> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next()?.trim();
    let json = kind.eq_ignore_ascii_case("application/json");
    parse(body).err().filter(|_| json)
}

/// The answer to what is no message.
fn refusal(error: ErrorData) -> Reply {
    let message = TxJsonRpcMessage::<RoleServer>::error(error, None);
    let text = serde_json::to_vec(&message).unwrap_or_default();
    let mut reply = plain(StatusCode::BAD_REQUEST, text);
    let kind = HeaderValue::from_static("application/json");
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}

/// A short answer of the transport itself.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(text.into()).boxed());
    *reply.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}
