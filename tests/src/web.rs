//! A plain HTTP/1.1 client: it sends exactly the bytes that it is told to, so that
//! tests see what the server really answers.

use crate::{Site, User, connect_as};
use nix::sys::socket::SockType;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// No answer is this late unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection to an HTTP server.
#[derive(Debug)]
pub struct Web {
    stream: BufReader<Box<dyn Stream>>,
    host: String,
}

trait Stream: Read + Write + Debug {}
impl<S: Read + Write + Debug> Stream for S {}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header lines, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: String,
}

/// The request of the stateless era, with what belongs to it.
#[must_use]
pub fn modern(method: &str, mut parameters: Value) -> (Value, Vec<(&'static str, String)>) {
    parameters["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "mini-mcp-tests", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let mut headers = vec![
        ("MCP-Protocol-Version", "2026-07-28".to_owned()),
        ("Mcp-Method", method.to_owned()),
    ];
    let names = ["name", "taskId"].map(|field| parameters[field].as_str());
    if let Some(name) = names.into_iter().flatten().next() {
        headers.push(("Mcp-Name", name.to_owned()));
    }
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
    (message, headers)
}

impl Web {
    /// Connects `user` to the supervisor's Unix socket.
    ///
    /// # Panics
    /// When the kernel refuses.
    #[must_use]
    pub fn socket(site: &Site, user: User) -> Web {
        let socket = UnixStream::from(connect_as(user, SockType::Stream, &site.front()));
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Web::over(Box::new(socket), "localhost")
    }

    /// Connects to `address`.
    ///
    /// # Panics
    /// When nobody listens there.
    #[must_use]
    pub fn network(address: SocketAddr) -> Web {
        let socket = TcpStream::connect(address).expect("the server listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Web::over(Box::new(socket), &address.to_string())
    }

    fn over(stream: Box<dyn Stream>, host: &str) -> Web {
        Web {
            stream: BufReader::new(stream),
            host: host.to_owned(),
        }
    }

    /// Sends `bytes`. A server that hung up shows in the answer.
    pub fn send(&mut self, bytes: &[u8]) {
        drop(self.stream.get_mut().write_all(bytes));
    }

    /// Sends `message` to /mcp with these further headers, `Host` among them perhaps.
    pub fn start(&mut self, message: &Value, headers: &[(&str, String)]) {
        let body = message.to_string();
        let mut head = String::from("POST /mcp HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head.push_str(&format!("Host: {}\r\n", self.host));
        }
        head.push_str("Content-Type: application/json\r\n");
        head.push_str("Accept: application/json, text/event-stream\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.send(head.as_bytes());
    }

    /// Sends `message` and waits for what comes back.
    #[track_caller]
    pub fn post(&mut self, message: &Value, headers: &[(&str, String)]) -> Reply {
        self.start(message, headers);
        self.reply().expect("an answer")
    }

    /// Makes a request of the stateless era, with a key perhaps.
    #[track_caller]
    pub fn ask(&mut self, method: &str, parameters: Value, key: Option<&str>) -> Reply {
        let (message, mut headers) = modern(method, parameters);
        headers.extend(key.map(bearer));
        self.post(&message, &headers)
    }

    /// Calls a tool in the stateless era.
    #[track_caller]
    pub fn call(&mut self, tool: &str, arguments: &Value, key: Option<&str>) -> Reply {
        self.ask(
            "tools/call",
            json!({"name": tool, "arguments": arguments}),
            key,
        )
    }

    /// The next answer; `None` when the server hung up before one began.
    ///
    /// # Panics
    /// When it is no HTTP, or none comes in time.
    pub fn reply(&mut self) -> Option<Reply> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).expect("a status line");
        let status = status.parse().expect("a status code");
        let mut headers = Vec::new();
        loop {
            let line = self.line().expect("a whole head");
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut reply = Reply {
            status,
            headers,
            body: String::new(),
        };
        reply.body = String::from_utf8(self.body(&reply)).expect("UTF-8");
        Some(reply)
    }

    /// One line without its end; `None` at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error} after {line:?}"),
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }

    fn body(&mut self, reply: &Reply) -> Vec<u8> {
        let mut body = Vec::new();
        if reply.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = self.line().expect("a chunk");
                let size = usize::from_str_radix(&size, 16).expect("a size");
                let mut chunk = vec![0; size + 2];
                self.stream.read_exact(&mut chunk).expect("a chunk");
                if size == 0 {
                    return body;
                }
                body.extend(&chunk[..size]);
            }
        }
        let length = reply.header("content-length").map_or("0", |length| length);
        body.resize(length.parse().expect("a length"), 0);
        self.stream.read_exact(&mut body).expect("a body");
        body
    }
}

/// The header that presents `key`.
#[must_use]
pub fn bearer(key: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {key}"))
}

impl Reply {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(header, _)| header == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The JSON-RPC message that answers: the body, or the last event's data.
    #[must_use]
    #[track_caller]
    pub fn message(&self) -> Value {
        let mut data = self
            .body
            .lines()
            .filter_map(|line| line.strip_prefix("data:"));
        let text = data.next_back().unwrap_or(&self.body);
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The text of a call's result.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> String {
        crate::Called(self.message()).text()
    }
}
