//! A client that does as little as a client can: writes a line, reads a line.

use crate::{Site, User, connect_as};
use nix::sys::socket::SockType;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"0"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// `tools/list`.
pub const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
/// `ping`.
pub const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// The line that calls `tool` without arguments.
#[must_use]
pub fn call(tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#
    )
}

/// A connection that has been initialized.
#[derive(Debug)]
pub struct Session(BufReader<UnixStream>);

impl Session {
    /// Of `user` with the supervisor of `site`.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    pub fn of(site: &Site, user: User) -> Session {
        let socket = connect_as(user, SockType::Stream, &site.front());
        Session::over(UnixStream::from(socket))
    }

    /// With any server that speaks newline-delimited JSON-RPC at `path`.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn at(path: &Path) -> Session {
        Session::over(UnixStream::connect(path).expect("somebody listens"))
    }

    fn over(socket: UnixStream) -> Session {
        let mut session = Session(BufReader::new(socket));
        session.ask(INITIALIZE);
        session.say(INITIALIZED);
        session
    }

    /// Sends the request `line`; what is answered.
    ///
    /// # Panics
    /// When nothing is.
    pub fn ask(&mut self, line: &str) -> String {
        self.say(line);
        let mut answer = String::new();
        self.0.read_line(&mut answer).expect("an answer");
        assert!(answer.contains(r#""result""#), "{line}: {answer}");
        answer
    }

    /// Sends the call `line`, whose command must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn succeed(&mut self, line: &str) {
        let answer = self.ask(line);
        assert!(answer.contains(r#""exit_code":0"#), "{answer}");
    }

    /// In one write, as a client that knows its trade does.
    fn say(&mut self, line: &str) {
        let line = [line, "\n"].concat();
        let written = self.0.get_mut().write_all(line.as_bytes());
        written.expect("the server reads");
    }
}
