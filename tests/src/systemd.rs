//! systemd's side of its protocols, played by the test: the service manager that is
//! notified, and the journal.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often the services of [`Manager::script`] give a sign of life.
pub const INTERVAL: Duration = Duration::from_millis(300);

/// A service manager that waits for signs of life.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    /// Listens at `path`, where everybody may tell it something.
    #[must_use]
    pub fn listen(path: PathBuf) -> Manager {
        let socket = listen(&path);
        Manager { socket, path }
    }

    /// The script of a service that is watched.
    #[must_use]
    pub fn script(&self) -> String {
        format!(
            "export NOTIFY_SOCKET='{}' WATCHDOG_USEC={} WATCHDOG_PID=$$\nexec \"$@\"",
            self.path.display(),
            (3 * INTERVAL).as_micros()
        )
    }

    /// How many signs of life come within `time`; those that came before do not count.
    #[must_use]
    pub fn signs_of_life(&self, time: Duration) -> usize {
        drop(receive(&self.socket, Duration::ZERO));
        let told = receive(&self.socket, time).into_iter();
        told.filter(|message| message == b"WATCHDOG=1").count()
    }
}

/// A journal, which reads whatever comes.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    kept: Arc<Mutex<Vec<Message>>>,
    over: Arc<AtomicBool>,
}

/// One message: its fields by name.
pub type Message = BTreeMap<String, String>;

impl Journal {
    /// Listens in `folder`, which is made.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn listen(folder: PathBuf) -> Journal {
        fs::create_dir(&folder).expect("the directory is ours");
        let socket = listen(&folder.join("socket"));
        let (kept, over) = (
            Arc::<Mutex<Vec<Message>>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let journal = Journal {
            folder,
            kept: Arc::clone(&kept),
            over: Arc::clone(&over),
        };
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let come = receive(&socket, Duration::from_millis(20)).into_iter();
                // What is no message panics with the lock held, which is seen.
                let mut kept = kept.lock().expect("whole");
                kept.extend(come.map(|datagram| fields(&datagram)));
            }
        });
        journal
    }

    /// The script of a service whose standard error goes to this journal, so that it finds
    /// it where systemd has it.
    #[must_use]
    pub fn script(&self) -> String {
        format!(
            "export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)\n\
             exec unshare --mount --propagation private sh -euc '\n\
             mount -t tmpfs none /run\n\
             mkdir -p /run/systemd/journal\n\
             mount --bind {} /run/systemd/journal\n\
             exec \"$@\"' sh \"$@\"",
            self.folder.display()
        )
    }

    /// All messages so far.
    ///
    /// # Panics
    /// When something has come that is no message.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.kept.lock().expect("only messages have come").clone()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// The fields of a datagram: `NAME=VALUE` in a line, or a name in a line, then the length
/// of the value in 64 bits, the value, and a line feed.
fn fields(mut rest: &[u8]) -> Message {
    let mut fields = Message::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let (name, value) = match line.iter().position(|byte| *byte == b'=') {
            Some(equals) => (&line[..equals], &line[equals + 1..]),
            None => {
                let length = rest[..8].try_into().map(u64::from_le_bytes);
                let length = length.ok().and_then(|length| usize::try_from(length).ok());
                let end = 8 + length.expect("a length");
                let value = &rest[8..end];
                assert_eq!(rest[end], b'\n');
                rest = &rest[end + 1..];
                (line, value)
            }
        };
        let twice = fields.insert(text(name), text(value));
        assert_eq!(twice, None, "{} stands there twice", text(name));
    }
    assert!(rest.is_empty(), "no whole field: {}", text(rest));
    fields
}

fn listen(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).expect("the address is free");
    fs::set_permissions(path, Permissions::from_mode(0o777)).expect("ours");
    socket
}

/// Every datagram that comes until `time` is over.
fn receive(socket: &UnixDatagram, time: Duration) -> Vec<Vec<u8>> {
    let (end, mut all) = (Instant::now() + time, Vec::new());
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        socket.set_read_timeout(Some(left)).expect("a socket");
        match socket.recv(&mut buffer) {
            Ok(length) => all.push(buffer[..length].to_vec()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if end <= Instant::now() {
                    return all;
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}
