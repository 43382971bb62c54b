//! Traces and metrics by OTLP, as a collector gets them: off unless asked for, below the
//! client's own trace, with nothing in them that is a secret; and no call notices what
//! becomes of the collector.

use harness::web::{bearer, modern};
use harness::{
    ALICE, Attributes, BASE, BOB, Client, Collector, Manner, Seen, Site, Web, eventually,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

const MORE: &str = r#"
[approvals]
unix_groups = ["mmtest-ops"]

[tool.held]
description = "Says a word, once somebody has approved it"
command = ["/usr/bin/printf", "%s", "{word}"]
profile = "plain"
ask = ["alice"]
[tool.held.args]
word = { type = "string" }

[tool.nap]
description = "Sleeps for some seconds"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["alice"]
background = true
[tool.nap.args]
time = { type = "string", pattern = "[0-9.]+", max_length = 40 }

[tool.hush]
description = "Is given a secret"
command = ["/usr/bin/printf", "--key={key}"]
profile = "plain"
allow = ["alice"]
[tool.hush.args]
key = { type = "string", secret = true }
"#;

fn site(endpoint: &str) -> Site {
    let policy = format!("{BASE}{MORE}");
    Site::with(&policy).serving(&["--otlp", endpoint]).start()
}

/// Calls `tool` within a trace, of which `flags` say whether it is sampled.
fn traced(client: &Client, tool: &str, arguments: &Value, flags: &str) -> Value {
    let trace = format!("00-{TRACE_ID}-{PARENT}-{flags}");
    let meta = json!({"io.mini-mcp/request-id": format!("id-of-{tool}"), "traceparent": trace});
    let call = json!({"name": tool, "arguments": arguments, "_meta": meta});
    client.request("tools/call", &call).expect("an answer")
}

/// Calls `tool`, which succeeds.
#[track_caller]
fn succeeds(client: &Client, tool: &str, arguments: &Value) {
    assert!(!client.call(tool, arguments).is_error());
}

/// Calls `tool`, which does not.
#[track_caller]
fn fails(client: &Client, tool: &str, arguments: &Value) {
    assert!(client.call(tool, arguments).is_error());
}

/// The only span called `name`.
#[track_caller]
fn only(spans: &[Seen], name: &str) -> Seen {
    let found: Vec<&Seen> = spans.iter().filter(|span| span.name == name).collect();
    match found.as_slice() {
        [one] => (*one).clone(),
        _ => panic!("{} spans are called {name}: {spans:#?}", found.len()),
    }
}

/// The children of `span`, in the order in which they began; each lies within it.
#[track_caller]
fn children(spans: &[Seen], span: &Seen) -> Vec<Seen> {
    let children = spans.iter().filter(|other| other.parent == span.id);
    let mut children: Vec<Seen> = children.cloned().collect();
    children.sort_by_key(|child| child.time);
    for child in &children {
        assert_eq!(child.trace, span.trace);
        assert!(!child.of_server && child.time.0 >= span.time.0, "{child:?}");
    }
    children
}

fn names(spans: &[Seen]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

/// What succeeds, what is denied and what fails, each with its stages.
#[test]
fn a_call_is_a_part_of_the_clients_trace() {
    let collector = Collector::listen(Manner::Taking);
    let site = site(collector.endpoint());
    let client = Client::attach(&site, ALICE);
    let ran = traced(&client, "true", &json!({}), "01");
    traced(&client, "print", &json!({"first": "-x"}), "01");
    traced(&client, "sh", &json!({"script": "exit 3"}), "01");
    traced(&client, "made-up", &json!({}), "01");
    let run = ran["result"]["structuredContent"]["run_id"].as_str();
    let run = run.expect("a run").to_owned();
    drop((client, site));

    let spans = collector.spans();
    let call = only(&spans, "tools/call true");
    assert!(call.of_server && !call.failed, "{call:?}");
    assert_eq!((&*call.trace, &*call.parent), (TRACE_ID, PARENT));
    for (name, value) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "true"),
        ("network.transport", "unix"),
        ("jsonrpc.request.id", "2"),
        ("mini_mcp.tool", "true"),
        ("mini_mcp.principal", "alice"),
        ("mini_mcp.decision", "allow"),
        ("mini_mcp.outcome", "succeeded"),
        ("mini_mcp.request_id", "id-of-true"),
        ("mini_mcp.run_id", &run),
        ("process.exit.code", "0"),
        ("error.type", ""),
    ] {
        assert_eq!(call.text(name), value, "{name} of {call:?}");
    }
    assert!(call.text("mini_mcp.caller").starts_with("uid "));
    let stages = children(&spans, &call);
    assert_eq!(names(&stages), ["decide", "queue", "launch", "run"]);
    for (stage, next) in stages.iter().zip(&stages[1..]) {
        assert!(stage.time.1 <= next.time.0, "{stage:?} {next:?}");
    }
    assert!(stages[3].time.1 <= call.time.1);

    let call = only(&spans, "tools/call print");
    assert!(call.failed && call.words.is_empty(), "{call:?}");
    assert_eq!(call.text("error.type"), "tool_error");
    assert_eq!(call.text("mini_mcp.decision"), "deny");
    assert_eq!(call.text("mini_mcp.code"), "leading_dash");
    assert_eq!(names(&children(&spans, &call)), ["decide", "record"]);

    let call = only(&spans, "tools/call sh");
    let stages = children(&spans, &call);
    let run = stages.last().expect("it ran");
    assert!(call.failed && run.failed);
    assert_eq!(call.text("mini_mcp.outcome"), "nonzero");
    assert_eq!(
        (run.text("process.exit.code"), run.text("error.type")),
        ("3", "nonzero")
    );

    // Its name is the client's invention.
    let call = only(&spans, "tools/call");
    assert_eq!(call.text("gen_ai.tool.name"), "");
    assert_eq!(call.text("mini_mcp.tool"), "_OTHER");
    assert_eq!(call.text("error.type"), "-32602");
    for resource in collector.resources() {
        assert_eq!(resource["service.name"], "mini-mcp");
        assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    }
}

