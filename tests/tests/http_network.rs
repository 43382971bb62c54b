//! HTTP on the network: who presents a key is who it was made for, as long as it is
//! valid; everybody else gets nothing; and no key stands anywhere.

use harness::web::{bearer, modern};
use harness::{Process, Site, Web, command_as, eventually, unique};
use serde_json::json;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const POLICY: &str = r#"
version = 1
[principal.ci]
api_key = "ci"
[principal.afar]
api_key = "afar"
from = ["192.0.2.0/24"]
[profile.plain]
run_as = "mmtest-run"
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
timeout = "60s"
working_directory = "/usr"
environment = { PATH = "/usr/bin", SITE = "@site@" }
[tool.whoami]
description = "Prints the user"
command = ["/usr/bin/id", "-u"]
profile = "plain"
allow = ["ci", "afar"]
[tool.environ]
description = "Prints the environment"
command = ["/usr/bin/env"]
profile = "plain"
allow = ["ci"]
[tool.sleep]
description = "Sleeps"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["ci"]
[tool.sleep.args]
time = { type = "string", pattern = "[0-9.]+", max_length = 40 }
"#;

const HTTP: [&str; 2] = ["--http", "127.0.0.1:0"];

fn site() -> Site {
    Site::with(POLICY).serving(&HTTP).start()
}

fn list(web: &mut Web, key: Option<&str>) -> harness::web::Reply {
    web.ask("tools/list", json!({}), key)
}

/// With the key that `mini-mcp key` printed, a caller has the tools of its principal,
/// and the trail tells the key's name and where it was used.
#[test]
fn a_key_makes_its_owner_a_principal() {
    let site = site();
    let key = site.new_key("ci");
    let mut web = Web::network(site.http());
    let answer = list(&mut web, Some(&key)).message();
    let tools = answer["result"]["tools"].as_array().expect("tools");
    assert_eq!(tools.len(), 3, "{answer}");
    let reply = web.call("whoami", &json!({}), Some(&key));
    assert_eq!(reply.text().trim(), harness::RUNNER.uid().to_string());
    let start = site.audited("the start", |entry| entry.event() == "start");
    assert_eq!(start.0["key"], "ci");
    assert_eq!(start.0["address"], "127.0.0.1");
    assert_eq!(start.0["principal"], "ci");
    assert!(start.0["uid"].is_null());
    let denied = web.call("nonsense", &json!({}), Some(&key)).message();
    assert_eq!(denied["error"]["code"], -32602, "{denied}");
    let deny = site.audited("the denial", |entry| entry.event() == "deny");
    assert_eq!(deny.0["key"], "ci");
}

/// Each request stands for itself: one without the key fails on a connection where the
/// one before had it, and a session's id is no key.
#[test]
fn every_request_shows_its_key() {
    let site = site();
    let (key, other) = (site.new_key("ci"), site.new_key("afar"));
    let mut web = Web::network(site.http());
    assert_eq!(list(&mut web, Some(&key)).status, 200);
    let refused = list(&mut web, None);
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate").expect("a challenge");
    assert!(challenge.starts_with("Bearer"), "{challenge}");

    let initialize = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "web", "version": "7"}},
    });
    let mut web = Web::network(site.http());
    let reply = web.post(&initialize, &[bearer(&key)]);
    let id = reply
        .header("mcp-session-id")
        .expect("a session")
        .to_owned();
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}});
    let in_session = ("Mcp-Session-Id", id);
    let ask = |keys: &[&str]| {
        let keys = keys.iter().map(|key| bearer(key));
        let headers: Vec<_> = keys.chain([in_session.clone()]).collect();
        Web::network(site.http()).post(&call, &headers).status
    };
    assert_eq!(ask(&[&key]), 200);
    assert_eq!(ask(&[]), 401);
    assert_eq!(ask(&[&other]), 403, "its principal is elsewhere");
    assert_eq!(ask(&[&key, &key]), 401, "two keys are none");
}

/// A key counts from where the policy says. Without a proxy that is trusted, what a
/// client writes of its address is nothing.
#[test]
fn a_key_is_good_from_its_networks_only() {
    let site = Site::with(POLICY)
        .serving(&[&HTTP[..], &["--trusted-proxy", "127.0.0.2"]].concat())
        .start();
    let key = site.new_key("afar");
    let (message, mut headers) = modern("tools/list", json!({}));
    headers.push(bearer(&key));
    headers.push(("X-Forwarded-For", "192.0.2.7".to_owned()));
    let refused = Web::network(site.http()).post(&message, &headers);
    assert_eq!(refused.status, 403, "{refused:?}");
}

