//! The client's own confirmation: the user at the client is asked before a call is made,
//! by clients of both eras; whatever else comes back runs nothing.

use anyhow::Result;
use harness::web::modern;
use harness::{
    ALICE, Alone, BASE, BOB, Called, Client, Entry, Front, Lane, Site, User, Web, connect_as,
    eventually, python,
};
use nix::sys::socket::SockType;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
    ElicitationAction, ErrorData, ProtocolVersion,
};
use rmcp::service::RequestContext;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::{Value, json};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;
use wire::Reply;

const SOON: Duration = Duration::from_secs(20);

/// Longer than a client needs that answers by itself.
const PERSON: Duration = Duration::from_millis(400);

const MODERN: &str = "2026-07-28";

const CONFIRM: &str = r#"
[principal.ci]
api_key = "ci"

[tool.sure]
description = "Says a word, once the user has confirmed it"
command = ["/usr/bin/printf", "%s", "{word}"]
profile = "plain"
allow = ["alice", "ops"]
confirm = ["alice", "ops"]
[tool.sure.args]
word = { type = "string", max_length = 9000 }

[tool.other]
description = "The same"
command = ["/usr/bin/printf", "%s", "{word}"]
profile = "plain"
allow = ["alice"]
confirm = ["alice"]
[tool.other.args]
word = { type = "string" }

[tool.brief]
description = "Waits for a second at most"
command = ["/usr/bin/printf", "brief"]
profile = "plain"
allow = ["alice"]
confirm = ["alice"]
confirm_timeout = "1s"

[tool.both]
description = "Two are asked"
command = ["/usr/bin/printf", "both"]
profile = "plain"
ask = ["alice"]
confirm = ["alice"]

[tool.held]
description = "An administrator alone is asked"
command = ["/usr/bin/true"]
profile = "plain"
ask = ["alice"]
[tool.hush]
description = "Is given a secret"
command = ["/usr/bin/printf", "--key={key}", "{key2}"]
profile = "plain"
allow = ["alice"]
confirm = ["alice"]
[tool.hush.args]
key = { type = "string", secret = true, max_length = 16384 }
key2 = { type = "string", secret = true, max_length = 16384 }

[tool.reads]
description = "Reads a text"
command = ["/usr/bin/cat"]
stdin = "{text}"
profile = "plain"
allow = ["alice"]
confirm = ["alice"]
[tool.reads.args]
text = { type = "string" }

[tool.later]
description = "In the background"
command = ["/usr/bin/printf", "later"]
profile = "plain"
allow = ["alice"]
confirm = ["alice"]
background = true

[profile.fixed]
run_as = "mmtest-run"
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
timeout = "20s"
[tool.keyed]
description = "By key"
command = ["/usr/bin/printf", "keyed"]
profile = "fixed"
allow = ["ci"]
confirm = ["ci"]
"#;

fn policy() -> String {
    format!("{BASE}{CONFIRM}")
}

fn site() -> Site {
    Site::with(&policy()).start()
}

fn elicitation() -> Value {
    json!({ "elicitation": {} })
}

/// A client of the initialize handshake that can ask its user.
fn attach(site: &Site, user: User) -> Client {
    let client = Client::attach_silent(site, user);
    client.initialize_as("2025-06-18", &elicitation());
    client
}

/// The question that the client is sent; its id and what it asks.
#[track_caller]
fn question(client: &Client) -> (Value, Value) {
    let request = client.next_unclaimed();
    assert_eq!(request["method"], "elicitation/create", "{request}");
    (request["id"].clone(), request["params"].clone())
}

fn answer(client: &Client, id: &Value, action: &str) {
    client.send(&json!({"jsonrpc": "2.0", "id": id, "result": {"action": action, "content": {}}}));
}

/// Answers as a person would.
fn answer_slowly(client: &Client, id: &Value, action: &str) {
    std::thread::sleep(PERSON);
    answer(client, id, action);
}

fn sure(word: &str) -> Value {
    json!({ "word": word })
}

#[track_caller]
fn denial(site: &Site, tool: &str) -> Entry {
    site.audited("the denial", |entry| entry.is("deny", tool))
}