/// Waiting for an administrator and running in the background are stages too.
#[test]
fn waiting_and_the_background_are_seen() {
    let collector = Collector::listen(Manner::Taking);
    let site = site(collector.endpoint());
    let client = Client::attach(&site, ALICE);
    let call = client.start_call("held", &json!({"word": "x"}));
    let admin = |words: &[&str]| {
        let mut command = Command::new(site.program("mini-mcp"));
        command.args(words).arg("--socket").arg(site.admin_socket());
        command.output().expect("it runs").stdout
    };
    let id = eventually("one waits", SOON, || {
        let waiting = admin(&["pending", "--json"]);
        let waiting: Value = serde_json::from_slice(&waiting).ok()?;
        Some(waiting[0]["id"].as_str()?.to_owned())
    });
    admin(&["approve", &id]);
    assert_eq!(client.called(call).success(), "x");
    let start = json!({"tool": "nap", "arguments": {"time": "0.1"}});
    let started = client.call("run_start", &start);
    let run = started.field("run_id").as_str().expect("a run").to_owned();
    site.audited("its end", |entry| {
        entry.event() == "end" && entry.text("run") == run
    });
    drop((client, site));

    let spans = collector.spans();
    let call = only(&spans, "tools/call held");
    assert_eq!(call.text("mini_mcp.decision"), "ask");
    assert_eq!(call.parent, "");
    let stages = children(&spans, &call);
    let expected = ["decide", "queue", "launch", "approval", "launch", "run"];
    assert_eq!(names(&stages), expected);
    let call = only(&spans, "tools/call run_start");
    assert_eq!(call.text("mini_mcp.tool"), "nap");
    assert_eq!(call.text("mini_mcp.outcome"), "started");
    assert_eq!(call.text("mini_mcp.run_id"), run);
    let stages = children(&spans, &call);
    assert_eq!(names(&stages), ["decide", "launch", "run"]);
    assert_eq!(stages[2].text("mini_mcp.run_id"), run);
    assert!(stages[2].time.1 > call.time.1, "it went on");
}

