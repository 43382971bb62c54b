//! `mini-mcp reload`: asks the service for the policy that is in its files now.

use super::options::Reload;
use super::print;
use crate::connect::attach;
use crate::error::Error;
use crate::front::RELOAD;
use crate::sanitize::harmless;
use nix::unistd::geteuid;
use serde_json::{Value as Json, json};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long the service may take to read its files and have the worker do so.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest answer, in bytes: every mistake of the largest policy is told.
const ANSWER_MAX: u64 = 64 * 1024 * 1024;

/// Has the service take up its policy, and tells what came of it.
pub(crate) fn reload(options: &Reload) -> Result<(), Error> {
    if !geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    let answer = ask(&options.socket)?;
    let answer = answer.ok_or_else(|| Error::Refused {
        path: options.socket.clone(),
    })?;
    if let Some(error) = answer.get("error") {
        let why = error.get("message").and_then(Json::as_str);
        let why = why.unwrap_or("the service does not say why");
        return Err(Error::Reload(harmless(why.as_bytes())));
    }
    let policy = answer.pointer("/result/policy").and_then(Json::as_str);
    let policy = harmless(policy.unwrap_or_default().as_bytes());
    print(&format!("policy in force: {policy}\n"))
}

/// The answer to the request; `None` when the service hung up instead.
fn ask(path: &Path) -> Result<Option<Json>, Error> {
    let socket = attach(path)?;
    exchange(&socket).map_err(Error::Bridge)
}

fn exchange(mut socket: &UnixStream) -> io::Result<Option<Json>> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let request = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": RELOAD,
        "params": {"_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {
                "name": "mini-mcp", "version": env!("CARGO_PKG_VERSION"),
            },
            "io.modelcontextprotocol/clientCapabilities": {},
        }},
    });
    socket.write_all(format!("{request}\n").as_bytes())?;
    let mut answers = BufReader::new(socket).take(ANSWER_MAX);
    let mut line = String::new();
    loop {
        line.clear();
        match answers.read_line(&mut line) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(error),
        }
        let message: Json = serde_json::from_str(&line)?;
        if message.get("id") == Some(&json!(1)) {
            return Ok(Some(message));
        }
    }
}
