//! What the policy language says, said by a client: effects, and arguments of
//! every shape on their way from JSON to the argument vector.

use harness::{ALICE, BASE, BOB, Client, Site};
use serde_json::json;

const MORE: &str = r#"
[principal.anybody]
include = ["alice", "ops"]

[principal.everybody_of_the_test]
uids = ["1-4294967294"]

[tool.items]
description = "Prints each item in brackets, one a line"
command = ["/usr/bin/printf", '[%s]\n', "begin", "{words}", "--by={numbers}", "end"]
profile = "plain"
allow = ["alice"]
[tool.items.args]
words = { type = "list", of = { type = "string" }, max_items = 3 }
numbers = { type = "list", of = { type = "number", min = -1, max = 1 }, optional = true }

[tool.join]
description = "Prints some files one after the other"
command = ["/usr/bin/cat", "--", "{files}"]
profile = "plain"
allow = ["alice"]
[tool.join.args]
files = { type = "list", of = { type = "path", under = ["@site@/data"] } }

[tool.asking]
description = "Needs approval"
command = ["/usr/bin/true"]
profile = "plain"
allow = ["anybody"]
ask = ["everybody_of_the_test"]
approval_timeout = "1s"

[tool.denying]
description = "Denied to one whom another rule allows it"
command = ["/usr/bin/true"]
profile = "plain"
allow = ["everybody_of_the_test"]
deny = ["alice"]
"#;

fn site() -> Site {
    Site::with(&format!("{BASE}{MORE}")).start()
}

/// One element for each item, in order; the prefix is repeated; none where none is given.
#[test]
fn a_list_becomes_elements() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let called = client.call(
        "items",
        &json!({"words": ["a b", "$(id)", "c"], "numbers": [0.5, -1, 1e-3]}),
    );
    let expected = "[begin]\n[a b]\n[$(id)]\n[c]\n[--by=0.5]\n[--by=-1]\n[--by=0.001]\n[end]\n";
    assert_eq!(called.success(), expected);
    assert_eq!(
        client.call("items", &json!({"words": []})).success(),
        "[begin]\n[end]\n"
    );
}

/// Bounds hold for the list and for each item.
#[test]
fn a_list_is_bounded() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    for (arguments, code) in [
        (json!({"words": ["1", "2", "3", "4"]}), "too_many_items"),
        (json!({"words": ["-x"]}), "leading_dash"),
        (json!({"words": [["a"]]}), "wrong_type"),
        (json!({"words": "a"}), "wrong_type"),
        (json!({"words": [], "numbers": [1.5]}), "out_of_range"),
    ] {
        assert_eq!(
            client.call("items", &arguments).denied(),
            code,
            "{arguments}"
        );
    }
}

/// Every path of a list is a grant of its own, and the list grants nothing more.
#[test]
fn each_path_of_a_list_is_granted() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let (one, two) = (site.file("data/one", "1\n"), site.file("data/two", "2\n"));
    assert_eq!(
        client.call("join", &json!({"files": [one, two]})).success(),
        "1\n2\n"
    );
    let called = client.call("join", &json!({"files": [one, "/etc/shadow"]}));
    assert_eq!(called.denied(), "path_outside");
}

/// The strictest effect wins, whichever principal it is for.
#[test]
fn the_strictest_effect_wins() {
    let site = site();
    let alice = Client::attach(&site, ALICE);
    assert!(alice.tools().contains(&"asking".to_owned()));
    assert_eq!(
        alice.call("asking", &json!({})).denied(),
        "approval_expired"
    );
    assert!(!alice.tools().contains(&"denying".to_owned()));
    assert!(alice.call("denying", &json!({})).is_unknown_tool());
    let bob = Client::attach(&site, BOB);
    assert_eq!(bob.call("denying", &json!({})).success(), "");
}

/// The schema tells a client what the policy will take.
#[test]
fn the_schema_describes_lists() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let listed = client.request("tools/list", &json!({})).expect("an answer");
    let tools = listed["result"]["tools"]
        .as_array()
        .expect("a list")
        .clone();
    let items = tools
        .iter()
        .find(|tool| tool["name"] == "items")
        .expect("it is listed");
    let words = &items["inputSchema"]["properties"]["words"];
    assert_eq!(words["type"], "array");
    assert_eq!(words["maxItems"], 3);
    assert_eq!(words["items"]["type"], "string");
    let numbers = &items["inputSchema"]["properties"]["numbers"]["items"];
    assert_eq!(
        (&numbers["minimum"], &numbers["maximum"]),
        (&json!(-1.0), &json!(1.0))
    );
}