/// The line about a call of `tool` whose caller had gone: the worker, who is told of the
/// denial, can no longer tell who he was.
#[track_caller]
fn lost(site: &Site, tool: &str) {
    let told = site.audited("it is told", |entry| {
        entry.is("refuse", tool) || entry.is("deny", tool)
    });
    let code = told.text("code");
    assert!(["attestation", "not_confirmed"].contains(&code), "{told:?}");
}

fn starts(site: &Site) -> Vec<Entry> {
    let mut trail = site.audit();
    trail.retain(|entry| entry.event() == "start");
    trail
}

/// The parameters of a call in the stateless era, of a client that can ask its user.
fn stateless(tool: &str, arguments: &Value) -> Value {
    json!({
        "name": tool,
        "arguments": arguments,
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "0" },
            "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
        },
    })
}

/// Calls in the stateless era; what the client is to carry.
#[track_caller]
fn state(client: &Client, tool: &str, arguments: &Value) -> String {
    let asked = client.request("tools/call", &stateless(tool, arguments));
    let asked = asked.expect("an answer");
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    asked["result"]["requestState"]
        .as_str()
        .expect("a state")
        .to_owned()
}

fn returned(tool: &str, arguments: &Value, state: &str, action: &str) -> Value {
    let mut call = stateless(tool, arguments);
    call["requestState"] = json!(state);
    call["inputResponses"] = json!({ "confirmation": { "action": action, "content": {} } });
    call
}

/// Makes the call again with an answer of the user.
#[track_caller]
fn again(client: &Client, tool: &str, arguments: &Value, state: &str) -> Called {
    client.called(client.start("tools/call", &returned(tool, arguments, state, "accept")))
}

/// What each way to answer comes to, with the official Python client, in every era over
/// every transport.
#[test]
fn the_python_client_asks_its_user() {
    let site = Site::with(&policy())
        .serving(&["--http", "127.0.0.1:0"])
        .start();
    let bridge = json!([
        site.program("mini-mcp"),
        "connect",
        "--socket",
        site.front()
    ]);
    let over_socket = json!({"url": "http://localhost/mcp", "socket": site.front()});
    let word = |word: &str| json!({ "word": word });
    let steps = json!([
        ["accept", "sure", word("yes")],
        ["decline", "sure", word("no")],
        ["cancel", "sure", word("closed")],
        ["accept at once", "sure", word("hasty")],
        ["decline at once", "sure", word("hasty")],
        ["fail", "sure", word("failed")],
        ["late", "brief", {}],
        ["accept", "later", {}],
        ["accept", "true", {}],
    ]);
    let codes = [
        "declined",
        "not_confirmed",
        "not_confirmed",
        "not_confirmed",
        "not_confirmed",
        "not_confirmed",
    ];
    for link in [
        format!("command:{bridge}"),
        format!("socket:{}", site.front().display()),
        format!("http:{over_socket}"),
    ] {
        for era in ["legacy", MODERN] {
            let report = python::run("confirm.py", ALICE, &[&link, era, &steps.to_string()]);
            let place = format!("{link} {era}: {report}");
            assert_eq!(report[0]["structured"]["stdout"], "yes", "{place}");
            let asked = &report[0]["asked"][0];
            let message = asked["message"].as_str().expect("words");
            assert!(
                message.contains("command: /usr/bin/printf %s yes\n"),
                "{place}"
            );
            assert_eq!(asked["schema"]["properties"], json!({}), "{place}");
            for (step, code) in (1..).zip(codes) {
                if era == MODERN && step == 5 {
                    // An error of its user interface ends the call, and nothing comes back.
                    assert!(report[step]["code"].is_number(), "{place}");
                    continue;
                }
                let denied = &report[step]["structured"]["denied"];
                assert_eq!(denied["code"], code, "{step} in {place}");
                let rule = denied["rule"].as_str().expect("a rule");
                assert!(rule.ends_with(".confirm"), "{place}");
                let reason = denied["reason"].as_str().expect("a reason");
                let unanswered = reason.starts_with("not answered: ");
                assert_eq!(unanswered, code == "not_confirmed", "{place}");
            }
            assert_eq!(report[7]["structured"]["stdout"], "later", "{place}");
            assert_eq!(report[8]["asked"], json!([]), "{place}");
            let none = json!([["none", "sure", word("x")]]).to_string();
            let report = python::run("confirm.py", ALICE, &[&link, era, &none]);
            let denied = &report[0]["structured"]["denied"];
            assert_eq!(denied["code"], "confirmation_unavailable", "{place}");
            assert!(
                denied["reason"]
                    .as_str()
                    .is_some_and(|why| why.contains("`elicitation`"))
            );
        }
    }
    let ran: Vec<Entry> = starts(&site);
    let confirmed = ran
        .iter()
        .filter(|entry| entry.text("confirmed") == "client");
    assert_eq!(confirmed.count(), 12);
    let unasked = ran.iter().filter(|entry| entry.text("tool") == "true");
    assert!(
        unasked
            .into_iter()
            .all(|entry| entry.field("confirmed").is_null())
    );
    assert_eq!(ran.len(), 18);
    let declined = site.audited("it is told", |entry| entry.text("code") == "declined");
    assert_eq!(
        (declined.text("by"), declined.text("tool")),
        ("supervisor", "sure")
    );
    assert_eq!(declined.text("rule"), "tool.sure.confirm");
    assert_eq!(declined.field("arguments")["word"], "no");
}