/// The proxy that is trusted says who its client is.
#[test]
fn a_trusted_proxy_tells_the_address() {
    let site = Site::with(POLICY)
        .serving(&[&HTTP[..], &["--trusted-proxy", "127.0.0.1"]].concat())
        .start();
    let key = site.new_key("afar");
    let ask = |forwarded: &[&str]| {
        let call = json!({"name": "whoami", "arguments": {}});
        let (message, mut headers) = modern("tools/call", call);
        headers.push(bearer(&key));
        let told = forwarded
            .iter()
            .map(|one| ("X-Forwarded-For", (*one).to_owned()));
        headers.extend(told);
        Web::network(site.http()).post(&message, &headers).status
    };
    assert_eq!(ask(&["192.0.2.7"]), 200);
    assert_eq!(ask(&["198.51.100.1, 192.0.2.7"]), 200);
    assert_eq!(ask(&["192.0.2.7, 198.51.100.1"]), 403);
    assert_eq!(ask(&["192.0.2.7", "198.51.100.1"]), 403);
    assert_eq!(ask(&[]), 400);
    let start = site.audited("the start", |entry| entry.event() == "start");
    assert_eq!(start.0["address"], "192.0.2.7");
}

/// A key that is revoked is worth nothing from then on, in sessions too.
#[test]
fn a_revoked_key_is_refused_at_once() {
    let site = site();
    let key = site.new_key("ci");
    let mut web = Web::network(site.http());
    for _ in 0..3 {
        assert_eq!(web.call("whoami", &json!({}), Some(&key)).status, 200);
    }
    site.key(&["revoke", "ci"]);
    assert_eq!(web.call("whoami", &json!({}), Some(&key)).status, 401);
    let next = site.new_key("ci");
    assert_ne!(key, next);
    assert_eq!(web.call("whoami", &json!({}), Some(&next)).status, 200);
    assert_eq!(list(&mut web, Some(&key)).status, 401);
}

/// After ten wrong keys an address waits, and is told how long; who had a right key
/// there goes on.
#[test]
fn guessing_is_throttled_with_the_time_to_wait() {
    let site = site();
    let key = site.new_key("ci");
    let late = site.new_key("afar");
    let mut web = Web::network(site.http());
    assert_eq!(list(&mut web, Some(&key)).status, 200);
    for number in 0..10 {
        assert_eq!(list(&mut web, Some(&format!("mmcp_{number}"))).status, 401);
    }
    let throttled = list(&mut web, Some("mmcp_10"));
    assert_eq!(throttled.status, 429, "{throttled:?}");
    let wait = throttled.header("retry-after").expect("a time");
    assert!((1..=60).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    assert!(
        throttled.body.contains(&format!("in {wait} s")),
        "{throttled:?}"
    );
    assert_eq!(list(&mut web, Some(&late)).status, 429);
    assert_eq!(list(&mut web, Some(&key)).status, 200);
}

/// A page of a browser: another name that resolves to this host, or another origin.
#[test]
fn other_hosts_and_origins_are_refused() {
    let site = Site::with(POLICY)
        .serving(&[&HTTP[..], &["--http-host", "mcp.example.org"]].concat())
        .start();
    let key = site.new_key("ci");
    let status = |name, value: &str| {
        let (message, mut headers) = modern("tools/list", json!({}));
        headers.extend([bearer(&key), (name, value.to_owned())]);
        Web::network(site.http()).post(&message, &headers).status
    };
    for host in ["localhost", "127.0.0.1:9", "[::1]", "mcp.example.org"] {
        assert_eq!(status("Host", host), 200, "{host}");
    }
    for host in [
        "evil.example.com",
        "localhost.evil.example.com",
        "169.254.169.254",
    ] {
        assert_eq!(status("Host", host), 403, "{host}");
    }
    for origin in [
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://[::1]:1",
    ] {
        assert_eq!(status("Origin", origin), 200, "{origin}");
    }
    for origin in [
        "https://evil.example.com",
        "null",
        "http://localhost.evil.example.com",
    ] {
        assert_eq!(status("Origin", origin), 403, "{origin}");
    }
}

/// A client that goes away leaves nothing running.
#[test]
fn a_closed_connection_ends_its_command() {
    let site = site();
    let key = site.new_key("ci");
    let seconds = unique();
    let mut web = Web::network(site.http());
    let call = json!({"name": "sleep", "arguments": {"time": seconds}});
    let (message, mut headers) = modern("tools/call", call);
    headers.push(bearer(&key));
    web.start(&message, &headers);
    let running = || Process::mentioning(&seconds).into_iter().next();
    eventually("it runs", Duration::from_secs(20), running);
    let begin = Instant::now();
    drop(web);
    eventually("it ends", Duration::from_secs(2), || {
        running().is_none().then_some(())
    });
    println!("ended after {:?}", begin.elapsed());
}

/// The file is root's alone, has no key, and the supervisor cannot read it.
#[test]
fn keys_are_kept_as_digests_that_the_worker_alone_reads() {
    let site = site();
    let key = site.new_key("ci");
    assert!(key.starts_with("mmcp_") && key.len() == 48, "{key}");
    let file = fs::metadata(site.keys()).expect("the file");
    assert_eq!((file.uid(), file.mode() & 0o7777), (0, 0o600));
    assert!(!fs::read_to_string(site.keys()).unwrap().contains(&key));
    let mut reading = command_as(harness::FRONT, Path::new("/usr/bin/cat"));
    let reading = reading.arg(site.keys()).output().expect("cat starts");
    assert!(!reading.status.success() && reading.stdout.is_empty());
    assert_eq!(site.key(&["list"]).split('\t').next(), Some("ci"));

    let program = site.program("mini-mcp");
    let fails = |words: &[&str], what: &str| {
        let mut command = Command::new(&program);
        let output = command
            .arg("key")
            .args(words)
            .arg("--keys")
            .arg(site.keys())
            .output();
        let output = output.expect("it starts");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(what), "{error}");
        assert!(error.contains("\nhint: "), "{error}");
    };
    fails(&["new", "ci"], "there is one of the name `ci`");
    fails(&["new", "a b"], "cannot make a key of the name `a b`");
    fails(&["revoke", "cd"], "there is none of this name");
}

