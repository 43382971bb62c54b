//! Prompts: runbooks of the policy, their arguments checked; and what completes them.

use harness::web::modern;
use harness::{ALICE, BASE, BOB, Client, RUNNER, Site, Web};
use serde_json::{Value, json};

/// Prompts for Alice, and one for Bob.
const PROMPTS: &str = r#"
[prompt.restart]
title = "Restart a service"
description = "What to do before and after"
text = """
Restart {unit} for {who}: at level {level}, {times} times{note}.
Braces stay: {{unit}}.
"""
allow = ["alice"]
[prompt.restart.args]
unit = { type = "unit", suffixes = [".service"], description = "The service" }
who = { type = "user", optional = true }
level = { type = "enum", values = ["low", "high", "highest"], default = "low" }
times = { type = "integer", min = 1, max = 3, default = 1 }
note = { type = "string", max_length = 20, optional = true }

[prompt.greet]
description = "A greeting"
text = "Say hello."
allow = ["alice", "ops"]

[prompt.bobs]
description = "Bob's"
text = "For Bob."
allow = ["ops"]
"#;

fn site() -> Site {
    Site::with(&format!("{BASE}{PROMPTS}")).start()
}

fn ask(client: &Client, method: &str, parameters: &Value) -> Value {
    client.request(method, parameters).expect("an answer")
}

fn prompt(client: &Client, name: &str, arguments: &Value) -> Value {
    ask(
        client,
        "prompts/get",
        &json!({"name": name, "arguments": arguments}),
    )
}

fn names(answer: &Value) -> Vec<&str> {
    let prompts = answer["result"]["prompts"].as_array().expect("a list");
    prompts
        .iter()
        .map(|one| one["name"].as_str().expect("a name"))
        .collect()
}

/// Each sees his own, with what each argument takes and whether it must be given.
#[test]
fn each_principal_sees_his_own() {
    let site = site();
    let alice = Client::attach(&site, ALICE);
    let listed = ask(&alice, "prompts/list", &json!({}));
    assert_eq!(names(&listed), ["greet", "restart"]);
    assert_eq!(listed["result"]["cacheScope"], "private");
    let restart = &listed["result"]["prompts"][1];
    assert_eq!(restart["title"], "Restart a service");
    assert_eq!(restart["description"], "What to do before and after");
    let arguments = restart["arguments"].as_array().expect("arguments");
    let told: Vec<_> = arguments
        .iter()
        .map(|one| (&one["name"], &one["required"]))
        .collect();
    let wanted = [
        ("unit", true),
        ("who", false),
        ("level", false),
        ("times", false),
        ("note", false),
    ];
    let wanted = wanted.map(|(name, required)| (json!(name), json!(required)));
    assert_eq!(told.len(), wanted.len());
    for (told, wanted) in told.iter().zip(&wanted) {
        assert_eq!((told.0, told.1), (&wanted.0, &wanted.1));
    }
    let unit = arguments[0]["description"].as_str().expect("words");
    assert!(
        unit.contains("required") && unit.contains("The service"),
        "{unit}"
    );
    let level = arguments[2]["description"].as_str().expect("words");
    assert!(
        level.contains("low") && level.contains("highest"),
        "{level}"
    );
    let bob = Client::attach(&site, BOB);
    assert_eq!(
        names(&ask(&bob, "prompts/list", &json!({}))),
        ["bobs", "greet"]
    );
}

