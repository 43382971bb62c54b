//! Numbers for a monitoring system, read by Prometheus' own parser.

use harness::{
    ALICE, BASE, BOB, CAROL, Client, FRONT, Site, User, Web, command_as, eventually, python,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

const MORE: &str = r#"
[approvals]
unix_groups = ["mmtest-ops"]
[tool.held]
description = "Needs an approval"
command = ["/usr/bin/true"]
profile = "plain"
ask = ["alice"]
[profile.brief]
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
timeout = "500ms"
environment = { SITE = "@site@" }
[tool.slow]
description = "Takes too long"
command = ["/usr/bin/sleep", "60"]
profile = "brief"
allow = ["alice"]
[tool.absent]
description = "Has no program"
command = ["/usr/bin/no-such-program"]
profile = "plain"
allow = ["alice"]
[principal.ci]
api_key = "ci"
"#;

/// A page, parsed.
#[derive(Debug)]
struct Page(Vec<(String, Value, f64)>);

impl Page {
    /// As Prometheus' own library reads `text`.
    #[track_caller]
    fn read(site: &Site, text: &str) -> Page {
        let file = site.file("page", text);
        let samples = python::script("metrics.py", &[&file.display().to_string()]);
        Page(serde_json::from_value(samples).expect("samples"))
    }

    /// The number called `name` with exactly these labels; `None` where there is none.
    fn find(&self, name: &str, labels: &Value) -> Option<f64> {
        let mut all = self.0.iter();
        let (_, _, value) = all.find(|(known, of, _)| known == name && of == labels)?;
        Some(*value)
    }

    #[track_caller]
    fn number(&self, name: &str, labels: &Value) -> f64 {
        self.find(name, labels)
            .unwrap_or_else(|| panic!("no {name} of {labels} in {self:?}"))
    }

    #[track_caller]
    fn one(&self, name: &str) -> f64 {
        self.number(name, &json!({}))
    }

    fn calls(&self, tool: &str, decision: &str, outcome: &str) -> f64 {
        let labels = json!({"tool": tool, "decision": decision, "outcome": outcome});
        self.find("mini_mcp_calls_total", &labels).unwrap_or(0.0)
    }
}

fn policy() -> String {
    format!("{BASE}{MORE}")
}

fn metrics(site: &Site, user: User) -> Output {
    let mut command = command_as(user, &site.program("mini-mcp"));
    let command = command.arg("metrics").arg("--socket");
    command.arg(site.admin_socket()).output().expect("it runs")
}

fn root() -> User {
    User {
        name: "root",
        ..ALICE
    }
}

#[track_caller]
fn page(site: &Site) -> Page {
    let output = metrics(site, root());
    assert!(output.status.success(), "{output:?}");
    Page::read(site, &String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn every_call_is_counted_once_as_what_became_of_it() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    let before = page(&site);
    assert_eq!(before.calls("true", "allow", "success"), 0.0);
    for (tool, arguments) in [
        ("true", json!({})),
        ("true", json!({})),
        ("true", json!({})),
        ("sh", json!({"script": "exit 3"})),
        ("sh", json!({"script": "kill -9 $$"})),
        ("slow", json!({})),
        ("absent", json!({})),
        ("bobs", json!({})),
        ("made-up", json!({})),
        ("print", json!({"first": 1})),
    ] {
        drop(client.call(tool, &arguments));
    }
    let call = client.start_call("sleep", &json!({"time": "600"}));
    site.audited("the start", |entry| entry.is("start", "sleep"));
    let running = page(&site);
    assert_eq!(running.one("mini_mcp_calls_running"), 1.0);
    assert!(running.one("mini_mcp_lanes") >= 1.0);
    client.cancel(call);
    site.audited("the end", |entry| {
        entry.event() == "end" && entry.0["outcome"]["cancelled"] == true
    });

    let after = page(&site);
    for (tool, decision, outcome, count) in [
        ("true", "allow", "success", 3.0),
        ("sh", "allow", "error", 1.0),
        ("sh", "allow", "signal", 1.0),
        ("slow", "allow", "timed_out", 1.0),
        ("sleep", "allow", "cancelled", 1.0),
        ("bobs", "deny", "none", 1.0),
        ("print", "deny", "none", 1.0),
        ("other", "deny", "none", 1.0),
    ] {
        let found = after.calls(tool, decision, outcome);
        assert_eq!(found, count, "{tool} {decision} {outcome}: {after:?}");
    }
    let absent =
        after.calls("absent", "allow", "failed") + after.calls("absent", "refuse", "failed");
    assert_eq!(absent, 1.0, "{after:?}");
    let denied = json!({"code": "not_allowed"});
    assert_eq!(after.number("mini_mcp_denials_total", &denied), 2.0);
    assert_eq!(after.one("mini_mcp_calls_running"), 0.0);
    // Seven have run; of each the time is known.
    for stage in ["decide", "admit", "launch", "run", "total"] {
        let stage = json!({"stage": stage});
        let count = after.number("mini_mcp_call_stage_seconds_count", &stage);
        assert!((7.0..=8.0).contains(&count), "{stage}: {after:?}");
        assert!(after.number("mini_mcp_call_stage_seconds_sum", &stage) > 0.0);
    }
    let slow = json!({"stage": "run", "le": "0.25"});
    let all = json!({"stage": "run", "le": "+Inf"});
    let bucket = "mini_mcp_call_stage_seconds_bucket";
    assert!(after.number(bucket, &slow) < after.number(bucket, &all));
}

#[test]
fn approvals_policies_and_the_trail_are_told() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    let call = client.start_call("held", &json!({}));
    let waiting = site.audited("it waits", |entry| entry.event() == "waiting");
    let now = page(&site);
    assert_eq!(now.one("mini_mcp_approvals_waiting"), 1.0);
    assert!(now.one("mini_mcp_audit_unsigned_lines") >= 1.0);
    let mut approve = Command::new(site.program("mini-mcp"));
    approve.args(["approve", waiting.text("approval"), "--socket"]);
    let approved = approve.arg(site.admin_socket()).status();
    assert!(approved.expect("it runs").success());
    assert_eq!(client.called(call).exit_code(), Some(0));
    site.audited("the end", |entry| entry.event() == "end");

    site.file("policy.toml", "version = 7\n");
    site.worker().hang_up();
    let now = eventually("the failure is counted", SOON, || {
        let now = page(&site);
        (now.one("mini_mcp_policy_failures_total") >= 1.0).then_some(now)
    });
    assert_eq!(now.calls("held", "approve", "success"), 1.0, "{now:?}");
    for event in ["waiting", "approved"] {
        let event = json!({"event": event});
        assert_eq!(now.number("mini_mcp_approvals_total", &event), 1.0);
    }
    let approve = json!({"stage": "approve"});
    let stage = "mini_mcp_call_stage_seconds_count";
    assert_eq!(now.number(stage, &approve), 1.0);
    assert_eq!(now.one("mini_mcp_policy_kept"), 1.0);
    assert_eq!(now.one("mini_mcp_policy_loads_total"), 1.0);
    let trail = fs::metadata(site.trail_file()).expect("it is there");
    #[expect(clippy::cast_precision_loss, reason = "it is small")]
    let size = trail.len() as f64;
    assert!((1.0..=size).contains(&now.one("mini_mcp_audit_bytes")));
    assert!(now.one("mini_mcp_audit_lines_total") >= 4.0);
    assert_eq!(now.one("mini_mcp_audit_writable"), 1.0);
    assert_eq!(now.one("mini_mcp_audit_whole"), 1.0);
    for name in ["cpu_seconds_total", "resident_bytes", "open_fds"] {
        assert!(now.one(&format!("mini_mcp_worker_{name}")) > 0.0);
    }
    let signed = eventually("it is signed", SOON, || {
        let now = page(&site);
        (now.one("mini_mcp_audit_unsigned_lines") == 0.0).then_some(now)
    });
    assert_eq!(signed.one("mini_mcp_audit_unsigned_age_seconds"), 0.0);
    let doctor = u32::try_from(harness::landlock_abi()).expect("a small number");
    assert_eq!(signed.one("mini_mcp_landlock_abi"), f64::from(doctor));
    let newer = json!({"feature": "landlock_abi_9"});
    let missing = signed.find("mini_mcp_sandbox_feature_missing", &newer);
    assert_eq!(missing, (doctor < 9).then_some(1.0));
    site.file("policy.toml", &policy().replace("@site@", &site.text()));
}

#[test]
fn administrators_read_them_and_nobody_else() {
    let site = Site::with(&policy()).start();
    // Of the group of approvers.
    for (user, may) in [(BOB, true), (ALICE, false), (CAROL, false), (FRONT, false)] {
        let output = metrics(&site, user);
        assert_eq!(output.status.success(), may, "{}: {output:?}", user.name);
    }
}

/// An exporter that ends with the test.
struct Exporter {
    child: Child,
    log: std::path::PathBuf,
}

impl Exporter {
    fn start(site: &Site, words: &[&str]) -> Exporter {
        let log = site.path("exporter.log");
        let mut command = Command::new(site.program("mini-mcp"));
        command.arg("metrics").args(words).arg("--socket");
        command.arg(site.admin_socket()).stdin(Stdio::null());
        command.stderr(File::create(&log).expect("ours"));
        let child = command.spawn().expect("it starts");
        Exporter { child, log }
    }

    fn address(&self) -> String {
        eventually("it serves", SOON, || {
            let log = fs::read_to_string(&self.log).ok()?;
            let (_, rest) = log.split_once("serving metrics address=")?;
            rest.split_whitespace().next().map(str::to_owned)
        })
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        );
        drop(self.child.wait());
    }
}

