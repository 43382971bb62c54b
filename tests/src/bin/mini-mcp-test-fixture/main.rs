//! The handler that the public conformance suite wants to find, on the product's own
//! HTTP transport: `mini-mcp-test-fixture SOCKET` serves it on the Unix socket SOCKET
//! and on a free port of this host, whose address it prints.
//!
//! The transport is compiled from the very files of the product; no part of this is
//! in the product.

#![forbid(unsafe_code)]

mod handler;
#[allow(
    dead_code,
    unused_imports,
    reason = "the product's own; not all is wanted here"
)]
#[path = "../../../../supervisor/src/http/mod.rs"]
mod http;
mod input;
#[path = "../../../../supervisor/src/message.rs"]
mod message;

use anyhow::{Context, Result};
use handler::{Changes, Fixture};
use http::{Endpoint, Framing, Reach, converse, framing};
use std::sync::Arc;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

/// Whose every session is.
const ANYBODY: &str = "anybody";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("usage: … SOCKET")?;
    let unix = UnixListener::bind(path).context("cannot bind the socket")?;
    let tcp = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", tcp.local_addr()?);
    let changes = Changes::default();
    let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let network = endpoint(&changes, Reach::Network(hosts));
    let socket = endpoint(&changes, Reach::Socket);
    tokio::select! {
        never = on_network(tcp, network) => never,
        never = on_socket(unix, socket) => never,
    }
}

fn endpoint(changes: &Changes, reach: Reach) -> Arc<Endpoint<Fixture>> {
    let changes = changes.clone();
    let make = move || Fixture::new(changes.clone());
    Arc::new(Endpoint::new(make, reach, CancellationToken::new()))
}

async fn on_network(listener: TcpListener, endpoint: Arc<Endpoint<Fixture>>) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let endpoint = Arc::clone(&endpoint);
        tokio::spawn(async move {
            let answer = |request| endpoint.answer(request, Arc::new(()), ANYBODY);
            converse(stream, answer, CancellationToken::new()).await;
        });
    }
}

async fn on_socket(listener: UnixListener, endpoint: Arc<Endpoint<Fixture>>) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let endpoint = Arc::clone(&endpoint);
        tokio::spawn(async move {
            if framing(&stream).await.ok() == Some(Framing::Http) {
                let answer = |request| endpoint.answer(request, Arc::new(()), ANYBODY);
                converse(stream, answer, CancellationToken::new()).await;
            }
        });
    }
}
