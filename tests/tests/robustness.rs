//! What no good client sends: each is answered as JSON-RPC 2.0 and MCP say, or bounded,
//! and the connection goes on; over lines and over HTTP.

use harness::{ALICE, BASE, Client, Process, Site, Web, connect_as, eventually};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::SockType;
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;

/// What is no message, and the code of its answer.
fn no_messages() -> Vec<(String, i64)> {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let in_arguments = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"print","arguments":{{"first":{deep}}}}}}}"#
    );
    let long = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"ping","params":{{"x":{}}}}}"#,
        "9".repeat(5000)
    );
    let texts = [
        (long.as_str(), PARSE_ERROR),
        ("{nonsense", PARSE_ERROR),
        ("\u{1}", PARSE_ERROR),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping""#, PARSE_ERROR),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"x":1e400}}"#,
            PARSE_ERROR,
        ),
        (&deep, PARSE_ERROR),
        (&in_arguments, PARSE_ERROR),
        ("3", INVALID_REQUEST),
        ("null", INVALID_REQUEST),
        ("{}", INVALID_REQUEST),
        ("[]", INVALID_REQUEST),
        (
            r#"[{"jsonrpc":"2.0","id":7,"method":"ping"}]"#,
            INVALID_REQUEST,
        ),
        (
            r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#,
            INVALID_REQUEST,
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            INVALID_REQUEST,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            INVALID_REQUEST,
        ),
        (
            r#"{"jsonrpc":"2.0","id":[7],"method":"ping"}"#,
            INVALID_REQUEST,
        ),
        (
            r#"{"jsonrpc":"2.0","id":18446744073709551616,"method":"ping"}"#,
            INVALID_REQUEST,
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}"#,
            INVALID_REQUEST,
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/list"}"#,
            INVALID_REQUEST,
        ),
    ];
    texts.map(|(text, code)| (text.to_owned(), code)).into()
}

fn beginning(text: &str) -> String {
    text.chars().take(100).collect()
}

#[test]
fn what_is_no_message_is_an_error_and_no_end() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    for (text, code) in no_messages() {
        client.send_line(&text);
        let answer = client.next_unclaimed();
        assert_eq!(
            answer["error"]["code"],
            code,
            "{}: {answer}",
            beginning(&text)
        );
        assert!(answer["id"].is_null(), "{answer}");
    }
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
}

#[test]
fn over_http_it_is_a_bad_request_with_the_same_error() {
    let site = Site::with(BASE).start();
    let mut web = Web::socket(&site, ALICE);
    for (text, code) in no_messages() {
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        web.send(head.as_bytes());
        let reply = web.reply().expect("an answer");
        assert_eq!(reply.status, 400, "{}: {reply:?}", beginning(&text));
        assert_eq!(reply.message()["error"]["code"], code, "{reply:?}");
    }
    assert_eq!(web.call("true", &json!({}), None).status, 200);
}

/// A line without end costs no more than the longest message.
#[test]
fn a_line_that_is_too_long_is_refused_and_not_kept() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let before = site.supervisor().resident();
    let piece = "x".repeat(1024 * 1024);
    for _ in 0..64 {
        client.send_raw(piece.as_bytes());
    }
    client.send_line("");
    let answer = client.next_unclaimed();
    assert_eq!(answer["error"]["code"], INVALID_REQUEST, "{answer}");
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    let grown = site.supervisor().resident().saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes more");
}

#[test]
fn requests_that_cannot_be_met_say_why() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    for (method, parameters, code) in [
        ("no/such", json!({}), -32601),
        ("notifications/initialized", json!({}), -32601),
        ("tools/call", json!({}), -32602),
        ("tools/call", json!({"name": 7}), -32602),
        (
            "tools/call",
            json!({"name": "print", "arguments": []}),
            -32602,
        ),
        (
            "tools/call",
            json!({"name": "no such", "arguments": {}}),
            -32602,
        ),
        ("resources/read", json!({}), -32602),
    ] {
        let answer = client.request(method, &parameters).expect("an answer");
        assert_eq!(
            answer["error"]["code"], code,
            "{method} {parameters}: {answer}"
        );
    }
}

