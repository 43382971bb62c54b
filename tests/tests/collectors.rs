//! A collector of OTLP that is hostile: whatever it answers, calls go on, the supervisor
//! holds no more of it than it may, connects to nobody else, and comes to an end.

use harness::{ALICE, BASE, Client, Site, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(40);

/// More than the supervisor may hold of answers, all of them together.
const MEMORY: u64 = 24 * 1024 * 1024;

/// What it answers.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// A body without end, of a length that it tells.
    Huge,
    /// Chunks without end.
    Chunks,
    /// A byte now and then, for ever.
    Slow,
    /// Headers without end.
    Headers,
    /// Success, and a body that is no message.
    Garbage,
    /// No HTTP at all.
    Noise,
    /// That it is elsewhere.
    Elsewhere(u16, u16),
    /// Interim answers without end.
    Interim,
    /// Two answers, of which nobody asked for the second.
    Twice,
}

impl Answer {
    /// Writes until nobody reads.
    fn write(self, stream: &mut TcpStream) -> std::io::Result<()> {
        const CHUNK: usize = 32 * 1024;
        let mut say = |text: &str| stream.write_all(text.as_bytes());
        let bytes = "x".repeat(CHUNK);
        match self {
            Self::Huge => {
                say("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n")?;
                loop {
                    say(&bytes)?;
                }
            }
            Self::Chunks => {
                say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                loop {
                    say(&format!("{CHUNK:x}\r\n{bytes}\r\n"))?;
                }
            }
            Self::Slow => {
                say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                loop {
                    say("1\r\nx\r\n")?;
                    thread::sleep(Duration::from_millis(100));
                }
            }
            Self::Headers => {
                say("HTTP/1.1 200 OK\r\n")?;
                loop {
                    say(&format!("X-{}: y\r\n", &bytes[..1000]))?;
                }
            }
            Self::Garbage => {
                say("HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n")?;
                say("Content-Length: 40000\r\n\r\n")?;
                stream.write_all(&[0xff; 40_000])
            }
            Self::Noise => stream.write_all(&[0; 70_000]),
            Self::Elsewhere(status, port) => say(&format!(
                "HTTP/1.1 {status} Elsewhere\r\nLocation: http://127.0.0.1:{port}/v1/traces\r\n\
                 Retry-After: 0\r\nContent-Length: 0\r\n\r\n"
            )),
            Self::Interim => loop {
                say("HTTP/1.1 100 Continue\r\n\r\n")?;
            },
            Self::Twice => say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\
                 HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        }
    }
}

/// Listens until the test ends; its port, and how many have come.
fn collector(answer: Option<Answer>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            counted.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                // The head of the request, and some of its body.
                let _read = stream.read(&mut [0; 4096]);
                if let Some(answer) = answer {
                    let _until_it_hangs_up = answer.write(&mut stream);
                }
            });
        }
    });
    (port, count)
}

#[test]
fn nothing_that_a_collector_answers_does_harm() {
    let (elsewhere, led_astray) = collector(None);
    for answer in [
        Answer::Huge,
        Answer::Chunks,
        Answer::Slow,
        Answer::Headers,
        Answer::Garbage,
        Answer::Noise,
        Answer::Elsewhere(307, elsewhere),
        Answer::Elsewhere(301, elsewhere),
        Answer::Elsewhere(429, elsewhere),
        Answer::Interim,
        Answer::Twice,
    ] {
        println!("{answer:?}");
        let (port, count) = collector(Some(answer));
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut site = Site::with(BASE).serving(&["--otlp", &endpoint]).prepare();
        site.start_worker();
        site.start_supervisor_with("OTEL_BSP_SCHEDULE_DELAY", "100");
        let client = Client::attach(&site, ALICE);
        let before = site.supervisor().resident();
        for round in 1..=3 {
            assert!(!client.call("true", &json!({})).is_error(), "{answer:?}");
            // A body that comes slowly is waited for, ten seconds long.
            let wanted = if matches!(answer, Answer::Slow) {
                1
            } else {
                round
            };
            eventually("it is sent", SOON, || {
                (count.load(Ordering::SeqCst) >= wanted).then_some(())
            });
        }
        thread::sleep(Duration::from_millis(500));
        let held = site.supervisor().resident().saturating_sub(before);
        assert!(held < MEMORY, "{answer:?}: {held} bytes");
        assert!(!client.call("true", &json!({})).is_error(), "{answer:?}");
        let log = site.log_text("supervisor");
        assert!(!log.contains("panicked"), "{answer:?}: {log}");
        assert!(log.len() < 20_000, "{answer:?}: {} bytes", log.len());
        drop(client);
        kill(Pid::from_raw(site.supervisor().id()), Signal::SIGTERM).expect("it runs");
        eventually("it ends", SOON, || {
            (!site.supervisor().alive()).then_some(())
        });
    }
    assert_eq!(led_astray.load(Ordering::SeqCst), 0, "it went elsewhere");
}
