//! The journal, in its own protocol: one datagram of fields for each message, see
//! <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.

use super::connected;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// How long a journal that does not read may hold a message up.
const PATIENCE: Duration = Duration::from_millis(200);

/// Longest value, in bytes: longer ones are cut, so that every message fits a datagram.
const VALUE_MAX: usize = 16 * 1024;

/// What names of our fields begin with.
const PREFIX: &str = "MINI_MCP_";

/// How bad it is, syslog(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something does not work.
    Error = 3,
    /// Somebody should look.
    Warning = 4,
    /// As it should be.
    Info = 6,
    /// For whoever looks for a mistake.
    Debug = 7,
}

impl Severity {
    /// Word for people and programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// The journal of this machine.
#[derive(Debug)]
pub struct Journal(UnixDatagram);

impl Journal {
    /// The journal, where standard error is connected to it, `JOURNAL_STREAM` in
    /// systemd.exec(5).
    #[must_use]
    pub fn of_stderr() -> Option<Self> {
        let told = env::var("JOURNAL_STREAM").ok()?;
        is_stderr(&told).then(|| Self::connect().ok()).flatten()
    }

    /// The journal, wherever standard error goes.
    ///
    /// # Errors
    /// When there is none.
    pub fn connect() -> io::Result<Self> {
        let socket = connected(OsStr::new(SOCKET))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(socket))
    }

    /// Hands a message over.
    ///
    /// # Errors
    /// When the journal does not take it.
    pub fn send(&self, record: &Record) -> io::Result<()> {
        self.0.send(&record.0).map(drop)
    }
}

/// Whether `told`, `DEVICE:INODE`, is where standard error goes.
fn is_stderr(told: &str) -> bool {
    nix::sys::stat::fstat(io::stderr().as_fd())
        .is_ok_and(|there| told == format!("{}:{}", there.st_dev, there.st_ino))
}

/// One message and its fields.
#[derive(Debug)]
pub struct Record(Vec<u8>);

impl Record {
    /// A message of the program called `program`.
    #[must_use]
    pub fn new(program: &str, severity: Severity, message: &str) -> Self {
        let mut record = Self(Vec::with_capacity(512));
        record.put("MESSAGE", message);
        record.put("PRIORITY", &(severity as u8).to_string());
        record.put("SYSLOG_IDENTIFIER", program);
        record
    }

    /// Adds a field, `run` as `MINI_MCP_RUN`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let name: String = name
            .chars()
            .map(|one| match one.to_ascii_uppercase() {
                letter @ ('A'..='Z' | '0'..='9') => letter,
                _ => '_',
            })
            .collect();
        self.put(&format!("{PREFIX}{name}"), value);
        self
    }

    /// A value of several lines goes with its length before it; any could.
    fn put(&mut self, name: &str, value: &str) {
        let mut ends = (0..=value.len().min(VALUE_MAX)).rev();
        let end = ends.find(|end| value.is_char_boundary(*end));
        let value = value.get(..end.unwrap_or_default()).unwrap_or_default();
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'\n');
        self.0
            .extend_from_slice(&(value.len() as u64).to_le_bytes());
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader of the protocol finds in `record`.
    fn read(record: &Record) -> Vec<(String, String)> {
        let (mut rest, mut fields) = (record.0.as_slice(), Vec::new());
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let name = String::from_utf8_lossy(&rest[..end]).into_owned();
            let (length, after) = rest[end + 1..].split_at(8);
            let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
            let (value, after) = after.split_at(usize::try_from(length).unwrap_or_default());
            fields.push((name, String::from_utf8_lossy(value).into_owned()));
            assert_eq!(after.first(), Some(&b'\n'));
            rest = &after[1..];
        }
        fields
    }

    #[test]
    fn no_value_becomes_another_field() {
        let record = Record::new("p", Severity::Warning, "it\nPRIORITY=0")
            .with("run", "1")
            .with("request id", "a\nMINI_MCP_RUN=2\n");
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let expected = [
            ("MESSAGE", "it\nPRIORITY=0"),
            ("PRIORITY", "4"),
            ("SYSLOG_IDENTIFIER", "p"),
            ("MINI_MCP_RUN", "1"),
            ("MINI_MCP_REQUEST_ID", "a\nMINI_MCP_RUN=2\n"),
        ];
        assert_eq!(read(&record), expected.map(pair));
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let record = Record::new("p", Severity::Info, &"é".repeat(VALUE_MAX));
        assert_eq!(read(&record)[0].1.len(), VALUE_MAX);
        let record = Record::new("p", Severity::Info, &format!("x{}", "é".repeat(VALUE_MAX)));
        assert_eq!(read(&record)[0].1.len(), VALUE_MAX - 1);
    }

    #[test]
    fn another_stream_is_not_standard_error() {
        for told in ["", "0:0", "x", "8:"] {
            assert!(!is_stderr(told), "{told}");
        }
    }
}