/// Notifications are never answered, whatever they say, and run nothing; neither do
/// answers to questions that nobody asked.
#[test]
fn nothing_is_answered_that_is_no_request() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    for text in [
        r#"{"jsonrpc":"2.0","method":"no/such"}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"true","arguments":{}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
    ] {
        client.send_line(text);
    }
    assert!(client.request("ping", &json!({})).is_some());
    assert_eq!(client.unclaimed(), Vec::<Value>::new());
    assert!(!site.audit().iter().any(|entry| entry.event() == "start"));
}

/// Ids come back as they were, the longest and the largest; of a key that stands twice
/// in arguments the last one is decided about, recorded and run.
#[test]
fn odd_requests_are_answered_as_they_are() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    for id in [
        json!(i64::MIN),
        json!(i64::MAX),
        json!(""),
        json!("x".repeat(100_000)),
    ] {
        client.send(&json!({"jsonrpc": "2.0", "id": id, "method": "ping"}));
        let answer = client.next_unclaimed();
        assert_eq!(answer["id"], id);
    }
    client.send_line(
        r#"{"jsonrpc":"2.0","id":700,"method":"tools/call",
            "params":{"name":"print","arguments":{"first":"a","first":"b"}}}"#
            .replace('\n', "")
            .as_str(),
    );
    assert_eq!(client.called(700).stdout(), "[b]\n[default]\n");
    let start = site.audited("the start", |entry| entry.event() == "start");
    assert_eq!(start.0["arguments"]["first"], "b");
    assert_eq!(start.0["argv"][2], "b");
}

