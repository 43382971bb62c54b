//! HTTP on the service's Unix socket: the same socket, the same identity, the same end
//! of what runs when its caller goes away.

use harness::web::modern;
use harness::{ALICE, BASE, BOB, CAROL, Client, Process, Site, Web, eventually, unique};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long a command may outlive its caller, with room for a busy machine.
const SOON: Duration = Duration::from_secs(2);

fn initialize() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "web", "version": "7"},
        },
    })
}

fn call(id: u64, tool: &str, arguments: &Value) -> Value {
    json!({
        "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    })
}

/// Begins a session of the initialize handshake; the headers of its further requests.
fn session(web: &mut Web) -> Vec<(&'static str, String)> {
    let reply = web.post(&initialize(), &[]);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.message()["result"]["protocolVersion"], "2025-11-25");
    let id = reply
        .header("mcp-session-id")
        .expect("a session")
        .to_owned();
    let headers = vec![
        ("Mcp-Session-Id", id),
        ("MCP-Protocol-Version", "2025-11-25".to_owned()),
    ];
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(web.post(&initialized, &headers).status, 202);
    headers
}

fn sleeping(seconds: &str) -> Option<Process> {
    Process::mentioning(seconds).into_iter().next()
}

#[track_caller]
fn starts(seconds: &str) {
    eventually("the command runs", Duration::from_secs(20), || {
        sleeping(seconds)
    });
}

#[track_caller]
fn ends(seconds: &str) -> Duration {
    let begin = Instant::now();
    eventually("the command ends", SOON, || {
        sleeping(seconds).is_none().then_some(())
    });
    begin.elapsed()
}

/// In the stateless era each request stands for itself; who makes it is who connected.
#[test]
fn each_user_sees_and_calls_his_own_tools() {
    let site = Site::with(BASE).start();
    let mut alice = Web::socket(&site, ALICE);
    let found = alice.ask("server/discover", json!({}), None).message();
    assert_eq!(found["result"]["resultType"], "complete", "{found}");
    for (user, own, other) in [(ALICE, "print", "bobs"), (BOB, "bobs", "print")] {
        let mut web = Web::socket(&site, user);
        let list = web.ask("tools/list", json!({}), None).message();
        let tools = list["result"]["tools"].as_array().expect("tools").clone();
        let has = |name: &str| tools.iter().any(|tool| tool["name"] == name);
        assert!(has(own) && !has(other), "{list}");
    }
    let reply = alice.call("print", &json!({"first": "hello"}), None);
    assert_eq!(reply.text(), "[hello]\n[default]\n");
    let start = site.audited("the start", |entry| entry.event() == "start");
    assert_eq!(start.0["uid"], ALICE.uid());
    assert_eq!(start.0["claim"]["name"], "mini-mcp-tests");
    site.audited("the end", |entry| entry.event() == "end");
}

/// Lines and HTTP on one socket, at the same time.
#[test]
fn both_framings_share_the_socket() {
    let site = Site::with(BASE).start();
    let mut web = Web::socket(&site, ALICE);
    let lines = Client::attach(&site, ALICE);
    for _ in 0..3 {
        assert_eq!(lines.call("true", &json!({})).exit_code(), Some(0));
        assert_eq!(web.call("true", &json!({}), None).status, 200);
    }
    let spaced = Client::attach_silent(&site, ALICE);
    spaced.send_line(" ");
    spaced.initialize();
}

/// A user whom no principal of the policy names is disconnected, whatever he speaks.
#[test]
fn a_stranger_is_not_answered() {
    let site = Site::with(BASE).start();
    let mut web = Web::socket(&site, CAROL);
    let (message, headers) = modern("tools/list", json!({}));
    web.start(&message, &headers);
    assert!(web.reply().is_none());
}

/// A session outlives its connection, and any other connection of the same user may go
/// on with it. Its id opens nothing to another user.
#[test]
fn a_session_is_its_users_on_any_connection() {
    let site = Site::with(BASE).start();
    let headers = session(&mut Web::socket(&site, ALICE));
    let mut other = Web::socket(&site, ALICE);
    let reply = other.post(&call(2, "print", &json!({"first": "x"})), &headers);
    assert_eq!(reply.text(), "[x]\n[default]\n", "{reply:?}");
    let start = site.audited("the start", |entry| entry.event() == "start");
    assert_eq!(start.0["claim"], json!({"name": "web", "version": "7"}));
    site.audited("the end", |entry| entry.event() == "end");

    let mut thief = Web::socket(&site, BOB);
    let stolen = thief.post(&call(3, "true", &json!({})), &headers);
    let mut made_up = headers.clone();
    made_up[0].1 = "00000000-0000-0000-0000-000000000000".to_owned();
    let unknown = thief.post(&call(3, "true", &json!({})), &made_up);
    assert_eq!(stolen.status, 404, "{stolen:?}");
    assert_eq!(stolen.body, unknown.body);
    let (message, _) = modern("tools/list", json!({}));
    assert_eq!(thief.post(&message, &headers).status, 404);
}

/// The connection that carries a call counts: when it is closed, the command ends, in
/// both eras, whatever other connections of the client go on.
#[test]
fn a_closed_connection_ends_its_command() {
    let site = Site::with(BASE).start();
    let mut idle = Web::socket(&site, ALICE);
    let headers = session(&mut idle);
    for modern_era in [true, false] {
        let seconds = unique();
        let mut web = Web::socket(&site, ALICE);
        if modern_era {
            let call = json!({"name": "sleep", "arguments": {"time": seconds}});
            let (message, headers) = modern("tools/call", call);
            web.start(&message, &headers);
        } else {
            web.start(&call(9, "sleep", &json!({"time": seconds})), &headers);
        }
        starts(&seconds);
        drop(web);
        let took = ends(&seconds);
        println!("ended after {took:?}");
        assert_eq!(idle.call("true", &json!({}), None).status, 200);
    }
}

/// A session's request is withdrawn from another connection.
#[test]
fn a_cancelled_request_ends_its_command() {
    let site = Site::with(BASE).start();
    let mut web = Web::socket(&site, ALICE);
    let headers = session(&mut web);
    let seconds = unique();
    web.start(&call(5, "sleep", &json!({"time": seconds})), &headers);
    starts(&seconds);
    let cancel = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5},
    });
    assert_eq!(
        Web::socket(&site, ALICE).post(&cancel, &headers).status,
        202
    );
    ends(&seconds);
}

/// What is no MCP gets an answer that says so, and the connection's bounds hold.
#[test]
fn what_is_wrong_is_answered_as_http() {
    let site = Site::with(BASE).start();
    let long = "x".repeat(70_000);
    let many: String = (0..100).map(|n| format!("H{n}: x\r\n")).collect();
    let body = |length: usize| {
        format!(
            "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 404),
        ("PUT /mcp HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 405),
        ("NONSENSE\r\n\r\n".to_owned(), 400),
        ("GET /mcp HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 406),
        (
            "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            406,
        ),
        (format!("GET /{long} HTTP/1.1\r\n\r\n"), 414),
        (format!("GET /mcp HTTP/1.1\r\n{many}\r\n"), 431),
        (body(1) + "{", 400),
        (body(2_000_000) + &"x".repeat(2_000_000), 413),
    ] {
        let mut web = Web::socket(&site, ALICE);
        web.send(request.as_bytes());
        let reply = web.reply().expect("an answer");
        let first: String = request.chars().take(60).collect();
        assert_eq!(reply.status, status, "{first}: {reply:?}");
    }
}
