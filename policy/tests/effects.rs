//! `allow`, `ask` and `deny`: of the principals that a caller is, the strictest
//! rule wins.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

mod support;

use policy::{Caller, Policy, Setting};
use proptest::prelude::*;
use support::{alice, allowed, arguments, caller, denied, parsed, text};

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
[principal.root]
unix_users = ["root"]

[profile.p]

[tool.restart]
description = "Every effect"
command = ["/bin/restart", "{word}"]
profile = "p"
allow = ["ops", "alice"]
ask = ["staff", "root"]
deny = ["bob"]
[tool.restart.args]
word = { type = "enum", values = ["a"], default = "a" }

[tool.asked]
description = "Only asked for"
command = ["/bin/asked"]
profile = "p"
ask = ["alice"]

[tool.denied]
description = "Only denied"
command = ["/bin/denied"]
profile = "p"
deny = ["alice"]
"#;

fn policy() -> Policy {
    parsed(POLICY, &Setting::System)
}

#[test]
fn the_strictest_rule_that_matches_wins() {
    let rows: [(Caller, Result<&str, &str>); 7] = [
        (alice(), Ok("alice")),
        (caller(5, 200, &[]), Ok("ops")),
        (caller(5, 201, &[]), Err("needs_approval")),
        (caller(1000, 200, &[201]), Err("needs_approval")),
        (caller(1001, 200, &[]), Err("not_allowed")),
        (caller(1001, 201, &[200]), Err("not_allowed")),
        (caller(5, 5, &[]), Err("not_allowed")),
    ];
    for (caller, expected) in rows {
        let decision = policy().decide(&caller, "restart", &arguments([]));
        match expected {
            Ok(principal) => assert_eq!(allowed(decision).principal(), principal),
            Err(code) => assert_eq!(denied(decision).code, code, "{caller:?}"),
        }
    }
}

#[test]
fn what_must_be_approved_says_so() {
    let denial = denied(policy().decide(&alice(), "asked", &arguments([])));
    assert_eq!(
        (denial.code, denial.rule.as_str()),
        ("needs_approval", "tool.asked.ask")
    );
    let reason = "tool `asked` needs an administrator's approval, for which a call waits 5min";
    assert_eq!(denial.reason, reason);
}

fn asked(policy: &Policy, caller: &Caller, tool: &str, word: &str) -> policy::Ask {
    let decision = policy.decide(caller, tool, &arguments([("word", text(word))]));
    let policy::Decision::Ask(ask) = decision else {
        unreachable!("{decision:?}");
    };
    ask
}

/// What is approved is exactly what was decided, and says by which approval.
#[test]
fn an_approval_makes_a_grant_of_what_was_asked() {
    let policy = policy();
    let ask = asked(&policy, &caller(5, 201, &[]), "restart", "a");
    assert_eq!((ask.tool(), ask.principal()), ("restart", "staff"));
    assert_eq!(ask.rule(), "tool.restart.ask");
    let argv = ask.argv().to_vec();
    let grant = ask.approved(policy::Approval::new("x-1".to_owned()));
    assert_eq!(
        (grant.approval(), grant.argv()),
        (Some("x-1"), argv.as_slice())
    );
    let plain = allowed(policy.decide(&alice(), "restart", &arguments([])));
    assert_eq!(plain.approval(), None);
}

/// Two calls are the same only where the same would run as the same user.
#[test]
fn calls_are_told_apart_by_all_that_they_do() {
    let text = "version = 1\n[approvals]\ntimeout = '1h'\n[principal.p]\nuids = ['5-6']\n[profile.p]\n\
                [tool.t]\ndescription = 'x'\ncommand = ['/bin/t', '{word}']\nprofile = 'p'\nask = ['p']\n\
                approval_timeout = '7s'\n[tool.t.args]\nword = { type = 'string' }\n\
                [tool.u]\ndescription = 'x'\ncommand = ['/bin/t', '{word}']\nprofile = 'p'\nask = ['p']\n\
                [tool.u.args]\nword = { type = 'string' }\n";
    let policy = parsed(text, &Setting::System);
    let (five, six) = (caller(5, 5, &[]), caller(6, 5, &[]));
    let first = asked(&policy, &five, "t", "a");
    assert_eq!(first.timeout().as_secs(), 7);
    assert_eq!(asked(&policy, &five, "u", "a").timeout().as_secs(), 3600);
    assert_eq!(first.exact(), asked(&policy, &five, "t", "a").exact());
    for other in [
        asked(&policy, &five, "t", "b"),
        asked(&policy, &five, "u", "a"),
        asked(&policy, &six, "t", "a"),
    ] {
        assert_ne!(first.exact(), other.exact(), "{other:?}");
    }
}

