//! Messages that come as lines, each of bounded length.

use super::MESSAGE_MAX;
use crate::message::parse;
use rmcp::RoleServer;
use rmcp::model::ErrorData;
use rmcp::service::RxJsonRpcMessage;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Room for a line that a waiting client keeps, in bytes.
const ROOM_KEPT: usize = 1024;

/// Bytes of one read: what most messages fit.
const READ_SIZE: usize = 2048;

/// The lines of one client.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// The rest of a line that is too long is passed over.
    skipping: bool,
}

/// What came.
pub(super) enum Line {
    /// A message, and how many bytes it was.
    Message(Box<RxJsonRpcMessage<RoleServer>>, usize),
    /// Something else: what to answer.
    Fault(ErrorData),
    /// Nothing any more.
    End,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader: BufReader::with_capacity(READ_SIZE, reader),
            line: Vec::new(),
            skipping: false,
        }
    }

    /// What comes next; empty lines are nothing. May be given up at any await without
    /// losing a byte.
    pub(super) async fn next(&mut self) -> Line {
        loop {
            let Ok(bytes) = self.reader.fill_buf().await else {
                return Line::End;
            };
            if bytes.is_empty() {
                // What has no line feed is no whole message.
                return Line::End;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(bytes.len(), |end| end + 1);
            let fits = self.line.len() + taken <= MESSAGE_MAX;
            if fits && !self.skipping {
                self.line.extend(bytes.iter().take(taken));
            }
            self.reader.consume(taken);
            if !fits && !self.skipping {
                self.line = Vec::new();
                self.skipping = end.is_none();
                return Line::Fault(too_long());
            }
            if end.is_some() && !std::mem::take(&mut self.skipping) {
                let line = std::mem::take(&mut self.line);
                if let Some(line) = self.read(line) {
                    return line;
                }
            }
        }
    }

    /// What a whole line says; `None` for an empty one.
    fn read(&mut self, mut line: Vec<u8>) -> Option<Line> {
        let text = line.trim_ascii();
        let said = (!text.is_empty()).then(|| match parse(text) {
            Ok(message) => Line::Message(Box::new(message), text.len()),
            Err(error) => Line::Fault(error),
        });
        if line.capacity() <= ROOM_KEPT {
            line.clear();
            self.line = line;
        }
        said
    }
}

fn too_long() -> ErrorData {
    let text = format!("Invalid request: a message may have {MESSAGE_MAX} bytes");
    ErrorData::invalid_request(text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a word for each line.
    async fn said(text: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(text);
        let mut said = Vec::new();
        loop {
            said.push(match lines.next().await {
                Line::Message(..) => "message".to_owned(),
                Line::Fault(error) => error.code.0.to_string(),
                Line::End => return said,
            });
        }
    }

    #[tokio::test]
    async fn each_line_is_a_message_or_a_fault() {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let long = "x".repeat(MESSAGE_MAX);
        let exact = format!("\"{}\"", "x".repeat(MESSAGE_MAX - 3));
        let text = format!(
            "\n \r\n{ping}\n {ping}\r\n{{\n{long}\n{ping}\n{long}{long}{long}\n{ping}\n{exact}\n{ping}"
        );
        let expected = [
            "message", "message", "-32700", "-32600", "message", "-32600", "message", "-32600",
        ];
        assert_eq!(said(text.as_bytes()).await, expected);
    }
}
