//! One name for each request, in the log, in the audit trail and in the answer: the
//! client's own, or one that is made; on lines and over HTTP.

use harness::web::{bearer, modern};
use harness::{ALICE, BASE, Client, Entry, Site, Web, eventually};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

const META: &str = "io.mini-mcp/request-id";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn named(tool: &str, arguments: &Value, name: &str) -> Value {
    json!({
        "name": tool, "arguments": arguments,
        "_meta": {META: name, "traceparent": TRACE},
    })
}

fn logged(site: &Site, name: &str, words: &str) {
    eventually("the log line", Duration::from_secs(10), || {
        let log = site.log_text("supervisor");
        let mut lines = log.lines();
        lines
            .any(|line| line.contains(name) && line.contains(words))
            .then_some(())
    });
}

fn recorded(site: &Site, event: &str, name: &str) -> Entry {
    site.audited(event, |entry| {
        entry.event() == event && entry.text("request") == name
    })
}

/// A call, a denial and an unknown tool of a client that has names for them.
#[test]
fn the_clients_name_stands_everywhere() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let call = |tool: &str, arguments: Value, name: &str| {
        let answer = client.request("tools/call", &named(tool, &arguments, name));
        answer.expect("an answer")
    };
    let answer = call("true", json!({}), "mine-1");
    assert_eq!(answer["result"]["_meta"][META], "mine-1", "{answer}");
    assert_eq!(answer["result"]["_meta"]["traceparent"], TRACE);
    let start = recorded(&site, "start", "mine-1");
    assert_eq!(start.text("traceparent"), TRACE);
    logged(&site, "mine-1", "command finished");
    logged(&site, TRACE, "command finished");

    let answer = call("print", json!({"first": "-x"}), "mine-2");
    assert_eq!(answer["result"]["_meta"][META], "mine-2", "{answer}");
    assert_eq!(recorded(&site, "deny", "mine-2").text("tool"), "print");
    logged(&site, "mine-2", "call denied");

    let answer = call("nonsense", json!({}), "mine-3");
    assert_eq!(answer["error"]["data"][META], "mine-3", "{answer}");
    assert_eq!(answer["error"]["data"]["code"], "not_allowed");
    recorded(&site, "deny", "mine-3");
    for method in ["tools/list", "resources/list"] {
        let answer = client.request(method, &json!({"_meta": {META: "mine-4"}}));
        let answer = answer.expect("an answer");
        assert_eq!(answer["result"]["_meta"][META], "mine-4", "{answer}");
    }
}

/// Without one, or with one that could do harm, a name is made, which no other call has.
#[test]
fn otherwise_one_is_made() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let mut names = Vec::new();
    for wrong in [
        json!({}),
        json!({META: ""}),
        json!({META: 7}),
        json!({META: "two words"}),
        json!({META: "\u{1b}[2J\n"}),
        json!({META: "x".repeat(129)}),
        json!({META: "\u{e9}"}),
    ] {
        let call = json!({"name": "true", "arguments": {}, "_meta": wrong});
        let answer = client.request("tools/call", &call).expect("an answer");
        let name = answer["result"]["_meta"][META].as_str().expect("a name");
        assert_ne!(wrong[META], name);
        recorded(&site, "start", name);
        logged(&site, name, "command finished");
        names.push(name.to_owned());
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 7, "{names:?}");
    let call = json!({"name": "true", "arguments": {}, "_meta": {"traceparent": "00-x-y-01"}});
    let answer = client.request("tools/call", &call).expect("an answer");
    assert!(answer["result"]["_meta"].get("traceparent").is_none());
    assert!(
        site.audit()
            .iter()
            .all(|entry| entry.text("traceparent").is_empty())
    );
}

