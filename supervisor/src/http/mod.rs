//! MCP's Streamable HTTP transport, on whatever byte stream it arrives.
//!
//! This is transport alone: it bounds what a client may send and how slowly, keeps
//! sessions to whom they belong, and cancels what nobody waits for any more. Who the
//! client is, is settled before ([`crate::front`]) and passed on with each request;
//! what he may do is decided by the handler. It must know neither policy nor worker,
//! so that a handler made for tests can stand on the very same stack.

mod body;
mod connection;
mod endpoint;
mod framing;
mod patience;
mod sessions;

pub(crate) use body::Reply;
pub(crate) use connection::converse;
pub(crate) use endpoint::{Endpoint, Reach, Visitor, in_session, plain, visitor};
pub(crate) use framing::{Framing, framing};

/// Where MCP is served.
pub(crate) const PATH: &str = "/mcp";