/// A file of keys that others can read, or that has a bad line, has no keys.
#[test]
fn a_doubtful_file_of_keys_lets_nobody_in() {
    let site = site();
    let key = site.new_key("ci");
    let mut web = Web::network(site.http());
    assert_eq!(list(&mut web, Some(&key)).status, 200);
    let text = fs::read_to_string(site.keys()).unwrap();
    fs::write(site.keys(), text.clone() + "nonsense\n").unwrap();
    assert_eq!(list(&mut web, Some(&key)).status, 401);
    fs::write(site.keys(), text).unwrap();
    assert_eq!(list(&mut web, Some(&key)).status, 200);
    Command::new("/usr/bin/chmod")
        .arg("640")
        .arg(site.keys())
        .status()
        .unwrap();
    assert_eq!(list(&mut web, Some(&key)).status, 401);
    let log = site.log_text("worker");
    assert!(log.contains("hint: chown root, chmod 600"), "{log}");
}

/// Presented everywhere, found nowhere: no log, trail, error, command line or
/// environment has a key, a right one or a wrong one.
#[test]
fn no_key_is_written_anywhere() {
    let site = Site::with(POLICY).serving(&HTTP).worker_only();
    let mut site = site;
    let right = site.new_key("ci");
    let wrong = "mmcp_canarycanarycanarycanary";
    site.start_supervisor_with("MINI_MCP_LOG", "trace");
    let mut web = Web::network(site.http());
    let mut answers = vec![
        web.call("environ", &json!({}), Some(&right)),
        web.call("nonsense", &json!({"x": 1}), Some(&right)),
        web.call("environ", &json!({"x": 1}), Some(&right)),
        web.call("environ", &json!({}), Some(wrong)),
        list(&mut web, Some(wrong)),
        web.ask("no/such/method", json!({}), Some(&right)),
    ];
    let (message, headers) = modern("tools/list", json!({}));
    let basic = ("Authorization", format!("Basic {wrong}"));
    answers.push(web.post(&message, &[headers, vec![basic]].concat()));
    let seconds = unique();
    let call = json!({"name": "sleep", "arguments": {"time": seconds}});
    let (message, headers) = modern("tools/call", call);
    web.start(&message, &[headers, vec![bearer(&right)]].concat());
    eventually("it runs", Duration::from_secs(20), || {
        Process::mentioning(&seconds).into_iter().next()
    });
    for process in Process::mentioning(&site.text()) {
        for file in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{}/{file}", process.id())).unwrap_or_default();
            assert_clean(file, &String::from_utf8_lossy(&text), [&right, wrong]);
        }
    }
    drop(web);
    assert!(
        fs::read_to_string(site.path("audit/audit.jsonl"))
            .unwrap()
            .contains("\"ci\"")
    );
    for answer in answers {
        assert_clean("answer", &format!("{answer:?}"), [&right, wrong]);
    }
    for file in files(&site.path("")) {
        let text = fs::read(&file).unwrap_or_default();
        let name = file.display().to_string();
        assert_clean(&name, &String::from_utf8_lossy(&text), [&right, wrong]);
    }
}

#[track_caller]
fn assert_clean(place: &str, text: &str, keys: [&str; 2]) {
    for key in keys {
        assert!(!text.contains(key), "a key stands in {place}");
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.symlink_metadata().expect("it is there") {
            data if data.is_dir() => found.extend(files(&path)),
            data if data.is_file() => found.push(path),
            _ => {}
        }
    }
    found
}