/// The text has the arguments in their places; defaults and absent ones as well.
#[test]
fn arguments_stand_in_their_places() {
    let site = site();
    let alice = Client::attach(&site, ALICE);
    let text = |arguments: &Value| {
        let answer = prompt(&alice, "restart", arguments);
        let message = answer["result"]["messages"][0].clone();
        assert_eq!(message["role"], "user", "{answer}");
        message["content"]["text"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    assert_eq!(
        text(&json!({"unit": "ssh.service"})),
        "Restart ssh.service for : at level low, 1 times.\nBraces stay: {unit}.\n"
    );
    let all = json!({"unit": "a.service", "who": "root", "level": "high", "times": "2", "note": " {who}"});
    assert_eq!(
        text(&all),
        "Restart a.service for root: at level high, 2 times {who}.\nBraces stay: {unit}.\n"
    );
    let plain = prompt(&alice, "greet", &json!({}));
    assert_eq!(
        plain["result"]["messages"][0]["content"]["text"],
        "Say hello."
    );
    assert_eq!(plain["result"]["description"], "A greeting");
}

/// What is missing, not known or wrong is told, with the argument that it is; and what
/// is another's looks like what does not exist.
#[test]
fn wrong_arguments_are_told() {
    let site = site();
    let alice = Client::attach(&site, ALICE);
    let unit = "ssh.service";
    let rows = [
        (json!({}), "missing_argument", "prompt.restart.args.unit"),
        (
            json!({"unit": unit, "x": "1"}),
            "unknown_argument",
            "prompt.restart.args",
        ),
        (
            json!({"unit": "ssh.socket"}),
            "unit_invalid",
            "prompt.restart.args.unit",
        ),
        (
            json!({"unit": unit, "level": "mid"}),
            "not_in_enum",
            "prompt.restart.args.level",
        ),
        (
            json!({"unit": unit, "times": "4"}),
            "out_of_range",
            "prompt.restart.args.times",
        ),
        (
            json!({"unit": unit, "times": "two"}),
            "wrong_type",
            "prompt.restart.args.times",
        ),
        (
            json!({"unit": unit, "note": "x".repeat(21)}),
            "too_long",
            "prompt.restart.args.note",
        ),
        (
            json!({"unit": unit, "note": "a\nb"}),
            "control_character",
            "prompt.restart.args.note",
        ),
        (
            json!({"unit": unit, "who": null}),
            "wrong_type",
            "prompt.restart.args.who",
        ),
    ];
    for (arguments, code, rule) in rows {
        let error = prompt(&alice, "restart", &arguments)["error"].clone();
        assert_eq!(error["code"], -32602, "{arguments}");
        assert_eq!(error["data"]["code"], code, "{arguments}: {error}");
        assert_eq!(error["data"]["rule"], rule, "{arguments}");
    }
    let (bobs, none) = (
        prompt(&alice, "bobs", &json!({})),
        prompt(&alice, "none", &json!({})),
    );
    let same = |answer: &Value, name: &str| {
        let mut error = answer["error"].clone();
        // What tells one request from the next, in errors too.
        error["data"]["io.mini-mcp/request-id"] = Value::Null;
        error.to_string().replace(name, "NAME")
    };
    assert_eq!(same(&bobs, "bobs"), same(&none, "none"));
    assert_eq!(bobs["error"]["data"]["code"], "not_allowed");
    let bob = Client::attach(&site, BOB);
    let given = prompt(&bob, "bobs", &json!({}));
    assert_eq!(
        given["result"]["messages"][0]["content"]["text"],
        "For Bob."
    );
}

fn complete(client: &Client, prompt: &str, argument: &str, value: &str) -> Value {
    let request = json!({
        "ref": {"type": "ref/prompt", "name": prompt},
        "argument": {"name": argument, "value": value},
    });
    ask(client, "completion/complete", &request)
}

/// Words of the policy, accounts and units of the host, defaults; of nobody else's.
#[test]
fn arguments_are_completed() {
    let site = site();
    let alice = Client::attach(&site, ALICE);
    let values = |argument: &str, value: &str| {
        complete(&alice, "restart", argument, value)["result"]["completion"].clone()
    };
    assert_eq!(
        values("level", "hi"),
        json!({"values": ["high", "highest"], "total": 2, "hasMore": false})
    );
    assert_eq!(
        values("level", "")["values"],
        json!(["low", "high", "highest"])
    );
    assert_eq!(values("times", "")["values"], json!(["1"]));
    assert_eq!(values("note", "x")["values"], json!([]));
    assert_eq!(values("who", RUNNER.name)["values"], json!([RUNNER.name]));
    assert_eq!(values("who", "nobody-like-that")["values"], json!([]));
    let unit = "mini-mcp-test-completed";
    let folder = std::path::Path::new("/run/systemd/system");
    std::fs::create_dir_all(folder).expect("root may");
    for end in ["service", "timer"] {
        std::fs::write(folder.join(format!("{unit}.{end}")), "").expect("root may");
    }
    let found = values("unit", "mini-mcp-test-c");
    for end in ["service", "timer"] {
        std::fs::remove_file(folder.join(format!("{unit}.{end}"))).expect("root may");
    }
    assert_eq!(found["values"], json!([format!("{unit}.service")]));
    let start = site.audited("it is recorded", |line| {
        line.is("start", "prompt/restart/units")
    });
    assert_eq!(start.field("uid"), ALICE.uid());
    assert_eq!(
        complete(&alice, "restart", "none", "")["error"]["code"],
        -32602
    );
    assert_eq!(complete(&alice, "bobs", "x", "")["error"]["code"], -32602);
    let bob = Client::attach(&site, BOB);
    assert_eq!(
        complete(&bob, "restart", "unit", "")["error"]["code"],
        -32602
    );
    let called = alice.call("prompt/restart/units", &json!({}));
    assert_eq!(called.0["error"]["code"], -32602, "{}", called.0);
}

/// The stateless era, over HTTP on the Unix socket.
#[test]
fn both_eras_have_them_over_http() {
    let site = site();
    let mut web = Web::socket(&site, ALICE);
    let mut ask = |method: &str, parameters: Value| {
        let (message, headers) = modern(method, parameters);
        web.post(&message, &headers).message()
    };
    assert_eq!(names(&ask("prompts/list", json!({}))), ["greet", "restart"]);
    let text = ask("prompts/get", json!({"name": "greet"}));
    assert_eq!(
        text["result"]["messages"][0]["content"]["text"],
        "Say hello."
    );
    let words = json!({
        "ref": {"type": "ref/prompt", "name": "restart"},
        "argument": {"name": "level", "value": "lo"},
    });
    let completed = ask("completion/complete", words);
    assert_eq!(
        completed["result"]["completion"]["values"],
        json!(["low"]),
        "{completed}"
    );
}

/// What the policy allows a client tells of them too.
#[test]
fn a_principals_own_policy_names_them() {
    let site = site();
    let read = |user| {
        let uri = json!({"uri": "mini-mcp://policy"});
        let answer = ask(&Client::attach(&site, user), "resources/read", &uri);
        answer["result"]["contents"][0]["text"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    let (alice, bob) = (read(ALICE), read(BOB));
    assert!(
        alice.contains("# Prompts\n\n- greet: A greeting\n- restart: What to do"),
        "{alice}"
    );
    assert!(
        !alice.contains("bobs") && bob.contains("- bobs: Bob's\n"),
        "{bob}"
    );
}