/// Over HTTP the name comes and goes in a header, whatever becomes of the request.
#[test]
fn over_http_a_header_names_the_request() {
    let policy = format!(
        "{BASE}[principal.ci]\napi_key = \"ci\"\n[profile.other]\nrun_as = \"mmtest-run\"\n\
         read = [\"/usr\", \"/etc/ld.so.cache\"]\nexecute = [\"/usr\"]\ntimeout = \"20s\"\n\
         working_directory = \"/usr\"\n[tool.for_ci]\ndescription = \"x\"\n\
         command = [\"/usr/bin/true\"]\nprofile = \"other\"\nallow = [\"ci\"]\n"
    );
    let site = Site::with(&policy)
        .serving(&["--http", "127.0.0.1:0"])
        .start();
    let key = site.new_key("ci");
    let ask = |web: &mut Web, tool: &str, more: Vec<(&'static str, String)>| {
        let call = json!({"name": tool, "arguments": {}});
        let (message, headers) = modern("tools/call", call);
        web.post(&message, &[headers, more].concat())
    };
    let name = |name: &str| ("X-Request-Id", name.to_owned());
    let trace = || ("traceparent", TRACE.to_owned());
    let mut alice = Web::socket(&site, ALICE);
    let reply = ask(&mut alice, "true", vec![name("web-1"), trace()]);
    assert_eq!(reply.header("x-request-id"), Some("web-1"));
    assert_eq!(reply.message()["result"]["_meta"][META], "web-1");
    assert_eq!(recorded(&site, "start", "web-1").text("traceparent"), TRACE);

    let mut ci = Web::network(site.http());
    let reply = ask(&mut ci, "for_ci", vec![name("web-2"), bearer(&key)]);
    assert_eq!(reply.message()["result"]["_meta"][META], "web-2");
    assert_eq!(recorded(&site, "start", "web-2").text("key"), "ci");
    let made = ask(&mut ci, "for_ci", vec![bearer(&key)]);
    let made = made.header("x-request-id").expect("a name").to_owned();
    recorded(&site, "start", &made);

    let wrong = bearer("mmcp_canary");
    let reply = ask(&mut ci, "for_ci", vec![name("web-3"), wrong]);
    assert_eq!(
        (reply.status, reply.header("x-request-id")),
        (401, Some("web-3"))
    );
    logged(&site, "web-3", "its key is not valid");
    let line = recorded(&site, "wrong_key", "web-3");
    assert_eq!(
        (line.text("address"), line.field("left_out")),
        ("127.0.0.1", &json!(0))
    );
    assert!(!line.0.to_string().contains("canary"));
    let shown = Command::new(site.program("mini-mcp"))
        .arg("audit")
        .arg("--audit")
        .arg(site.trail_file())
        .output()
        .expect("it starts");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("a wrong key from 127.0.0.1\n"), "{shown}");
}

/// Whoever tries many keys, from wherever, fills the trail with no more than a line a
/// second.
#[test]
fn wrong_keys_do_not_fill_the_trail() {
    let site = Site::with(BASE)
        .serving(&["--http", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"])
        .start();
    let (message, mut headers) = modern("tools/list", json!({}));
    headers.push(bearer("mmcp_canary"));
    let mut web = Web::network(site.http());
    for number in 0..70 {
        let from = ("X-Forwarded-For", format!("192.0.2.{number}"));
        let reply = web.post(&message, &[headers.clone(), vec![from]].concat());
        assert_eq!(reply.status, 401);
    }
    let trail = site.trail();
    let lines = trail.iter().filter(|entry| entry.event() == "wrong_key");
    assert_eq!(lines.count(), 60);
}

/// Calls made with a key are decided again as those of users are.
#[test]
fn calls_with_a_key_are_replayed() {
    let policy = "version = 1\n[principal.ci]\napi_key = \"ci\"\nfrom = [\"127.0.0.0/8\"]\n\
        [profile.plain]\nrun_as = \"mmtest-run\"\nread = [\"/usr\", \"/etc/ld.so.cache\"]\n\
        execute = [\"/usr\"]\ntimeout = \"20s\"\nworking_directory = \"/usr\"\n[tool.a]\n\
        description = \"x\"\ncommand = [\"/usr/bin/true\"]\nprofile = \"plain\"\nallow = [\"ci\"]\n";
    let site = Site::with(policy)
        .serving(&["--http", "127.0.0.1:0"])
        .start();
    let key = site.new_key("ci");
    let mut web = Web::network(site.http());
    assert_eq!(web.call("a", &json!({}), Some(&key)).status, 200);
    let _unknown = web.call("b", &json!({}), Some(&key));
    site.audited("the denial", |entry| entry.event() == "deny");
    let other = site.file("other.toml", &policy.replace("127.0.0.0/8", "10.0.0.0/8"));
    for (policy, code, words) in [
        (site.policy(), 0, "2 calls decided again, 0 differently"),
        (other, 1, "key ci a {}: was allowed, would be denied"),
    ] {
        let mut command = Command::new(site.program("mini-mcp"));
        command.arg("replay").arg(site.trail_file());
        let output = command.arg("--policy").arg(policy).output();
        let output = output.expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(words), "{text}");
    }
}
