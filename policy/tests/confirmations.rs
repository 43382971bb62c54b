//! `confirm`: whose calls the user at the client must confirm, beside what the rules
//! say of them.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

mod support;

use policy::{Caller, Confirmation, Confirmed, Decision, Policy, Setting, Unconfirmed};
use proptest::prelude::*;
use support::{Host, alice, arguments, caller, denied, parsed, text};

const POLICY: &str = r#"
version = 1

[principal.ops]
unix_groups = ["ops"]
[principal.staff]
unix_groups = ["staff"]
[principal.alice]
unix_users = ["alice"]
[principal.bob]
unix_users = ["bob"]

[profile.p]

[tool.restart]
description = "Every effect"
command = ["/bin/restart", "{word}"]
profile = "p"
allow = ["ops", "alice"]
ask = ["staff"]
deny = ["bob"]
confirm = ["ops", "staff"]
confirm_timeout = "30s"
[tool.restart.args]
word = { type = "enum", values = ["a"], default = "a" }
"#;

fn held(policy: &Policy, caller: &Caller) -> Option<Unconfirmed> {
    match policy.decide(caller, "restart", &arguments([])) {
        Decision::Confirm(held) => Some(held),
        Decision::Allow(_) | Decision::Ask(_) | Decision::Deny(_) => None,
    }
}

/// Allowed, to be approved, denied: whatever the rules say, a confirmation comes before it
/// where any principal of the caller wants one.
#[test]
fn a_confirmation_comes_before_what_the_rules_say() {
    let policy = parsed(POLICY, &Setting::System);
    let ops = held(&policy, &caller(5, 200, &[])).unwrap();
    assert_eq!((ops.tool(), ops.principal()), ("restart", "ops"));
    assert_eq!(ops.rule(), "tool.restart.confirm");
    assert_eq!(ops.allowed_by(), "tool.restart.allow");
    assert_eq!(ops.timeout().as_secs(), 30);
    assert!(!ops.needs_approval());
    let argv = ops.argv().to_vec();
    let Confirmed::Allow(grant) = ops.confirmed(Confirmation::given()) else {
        unreachable!("nobody else is asked");
    };
    assert_eq!(grant.argv(), argv);

    let staff = held(&policy, &caller(5, 201, &[])).unwrap();
    assert!(staff.needs_approval());
    let asked = staff.confirmed(Confirmation::given());
    assert!(matches!(asked, Confirmed::Ask(ask) if ask.rule() == "tool.restart.ask"));

    // Who decides is another principal than the one that must confirm.
    let both = held(&policy, &caller(1000, 1000, &[200])).unwrap();
    assert_eq!(both.rule(), "tool.restart.confirm");
    assert_eq!(held(&policy, &alice()), None);
    let bob = denied(policy.decide(&caller(1001, 200, &[]), "restart", &arguments([])));
    assert_eq!(bob.code, "not_allowed");
}

#[test]
fn nobody_is_asked_to_confirm_what_could_not_run() {
    let policy = parsed(POLICY, &Setting::System);
    let wrong = arguments([("word", text("b"))]);
    let denial = denied(policy.decide(&caller(5, 200, &[]), "restart", &wrong));
    assert_eq!(denial.code, "not_in_enum");
}

#[test]
fn where_nobody_was_asked_the_denial_says_so() {
    let policy = parsed(POLICY, &Setting::System);
    let denial = held(&policy, &caller(5, 200, &[])).unwrap().denial();
    assert_eq!(
        (denial.code, denial.rule.as_str()),
        ("not_confirmed", "tool.restart.confirm")
    );
    let reason = "tool `restart` needs the confirmation of the user at the client, for which a call waits 30s";
    assert_eq!(denial.reason, reason);
}

#[test]
fn a_confirmation_is_waited_for_two_minutes_unless_told() {
    let text = POLICY.replace("confirm_timeout = \"30s\"\n", "");
    let policy = parsed(&text, &Setting::System);
    let ops = held(&policy, &caller(5, 200, &[])).unwrap();
    assert_eq!(ops.timeout().as_secs(), 120);
}

