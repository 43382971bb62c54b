//! Which of the two framings a client of the Unix socket speaks.

use nix::sys::socket::{MsgFlags, recv};
use std::io;
use std::os::fd::AsRawFd;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// How messages are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// JSON-RPC, a message a line.
    Lines,
    /// Streamable HTTP.
    Http,
}

/// Waits for the first byte of `stream`, and leaves it there. No memory is spent on
/// a client before.
///
/// # Errors
/// A socket that cannot be read.
pub(crate) async fn framing(stream: &UnixStream) -> io::Result<Framing> {
    let mut first = [0];
    loop {
        stream.readable().await?;
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        let peek = || Ok(recv(stream.as_raw_fd(), &mut first, flags)?);
        match stream.try_io(Interest::READABLE, peek) {
            Ok(_) => return Ok(of(first)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Every HTTP method begins with a capital letter, which no JSON text does. A stream
/// that ended without a byte is one of no lines.
fn of([first]: [u8; 1]) -> Framing {
    match first {
        b'A'..=b'Z' => Framing::Http,
        _ => Framing::Lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn the_first_byte_tells_and_stays() {
        for (text, expected) in [
            ("{\"jsonrpc\"", Framing::Lines),
            ("\r\n {", Framing::Lines),
            ("[", Framing::Lines),
            ("nonsense", Framing::Lines),
            ("\0", Framing::Lines),
            ("POST /mcp", Framing::Http),
            ("GET", Framing::Http),
            ("", Framing::Lines),
        ] {
            let (mut client, mut server) = UnixStream::pair().unwrap();
            client.write_all(text.as_bytes()).await.unwrap();
            drop(client);
            assert_eq!(framing(&server).await.unwrap(), expected, "{text}");
            let mut read = String::new();
            server.read_to_string(&mut read).await.unwrap();
            assert_eq!(read, text);
        }
    }
}
