//! Explanations: they agree with the decision and tell every rule.

mod support;

use policy::{Arguments, Decision, Effect, Outcome, Policy, Setting, Value};
use proptest::prelude::*;
use support::{alice, arguments, caller, parsed, text};

const POLICY: &str = r#"version = 1
[principal.ops]
unix_groups = ["ops"]
[principal.people]
uids = ["1000-1999"]
[principal.alice]
unix_users = ["alice"]
[principal.bob]
unix_users = ["bob"]
[principal.either]
include = ["bob", "ops"]
[profile.p]
read = ["/usr", "-/etc/localtime"]
execute = ["/usr/lib/t"]
memory_max = "256M"
tasks_max = 16
timeout = "10s"
working_directory = "/srv"
environment = { HOME = "/srv" }
[tool.t]
description = "Every effect"
command = ["/bin/t", "{n}", "{file}", "{out}"]
profile = "p"
allow = ["people", "alice"]
ask = ["either"]
deny = ["bob"]
[tool.t.args]
n = { type = "integer", max = 9, default = 1 }
file = { type = "path", under = ["/srv"], kind = "any" }
out = { type = "path", under = ["/tmp"], access = "write", optional = true }
"#;

fn policy() -> Policy {
    parsed(POLICY, &Setting::System)
}

#[test]
fn an_allowed_call_is_told_whole() {
    let given = arguments([("file", text("a \"b\"")), ("out", text("/tmp/x"))]);
    let explanation = policy().explain(&alice(), "t", &given);
    let expected = r#"allowed
rule: `tool.t.allow` at policy.toml:24:10
deny `bob` at policy.toml:26:9: does not match: uid 1000 is none of its users
ask `either` at policy.toml:25:8: does not match: uid 1000 is none of its users; gids [1000] are none of its groups
allow `people` at policy.toml:24:10: decides
allow `alice` at policy.toml:24:20: matches, but `people` counts first
argv: ["/bin/t", "1", "/srv/a \"b\"", "/tmp/x"]
identity: uid 1000, gid 1000, groups []
directory: "/srv"
environment: ["GIT_TERMINAL_PROMPT=0", "HOME=/srv", "LC_ALL=C.UTF-8", "PAGER=cat", "PATH=/usr/local/bin:/usr/bin:/bin", "TERM=dumb"]
sandbox: may read /usr /etc/localtime (if it exists) /srv/a "b", may write /tmp/x, may execute its program and /usr/lib/t, no network, 256M of memory, 16 tasks, files up to 64M, 10s
"#;
    assert_eq!(explanation.to_string(), expected);
}

#[test]
fn what_an_approval_would_run_is_told() {
    let given = arguments([("file", text("."))]);
    let explanation = policy().explain(&caller(5, 6, &[200]), "t", &given);
    assert!(matches!(&explanation.decision, Decision::Ask(ask) if ask.rule() == "tool.t.ask"));
    assert_eq!(explanation.place.map(|place| place.line), Some(25));
    let run = explanation.run.map(|run| (run.argv, run.sandbox));
    let expected = ["/bin/t", "1", "/srv"].map(str::to_owned).to_vec();
    assert!(run.is_some_and(|(argv, sandbox)| argv == expected && sandbox.contains("may write nothing")));
}

#[test]
fn a_denial_has_the_place_of_what_denied() {
    let file = ("file", text("x"));
    let rows = [
        (
            alice(),
            "t",
            arguments([("n", Value::Integer(10)), file.clone()]),
            Some((28, 1)),
        ),
        (alice(), "t", arguments([]), Some((29, 1))),
        (
            alice(),
            "t",
            arguments([("x", text("x")), file.clone()]),
            Some((20, 7)),
        ),
        (
            caller(1001, 1, &[200]),
            "t",
            arguments([file.clone()]),
            Some((26, 9)),
        ),
        (caller(5, 5, &[]), "t", arguments([file]), None),
        (alice(), "none", arguments([]), None),
    ];
    for (caller, tool, given, expected) in rows {
        let explanation = policy().explain(&caller, tool, &given);
        assert_eq!(explanation.run, None);
        let place = explanation.place.map(|place| (place.line, place.column));
        assert_eq!(place, expected, "{given:?}");
    }
}