/// A client that goes away is no success.
#[test]
fn a_call_that_nobody_waits_for_is_cancelled() {
    let collector = Collector::listen(Manner::Taking);
    let site = site(collector.endpoint());
    let client = Client::attach(&site, ALICE);
    let call = client.start_call("sleep", &json!({"time": "60"}));
    site.audited("its start", |entry| entry.is("start", "sleep"));
    client.cancel(call);
    site.audited("its end", |entry| entry.event() == "end");
    drop((client, site));
    let call = only(&collector.spans(), "tools/call sleep");
    assert!(call.failed, "{call:?}");
    let counted = labels(&collector, "mini_mcp.calls", "mini_mcp.outcome");
    assert_eq!(counted, [("cancelled".to_owned(), 1)].into());
}

/// Over HTTP the trace is named by a header.
#[test]
fn a_header_names_the_trace_too() {
    let collector = Collector::listen(Manner::Taking);
    let policy = "version = 1\n[principal.ci]\napi_key = \"ci\"\n[profile.plain]\n\
        run_as = \"mmtest-run\"\nread = [\"/usr\", \"/etc/ld.so.cache\"]\nexecute = [\"/usr\"]\n\
        working_directory = \"/usr\"\n[tool.a]\ndescription = \"x\"\n\
        command = [\"/usr/bin/true\"]\nprofile = \"plain\"\nallow = [\"ci\"]\n";
    let words = ["--http", "127.0.0.1:0", "--otlp", collector.endpoint()];
    let site = Site::with(policy).serving(&words).start();
    let key = site.new_key("ci");
    let mut web = Web::network(site.http());
    let (message, mut headers) = modern("tools/call", json!({"name": "a", "arguments": {}}));
    let trace = format!("00-{TRACE_ID}-{PARENT}-01");
    headers.extend([bearer(&key), ("traceparent", trace)]);
    let reply = web.post(&message, &headers);
    assert_eq!(reply.status, 200, "{reply:?}");
    drop((web, site));
    let call = only(&collector.spans(), "tools/call a");
    assert_eq!((&*call.trace, &*call.parent), (TRACE_ID, PARENT));
    assert_eq!(call.text("mini_mcp.caller"), "key ci");
    assert_eq!(call.text("network.transport"), "tcp");
    assert!(!collector.has(&key));
}

/// The sums of the metric `name` by one of its attributes.
fn labels(collector: &Collector, name: &str, label: &str) -> Attributed {
    let mut sums = Attributed::new();
    for (attributes, count) in collector.points(name) {
        let value = attributes.get(label).cloned().unwrap_or_default();
        *sums.entry(value).or_default() += count;
    }
    sums
}

type Attributed = std::collections::BTreeMap<String, u64>;

/// What is counted is what was called, also where the trace is not sampled; and it is
/// told while the service runs.
#[test]
fn metrics_add_up_to_the_calls() {
    let collector = Collector::listen(Manner::Taking);
    let policy = format!("{BASE}{MORE}");
    let site = Site::with(&policy).serving(&["--otlp", collector.endpoint()]);
    let mut site = site.prepare();
    site.start_worker();
    site.start_supervisor_with("OTEL_METRIC_EXPORT_INTERVAL", "100");
    let client = Client::attach(&site, ALICE);
    let other = Client::attach(&site, BOB);
    for _ in 0..7 {
        succeeds(&client, "true", &json!({}));
    }
    succeeds(&other, "true", &json!({}));
    for number in 0..3 {
        fails(&client, "print", &json!({"first": "-x"}));
        let _unknown = client.call(&format!("made-up-{number}"), &json!({}));
    }
    fails(&client, "sh", &json!({"script": "exit 1"}));
    traced(&client, "true", &json!({}), "00");
    let sleeping = client.start_call("sleep", &json!({"time": "60"}));
    let _read = client.request("resources/list", &json!({}));
    eventually("clients and lanes are told", SOON, || {
        let lanes = labels(&collector, "mini_mcp.lanes", "mini_mcp.state");
        let clients = collector.points("mini_mcp.clients");
        let two = clients == [(Attributes::new(), 2)];
        (two && lanes.get("busy") == Some(&1)).then_some(())
    });
    client.cancel(sleeping);
    eventually("it is cancelled", SOON, || {
        let log = site.log_text("supervisor");
        log.contains("call cancelled").then_some(())
    });
    drop((client, other, site));

    let calls = |label| labels(&collector, "mini_mcp.calls", label);
    let sums = |all: &[(&str, u64)]| -> Attributed {
        all.iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    };
    let tools = [
        ("true", 9),
        ("print", 3),
        ("_OTHER", 3),
        ("sh", 1),
        ("sleep", 1),
    ];
    assert_eq!(calls("mini_mcp.tool"), sums(&tools));
    assert_eq!(
        calls("mini_mcp.decision"),
        sums(&[("allow", 11), ("deny", 6)])
    );
    let outcomes = [
        ("succeeded", 9),
        ("nonzero", 1),
        ("denied", 6),
        ("cancelled", 1),
    ];
    assert_eq!(calls("mini_mcp.outcome"), sums(&outcomes));
    let codes = [
        ("", 10),
        ("leading_dash", 3),
        ("not_allowed", 3),
        ("cancelled", 1),
    ];
    assert_eq!(calls("mini_mcp.code"), sums(&codes));
    let took = |label| labels(&collector, "mcp.server.operation.duration", label);
    assert_eq!(took("mcp.method.name"), sums(&[("tools/call", 17)]));
    let tools = [("true", 9), ("print", 3), ("", 3), ("sh", 1), ("sleep", 1)];
    assert_eq!(took("gen_ai.tool.name"), sums(&tools));
    // The one that was not sampled is counted and not shown.
    let shown = collector.spans();
    let shown = shown.iter().filter(|span| span.name == "tools/call true");
    assert_eq!(shown.count(), 8);
}

