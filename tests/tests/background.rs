//! Runs that nobody waits for: started, looked at and ended by three tools of the
//! server's own, or as tasks; and how long they last without whoever started them.

use harness::web::modern;
use harness::{
    ALICE, BASE, BOB, Called, Client, Front, Lane, Process, Site, Web, eventually, unique,
};
use serde_json::{Value, json};
use std::os::fd::AsFd;
use std::process::Stdio;
use std::time::{Duration, Instant};
use wire::Reply;

const MORE: &str = r#"
[profile.short]
extends = "plain"
timeout = "2s"
timeout_stop = "0s"

[tool.nap]
description = "Sleeps for some seconds, as long as its caller is connected"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["alice"]
background = true
[tool.nap.args]
time = { type = "string", pattern = "[0-9.]+", max_length = 40 }

[tool.slumber]
description = "Sleeps for some seconds, whoever is there"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["alice"]
background = true
outlives_connection = true
[tool.slumber.args]
time = { type = "string", pattern = "[0-9.]+", max_length = 40 }

[tool.doze]
description = "The same, but not for long"
command = ["/usr/bin/sleep", "{time}"]
profile = "short"
allow = ["alice"]
background = true
outlives_connection = true
[tool.doze.args]
time = { type = "string", pattern = "[0-9.]+", max_length = 40 }

[tool.script]
description = "Runs a line of shell, whoever is there"
command = ["/usr/bin/sh", "-c", "{script}"]
profile = "plain"
allow = ["alice"]
background = true
outlives_connection = true
[tool.script.args]
script = { type = "string", max_length = 4000 }
"#;

const OWN: [&str; 3] = ["run_cancel", "run_output", "run_start"];

/// How soon a command is killed, with room for a busy machine.
const SOON: Duration = Duration::from_secs(2);

fn site() -> Site {
    Site::with(&format!("{BASE}{MORE}")).start()
}

/// Starts `tool` in the background; the name of the run.
#[track_caller]
fn start(client: &Client, tool: &str, arguments: &Value) -> String {
    let called = client.call("run_start", &json!({"tool": tool, "arguments": arguments}));
    assert!(!called.is_error(), "{}", called.0);
    assert_eq!(called.field("state"), "running");
    let run = called.field("run_id").as_str();
    run.unwrap_or_else(|| panic!("{}", called.0)).to_owned()
}

/// Starts something that sleeps; the name of the run, and what tells its process.
#[track_caller]
fn sleeper(client: &Client, tool: &str) -> (String, String) {
    let time = unique();
    let run = start(client, tool, &json!({ "time": time }));
    eventually("it runs", Duration::from_secs(10), || process(&time));
    (run, time)
}

fn process(time: &str) -> Option<Process> {
    Process::with_argument(time).first().copied()
}

#[track_caller]
fn is_killed(time: &str) {
    eventually("it is killed", SOON, || {
        process(time).is_none().then_some(())
    });
}

#[track_caller]
fn lives_on(time: &str) {
    std::thread::sleep(Duration::from_millis(500));
    assert!(process(time).is_some(), "it was killed");
}

fn output(client: &Client, run: &str, cursor: &str, wait: u64) -> Called {
    let arguments = json!({"run": run, "cursor": cursor, "wait": wait});
    client.call("run_output", &arguments)
}

/// Reads `run` to its end.
#[track_caller]
fn read_to_end(client: &Client, run: &str) -> (String, Called) {
    let (mut text, mut cursor) = (String::new(), "0.0".to_owned());
    loop {
        let called = output(client, run, &cursor, 20);
        text.push_str(called.stdout());
        cursor = called
            .field("cursor")
            .as_str()
            .expect("a cursor")
            .to_owned();
        if called.field("state") == "ended" && called.field("more") == &json!(false) {
            return (text, called);
        }
    }
}

/// The tools are there for whoever has a use for them, and for nobody else.
#[test]
fn the_tools_are_there_for_whoever_has_a_use_for_them() {
    let site = site();
    let alice = Client::attach(&site, ALICE);
    let tools = alice.tools();
    assert!(tools.is_sorted(), "{tools:?}");
    let own = |tools: &[String]| {
        tools
            .iter()
            .filter(|name| OWN.contains(&name.as_str()))
            .count()
    };
    assert_eq!(own(&tools), 3);
    let bob = Client::attach(&site, BOB);
    assert_eq!(own(&bob.tools()), 0);
    for tool in OWN {
        assert!(bob.call(tool, &json!({})).is_unknown_tool());
    }
}