#[test]
fn the_text_cannot_drive_a_terminal() {
    let name = "\u{1b}[2J\u{202e}\n";
    let given = arguments([("file", text(name)), (name, text(name))]);
    for tool in ["t", name] {
        let shown = policy().explain(&alice(), tool, &given).to_string();
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(bad), "{shown:?}");
    }
}

fn any_arguments() -> impl Strategy<Value = Arguments> {
    let name = prop_oneof![Just("n"), Just("file"), Just("out"), Just("other")];
    let value = prop_oneof![
        (0_i64..12).prop_map(Value::Integer),
        "(/tmp/|/srv/)?[a-z.]{0,3}".prop_map(Value::Text),
    ];
    prop::collection::btree_map(name.prop_map(str::to_owned), value, 0..4)
}

proptest! {
    #[test]
    fn explanations_agree_with_decisions(
        uid in prop_oneof![Just(0_u32), Just(5), Just(1000), Just(1001), Just(1500)],
        gid in prop_oneof![Just(5_u32), Just(200)],
        tool in prop_oneof![4 => Just("t"), 1 => Just("none")],
        given in any_arguments(),
    ) {
        let policy = policy();
        let caller = caller(uid, gid, &[]);
        let explanation = policy.explain(&caller, tool, &given);
        let decision = policy.decide(&caller, tool, &given);
        prop_assert_eq!(&explanation.decision, &decision);
        let deciding: Vec<_> = explanation
            .rules
            .iter()
            .filter(|rule| rule.outcome == Outcome::Decides)
            .collect();
        prop_assert!(deciding.len() <= 1);
        match decision {
            Decision::Allow(grant) => {
                prop_assert_eq!(deciding[0].effect, Effect::Allow);
                prop_assert_eq!(&deciding[0].principal, grant.principal());
                let run = explanation.run.map(|run| (run.argv, run.identity));
                prop_assert_eq!(run, Some((grant.argv().to_vec(), grant.identity().cloned())));
            }
            Decision::Ask(ask) => {
                prop_assert_eq!(deciding[0].effect, Effect::Ask);
                prop_assert_eq!(&deciding[0].principal, ask.principal());
                prop_assert!(explanation.run.is_some());
            }
            Decision::Confirm(held) => unreachable!("{held:?}"),
            Decision::Deny(denial) => {
                let denied = deciding.first().is_none_or(|rule| rule.effect == Effect::Deny);
                prop_assert_eq!(denied, denial.code == "not_allowed");
                prop_assert!(explanation.run.is_none());
            }
        }
    }
}

/// What a profile has beyond, or short of, the usual is told after it.
#[test]
fn the_sandbox_in_words_tells_of_privileges_and_resources() {
    let profile = "[profile.p]\ncapabilities = ['CAP_CHOWN', 'CAP_KILL']\nsystem_calls = ['~@chown', 'ptrace']\n\
                   system_call_error_number = 'kill'\ncpu_quota = '50%'\nlimit_cpu = '2s'\nnice = 3\n\
                   memory_high = '1M'\n";
    let text = format!(
        "version = 1\n[principal.alice]\nunix_users = ['alice']\n{profile}\
         [tool.t]\ndescription = 'x'\ncommand = ['/bin/t']\nprofile = 'p'\nallow = ['alice']\n"
    );
    let explanation = parsed(&text, &Setting::System).explain(&alice(), "t", &arguments([]));
    let sandbox = explanation.run.unwrap().sandbox;
    let expected = "30s, capabilities CAP_CHOWN CAP_KILL, the default system calls and 1 more, less 4, \
                    killed by any other system call, 2s of processor time, 50% of a processor, \
                    1M of memory before it slows down, nice 3";
    assert!(sandbox.ends_with(expected), "{sandbox}");
}