/// Whoever has a key has no socket that proves him; he is asked all the same.
#[test]
fn a_caller_with_a_key_is_asked_over_the_network() {
    let site = Site::with(&policy())
        .serving(&["--http", "127.0.0.1:0"])
        .start();
    let key = site.new_key("ci");
    let link = json!({"url": format!("http://{}/mcp", site.http()), "key": key});
    let steps = json!([["accept", "keyed", {}], ["decline", "keyed", {}]]).to_string();
    for era in ["legacy", MODERN] {
        let report = python::run("confirm.py", ALICE, &[&format!("http:{link}"), era, &steps]);
        assert_eq!(report[0]["structured"]["stdout"], "keyed", "{report}");
        assert_eq!(
            report[1]["structured"]["denied"]["code"], "declined",
            "{report}"
        );
    }
    let started = starts(&site);
    assert!(started.iter().all(|entry| entry.text("key") == "ci"));
}

/// A user who answers after a moment, always the same.
#[derive(Clone)]
struct Always(ElicitationAction);

impl ClientHandler for Always {
    async fn create_elicitation(
        &self,
        _request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        tokio::time::sleep(PERSON).await;
        Ok(ElicitResult::new(self.0.clone()))
    }

    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(Default::default());
        ClientConfig::new(capabilities, Default::default())
    }
}

/// In the way of either era: it drives the rounds of the stateless one by itself.
#[tokio::test]
async fn the_rust_client_asks_its_user() -> Result<()> {
    let site = site();
    let lifecycles = [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    ];
    for lifecycle in lifecycles {
        for (action, field) in [
            (ElicitationAction::Accept, "stdout"),
            (ElicitationAction::Decline, "denied"),
        ] {
            let stream = UnixStream::from(connect_as(ALICE, SockType::Stream, &site.front()));
            stream.set_nonblocking(true)?;
            let stream = tokio::net::UnixStream::from_std(stream)?;
            let user = Always(action);
            let client = user.serve_with_lifecycle(stream, lifecycle.clone()).await?;
            let arguments = sure("rust").as_object().cloned().unwrap_or_default();
            let call = CallToolRequestParams::new("sure").with_arguments(arguments);
            let result = client.call_tool(call).await?;
            let structured = result.structured_content.unwrap_or_default();
            assert!(!structured[field].is_null(), "{structured}");
            client.cancel().await?;
        }
    }
    assert_eq!(starts(&site).len(), 2);
    Ok(())
}