/// What comes back for a request, head and body.
fn get(mut stream: impl Read + Write, request: &str) -> (String, String) {
    let request = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it is read");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

#[test]
fn a_scraper_reads_them_over_http() {
    let mut site = Site::with(BASE).start();
    let exporter = Exporter::start(&site, &["--listen", "127.0.0.1:0"]);
    let address: SocketAddr = exporter.address().parse().expect("an address");
    let scrape = |request: &str| {
        let stream = TcpStream::connect(address).expect("it listens");
        get(stream, request)
    };
    let (head, body) = scrape("GET /metrics");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert_eq!(Page::read(&site, &body).one("mini_mcp_worker_up"), 1.0);
    for (request, status) in [("GET /", "404"), ("POST /metrics", "405")] {
        let (head, _) = scrape(request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    }
    site.stop_worker();
    let (_, body) = scrape("GET /metrics");
    assert_eq!(Page::read(&site, &body).one("mini_mcp_worker_up"), 0.0);
    // It has given up what it does not need.
    let status = fs::read_to_string(format!("/proc/{}/status", exporter.child.id()));
    assert!(status.expect("it runs").contains("Seccomp:\t2"));
}

#[test]
fn it_listens_at_a_unix_socket_and_not_beyond_this_host() {
    let site = Site::with(BASE).start();
    let path = site.path("metrics.sock");
    let listen = format!("unix:{}", path.display());
    let exporter = Exporter::start(&site, &["--listen", &listen]);
    assert_eq!(exporter.address(), listen);
    let stream = UnixStream::connect(&path).expect("it listens");
    let (head, _) = get(stream, "GET /metrics");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let exposed = Exporter::start(&site, &["--listen", "0.0.0.0:0"]);
    eventually("it refuses", SOON, || {
        let log = fs::read_to_string(&exposed.log).expect("ours");
        log.contains("everybody who reaches it could read them")
            .then_some(())
    });
}

/// The supervisor's own, off unless asked for.
#[test]
fn the_front_counts_answers_and_requests() {
    let words = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    let site = Site::with(&policy()).serving(&words).start();
    let mut web = Web::network(site.http());
    let key = site.new_key("ci");
    assert_eq!(web.ask("tools/list", json!({}), Some(&key)).status, 200);
    for status in [[401; 10].as_slice(), &[429; 3]].concat() {
        let reply = web.ask("tools/list", json!({}), Some("wrong"));
        assert_eq!(reply.status, status);
    }
    let _client = Client::attach(&site, ALICE);
    drop(Client::attach_silent(&site, CAROL));
    let address: SocketAddr = eventually("metrics are served", SOON, || {
        let log = site.log_text("supervisor");
        let (_, rest) = log.split_once("serving metrics address=")?;
        rest.split_whitespace().next()?.parse().ok()
    });
    let stream = TcpStream::connect(address).expect("it listens");
    let (_, body) = get(stream, "GET /metrics");
    let page = Page::read(&site, &body);
    for (status, count) in [("200", 1.0), ("401", 10.0), ("429", 3.0), ("403", 0.0)] {
        let status = json!({"status": status});
        let name = "mini_mcp_front_http_responses_total";
        assert_eq!(page.number(name, &status), count, "{status}");
    }
    assert!(page.one("mini_mcp_front_connections") >= 2.0, "{page:?}");
    assert!(page.one("mini_mcp_front_request_seconds_count") >= 1.0);
    let off = Site::with(BASE).start();
    assert!(!off.log_text("supervisor").contains("serving metrics"));
}