/// Output is read as it comes, by cursor and with a wait; then the end is told.
#[test]
fn output_is_read_as_it_comes() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let script = "echo one; echo error >&2; sleep 1; echo two; exit 3";
    let began = Instant::now();
    let run = start(&client, "script", &json!({ "script": script }));
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "it was waited for"
    );
    let first = output(&client, &run, "0.0", 10);
    assert_eq!((first.stdout(), first.stderr()), ("one\n", "error\n"));
    assert_eq!(first.field("state"), "running");
    let cursor = first.field("cursor").as_str().expect("a cursor");
    assert_eq!(cursor, "4.6");
    let nothing = output(&client, &run, cursor, 0);
    assert_eq!((nothing.stdout(), nothing.stderr()), ("", ""));
    let second = output(&client, &run, cursor, 10);
    assert_eq!(second.stdout(), "two\n");
    let (all, last) = read_to_end(&client, &run);
    assert_eq!(all, "one\ntwo\n");
    assert_eq!(last.field("exit_code"), 3);
    assert!(
        last.text().ends_with("[ended: exit code 3]"),
        "{}",
        last.text()
    );
    let end = site.audited("the end", |entry| {
        entry.text("run") == run && entry.event() == "end"
    });
    assert_eq!(end.field("outcome")["exit_code"], 3, "{end:?}");
}

/// Much output is paged without a gap, while it is printed and afterwards.
#[test]
fn long_output_is_paged() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let run = start(
        &client,
        "script",
        &json!({"script": "seq 1 50000; sleep 0.3; seq 50001 60000"}),
    );
    let whole: String = (1..=60_000).map(|number| format!("{number}\n")).collect();
    let (text, _) = read_to_end(&client, &run);
    assert!(text == whole, "{} of {} bytes", text.len(), whole.len());
    // An ordinary run is paged in the same way.
    let called = client.call("sh", &json!({"script": "seq 1 60000"}));
    let (text, _) = read_to_end(&client, called.field("run_id").as_str().expect("a name"));
    assert!(text == whole);
}

#[test]
fn a_run_is_cancelled_with_its_processes() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let (run, time) = sleeper(&client, "slumber");
    let called = client.call("run_cancel", &json!({ "run": run }));
    assert_eq!(called.field("cancelled"), &json!(true), "{}", called.0);
    assert!(process(&time).is_none());
    let again = client.call("run_cancel", &json!({ "run": run }));
    assert!(
        again.text().contains("had ended already"),
        "{}",
        again.text()
    );
}

/// What the arguments are is checked, and what may run in the background is the policy's.
#[test]
fn what_is_asked_wrongly_is_refused() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let start = |tool: &str, arguments: Value| {
        client.call("run_start", &json!({"tool": tool, "arguments": arguments}))
    };
    assert_eq!(start("true", json!({})).denied(), "not_background");
    assert_eq!(start("bobs", json!({})).denied(), "not_allowed");
    assert_eq!(start("run_start", json!({})).denied(), "not_allowed");
    assert_eq!(
        start("nap", json!({"time": "x"})).denied(),
        "pattern_mismatch"
    );
    assert_eq!(start("nap", json!([])).failed(), "invalid_arguments");
    for wrong in [
        json!({"run": 7}),
        json!({"run": "x", "to": 1}),
        json!({"run": "0-0"}),
    ] {
        assert_eq!(
            client.call("run_output", &wrong).failed(),
            "invalid_arguments"
        );
    }
    let denied = site.audited("the denial", |entry| entry.is("deny", "true"));
    drop(sleeper(&client, "nap"));
    let started = site.audited("the start", |entry| entry.is("start", "nap"));
    assert_eq!(started.field("background"), &json!(true));
    assert_eq!(denied.text("rule"), "tool.true.background", "{denied:?}");
}

/// A run ends with the connection it was started by, unless the policy says that it
/// does not; then whoever comes again finds it.
#[test]
fn runs_outlive_the_connection_where_the_policy_says_so() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let (_, connected) = sleeper(&client, "nap");
    let (run, outliving) = sleeper(&client, "slumber");
    client.vanish();
    is_killed(&connected);
    lives_on(&outliving);
    let later = Client::attach(&site, ALICE);
    assert_eq!(output(&later, &run, "0.0", 0).field("state"), "running");
    let list = later.call("run_output", &json!({}));
    assert!(
        list.text().contains(&format!("{run} slumber: running for")),
        "{}",
        list.text()
    );
    let called = later.call("run_cancel", &json!({ "run": run }));
    assert_eq!(called.field("cancelled"), &json!(true));
    is_killed(&outliving);
}