/// What would run stands there whole, and cannot look like something else; what is secret
/// does not.
#[test]
fn the_question_shows_what_would_run() {
    let site = site();
    let client = attach(&site, ALICE);
    let asked = |tool: &str, arguments: &Value| {
        let call = client.start_call(tool, arguments);
        let (id, question) = question(&client);
        assert!(starts(&site).is_empty(), "nothing runs before the answer");
        answer_slowly(&client, &id, "decline");
        assert_eq!(client.called(call).denied(), "declined");
        question["message"].as_str().expect("words").to_owned()
    };
    let uid = ALICE.uid();
    assert_eq!(
        asked("sure", &sure("two words'\u{202e} *x*")),
        format!(
            "Run the tool sure (Says a word, once the user has confirmed it)?\n\n\
             command: /usr/bin/printf %s 'two words'\\''\\u{{202e}} *x*'\n\
             runs as: you (uid {uid})\n"
        )
    );
    let hush = asked("hush", &json!({"key": "canary-1", "key2": "canary-2"}));
    assert!(
        hush.contains("/usr/bin/printf --key=‹secret› ‹secret›\n"),
        "{hush}"
    );
    assert!(!hush.contains("canary"), "{hush}");
    let reads = asked("reads", &json!({"text": "one\nrun it: /usr/bin/true"}));
    assert!(
        reads.contains("reads: the text 'one␊run it: /usr/bin/true'\n"),
        "{reads}"
    );
    let both = asked("both", &json!({}));
    assert!(
        both.ends_with("An administrator must approve it besides.\n"),
        "{both}"
    );

    let long = client.call("sure", &sure(&"x".repeat(8200)));
    assert_eq!(long.denied(), "confirmation_too_large");
    let half = "x".repeat(16_384);
    let secret = client.call("hush", &json!({"key": half, "key2": half}));
    assert_eq!(secret.denied(), "confirmation_too_large");
    let wrong = client.call("sure", &json!({"word": "x", "y": 1}));
    assert_eq!(wrong.denied(), "unknown_argument");
    assert!(client.unclaimed().is_empty(), "nobody is asked about those");
}

