//! A client that does as little as a client can: writes a line, reads a line.

use crate::{Site, User, connect_as};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::SockType;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
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
pub struct Session {
    answers: BufReader<Box<dyn Read + Send>>,
    requests: Box<dyn Write + Send>,
}

/// Waits by poll(2), as event loops do and `mini-mcp connect`: who is blocked in read(2) is
/// woken also when the server has read the request.
struct Patient(UnixStream);

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let readable = PollFd::new(self.0.as_fd(), PollFlags::POLLIN);
        poll(&mut [readable], PollTimeout::NONE)?;
        self.0.read(buffer)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Session")
    }
}

impl Session {
    /// Of `user` with the supervisor of `site`.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    pub fn of(site: &Site, user: User) -> Session {
        let socket = connect_as(user, SockType::Stream, &site.front());
        Session::over(UnixStream::from(socket)).expect("the server answers")
    }

    /// With any server that speaks newline-delimited JSON-RPC at `path`; as this process.
    ///
    /// # Errors
    /// When nobody listens, or hangs up.
    pub fn at(path: &Path) -> io::Result<Session> {
        Session::over(UnixStream::connect(path)?)
    }

    pub(super) fn over(socket: UnixStream) -> io::Result<Session> {
        Session::through(Patient(socket.try_clone()?), socket)
    }

    /// Through two ends of anything.
    ///
    /// # Errors
    /// When the server hangs up.
    pub fn through(
        answers: impl Read + Send + 'static,
        requests: impl Write + Send + 'static,
    ) -> io::Result<Session> {
        let mut session = Session {
            answers: BufReader::new(Box::new(answers)),
            requests: Box::new(requests),
        };
        session.say(INITIALIZE)?;
        session.hear()?;
        session.say(INITIALIZED)?;
        Ok(session)
    }

    /// Sends the request `line`; what is answered.
    ///
    /// # Panics
    /// When nothing is.
    pub fn ask(&mut self, line: &str) -> String {
        self.say(line).expect("the server reads");
        let answer = self.hear().expect("an answer");
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

    /// Sends the call `line`; whether its command succeeds.
    ///
    /// # Panics
    /// When nothing is answered.
    pub fn succeeds(&mut self, line: &str) -> bool {
        self.ask(line).contains(r#""exit_code":0"#)
    }

    /// In one write, as a client that knows its trade does.
    fn say(&mut self, line: &str) -> io::Result<()> {
        let line = [line, "\n"].concat();
        self.requests.write_all(line.as_bytes())?;
        self.requests.flush()
    }

    fn hear(&mut self) -> io::Result<String> {
        let mut answer = String::new();
        match self.answers.read_line(&mut answer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(answer),
        }
    }
}
