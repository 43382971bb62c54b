//! A plain JSON-RPC client, of the 2025-11-25 revision: it sends exactly the
//! lines it is told to, so that tests see what the server really answers.

use crate::inbox::Inbox;
use crate::wait::patient;
use crate::{Called, Process, Site, User, command_as, connect_as, eventually};
use nix::sys::socket::SockType;
use serde_json::{Value, json};
use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// No answer is this late unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection to a server.
#[derive(Debug)]
pub struct Client {
    line: Line,
    inbox: Inbox,
    next: Cell<u64>,
}

#[derive(Debug)]
enum Line {
    Socket(UnixStream),
    Child { child: Child, input: Option<File> },
}

impl Client {
    /// Connects `user` directly to the supervisor's socket.
    #[must_use]
    pub fn attach(site: &Site, user: User) -> Client {
        let client = Client::attach_silent(site, user);
        client.initialize();
        client
    }

    /// As [`Client::attach`], but says nothing yet.
    #[must_use]
    pub fn attach_silent(site: &Site, user: User) -> Client {
        let socket = UnixStream::from(connect_as(user, SockType::Stream, &site.front()));
        let reader = socket.try_clone().expect("a descriptor can be duplicated");
        Client::new(Line::Socket(socket), Inbox::reading(reader.into()))
    }

    /// Connects `user` through `mini-mcp connect`.
    #[must_use]
    pub fn bridge(site: &Site, user: User) -> Client {
        let mut command = command_as(user, &site.program("mini-mcp"));
        command.arg("connect").arg("--socket").arg(site.front());
        let client = Client::spawn(&mut command);
        client.initialize();
        client
    }

    /// Speaks to the standard input and output of `command`, without a greeting.
    #[must_use]
    pub fn spawn(command: &mut Command) -> Client {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let output = child.stdout.take().expect("its output is a pipe");
        let input = child.stdin.take().map(OwnedFd::from).map(File::from);
        Client::new(Line::Child { child, input }, Inbox::reading(output.into()))
    }

    fn new(line: Line, inbox: Inbox) -> Client {
        let next = Cell::new(1);
        Client { line, inbox, next }
    }

    /// Greets the server; its answer.
    ///
    /// # Panics
    /// When the server hangs up.
    pub fn initialize(&self) -> Value {
        self.initialize_as("2025-11-25", &json!({}))
    }

    /// As [`Client::initialize`], in the revision `version`, with these capabilities.
    ///
    /// # Panics
    /// When the server hangs up.
    pub fn initialize_as(&self, version: &str, capabilities: &Value) -> Value {
        let answer = self.request(
            "initialize",
            &json!({
                "protocolVersion": version,
                "capabilities": capabilities,
                "clientInfo": { "name": "mini-mcp-tests", "version": "0" },
            }),
        );
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        answer.expect("the server answers `initialize`")
    }

    /// Sends one message as a line.
    pub fn send(&self, message: &Value) {
        self.send_line(&message.to_string());
    }

    /// Sends `text` and a line feed. A server that hung up shows in the answers.
    pub fn send_line(&self, text: &str) {
        let line = format!("{text}\n");
        drop(match &self.line {
            Line::Socket(socket) => (&*socket).write_all(line.as_bytes()),
            Line::Child { input, .. } => input
                .iter()
                .try_for_each(|mut input| input.write_all(line.as_bytes())),
        });
    }

    /// Sends `bytes` without a line feed.
    pub fn send_raw(&self, bytes: &[u8]) {
        if let Line::Socket(socket) = &self.line {
            drop((&*socket).write_all(bytes));
        }
    }

    /// Sends a request; its id.
    pub fn start(&self, method: &str, parameters: &Value) -> u64 {
        let id = self.next.replace(self.next.get() + 1);
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters }));
        id
    }

    /// Starts to call a tool; the request's id.
    pub fn start_call(&self, tool: &str, arguments: &Value) -> u64 {
        self.start(
            "tools/call",
            &json!({ "name": tool, "arguments": arguments }),
        )
    }

    /// The answer to request `id`; `None` when the server hung up.
    #[must_use]
    pub fn answer(&self, id: u64) -> Option<Value> {
        self.inbox.answer(id, patient(PATIENCE))
    }

    /// Sends a request and waits; `None` when the server hung up.
    #[must_use]
    pub fn request(&self, method: &str, parameters: &Value) -> Option<Value> {
        self.answer(self.start(method, parameters))
    }

    /// Calls a tool and waits for its result.
    #[must_use]
    #[track_caller]
    pub fn call(&self, tool: &str, arguments: &Value) -> Called {
        self.called(self.start_call(tool, arguments))
    }

    /// Waits for the result of a call.
    #[must_use]
    #[track_caller]
    pub fn called(&self, id: u64) -> Called {
        Called(self.answer(id).expect("the server answers a call"))
    }

    /// The result of a call, if it has come.
    #[must_use]
    pub fn poll(&self, id: u64) -> Option<Called> {
        self.inbox.take(id).map(Called)
    }

    /// Goes away without a word: closes the socket, or kills the bridge.
    pub fn vanish(mut self) {
        match &mut self.line {
            Line::Socket(socket) => drop(socket.shutdown(Shutdown::Both)),
            Line::Child { child, .. } => child.kill().expect("it runs"),
        }
    }

    /// The names of the tools that the server shows, in its order.
    ///
    /// # Panics
    /// When the answer is not a list of tools.
    #[must_use]
    pub fn tools(&self) -> Vec<String> {
        let answer = self.request("tools/list", &json!({})).expect("an answer");
        let tools = answer["result"]["tools"].as_array().expect("a list");
        let names = tools.iter().map(|tool| tool["name"].as_str());
        names.map(|name| name.expect("a name").to_owned()).collect()
    }

    /// Withdraws request `id`.
    pub fn cancel(&self, id: u64) {
        self.send(&json!({
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": { "requestId": id, "reason": "the test says so" },
        }));
    }

    /// Sends nothing more, but goes on reading.
    pub fn finish_sending(&mut self) {
        match &mut self.line {
            Line::Socket(socket) => socket.shutdown(Shutdown::Write).expect("a socket"),
            Line::Child { input, .. } => drop(input.take()),
        }
    }

    /// The server has hung up.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.inbox.ended()
    }

    /// Messages that answered nothing that was waited for.
    #[must_use]
    pub fn unclaimed(&self) -> Vec<Value> {
        self.inbox.rest()
    }

    /// The next message that answers nothing that is waited for.
    #[must_use]
    #[track_caller]
    pub fn next_unclaimed(&self) -> Value {
        let mut messages = eventually("a message", PATIENCE, || {
            let messages = self.inbox.drain();
            (!messages.is_empty()).then_some(messages)
        });
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    }

    /// The process behind this client's line: the bridge or the server itself.
    ///
    /// # Panics
    /// When the line is a socket.
    #[must_use]
    pub fn process(&self) -> Process {
        match &self.line {
            Line::Child { child, .. } => Process::of(child),
            Line::Socket(_) => panic!("a socket has no process"),
        }
    }
}

impl Drop for Client {
    /// Leaves as a client does that ends; a child must then end by itself.
    fn drop(&mut self) {
        match &mut self.line {
            Line::Socket(socket) => drop(socket.shutdown(Shutdown::Both)),
            Line::Child { child, input } => {
                drop(input.take());
                self.inbox.give_up();
                drop(child.wait());
            }
        }
    }
}
