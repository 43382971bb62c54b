//! Kinds of arguments one after another: what stands in the argument vector,
//! and with which code a value is denied.

mod support;

use policy::{Decision, Policy, Setting, Value};
use std::path::Path;
use support::{alice, allowed, arguments, denied, parsed, text};

/// A tool whose only argument `x` is declared as `kind`, as `element`.
fn tool(kind: &str, element: &str) -> Policy {
    let text = format!(
        "version = 1\n[principal.alice]\nunix_users = ['alice']\n[profile.p]\n\
         working_directory = '/srv'\n[tool.t]\ndescription = 'x'\n\
         command = ['/bin/t', '{element}', 'end']\nprofile = 'p'\nallow = ['alice']\n\
         [tool.t.args]\nx = {kind}\n"
    );
    parsed(&text, &Setting::System)
}

/// What stands between program and end, or the code of the denial.
fn call(policy: &Policy, value: Value) -> Result<Vec<String>, &'static str> {
    match policy.decide(&alice(), "t", &arguments([("x", value)])) {
        Decision::Allow(grant) => {
            let [_, between @ .., end] = grant.argv() else {
                unreachable!("program and end always stand there");
            };
            assert_eq!(end, "end");
            Ok(between.to_vec())
        }
        other @ (Decision::Ask(_) | Decision::Confirm(_)) => unreachable!("{other:?}"),
        Decision::Deny(denial) => {
            assert!(denial.reason.starts_with("argument `x` "), "{denial:?}");
            assert_eq!(denial.rule, "tool.t.args.x");
            Err(denial.code)
        }
    }
}

#[track_caller]
fn rows(kind: &str, rows: &[(&str, Result<&str, &str>)]) {
    let policy = tool(kind, "{x}");
    for (given, expected) in rows {
        let found = call(&policy, text(given));
        assert_eq!(
            found,
            expected.map(|shown| vec![shown.to_owned()]),
            "{given}"
        );
    }
    let wrong = call(&policy, Value::Boolean(true));
    assert_eq!(wrong, Err("wrong_type"));
    assert_eq!(call(&policy, Value::List(vec![])), Err("wrong_type"));
}

#[test]
fn numbers_stand_in_decimal() {
    let policy = tool("{ type = 'number', min = -2, max = 1e21 }", "{x}");
    let rows = [
        (Value::Number(0.1), Ok("0.1")),
        (Value::Number(-0.0), Ok("0")),
        (Value::Number(1e-7), Ok("0.0000001")),
        (Value::Number(1e20), Ok("100000000000000000000")),
        (Value::Number(2.0), Ok("2")),
        (Value::Integer(-2), Ok("-2")),
        (Value::Number(-2.1), Err("out_of_range")),
        (Value::Integer(-3), Err("out_of_range")),
        (Value::Number(1.1e21), Err("out_of_range")),
        (Value::Number(f64::NAN), Err("out_of_range")),
        (Value::Number(f64::INFINITY), Err("out_of_range")),
        (text("1"), Err("wrong_type")),
    ];
    for (given, expected) in rows {
        let found = call(&policy, given.clone());
        assert_eq!(
            found,
            expected.map(|shown| vec![shown.to_owned()]),
            "{given:?}"
        );
    }
    let integer = tool("{ type = 'integer' }", "{x}");
    assert_eq!(call(&integer, Value::Number(1.0)), Err("wrong_type"));
}

#[test]
fn numbers_are_rounded_before_they_are_compared() {
    let policy = tool("{ type = 'number', max = 9007199254740992 }", "{x}");
    let found = call(&policy, Value::Integer(9_007_199_254_740_993));
    assert_eq!(found, Ok(vec!["9007199254740992".to_owned()]));
}

#[test]
fn times_stand_as_given_or_in_seconds() {
    rows(
        "{ type = 'duration', min = '1s', max = '2h' }",
        &[
            ("1h30min", Ok("1h30min")),
            ("1500ms", Ok("1500ms")),
            ("2h", Ok("2h")),
            ("2h1ms", Err("out_of_range")),
            ("999ms", Err("out_of_range")),
            ("10", Err("duration_invalid")),
            ("30min1h", Err("duration_invalid")),
            ("", Err("duration_invalid")),
            ("1s\n", Err("control_character")),
        ],
    );
    rows(
        "{ type = 'duration', as = 'seconds' }",
        &[
            ("1h30min", Ok("5400")),
            ("0s", Ok("0")),
            ("5000ms", Ok("5")),
            ("500ms", Err("duration_invalid")),
        ],
    );
}