/// Neither arguments, their names, output, the environment, keys nor what clients make up.
#[test]
fn nothing_that_is_planted_leaves() {
    let canary = "planted-canary";
    let collector = Collector::listen(Manner::Taking);
    let policy = format!("{BASE}{MORE}").replace(
        "environment = { PATH = \"/usr/bin\",",
        "environment = { PATH = \"/usr/bin\", TOKEN = \"planted-canary\",",
    );
    assert!(policy.contains(canary));
    let site = Site::with(&policy).serving(&["--otlp", collector.endpoint()]);
    let site = site.start();
    let client = Client::attach(&site, ALICE);
    assert!(
        client
            .call("sh", &json!({"script": "echo $TOKEN; echo $TOKEN >&2"}))
            .stdout()
            .contains(canary)
    );
    succeeds(&client, "hush", &json!({"key": canary}));
    succeeds(&client, "print", &json!({"first": canary}));
    fails(&client, "print", &json!({"first": format!("-{canary}")}));
    fails(&client, "print", &json!({"first": "x", canary: "x"}));
    fails(&client, "sleep", &json!({"time": canary}));
    let _unknown = client.call(canary, &json!({}));
    fails(&client, "sh", &json!({"script": format!("exit {canary}")}));
    let meta = json!({"traceparent": canary, "baggage": canary, "tracestate": canary,
        "io.modelcontextprotocol/clientInfo": {"name": canary, "version": canary}});
    let call = json!({"name": "true", "arguments": {}, "_meta": meta});
    client.request("tools/call", &call).expect("an answer");
    drop((client, site));
    assert_eq!(
        only(&collector.spans(), "tools/call hush").text("mini_mcp.tool"),
        "hush"
    );
    assert!(collector.has("tools/call print") && !collector.has(canary));
}

/// A collector that is away, refuses or hangs: every call is answered as ever, what is
/// lost is counted and told, and the end of the service does not wait for it.
#[test]
fn no_call_notices_the_collector() {
    let refusing = Collector::listen(Manner::Refusing);
    let hanging = Collector::listen(Manner::Hanging);
    let away = format!("http://{}", Collector::nowhere());
    for endpoint in [refusing.endpoint(), hanging.endpoint(), &away] {
        let site = site(endpoint);
        let client = Client::attach(&site, ALICE);
        // More than wait and are under way.
        let calls: Vec<u64> = (0..900)
            .map(|_| client.start_call("true", &json!({})))
            .collect();
        for call in calls {
            assert!(!client.called(call).is_error());
        }
        succeeds(&client, "true", &json!({}));
        let lost = eventually("the losses are told", SOON, || {
            let log = site.log_text("supervisor");
            let line = log.lines().find(|line| line.contains("traces lost"))?;
            line.split("spans=")
                .nth(1)?
                .split(' ')
                .next()?
                .parse::<u64>()
                .ok()
        });
        assert!(lost > 0, "{endpoint}");
        succeeds(&client, "true", &json!({}));
        let log = site.log_text("supervisor");
        assert_eq!(
            log.matches("traces lost").count(),
            1,
            "once a minute: {log}"
        );
        drop((client, site));
    }
    assert_eq!(refusing.spans().len() + hanging.spans().len(), 0);
}