/// Tool lists, the resource and the administrator's commands say who must confirm.
#[test]
fn whoever_looks_is_told() {
    let site = site();
    let client = attach(&site, ALICE);
    let words = "The user must confirm each call.";
    let tools = client.request("tools/list", &json!({})).expect("an answer");
    let tools = tools["result"]["tools"].as_array().expect("a list");
    let telling = |name: &str| {
        let tool = tools.iter().find(|tool| tool["name"] == name);
        tool.is_some_and(|tool| tool["description"].to_string().contains(words))
    };
    assert!(telling("sure") && telling("both") && !telling("true"));
    let uri = json!({"uri": "mini-mcp://policy"});
    let read = client.request("resources/read", &uri).expect("an answer");
    assert!(read.to_string().contains(words), "{read}");
    let run = |command: &str, words: &[&str]| {
        let mut program = Command::new(site.program("mini-mcp"));
        program.arg(command).arg("--policy").arg(site.policy());
        let output = program.args(words).output().expect("it runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let alice = ["--as", ALICE.name];
    let (_, told) = run("tools", &alice);
    assert!(told.contains(words), "{told}");
    let (code, told) = run("explain", &[&alice[..], &["sure", "word=x"]].concat());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("needs a confirmation: "), "{told}");
    let json = run("explain", &[&alice[..], &["--json", "both"]].concat()).1;
    let json: Value = serde_json::from_str(&json).expect("a document");
    assert_eq!(
        (&json["decision"], &json["then"]),
        (&json!("confirm"), &json!("ask"))
    );
    assert_eq!(json["confirm"][0]["matches"], true, "{json}");
}

/// A client that hears of progress is told for whom its call waits.
#[test]
fn progress_tells_that_the_user_is_asked() {
    let site = site();
    let client = attach(&site, ALICE);
    let call = client.start(
        "tools/call",
        &json!({"name": "sure", "arguments": sure("x"), "_meta": {"progressToken": "p"}}),
    );
    let mut seen = Vec::new();
    eventually("both have come", SOON, || {
        seen = client.unclaimed();
        (seen.len() >= 2).then_some(())
    });
    let progress = seen
        .iter()
        .find(|one| one["method"] == "notifications/progress");
    let words = "waiting for the confirmation of the user at the client";
    assert_eq!(progress.expect("one")["params"]["message"], words);
    let question = seen
        .iter()
        .find(|one| one["method"] == "elicitation/create");
    answer_slowly(&client, &question.expect("one")["id"], "accept");
    assert_eq!(client.called(call).success(), "x");
}

/// Both are needed where both are asked, and the administrator comes last: what the
/// client's user has confirmed nobody but he approves.
#[test]
fn a_confirmation_never_stands_for_an_approval() {
    let site = site();
    let admin = |words: &[&str]| {
        let mut command = Command::new(site.program("mini-mcp"));
        command.args(words).arg("--socket").arg(site.admin_socket());
        String::from_utf8(command.output().expect("it runs").stdout).expect("text")
    };
    let pending =
        || serde_json::from_str::<Vec<Value>>(&admin(&["pending", "--json"])).expect("a list");
    let client = attach(&site, ALICE);
    let call = client.start_call("both", &json!({}));
    let (id, _) = question(&client);
    assert_eq!(pending(), [json!(null); 0]);
    answer_slowly(&client, &id, "accept");
    let waiting = eventually("it waits", SOON, || pending().first().cloned());
    assert!(client.poll(call).is_none() && starts(&site).is_empty());
    assert_eq!(waiting["confirmed"], true, "{waiting}");
    let shown = admin(&["pending"]);
    let words = "confirmed by the user at the client, as the supervisor says";
    assert!(shown.contains(words), "{shown}");
    let waited = site.trail();
    let waited = waited.iter().find(|entry| entry.is("waiting", "both"));
    assert_eq!(waited.expect("it is told").text("confirmed"), "client");
    admin(&["approve", waiting["id"].as_str().expect("an id")]);
    assert_eq!(client.called(call).success(), "both");
    // Where nobody needs to confirm it, nothing says so.
    let call = client.start_call("held", &json!({}));
    let waiting = eventually("it waits", SOON, || pending().first().cloned());
    assert_eq!(waiting["confirmed"], false, "{waiting}");
    let shown = admin(&["pending"]);
    assert!(!shown.contains("confirmed"), "{shown}");
    client.cancel(call);
    eventually("it is given up", SOON, || {
        pending().is_empty().then_some(())
    });

    // An approval for a time is none of what the user has not confirmed.
    let call = client.start_call("both", &json!({}));
    let (id, _) = question(&client);
    answer_slowly(&client, &id, "decline");
    assert_eq!(client.called(call).denied(), "declined");
    assert_eq!(pending(), [json!(null); 0]);
}

/// Whoever no longer waits has confirmed nothing, and his user need not answer.
#[test]
fn who_is_gone_while_his_user_is_asked_runs_nothing() {
    let site = site();
    let client = attach(&site, ALICE);
    let call = client.start_call("sure", &sure("cancelled"));
    let (id, _) = question(&client);
    client.cancel(call);
    let gone = client.next_unclaimed();
    assert_eq!(gone["method"], "notifications/cancelled", "{gone}");
    assert_eq!(gone["params"]["requestId"], id);
    answer_slowly(&client, &id, "accept");
    assert_eq!(denial(&site, "sure").text("code"), "not_confirmed");

    client.start_call("other", &sure("vanished"));
    question(&client);
    client.vanish();
    lost(&site, "other");

    let mut client = attach(&site, ALICE);
    let call = client.start_call("reads", &json!({"text": "half closed"}));
    question(&client);
    client.finish_sending();
    assert_eq!(client.called(call).denied(), "not_confirmed");

    let client = Client::attach_silent(&site, ALICE);
    state(&client, "hush", &json!({"key": "a", "key2": "b"}));
    client.vanish();
    lost(&site, "hush");
    assert!(starts(&site).is_empty());
}

/// Who carries the question and never comes back has not confirmed either, and that is
/// recorded, once.
#[test]
fn a_question_that_nobody_brings_back_is_recorded() {
    let site = site();
    let client = Client::attach_silent(&site, ALICE);
    let state = state(&client, "brief", &json!({}));
    let denied = denial(&site, "brief");
    assert_eq!(denied.text("code"), "not_confirmed");
    assert!(denied.text("reason").contains("within 1 s"), "{denied:?}");
    let late = again(&client, "brief", &json!({}), &state);
    assert_eq!(late.denied(), "not_confirmed");
    let trail = site.audit();
    let denials = trail.iter().filter(|entry| entry.is("deny", "brief"));
    assert_eq!(denials.count(), 2);
    assert!(starts(&site).is_empty());
}

/// Every attack on the state that a client carries: it is good for one call of one caller
/// on one connection under one policy, once, and for its time.
#[test]
fn a_state_is_good_for_nothing_else() {
    let site = site();
    let (alice, bob) = (
        Client::attach_silent(&site, ALICE),
        Client::attach_silent(&site, BOB),
    );
    let own = state(&alice, "sure", &sure("a"));
    std::thread::sleep(PERSON);
    let refused = |what: &str, called: Called| {
        assert_eq!(called.denied(), "not_confirmed", "{what}: {}", called.0);
        assert!(called.reason().starts_with("not answered: "), "{what}");
    };
    let mut edited = own.clone();
    let middle = own.len() / 2;
    let other = if &own[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    edited.replace_range(middle..=middle, other);
    refused("edited", again(&alice, "sure", &sure("a"), &edited));
    refused(
        "cut",
        again(&alice, "sure", &sure("a"), &own[..own.len() - 1]),
    );
    refused(
        "made up",
        again(&alice, "sure", &sure("a"), "rs1.AAAA.AAAA"),
    );
    refused("empty", again(&alice, "sure", &sure("a"), ""));
    refused("other arguments", again(&alice, "sure", &sure("b"), &own));
    refused(
        "no arguments",
        again(&alice, "sure", &json!({"word": ""}), &own),
    );
    refused("other tool", again(&alice, "other", &sure("a"), &own));
    refused("other caller", again(&bob, "sure", &sure("a"), &own));
    let second = Client::attach_silent(&site, ALICE);
    refused("other connection", again(&second, "sure", &sure("a"), &own));
    let background = json!({"tool": "sure", "arguments": sure("a")});
    let started = again(&alice, "run_start", &background, &own);
    assert_eq!(started.denied(), "not_background", "{}", started.0);

    let mut without = stateless("sure", &sure("a"));
    without["inputResponses"] = json!({ "confirmation": { "action": "accept" } });
    refused(
        "no state",
        alice.called(alice.start("tools/call", &without)),
    );
    assert!(starts(&site).is_empty());

    // It is still good for what it was made for, once, whoever is first; and then for
    // nothing.
    let call = returned("sure", &sure("a"), &own, "accept");
    let calls: Vec<u64> = (0..8).map(|_| alice.start("tools/call", &call)).collect();
    let called: Vec<Called> = calls.into_iter().map(|id| alice.called(id)).collect();
    let (ran, kept): (Vec<_>, Vec<_>) = called.into_iter().partition(|one| !one.is_error());
    assert_eq!((ran.len(), ran[0].success()), (1, "a"));
    kept.into_iter().for_each(|one| refused("one of many", one));
    refused("replayed", again(&alice, "sure", &sure("a"), &own));

    // One that comes back without an answer is used up.
    let own = state(&alice, "sure", &sure("a"));
    std::thread::sleep(PERSON);
    let mut call = returned("sure", &sure("a"), &own, "accept");
    call["inputResponses"] = json!({});
    refused("no answer", alice.called(alice.start("tools/call", &call)));
    refused("used up", again(&alice, "sure", &sure("a"), &own));

    // Another policy: decided anew.
    let own = state(&alice, "sure", &sure("a"));
    let text = fs::read_to_string(site.policy()).expect("it is there");
    fs::write(site.policy(), format!("{text}\n# another\n")).expect("root may");
    site.supervisor().hang_up();
    site.audited("the reload", |entry| entry.event() == "reload");
    eventually("the supervisor has it", SOON, || {
        let called = again(&alice, "true", &json!({}), "x");
        (called.exit_code() == Some(0)).then_some(())
    });
    std::thread::sleep(PERSON);
    refused("after a reload", again(&alice, "sure", &sure("a"), &own));
    let ran = starts(&site);
    let confirmed = ran
        .iter()
        .filter(|entry| entry.text("confirmed") == "client");
    assert_eq!(confirmed.count(), 1);
}

/// A legacy client that sends what only the other era knows is asked like any other.
#[test]
fn a_legacy_client_cannot_bring_an_answer_along() {
    let site = site();
    let client = attach(&site, ALICE);
    let call = client.start(
        "tools/call",
        &json!({
            "name": "sure",
            "arguments": sure("x"),
            "requestState": "x",
            "inputResponses": { "confirmation": { "action": "accept" } },
        }),
    );
    let (id, _) = question(&client);
    answer_slowly(&client, &id, "decline");
    assert_eq!(client.called(call).denied(), "declined");
}

/// Waiting holds no lane and no turn, and few wait at once; others have room.
#[test]
fn few_wait_and_they_hold_nothing() {
    let site = site();
    let (alice, carrying) = (attach(&site, ALICE), Client::attach_silent(&site, ALICE));
    assert_eq!(alice.call("true", &json!({})).exit_code(), Some(0));
    let lanes = site.lanes().len();
    let calls: Vec<u64> = (0..4)
        .map(|number| alice.start_call("sure", &sure(&number.to_string())))
        .collect();
    let states: Vec<String> = (4..8)
        .map(|number| state(&carrying, "sure", &sure(&number.to_string())))
        .collect();
    let asked = eventually("all are asked", SOON, || {
        let asked = alice.unclaimed();
        (asked.len() == 4).then_some(asked)
    });
    assert_eq!(site.lanes().len(), lanes);
    for client in [&alice, &carrying] {
        let surplus = client.called(client.start("tools/call", &stateless("sure", &sure("x"))));
        assert_eq!(surplus.denied(), "too_many_unconfirmed");
    }
    assert_eq!(alice.call("true", &json!({})).exit_code(), Some(0));
    let bob = attach(&site, BOB);
    let his = bob.start_call("sure", &sure("his"));
    let (id, _) = question(&bob);
    answer_slowly(&bob, &id, "accept");
    assert_eq!(bob.called(his).success(), "his");

    for one in &asked {
        answer(&alice, &one["id"], "accept");
    }
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(alice.called(call).success(), number.to_string());
    }
    for (number, state) in (4..).zip(states) {
        let word = sure(&u32::to_string(&number));
        assert_eq!(
            again(&carrying, "sure", &word, &state).success(),
            number.to_string()
        );
    }
    state(&carrying, "sure", &sure("there is room again"));
}

/// In the background and as a task: the user is asked before it starts.
#[test]
fn what_runs_in_the_background_is_confirmed_first() {
    let site = site();
    let client = attach(&site, ALICE);
    let start = json!({"tool": "later"});
    let call = client.start_call("run_start", &start);
    let (id, _) = question(&client);
    assert!(starts(&site).is_empty());
    answer_slowly(&client, &id, "accept");
    let started = client.called(call);
    assert!(started.field("run_id").is_string(), "{}", started.0);
    let not_there = client.call(
        "run_start",
        &json!({"tool": "sure", "arguments": sure("x")}),
    );
    assert_eq!(not_there.denied(), "not_background");

    let carrying = Client::attach_silent(&site, ALICE);
    let own = state(&carrying, "run_start", &start);
    std::thread::sleep(PERSON);
    // What was confirmed is that it starts and goes on, and not a call that is waited for.
    let waited = again(&carrying, "later", &json!({}), &own);
    assert_eq!(waited.denied(), "not_confirmed");
    let started = again(&carrying, "run_start", &start, &own);
    assert!(started.field("run_id").is_string(), "{}", started.0);

    let mut web = Web::socket(&site, ALICE);
    let mut ask = |parameters: &Value| {
        let (mut message, headers) = modern("tools/call", parameters.clone());
        message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({
            "elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}},
        });
        web.post(&message, &headers).message()
    };
    let call = json!({"name": "later", "arguments": {}});
    let asked = ask(&call);
    // Over HTTP nobody stays connected, so it is a call that is waited for.
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    std::thread::sleep(PERSON);
    let mut call = call;
    call["requestState"] = asked["result"]["requestState"].clone();
    call["inputResponses"] = json!({ "confirmation": { "action": "accept" } });
    assert_eq!(Called(ask(&call)).success(), "later");
    let all = starts(&site);
    assert!(all.iter().all(|entry| entry.text("confirmed") == "client"));
    assert_eq!(all.len(), 3);
}

/// The worker decides for itself: a supervisor that forgets to ask runs nothing, one that
/// says that it has asked is believed just that, and of an approval it can say nothing.
#[test]
fn the_worker_wants_to_be_told() {
    let front = Front::with(&policy());
    let (alice, _end) = front.client(ALICE);
    let site = &front.site;
    let word = [("word", "x")];
    let lane = Lane::greeted(site);
    let _pipes = lane.run(site, alice.as_fd(), "sure", &word);
    match lane.hear() {
        Ok(Reply::Denied(denial)) => {
            assert_eq!(
                (&*denial.code, &*denial.rule),
                ("not_confirmed", "tool.sure.confirm")
            );
        }
        other => panic!("it must be denied: {other:?}"),
    }
    assert_eq!(denial(site, "sure").text("by"), "worker");

    let pipes = lane.run_confirmed(site, alice.as_fd(), "sure", &word);
    let _ended = lane.finished();
    assert_eq!(pipes.text(), "x");
    let _pipes = lane.run_confirmed(site, alice.as_fd(), "true", &[]);
    let _ended = lane.finished();
    let ran = starts(site);
    assert_eq!(ran[0].text("confirmed"), "client");
    // Nobody wanted to know.
    assert!(ran[1].field("confirmed").is_null());

    let lane = Lane::greeted(site);
    let _pipes = lane.run_confirmed(site, alice.as_fd(), "both", &[]);
    assert!(matches!(lane.hear(), Ok(Reply::Waiting { .. })));
    let lane = Lane::greeted(site);
    let _pipes = lane.run(site, alice.as_fd(), "both", &[]);
    assert!(matches!(lane.hear(), Ok(Reply::Denied(denial)) if denial.code == "not_confirmed"));
    assert_eq!(starts(site).len(), 2);
}

/// `mini-mcp stdio`: there is no administrator, but the user is there to be asked.
#[test]
fn a_single_user_is_asked() {
    let policy = r#"
version = 1
[profile.plain]
read = ["/usr", "-/etc/ld.so.cache"]
execute = ["/usr"]
[tool.sure]
description = "Says yes"
command = ["/usr/bin/printf", "yes"]
profile = "plain"
allow = ["self"]
confirm = ["self"]
"#;
    let alone = Alone::prepare();
    let file = alone.write("policy.toml", policy);
    let mut command = alone.command();
    command.arg("--policy").arg(file);
    let client = Client::spawn(&mut command);
    client.initialize_as("2025-11-25", &elicitation());
    let call = client.start_call("sure", &json!({}));
    let (id, _) = question(&client);
    answer_slowly(&client, &id, "accept");
    assert_eq!(client.called(call).success(), "yes");
    drop(client);
    let client = Client::spawn(&mut command);
    client.initialize();
    let unasked = client.call("sure", &json!({}));
    assert_eq!(unasked.denied(), "confirmation_unavailable");
}

/// `mini-mcp replay` tells what would be asked now, and was not, and the other way.
#[test]
fn replay_tells_what_would_be_asked() {
    let site = site();
    let client = attach(&site, ALICE);
    for (word, action) in [("a", "accept"), ("b", "decline")] {
        let call = client.start_call("sure", &sure(word));
        let (id, _) = question(&client);
        answer_slowly(&client, &id, action);
        assert!(client.called(call).0["result"].is_object());
    }
    assert_eq!(
        client.call("print", &json!({"first": "x"})).exit_code(),
        Some(0)
    );
    let replay = |policy: &str| {
        let file = site.file("replayed.toml", &policy.replace("@site@", &site.text()));
        let mut command = Command::new(site.program("mini-mcp"));
        command
            .args(["replay", "--json", "--policy"])
            .arg(file)
            .arg(site.trail_file());
        let output = command.output().expect("it runs");
        serde_json::from_slice::<Value>(&output.stdout).expect("a document")
    };
    assert_eq!(replay(&policy())["different"], 0);
    let without = policy().replace("confirm = [\"alice\", \"ops\"]\n", "");
    let told = replay(&without);
    assert_eq!(told["different"], 2, "{told}");
    assert_eq!(told["calls"][0]["was_confirmed"], true, "{told}");
    assert_eq!(told["calls"][1]["was"], Value::Null, "{told}");
    let more = policy().replace("[tool.print]\n", "[tool.print]\nconfirm = [\"alice\"]\n");
    let told = replay(&more);
    assert_eq!(told["different"], 1, "{told}");
    assert_eq!(told["calls"][0]["now_confirmed"], true, "{told}");
}