#[test]
fn explanations_tell_who_must_confirm() {
    let policy = parsed(POLICY, &Setting::System);
    let told = policy
        .explain(&caller(5, 201, &[]), "restart", &arguments([]))
        .to_string();
    for line in [
        "needs a confirmation: tool `restart` needs the confirmation of the user at the client, \
         for which a call waits 30s, and then an administrator's approval",
        "rule: `tool.restart.ask` at policy.toml:20:8",
        "confirm `ops` at policy.toml:22:12: does not match: ",
        "confirm `staff` at policy.toml:22:19: matches",
        "argv: [\"/bin/restart\", \"a\"]",
    ] {
        assert!(told.contains(line), "{line} in:\n{told}");
    }
    let told = policy
        .explain(&alice(), "restart", &arguments([]))
        .to_string();
    assert!(told.starts_with("allowed\n"), "{told}");
}

const HEAD: &str = "version = 1\n[principal.a]\nunix_groups = ['ops']\n\
    [principal.b]\nunix_groups = ['staff']\n[principal.c]\nunix_groups = ['staff']\nclients = ['x']\n[profile.p]\n";

/// What is wrong with a tool that has `body`.
fn mistakes(body: &str) -> String {
    let text =
        format!("{HEAD}[tool.t]\ndescription = 'x'\ncommand = ['/bin/t']\nprofile = 'p'\n{body}\n");
    match Policy::parse("p", &text, &Setting::System, &Host) {
        Ok(_) => String::new(),
        Err(mistakes) => mistakes.to_string(),
    }
}

#[test]
fn mistakes_are_told() {
    let rows = [
        ("allow = ['a']\nconfirm = ['a']", ""),
        ("allow = ['a']\nconfirm = ['b']", ""),
        ("allow = ['a', 'c']\nconfirm = ['a', 'c']", ""),
        ("allow = ['c']\nconfirm = ['c']", ""),
        ("ask = ['a']\nconfirm = ['a']\nconfirm_timeout = '1s'", ""),
        ("confirm = ['a']", "tool `t` has no `allow`"),
        (
            "allow = ['a']\nconfirm_timeout = '1s'",
            "`confirm_timeout` goes with `confirm` only",
        ),
        (
            "allow = ['a']\nconfirm = ['z']",
            "tool `t` wants a confirmation of principal `z`, which does not exist",
        ),
        (
            "allow = ['a']\ndeny = ['b']\nconfirm = ['b']",
            "principal `b` stands in `deny` and in `confirm` of tool `t`",
        ),
        (
            "allow = ['a']\nconfirm = ['c']",
            "principal `c` depends on what clients say of themselves, and cannot stand in `confirm` beside principal `a`",
        ),
        (
            "ask = ['b']\nallow = ['c']\nconfirm = ['c']",
            "cannot stand in `confirm` beside principal `b`",
        ),
        (
            "allow = ['a']\nconfirm = true",
            "`confirm` must be an array of strings",
        ),
        ("allow = ['a']\nconfirm = [1]", "must hold strings only"),
    ];
    for (body, wanted) in rows {
        let told = mistakes(body);
        assert!(told.contains(wanted), "{body}: {told}");
        assert_eq!(told.is_empty(), wanted.is_empty(), "{body}: {told}");
    }
}

#[test]
fn a_resource_or_a_prompt_cannot_be_confirmed() {
    let rest = "description = 'x'\nallow = ['a']\nconfirm = ['a']\n";
    for (table, key) in [("resource", "path = '/x'"), ("prompt", "text = 'x'")] {
        let text = format!("{HEAD}[{table}.x]\n{key}\n{rest}");
        let told = Policy::parse("p", &text, &Setting::System, &Host)
            .unwrap_err()
            .to_string();
        assert!(told.contains("has no key `confirm`"), "{told}");
    }
}

#[test]
fn examples_say_whether_a_confirmation_is_expected() {
    let body = |example: &str| {
        format!("allow = ['a']\nask = ['b']\nconfirm = ['a', 'b']\n[[tool.t.example]]\n{example}")
    };
    let rows = [
        (
            "as = 'a'\nexpect = 'allow'\nconfirm = true\nargv = ['/bin/t']",
            "",
        ),
        ("as = 'b'\nexpect = 'ask'\nconfirm = true", ""),
        (
            "as = 'a'\nexpect = 'allow'",
            "expects no confirmation, but the user at the client must confirm the call",
        ),
        (
            "as = 'b'\nexpect = 'ask'\nconfirm = false",
            "expects no confirmation, but the user at the client must confirm the call",
        ),
        (
            "as = 'b'\nexpect = 'allow'\nconfirm = true",
            "expects `allow`, but the call needs an approval",
        ),
        (
            "as_user = 'bob'\nexpect = 'deny'\nconfirm = true",
            "`confirm` does not go with `expect = \"deny\"`",
        ),
    ];
    for (example, wanted) in rows {
        let told = mistakes(&body(example));
        assert!(told.contains(wanted), "{example}: {told}");
        assert_eq!(told.is_empty(), wanted.is_empty(), "{example}: {told}");
    }
    let told =
        mistakes("allow = ['a']\n[[tool.t.example]]\nas = 'a'\nexpect = 'allow'\nconfirm = true");
    assert!(
        told.contains("expects a confirmation, but nobody is asked"),
        "{told}"
    );
}