#[test]
fn sizes_stand_as_given_or_in_bytes() {
    rows(
        "{ type = 'size', min = '1', max = '1M' }",
        &[
            ("64K", Ok("64K")),
            ("1M", Ok("1M")),
            ("1048577", Err("out_of_range")),
            ("0", Err("out_of_range")),
            ("1MB", Err("size_invalid")),
        ],
    );
    rows("{ type = 'size', as = 'bytes' }", &[("64K", Ok("65536"))]);
}

#[test]
fn names_have_their_syntax() {
    rows(
        "{ type = 'host' }",
        &[
            ("example.org", Ok("example.org")),
            ("127.0.0.1", Err("host_invalid")),
            ("-x", Err("host_invalid")),
            ("a\0", Err("control_character")),
        ],
    );
    rows(
        "{ type = 'ip' }",
        &[
            ("10.0.0.1", Ok("10.0.0.1")),
            ("2001:DB8::0:1", Ok("2001:db8::1")),
            ("example.org", Err("ip_invalid")),
        ],
    );
    rows(
        "{ type = 'cidr' }",
        &[
            ("10.0.0.0/8", Ok("10.0.0.0/8")),
            ("10.0.0.0", Err("cidr_invalid")),
        ],
    );
    rows(
        "{ type = 'unit', suffixes = ['.service', '.mount'] }",
        &[
            ("ssh.service", Ok("ssh.service")),
            ("ssh.timer", Err("unit_invalid")),
            ("*.service", Err("unit_invalid")),
            ("-.mount", Err("leading_dash")),
        ],
    );
    rows(
        "{ type = 'unit' }",
        &[("a.timer", Ok("a.timer")), ("a", Err("unit_invalid"))],
    );
    rows(
        "{ type = 'user' }",
        &[("root", Ok("root")), ("0", Err("user_invalid"))],
    );
    let prefixed = tool("{ type = 'unit' }", "--unit={x}");
    assert_eq!(
        call(&prefixed, text("-.mount")),
        Ok(vec!["--unit=-.mount".to_owned()])
    );
}

#[test]
fn strings_have_the_characters_of_their_class() {
    for (class, good, bad) in [
        ("alnum", "aZ9", ["a_", "a b", "ä"]),
        ("word", "a_Z9", ["a-", "a b", "ä"]),
        ("digits", "0129", ["a", "1 ", "²"]),
        ("printable", " a~/", ["ä", "\u{a0}", "\u{202e}"]),
    ] {
        let policy = tool(
            &format!("{{ type = 'string', characters = '{class}' }}"),
            "{x}",
        );
        assert_eq!(call(&policy, text(good)), Ok(vec![good.to_owned()]));
        assert_eq!(call(&policy, text("")), Ok(vec![String::new()]));
        for bad in bad {
            assert_eq!(call(&policy, text(bad)), Err("character_invalid"), "{bad}");
        }
    }
}

fn list<const N: usize>(items: [&str; N]) -> Value {
    Value::List(items.map(text).to_vec())
}

#[test]
fn a_list_repeats_its_element() {
    let kind = "{ type = 'list', of = { type = 'string', max_length = 3 }, max_items = 2 }";
    for (element, prefix) in [("{x}", ""), ("--x={x}", "--x=")] {
        let policy = tool(kind, element);
        let expected = |items: &[&str]| -> Result<Vec<String>, &str> {
            Ok(items.iter().map(|item| format!("{prefix}{item}")).collect())
        };
        assert_eq!(call(&policy, list([])), expected(&[]));
        assert_eq!(call(&policy, list(["a b"])), expected(&["a b"]));
        assert_eq!(call(&policy, list(["a", ""])), expected(&["a", ""]));
        assert_eq!(call(&policy, list(["a", "b", "c"])), Err("too_many_items"));
        assert_eq!(call(&policy, list(["a", "long"])), Err("too_long"));
        assert_eq!(call(&policy, text("a")), Err("wrong_type"));
        let nested = Value::List(vec![list(["a"])]);
        assert_eq!(call(&policy, nested), Err("wrong_type"));
    }
    let whole = tool(kind, "{x}");
    assert_eq!(call(&whole, list(["a", "-b"])), Err("leading_dash"));
    let given = arguments([("x", list(["a", "-b"]))]);
    let reason = denied(whole.decide(&alice(), "t", &given)).reason;
    assert_eq!(
        reason,
        "argument `x` (item 2) is `-b`, which begins with `-`"
    );
}