/// Numbers that no argument can be are denials, not crashes; those that fit come through.
#[test]
fn huge_numbers_are_denied_as_they_are() {
    let more = "[tool.count]\ndescription = \"x\"\ncommand = [\"/usr/bin/echo\", \"{whole}\", \"{any}\"]\n\
        profile = \"plain\"\nallow = [\"alice\"]\n[tool.count.args]\n\
        whole = { type = \"integer\" }\nany = { type = \"number\", default = 0.5 }\n";
    let site = Site::with(&format!("{BASE}{more}")).start();
    let client = Client::attach(&site, ALICE);
    let call = |id: u64, arguments: &str| {
        client.send_line(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"count","arguments":{arguments}}}}}"#
        ));
        client.called(id)
    };
    for (id, whole) in (900..).zip([
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "1e300",
        "0.5",
    ]) {
        let denied = call(id, &format!(r#"{{"whole":{whole}}}"#));
        assert!(
            denied.field("denied")["code"].is_string(),
            "{whole}: {denied:?}"
        );
    }
    let greatest = i64::MAX.to_string();
    let called = call(990, &format!(r#"{{"whole":{greatest},"any":1e15}}"#));
    assert_eq!(called.success(), format!("{greatest} 1000000000000000\n"));
}

/// Writes to `socket` as much as it takes without anything being read, at most `most`.
fn stuff(socket: &mut UnixStream, text: &[u8], most: usize) -> usize {
    let patience = Some(Duration::from_millis(500));
    socket.set_write_timeout(patience).expect("a socket");
    let mut written = 0;
    while written < most {
        match socket.write(text) {
            Ok(bytes) => written += bytes,
            Err(_) => break,
        }
    }
    written
}

/// Who asks and asks and never reads is no longer listened to, costs little, and holds
/// nobody up; on lines and over HTTP.
#[test]
fn a_client_that_never_reads_is_no_longer_read_from() {
    const MOST: usize = 64 * 1024 * 1024;
    let site = Site::with(BASE).start();
    let list = |id: u32| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/list\"}}\n");
    let many: String = (1..1000).map(list).collect();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"x","version":"0"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let http = format!(
        "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMcp-Method: tools/list\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let initialize = json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "x", "version": "0"}},
    });
    let other = Client::attach(&site, ALICE);
    let before = site.supervisor().resident();
    for (text, greeting) in [
        (list(1).repeat(100), format!("{initialize}\n")),
        (many, format!("{initialize}\n")),
        (http.repeat(100), String::new()),
    ] {
        let mut silent = UnixStream::from(connect_as(ALICE, SockType::Stream, &site.front()));
        silent.write_all(greeting.as_bytes()).expect("it is read");
        let written = stuff(&mut silent, text.as_bytes(), MOST);
        assert!(written < MOST, "it is read for ever");
        assert_eq!(other.call("true", &json!({})).exit_code(), Some(0));
        let grown = site.supervisor().resident().saturating_sub(before);
        println!("{written} bytes written, {grown} bytes held");
        assert!(grown < 8 * 1024 * 1024, "{grown} bytes");
    }
}

/// Clients that have begun a session, have asked something and wait for their user cost
/// no more than 40 KiB each.
#[test]
fn clients_that_wait_cost_little() {
    const CLIENTS: usize = 200;
    let site = Site::with(BASE).start();
    let ready = |_| {
        let client = Client::attach(&site, ALICE);
        assert_eq!(client.tools().len(), 4);
        client
    };
    // What the first ones need, the others find.
    let _first: Vec<Client> = (0..20).map(ready).collect();
    let before = site.supervisor().resident();
    let _waiting: Vec<Client> = (0..CLIENTS).map(ready).collect();
    let each = site.supervisor().resident().saturating_sub(before) / CLIENTS as u64;
    println!("{each} bytes for each client that waits");
    assert!(each <= 40 * 1024, "{each} bytes");
}

/// Clients that say nothing cost little, however many there are; those beyond the bound
/// are closed, and whoever comes when some have gone is served.
#[test]
fn ten_thousand_idle_clients_are_borne() {
    const IDLE: usize = 10_500;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    assert!(
        hard > 12_000,
        "the hard limit of open files is {hard}\nhint: ulimit -Hn 65536"
    );
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(20_000).max(soft), hard).expect("it is raised");
    let site = Site::with(BASE).start();
    // Root connects faster than a process for each, and may stay.
    let before = site.supervisor().resident();
    let mut idle: Vec<UnixStream> = (0..IDLE)
        .map(|_| UnixStream::connect(site.front()).expect("it listens"))
        .collect();
    eventually("all were looked at", Duration::from_secs(60), || {
        site.log_text("supervisor")
            .contains("client refused")
            .then_some(())
    });
    let grown = site.supervisor().resident().saturating_sub(before);
    println!("{grown} bytes for {IDLE} idle clients");
    assert!(grown < 32 * 1024 * 1024, "{grown} bytes");
    idle.drain(..IDLE / 2);
    eventually("there is room again", Duration::from_secs(60), || {
        let mut socket = UnixStream::from(connect_as(ALICE, SockType::Stream, &site.front()));
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .ok()?;
        let ping = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
        socket.write_all(ping).ok()?;
        let mut byte = [0];
        std::io::Read::read_exact(&mut socket, &mut byte).ok()
    });
}

/// Kibibytes of code of its own program that `process` has mapped, and of these resident.
fn code(process: Process) -> (u64, u64) {
    let text = process.bytes("smaps");
    let (mut own, mut mapped, mut resident) = (false, 0, 0);
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [_, rights, .., path] if path.starts_with('/') => {
                own = *rights == "r-xp" && path.ends_with("mini-mcp-worker");
            }
            ["Size:", size, _] if own => mapped += size.parse::<u64>().expect("a number"),
            ["Rss:", size, _] if own => resident += size.parse::<u64>().expect("a number"),
            _ => {}
        }
    }
    (mapped, resident)
}

/// What only its start needs, to read a policy above all, it does not keep.
#[test]
fn a_worker_that_waits_has_let_go_of_its_code() {
    let site = Site::with(BASE).start();
    let (mapped, resident) = code(site.worker());
    assert!(mapped > 0, "it has code");
    assert!(resident < mapped * 9 / 10, "{resident} of {mapped} KiB");
}