/// A client that only finishes sending is served to the end, which is the end of what it
/// left running.
#[test]
fn a_client_that_finishes_is_let_go() {
    let site = site();
    let mut client = Client::attach(&site, ALICE);
    let (_, connected) = sleeper(&client, "nap");
    let (_, outliving) = sleeper(&client, "slumber");
    client.finish_sending();
    eventually("the server hangs up", SOON, || client.ended().then_some(()));
    is_killed(&connected);
    lives_on(&outliving);
}

/// A lost bridge is a lost connection.
#[test]
fn a_lost_bridge_ends_what_it_started() {
    let site = site();
    let client = Client::bridge(&site, ALICE);
    let (_, connected) = sleeper(&client, "nap");
    client.vanish();
    is_killed(&connected);
}

/// Nothing outlives the supervisor, whatever the policy says.
#[test]
fn nothing_outlives_the_service() {
    let mut site = site();
    let client = Client::attach(&site, ALICE);
    let (_, outliving) = sleeper(&client, "slumber");
    site.kill_supervisor();
    is_killed(&outliving);
}

/// The time limit of the profile holds for whoever runs in the background.
#[test]
fn a_run_ends_at_its_deadline() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let (run, time) = sleeper(&client, "doze");
    client.vanish();
    eventually("it is killed", Duration::from_secs(5), || {
        process(&time).is_none().then_some(())
    });
    let later = Client::attach(&site, ALICE);
    let ended = output(&later, &run, "0.0", 10);
    assert_eq!(ended.field("timed_out"), &json!(true), "{}", ended.0);
}

/// To everybody else a run does not exist, to be read or to be ended.
#[test]
fn a_run_is_its_principals_alone() {
    let bobs = r#"
[tool.bobs_nap]
description = "Lets Bob have the three tools"
command = ["/usr/bin/sleep", "60"]
profile = "plain"
allow = ["ops"]
background = true
"#;
    let site = Site::with(&format!("{BASE}{MORE}{bobs}")).start();
    let (alice, bob) = (Client::attach(&site, ALICE), Client::attach(&site, BOB));
    let (run, time) = sleeper(&alice, "slumber");
    for tool in ["run_output", "run_cancel"] {
        let refused = bob.call(tool, &json!({ "run": run }));
        let unknown = bob.call(tool, &json!({"run": "0-0"}));
        assert_eq!(refused.text().replace(&run, "0-0"), unknown.text());
    }
    assert_eq!(bob.call("run_output", &json!({})).text(), "[no runs]");
    lives_on(&time);
}

/// Eight at once are for one principal, on however many connections.
#[test]
fn runs_are_bounded_in_number() {
    let site = site();
    let (client, other) = (Client::attach(&site, ALICE), Client::attach(&site, ALICE));
    let runs: Vec<String> = (0..8).map(|_| sleeper(&client, "slumber").0).collect();
    let slumber = json!({"tool": "slumber", "arguments": {"time": "60"}});
    assert_eq!(other.call("run_start", &slumber).failed(), "busy");
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    drop(other.call("run_cancel", &json!({"run": runs[0]})));
    assert!(!other.call("run_start", &slumber).is_error());
}

/// A new policy does not touch what runs, and it can still be ended.
#[test]
fn a_reload_leaves_what_runs() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let (run, time) = sleeper(&client, "slumber");
    site.file(
        "policy.toml",
        &format!("{BASE}{MORE}\n# another\n").replace("@site@", &site.text()),
    );
    site.supervisor().hang_up();
    eventually("the policy is loaded", Duration::from_secs(10), || {
        site.log_text("supervisor")
            .contains("policy loaded again")
            .then_some(())
    });
    lives_on(&time);
    let called = client.call("run_cancel", &json!({ "run": run }));
    assert!(!called.is_error(), "{}", called.0);
    is_killed(&time);
}