#[test]
fn a_list_has_bounds_and_perhaps_a_default() {
    let few = tool(
        "{ type = 'list', of = { type = 'ip' }, min_items = 1 }",
        "{x}",
    );
    assert_eq!(call(&few, list([])), Err("too_few_items"));
    let most: [&str; 16] = ["::1"; 16];
    assert_eq!(call(&few, list(most)).map(|items| items.len()), Ok(16));
    assert_eq!(call(&few, list(["::1"; 17])), Err("too_many_items"));
    let none = denied(few.decide(&alice(), "t", &arguments([])));
    assert_eq!(none.code, "missing_argument");
    let kind = "{ type = 'list', of = { type = 'integer' }, default = [1, 2] }";
    let grant = allowed(tool(kind, "-{x}").decide(&alice(), "t", &arguments([])));
    assert_eq!(grant.argv(), ["/bin/t", "-1", "-2", "end"]);
}

#[test]
fn each_path_of_a_list_is_a_grant() {
    let kind = "{ type = 'list', of = { type = 'path', under = ['/srv', '/tmp'] } }";
    let policy = tool(kind, "{x}");
    let given = arguments([("x", list(["a", "/tmp/b/c"]))]);
    let grant = allowed(policy.decide(&alice(), "t", &given));
    assert_eq!(grant.argv(), ["/bin/t", "/srv/a", "/tmp/b/c", "end"]);
    let paths: Vec<(&Path, &Path)> = grant
        .paths()
        .iter()
        .map(|path| (path.root.as_path(), path.beneath.as_path()))
        .collect();
    let expected = [("/srv", "a"), ("/tmp", "b/c")].map(|(a, b)| (Path::new(a), Path::new(b)));
    assert_eq!(paths, expected);
    assert_eq!(
        call(&policy, list(["a", "/etc/shadow"])),
        Err("path_outside")
    );
}

#[test]
fn arguments_come_together_or_exclude_each_other() {
    let policy = parsed(
        "version = 1\n[principal.alice]\nunix_users = ['alice']\n[profile.p]\n\
         [tool.t]\ndescription = 'x'\nprofile = 'p'\nallow = ['alice']\n\
         command = ['/bin/t', '-s{since}', '-u{until}', '{boot}', '-n{lines}', '{all}']\n[tool.t.args]\n\
         since = { type = 'integer', optional = true }\n\
         until = { type = 'integer', optional = true, requires = ['since'] }\n\
         boot = { type = 'flag', flag = '-b', conflicts = ['since', 'all'] }\n\
         lines = { type = 'integer', default = 5, conflicts = ['all'] }\n\
         all = { type = 'list', of = { type = 'integer' }, optional = true, requires = ['lines'] }\n",
        &Setting::System,
    );
    let one = Value::Integer(1);
    let yes = Value::Boolean(true);
    let no = Value::Boolean(false);
    let items = |items: &[Value]| Value::List(items.to_vec());
    let rows = [
        (arguments([]), Ok(())),
        (
            arguments([("since", one.clone()), ("until", one.clone())]),
            Ok(()),
        ),
        (
            arguments([("until", one.clone())]),
            Err(("requires", "until")),
        ),
        (
            arguments([("since", one.clone()), ("boot", yes.clone())]),
            Err(("conflicts", "boot")),
        ),
        (arguments([("since", one.clone()), ("boot", no)]), Ok(())),
        (arguments([("boot", yes), ("all", items(&[]))]), Ok(())),
        (
            arguments([("all", items(std::slice::from_ref(&one)))]),
            Err(("requires", "all")),
        ),
        (
            arguments([("all", items(std::slice::from_ref(&one))), ("lines", one)]),
            Err(("conflicts", "lines")),
        ),
    ];
    for (given, expected) in rows {
        match (policy.decide(&alice(), "t", &given), expected) {
            (Decision::Allow(_), Ok(())) => {}
            (Decision::Deny(denial), Err((code, name))) => {
                assert_eq!(denial.code, code, "{given:?}");
                assert_eq!(denial.rule, format!("tool.t.args.{name}"));
            }
            (decision, expected) => unreachable!("{given:?}: {decision:?}, not {expected:?}"),
        }
    }
    let given = arguments([("until", Value::Integer(1))]);
    let reason = denied(policy.decide(&alice(), "t", &given)).reason;
    assert_eq!(reason, "argument `until` needs argument `since`");
    let tool = policy.tools().next();
    let until = tool.map(|tool| &tool.parameters()[1]);
    assert_eq!(
        until.map(policy::Parameter::requires),
        Some(&["since".to_owned()][..])
    );
}
