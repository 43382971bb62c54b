//! The embedded policy is a policy, and decides as a single user expects.

mod support;

use policy::{EMBEDDED, EMBEDDED_NAME, Policy, Setting, Tool, Value};
use std::path::Path;
use std::time::Duration;
use support::{Host, alice, allowed, arguments, caller, denied, parsed, single, text};

fn embedded() -> Policy {
    parsed(EMBEDDED, &single())
}

#[test]
fn the_user_gets_inspection_tools_and_nobody_else_gets_any() {
    let policy = embedded();
    let tools = policy.tools_for(&alice());
    let names: Vec<&str> = tools.iter().map(|tool| tool.name()).collect();
    let expected = [
        "disk_usage",
        "file_head",
        "file_tail",
        "kernel",
        "list_directory",
        "memory",
        "processes",
        "uptime",
        "wait",
    ];
    assert_eq!(names, expected);
    assert!(policy.tools().all(Tool::read_only));
    assert!(policy.profiles().all(|profile| profile.write.is_empty()));
    assert_eq!(policy.principals_of(&alice()), ["self"]);
    let bob = caller(1001, 1000, &[1000]);
    assert!(!policy.knows(&bob.proof));
    assert!(policy.tools_for(&bob).is_empty());
    assert_eq!(
        denied(policy.decide(&bob, "kernel", &arguments([]))).code,
        "not_allowed"
    );
}

#[test]
fn files_are_those_of_the_workspace() {
    let policy = embedded();
    let head =
        |file: &str| policy.decide(&alice(), "file_head", &arguments([("file", text(file))]));
    let grant = allowed(head("src/main.rs"));
    let file = "/home/alice/project/src/main.rs";
    assert_eq!(grant.argv(), ["/usr/bin/head", "-n", "20", "--", file]);
    assert_eq!(grant.paths()[0].root, Path::new("/home/alice/project"));
    assert_eq!(grant.paths()[0].beneath, Path::new("src/main.rs"));
    assert_eq!(denied(head("../secret")).code, "path_invalid");
    assert_eq!(denied(head("/etc/shadow")).code, "path_outside");
    assert_eq!(denied(head("/home/alice/project2/x")).code, "path_outside");
    let list = allowed(policy.decide(&alice(), "list_directory", &arguments([])));
    assert_eq!(
        list.argv().last().map(String::as_str),
        Some("/home/alice/project")
    );
    assert_eq!(list.paths()[0].beneath, Path::new("."));
}

#[test]
fn waiting_can_take_longer_than_it_may() {
    let policy = embedded();
    let seconds = arguments([("seconds", Value::Integer(30))]);
    let grant = allowed(policy.decide(&alice(), "wait", &seconds));
    assert_eq!(grant.argv(), ["/usr/bin/sleep", "30"]);
    assert_eq!(grant.profile().timeout, Duration::from_secs(2));
}

#[test]
fn a_system_has_no_use_for_it() {
    assert!(Policy::parse(EMBEDDED_NAME, EMBEDDED, &Setting::System, &Host).is_err());
}