/// Over HTTP there is no connection that a run could end with, so only those that
/// outlive it can be started; later requests find them.
#[test]
fn over_http_only_outliving_runs_are_started() {
    let site = site();
    let mut web = Web::socket(&site, ALICE);
    let tools = web.ask("tools/list", json!({}), None).message();
    let start = tools["result"]["tools"].as_array().expect("tools").iter();
    let start = start
        .clone()
        .find(|tool| tool["name"] == "run_start")
        .expect("it is there");
    assert_eq!(
        start["inputSchema"]["properties"]["tool"]["enum"],
        json!(["doze", "script", "slumber"])
    );
    let time = unique();
    let arguments = json!({"tool": "nap", "arguments": {"time": time}});
    let refused = Called(web.call("run_start", &arguments, None).message());
    assert_eq!(refused.denied(), "no_connection");
    let arguments = json!({"tool": "slumber", "arguments": {"time": time}});
    let started = Called(web.call("run_start", &arguments, None).message());
    let run = started.field("run_id").as_str().expect("a name").to_owned();
    drop(web);
    lives_on(&time);
    let mut later = Web::socket(&site, ALICE);
    let cancelled = Called(
        later
            .call("run_cancel", &json!({ "run": run }), None)
            .message(),
    );
    assert_eq!(
        cancelled.field("cancelled"),
        &json!(true),
        "{}",
        cancelled.0
    );
    is_killed(&time);
}

/// The worker believes no supervisor about how long a run may last: it looks into its
/// own copy of the policy.
#[test]
fn the_worker_decides_what_outlives_its_caller() {
    let front = Front::with(&format!("{BASE}{MORE}"));
    for (tool, outlives) in [("nap", false), ("slumber", true), ("sleep", false)] {
        let (accepted, client) = front.client(ALICE);
        let lane = Lane::greeted(&front.site);
        let time = unique();
        let _pipes =
            lane.run_in_background(&front.site, accepted.as_fd(), tool, &[("time", &time)]);
        if tool == "sleep" {
            let answer = lane.hear();
            let Ok(Reply::Denied(denial)) = answer else {
                panic!("{answer:?}");
            };
            assert_eq!(denial.code, "not_background");
            continue;
        }
        eventually("it runs", Duration::from_secs(10), || process(&time));
        drop((accepted, client));
        if outlives {
            lives_on(&time);
        } else {
            is_killed(&time);
        }
    }
}

/// `printf … | mini-mcp connect` ends although something was left running.
#[test]
fn a_bridge_ends_although_something_runs_on() {
    let site = site();
    let time = unique();
    let mut command = harness::command_as(ALICE, &site.program("mini-mcp"));
    command.arg("connect").arg("--socket").arg(site.front());
    command.stderr(Stdio::inherit());
    let mut client = Client::spawn(&mut command);
    client.initialize();
    let run = start(&client, "nap", &json!({ "time": time }));
    assert!(!run.is_empty());
    client.finish_sending();
    eventually("the bridge ends", SOON, || client.ended().then_some(()));
    is_killed(&time);
}