/// Off unless asked for, and beyond this host only behind a proxy.
#[test]
fn the_network_is_off_and_never_in_the_clear() {
    let site = Site::with(POLICY).start();
    assert!(!site.log_text("supervisor").contains("serving HTTP"));
    let mut command = site.supervisor_command();
    command.args(["--http", "0.0.0.0:0"]);
    let refused = command.output().expect("it starts");
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{error}");
    assert!(
        error.contains("keys would cross the network in the clear"),
        "{error}"
    );
    assert!(
        error.contains("hint: ") && error.contains("--trusted-proxy"),
        "{error}"
    );
}

/// The kernel asks a silent peer whether it is still there: of a connection whose other
/// end is lost without a word, the timer of keepalive probes runs, proc_net_tcp(5).
#[test]
fn a_half_open_connection_is_probed() {
    let site = site();
    let stream = TcpStream::connect(site.http()).expect("it listens");
    let (own, other) = (site.http().port(), stream.local_addr().unwrap().port());
    eventually("the timer runs", Duration::from_secs(10), || {
        let table = fs::read_to_string("/proc/net/tcp").expect("/proc is mounted");
        let mut lines = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let ends = |line: &Vec<&str>| {
            let port = |at: usize| {
                line.get(at)
                    .and_then(|end| end.rsplit(':').next().map(str::to_owned))
            };
            port(1) == Some(format!("{own:04X}")) && port(2) == Some(format!("{other:04X}"))
        };
        let line = lines.find(ends)?;
        line.get(5)?.starts_with("02:").then_some(())
    });
}

/// A slow client and one that sends nothing hold nobody else up.
#[test]
fn idle_connections_are_bounded() {
    let site = site();
    let key = site.new_key("ci");
    let address: SocketAddr = site.http();
    let mut idle: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect(address).expect("it listens"))
        .collect();
    // Those beyond the bound are closed, and there is a place when another goes.
    eventually("some are closed", Duration::from_secs(20), || {
        site.log_text("supervisor")
            .contains("connection refused")
            .then_some(())
    });
    idle.drain(..100);
    let status = eventually("there is a place again", Duration::from_secs(20), || {
        let mut web = Web::network(address);
        let (message, mut headers) = modern("tools/list", json!({}));
        headers.push(bearer(&key));
        web.start(&message, &headers);
        web.reply().map(|reply| reply.status)
    });
    assert_eq!(status, 200);
}

/// The worker verifies for itself: a supervisor that is taken over cannot name a key
/// that it does not have, nor show a client's socket and a key at once.
#[test]
fn the_worker_believes_keys_not_names() {
    use harness::{ALICE, Front};
    use std::os::fd::AsFd;
    use wire::{Correlation, Identify, Presented, Reply, Request, Secret};
    let front = Front::with(POLICY);
    let key = front.site.new_key("ci");
    let (socket, _alice) = front.client(ALICE);
    for (shown, with_socket, fine) in [
        (key.as_str(), false, true),
        (key.as_str(), true, false),
        ("ci", false, false),
        ("", false, false),
    ] {
        let lane = harness::Lane::greeted(&front.site);
        let mut run = lane.request(&front.site, "whoami");
        run.key = Some(Presented {
            key: Secret::new(shown.to_owned()),
            address: "127.0.0.1".parse().unwrap(),
        });
        let (out, out_end) = std::io::pipe().unwrap();
        let (err, err_end) = std::io::pipe().unwrap();
        let mut descriptors = vec![out_end.as_fd(), err_end.as_fd()];
        if with_socket {
            descriptors.push(socket.as_fd());
        }
        lane.say(&Request::Run(run), &descriptors);
        match lane.hear().expect("an answer") {
            Reply::Started { .. } | Reply::Finished(_) => assert!(fine, "{shown}"),
            Reply::Failed(failure) => {
                assert_eq!((failure.code.as_str(), fine), ("attestation", false));
                assert!(!failure.reason.contains(&key));
            }
            other @ (Reply::Welcome(_)
            | Reply::Waiting { .. }
            | Reply::Queued { .. }
            | Reply::Denied(_)
            | Reply::Recorded
            | Reply::Reloaded
            | Reply::Identified(_)
            | Reply::Attached(_)) => panic!("{other:?}"),
        }
        drop((out, err));
    }
    let lane = harness::Lane::greeted(&front.site);
    for (shown, name) in [(key.as_str(), Some("ci")), ("ci", None), ("mmcp_", None)] {
        let question = Identify {
            presented: Presented {
                key: Secret::new(shown.to_owned()),
                address: "127.0.0.1".parse().unwrap(),
            },
            correlation: Correlation::default(),
        };
        lane.say(&Request::Identify(question), &[]);
        let expected = Reply::Identified(name.map(str::to_owned));
        assert_eq!(lane.hear(), Ok(expected));
    }
}