/// A tool that writes as root is told that a confirmation is no approval.
#[test]
fn what_a_confirmation_is_not_is_told() {
    let lints = |profile: &str, rules: &str| {
        let text = format!(
            "version = 1\n[principal.a]\nunix_groups = ['ops']\n[profile.p]\n{profile}\n\
             [tool.t]\ndescription = 'x'\ncommand = ['/bin/t']\nprofile = 'p'\n{rules}\n"
        );
        let policy = parsed(&text, &Setting::System);
        let all = policy.lints().iter();
        all.filter(|one| one.message.contains("`confirm` is no approval"))
            .map(|one| one.line)
            .collect::<Vec<_>>()
    };
    let root = "run_as = 'root'\nwrite = ['/srv']";
    let allowed = "allow = ['a']\nconfirm = ['a']";
    assert_eq!(lints(root, allowed), [12]);
    assert_eq!(lints(root, "ask = ['a']\nconfirm = ['a']"), [0; 0]);
    assert_eq!(lints("run_as = 'alice'\nwrite = ['/srv']", allowed), [0; 0]);
    assert_eq!(lints("run_as = 'root'", allowed), [0; 0]);
}

const NAMES: [&str; 3] = ["ops", "staff", "alice"];

proptest! {
    /// Adding a principal to `confirm` never lets anybody in, and changes nothing else
    /// about what a call becomes once it is confirmed.
    #[test]
    fn confirm_only_adds_a_question(
        rules in prop::collection::vec(0..3_usize, 3),
        confirm in prop::sample::subsequence(NAMES.to_vec(), 0..=3),
        uid in prop::sample::select(vec![5_u32, 1000]),
        groups in prop::sample::subsequence(vec![200_u32, 201], 0..=2),
    ) {
        let list = |effect: usize| {
            let names = NAMES.iter().zip(&rules).filter(|(_, rule)| **rule == effect);
            names.map(|(name, _)| format!("'{name}'")).collect::<Vec<_>>().join(", ")
        };
        let policy = |confirm: &[&str]| {
            let confirm: Vec<String> = confirm.iter().map(|name| format!("'{name}'")).collect();
            let text = format!(
                "version = 1\n[principal.ops]\nunix_groups = ['ops']\n[principal.staff]\nunix_groups = ['staff']\n\
                 [principal.alice]\nunix_users = ['alice']\n[profile.p]\n\
                 [tool.t]\ndescription = 'x'\ncommand = ['/bin/t']\nprofile = 'p'\n\
                 allow = [{}]\nask = [{}]\nconfirm = [{}]\n",
                list(0), list(1), confirm.join(", ")
            );
            parsed(&text, &Setting::System)
        };
        let caller = caller(uid, 5, &groups);
        let plain = policy(&[]).decide(&caller, "t", &arguments([]));
        let asked = policy(&confirm).decide(&caller, "t", &arguments([]));
        let is = |name: &str| match name {
            "ops" => groups.contains(&200),
            "staff" => groups.contains(&201),
            _ => uid == 1000,
        };
        let must = confirm.iter().any(|name| is(name));
        match (plain, asked) {
            (Decision::Deny(one), Decision::Deny(other)) => prop_assert_eq!(one, other),
            (plain, Decision::Confirm(held)) => {
                prop_assert!(must);
                prop_assert_eq!(held.needs_approval(), matches!(&plain, Decision::Ask(_)));
                prop_assert_eq!(plain, Decision::from(held.confirmed(Confirmation::given())));
            }
            (plain, asked) => {
                prop_assert!(!must);
                prop_assert_eq!(plain, asked);
            }
        }
    }
}