/// A request of a client that declares the tasks extension.
fn with_tasks(method: &str, parameters: Value) -> (Value, Vec<(&'static str, String)>) {
    let (mut message, headers) = modern(method, parameters);
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    (message, headers)
}

#[track_caller]
fn ask(web: &mut Web, method: &str, parameters: Value) -> Value {
    let (message, headers) = with_tasks(method, parameters);
    web.post(&message, &headers).message()
}

/// A client that declares the extension gets a task for what takes long, and the result
/// itself for what does not.
#[test]
fn calls_that_take_long_become_tasks() {
    let site = site();
    let mut web = Web::socket(&site, ALICE);
    let call = |script: &str| json!({"name": "script", "arguments": {"script": script}});
    let quick = ask(&mut web, "tools/call", call("echo quick"));
    assert_eq!(Called(quick).success(), "quick\n");
    let task = ask(
        &mut web,
        "tools/call",
        call("echo begun; sleep 2; echo done; exit 4"),
    );
    assert_eq!(task["result"]["resultType"], "task", "{task}");
    assert_eq!(task["result"]["status"], "working");
    let id = task["result"]["taskId"]
        .as_str()
        .expect("a name")
        .to_owned();
    let mut state = Value::Null;
    eventually("the task is completed", Duration::from_secs(10), || {
        state = ask(&mut web, "tasks/get", json!({ "taskId": id }));
        (state["result"]["status"] == "completed").then_some(())
    });
    let result = Called(json!({"result": state["result"]["result"]}));
    assert_eq!(result.exit_code(), Some(4));
    assert_eq!(result.stdout(), "begun\ndone\n");
    assert_eq!(result.field("run_id"), &json!(id));
}

#[test]
fn a_task_is_cancelled_and_is_its_principals_alone() {
    let site = site();
    let (mut alice, mut bob) = (Web::socket(&site, ALICE), Web::socket(&site, BOB));
    let time = unique();
    let call = json!({"name": "slumber", "arguments": {"time": time}});
    let task = ask(&mut alice, "tools/call", call.clone());
    let id = task["result"]["taskId"]
        .as_str()
        .unwrap_or_else(|| panic!("{task}"))
        .to_owned();
    for method in ["tasks/get", "tasks/cancel"] {
        let theirs = ask(&mut bob, method, json!({ "taskId": id }));
        let nobodys = ask(&mut bob, method, json!({"taskId": "0-0"}));
        assert_eq!(theirs["error"]["code"], -32602, "{theirs}");
        assert_eq!(theirs["error"]["message"], nobodys["error"]["message"]);
    }
    lives_on(&time);
    let done = ask(&mut alice, "tasks/cancel", json!({ "taskId": id }));
    assert_eq!(done["result"]["resultType"], "complete", "{done}");
    is_killed(&time);
    eventually("the task is told to be cancelled", SOON, || {
        let state = ask(&mut alice, "tasks/get", json!({ "taskId": id }));
        (state["result"]["status"] == "cancelled").then_some(())
    });
}

/// Who does not declare the extension waits as ever, and has no tasks.
#[test]
fn tasks_are_for_clients_that_declare_them() {
    let site = site();
    let mut web = Web::socket(&site, ALICE);
    let reply = web.call("script", &json!({"script": "sleep 2; echo done"}), None);
    assert_eq!(Called(reply.message()).success(), "done\n");
    let refused = web
        .ask("tasks/get", json!({"taskId": "0-0"}), None)
        .message();
    assert_eq!(refused["error"]["code"], -32021, "{refused}");
}

/// What a key starts is of the key, whoever else is there: it outlives the request, and
/// another key finds nothing.
#[test]
fn a_run_of_a_key_is_the_keys() {
    let keys = r#"
[principal.one]
api_key = "one"

[principal.two]
api_key = "two"

[profile.fixed]
extends = "plain"
run_as = "mmtest-run"

[tool.patient]
description = "Sleeps for some seconds, whoever is there"
command = ["/usr/bin/sleep", "{time}"]
profile = "fixed"
allow = ["one", "two"]
background = true
outlives_connection = true
[tool.patient.args]
time = { type = "string", pattern = "[0-9.]+", max_length = 40 }

[tool.hasty]
description = "Sleeps as long as its caller is connected"
command = ["/usr/bin/sleep", "60"]
profile = "fixed"
allow = ["one"]
background = true
"#;
    let site = Site::with(&format!("{BASE}{keys}"));
    let site = site.serving(&["--http", "127.0.0.1:0"]).start();
    let (one, two) = (site.new_key("one"), site.new_key("two"));
    let mut web = Web::network(site.http());
    let mut call = |key: &str, tool: &str, arguments: Value| {
        Called(web.call(tool, &arguments, Some(key)).message())
    };
    let time = unique();
    let patient = json!({"tool": "patient", "arguments": {"time": time}});
    let run = call(&one, "run_start", patient).field("run_id").clone();
    lives_on(&time);
    let theirs = call(&two, "run_output", json!({ "run": run }));
    assert_eq!(theirs.failed(), "invalid_arguments");
    let own = call(&one, "run_output", json!({ "run": run }));
    assert_eq!(own.field("state"), "running", "{}", own.0);
    let hasty = call(&one, "run_start", json!({"tool": "hasty"}));
    assert_eq!(hasty.denied(), "no_connection");
    let ended = call(&one, "run_cancel", json!({ "run": run }));
    assert_eq!(ended.field("cancelled"), &json!(true), "{}", ended.0);
    is_killed(&time);
}

/// A session of the initialize handshake that declares the extension has tasks as well.
#[test]
fn sessions_that_declare_the_extension_have_tasks() {
    let site = site();
    let client = Client::attach_silent(&site, ALICE);
    let greeting = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
        "clientInfo": {"name": "mini-mcp-tests", "version": "0"},
    });
    let answer = client.request("initialize", &greeting).expect("an answer");
    let extensions = &answer["result"]["capabilities"]["extensions"];
    assert!(
        extensions["io.modelcontextprotocol/tasks"].is_object(),
        "{answer}"
    );
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let call = json!({"name": "nap", "arguments": {"time": "2"}});
    let task = client.request("tools/call", &call).expect("an answer");
    let id = task["result"]["taskId"]
        .as_str()
        .unwrap_or_else(|| panic!("{task}"));
    eventually("the task is completed", Duration::from_secs(10), || {
        let state = client.request("tasks/get", &json!({ "taskId": id }))?;
        (state["result"]["status"] == "completed").then_some(())
    });
}
