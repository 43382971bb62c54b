//! What a client is to start.

use super::error::SetupError;
use super::options::Setup;
use std::env;
use std::path::Path;

/// Where the service of this machine listens.
pub(super) const SOCKET: &str = "/run/mini-mcp/mcp.sock";

/// A server as a client starts it: over standard input and output.
#[derive(Debug)]
pub(super) struct Server {
    /// What the client calls it.
    pub(super) name: String,
    pub(super) command: String,
    pub(super) arguments: Vec<String>,
}

impl Server {
    /// The server that `options` ask for.
    pub(super) fn of(options: &Setup) -> Result<Self, SetupError> {
        let name = options.name.clone();
        if let Some(host) = &options.ssh {
            let arguments = [host, "mini-mcp", "connect"].map(str::to_owned);
            return Ok(Self {
                name: name.unwrap_or_else(|| remote_name(host)),
                command: "ssh".to_owned(),
                arguments: arguments.to_vec(),
            });
        }
        Ok(Self {
            name: name.unwrap_or_else(|| "mini-mcp".to_owned()),
            command: program()?,
            arguments: arguments(options)?,
        })
    }

    /// The whole command, for people.
    pub(super) fn line(&self) -> String {
        let words = [&self.command].into_iter().chain(&self.arguments);
        words.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// `connect` where there is a service, unless it is not wanted.
fn arguments(options: &Setup) -> Result<Vec<String>, SetupError> {
    let usual = options.socket == Path::new(SOCKET);
    if options.stdio || (usual && !options.socket.exists()) {
        return Ok(vec!["stdio".to_owned()]);
    }
    let mut arguments = vec!["connect".to_owned()];
    if !usual {
        let socket = options.socket.to_str();
        let socket = socket.ok_or_else(|| SetupError::NoText(options.socket.clone()))?;
        arguments.extend(["--socket".to_owned(), socket.to_owned()]);
    }
    Ok(arguments)
}

/// This program by its whole path: what starts a client need not have our PATH.
fn program() -> Result<String, SetupError> {
    let program = env::current_exe().map_err(SetupError::Program)?;
    let text = program.to_str().map(str::to_owned);
    text.ok_or(SetupError::NoText(program))
}

/// `mini-mcp-web1` of `alice@web1.example.org`.
fn remote_name(host: &str) -> String {
    let host = host.rsplit('@').next().unwrap_or(host);
    let is_address = host.starts_with('[') || host.chars().all(|c| c.is_ascii_digit() || c == '.');
    let short = match host.split_once('.') {
        Some((first, _)) if !is_address => first,
        _ => host,
    };
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = short.chars().map(safe).take(40).collect();
    format!("mini-mcp-{}", name.trim_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_server_is_called_by_its_host() {
        for (host, name) in [
            ("web1", "mini-mcp-web1"),
            ("alice@web1.example.org", "mini-mcp-web1"),
            ("root@192.0.2.7", "mini-mcp-192-0-2-7"),
            ("[2001:db8::1]", "mini-mcp-2001-db8--1"),
        ] {
            assert_eq!(remote_name(host), name);
        }
    }
}