#[test]
fn nobody_is_asked_to_approve_what_could_not_run() {
    let staff = caller(5, 201, &[]);
    let wrong = arguments([("word", text("b"))]);
    let denial = denied(policy().decide(&staff, "restart", &wrong));
    assert_eq!(denial.code, "not_in_enum");
    let root = denied(policy().decide(&caller(0, 0, &[]), "restart", &arguments([])));
    assert_eq!(root.code, "root_not_granted");
}

#[test]
fn what_is_asked_for_is_listed_and_what_is_denied_is_not() {
    let policy = policy();
    let names = |caller: &Caller| -> Vec<String> {
        let tools = policy.tools_for(caller);
        tools.iter().map(|tool| tool.name().to_owned()).collect()
    };
    assert_eq!(names(&alice()), ["asked", "restart"]);
    assert_eq!(names(&caller(5, 201, &[])), ["restart"]);
    assert_eq!(names(&caller(1001, 200, &[])), [""; 0]);
    let others = denied(policy.decide(&alice(), "denied", &arguments([])));
    let mut none = denied(policy.decide(&alice(), "nothing", &arguments([])));
    none.reason = none.reason.replace("nothing", "denied");
    assert_eq!(others, none);
}

/// A tool whose lists hold `allow`, `ask` and `deny` of five principals.
fn tool(lists: &[Vec<&str>; 3]) -> Policy {
    let head = POLICY.split("[tool.restart]").next().unwrap();
    let [allow, ask, deny] = lists;
    let tool = format!(
        "[tool.t]\ndescription = 'x'\ncommand = ['/bin/t']\nprofile = 'p'\n\
         allow = {allow:?}\nask = {ask:?}\ndeny = {deny:?}\n"
    );
    parsed(&format!("{head}{tool}"), &Setting::System)
}

/// How much `caller` may: 0 nothing, 1 ask, 2 call.
fn may(policy: &Policy, caller: &Caller) -> u8 {
    match policy.decide(caller, "t", &arguments([])) {
        policy::Decision::Allow(_) => 2,
        policy::Decision::Ask(_) | policy::Decision::Confirm(_) => 1,
        policy::Decision::Deny(_) => 0,
    }
}

const NAMES: [&str; 4] = ["ops", "staff", "alice", "bob"];

/// Where each of [`NAMES`] stands: in one of the three lists or in none.
fn lists(places: &[usize]) -> [Vec<&'static str>; 3] {
    let mut lists = [vec![], vec![], vec![]];
    for (name, place) in NAMES.into_iter().zip(places) {
        if let Some(list) = lists.get_mut(*place) {
            list.push(name);
        }
    }
    lists
}

fn any_caller() -> impl Strategy<Value = Caller> {
    let group = prop_oneof![Just(5_u32), Just(200), Just(201)];
    let user = prop_oneof![Just(5_u32), Just(1000), Just(1001)];
    (user, group.clone(), prop::collection::vec(group, 0..3))
        .prop_map(|(uid, gid, groups)| Caller::user(uid, gid, groups))
}

proptest! {
    #[test]
    fn a_stricter_rule_never_allows_more(
        places in prop::collection::vec(0_usize..4, 4),
        which in 0_usize..4,
        caller in any_caller(),
    ) {
        let before = may(&tool(&lists(&places)), &caller);
        for stricter in [1, 2] {
            // In no list, or moved from a milder one.
            if places[which] == 3 || places[which] <= stricter {
                let mut places = places.clone();
                places[which] = stricter;
                let after = may(&tool(&lists(&places)), &caller);
                // Out of no list a principal may gain the right to ask, never to call.
                prop_assert!(after <= before.max(u8::from(stricter == 1)));
                prop_assert!(stricter == 1 || after <= before);
            }
        }
    }

    #[test]
    fn the_order_of_a_list_does_not_matter(
        places in prop::collection::vec(0_usize..4, 4),
        caller in any_caller(),
    ) {
        let lists = lists(&places);
        let mut reversed = lists.clone();
        reversed.iter_mut().for_each(|list| list.reverse());
        prop_assert_eq!(may(&tool(&lists), &caller), may(&tool(&reversed), &caller));
    }
}
