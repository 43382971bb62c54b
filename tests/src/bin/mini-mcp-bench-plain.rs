//! A server of rmcp with nothing around it: `mini-mcp-bench-plain SOCKET LIST` serves on
//! the Unix socket SOCKET the tools of the answer to `tools/list` that the file LIST holds.
//! The benchmark suite compares the service with it.

#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use rmcp::model::{
    ErrorData, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler, ServiceExt};
use serde_json::Value;
use tokio::net::UnixListener;

#[derive(Clone)]
struct Plain(Vec<Tool>);

impl ServerHandler for Plain {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.0.clone()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().context("usage: … SOCKET LIST");
    let (socket, list) = (word()?, word()?);
    let answer: Value = serde_json::from_str(&std::fs::read_to_string(list)?)?;
    let plain = Plain(serde_json::from_value(answer["result"]["tools"].clone())?);
    let listener = UnixListener::bind(socket).context("cannot bind the socket")?;
    loop {
        let (stream, _) = listener.accept().await?;
        let plain = plain.clone();
        tokio::spawn(async move {
            if let Ok(service) = plain.serve(stream).await {
                let _ended = service.waiting().await;
            }
        });
    }
}