/// One that hangs has two seconds for the last of it, less than a request may take.
#[test]
fn the_end_does_not_wait_for_a_collector_that_hangs() {
    let collector = Collector::listen(Manner::Hanging);
    let site = site(collector.endpoint());
    let client = Client::attach(&site, ALICE);
    succeeds(&client, "true", &json!({}));
    drop(client);
    let id = Pid::from_raw(site.supervisor().id());
    kill(id, Signal::SIGTERM).expect("it runs");
    let words = "did not take the last traces and metrics in time";
    eventually("it gives up", SOON, || {
        site.log_text("supervisor").contains(words).then_some(())
    });
}

/// The supervisor's threads, and its sockets of the network.
fn threads_and_sockets(site: &Site) -> (usize, usize) {
    let id = site.supervisor().id();
    let threads = fs::read_dir(format!("/proc/{id}/task"))
        .expect("it runs")
        .count();
    let network: BTreeSet<String> = ["tcp", "tcp6", "udp", "udp6", "raw"]
        .iter()
        .flat_map(|table| {
            let text = fs::read_to_string(format!("/proc/{id}/net/{table}")).expect("a table");
            let inodes = text
                .lines()
                .skip(1)
                .filter_map(|line| line.split_whitespace().nth(9));
            inodes
                .map(|inode| format!("socket:[{inode}]"))
                .collect::<Vec<_>>()
        })
        .collect();
    let open = site.supervisor().descriptors();
    let sockets = open
        .values()
        .filter(|target| network.contains(&*target.to_string_lossy()));
    (threads, sockets.count())
}

/// Unless an option asks for it there is none, whatever the environment says: no
/// connection, no socket, no thread. With it there is no thread more.
#[test]
fn it_is_off_unless_asked_for() {
    let collector = Collector::listen(Manner::Taking);
    let serve = |words: &[&str]| {
        let mut site = Site::with(BASE).serving(words).prepare();
        site.start_worker();
        site.start_supervisor_with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint());
        let client = Client::attach(&site, ALICE);
        succeeds(&client, "true", &json!({}));
        let seen = threads_and_sockets(&site);
        drop((client, site));
        seen
    };
    let (threads, sockets) = serve(&[]);
    assert_eq!((sockets, collector.connections()), (0, 0));
    let (with, _) = serve(&["--otlp", "environment"]);
    assert_eq!(with, threads);
    only(&collector.spans(), "tools/call true");
}

/// A collector of this host needs no network.
#[test]
fn a_unix_socket_does_as_well() {
    let folder = harness::scratch();
    let path = folder.path().join("collector.sock");
    let collector = Collector::at(&path);
    fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("ours");
    let site = site(collector.endpoint());
    let client = Client::attach(&site, ALICE);
    succeeds(&client, "true", &json!({}));
    drop((client, site));
    only(&collector.spans(), "tools/call true");
    assert_eq!(
        labels(&collector, "mini_mcp.calls", "mini_mcp.tool").len(),
        1
    );
}

/// What is no endpoint is told at the start.
#[test]
fn a_wrong_endpoint_is_told() {
    let site = Site::with(BASE).prepare();
    for (endpoint, words) in [
        ("https://127.0.0.1:4318", "as the endpoint of a collector"),
        ("environment", "as the endpoint of a collector"),
        (
            "http://nowhere.invalid:4318",
            "cannot find the collector `nowhere.invalid`",
        ),
    ] {
        let mut command = site.supervisor_command();
        let output = command
            .args(["--otlp", endpoint])
            .output()
            .expect("it starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(
            error.contains(words) && error.contains("\nhint: "),
            "{error}"
        );
    }
}
