//! Decisions, one row after another: what is allowed with which argument
//! vector, and what is denied with which code.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

mod support;

use policy::{Access, Arguments, Decision, FileKind, Identity, Policy, Setting, Value};
use std::path::Path;
use support::{alice, allowed, arguments, caller, denied, parsed, single, text};

const POLICY: &str = r#"
version = 1

[principal.ops]
unix_groups = ["ops"]
[principal.alice]
unix_users = ["alice"]
[principal.root]
unix_users = ["root"]
[principal.staff_bob]
unix_users = ["bob"]
unix_groups = ["staff"]

[profile.inspect]
read = ["/usr"]
working_directory = "/var/log"
[profile.web]
run_as = "www-data"
[profile.full]
run_as = "root"

[tool.show]
description = "Every type"
command = ["/bin/show", "-n", "{count}", "{long}", "--word={word}", "{text}", "--mode={mode}", "--", "{file}"]
profile = "inspect"
allow = ["ops", "alice"]
[tool.show.args]
count = { type = "integer", min = -5, max = 100, default = 10 }
long = { type = "flag", flag = "-l" }
word = { type = "string", max_length = 5, pattern = "[a-zé-]+|x y", optional = true }
text = { type = "string", max_length = 4, optional = true }
mode = { type = "enum", values = ["fast", "slow", "-odd"], default = "fast" }
file = { type = "path", under = ["/var/log", "/var/log/app", "/srv"] }

[tool.grep]
description = "A declared dash"
command = ["/bin/grep", "-e", "{pattern}", "{{literal}}", "{word}"]
profile = "inspect"
allow = ["alice"]
[tool.grep.args]
pattern = { type = "string", leading_dash = true }
word = { type = "enum", values = ["-a", "b"], default = "b" }

[tool.any_number]
description = "No bounds"
command = ["/bin/echo", "{n}"]
profile = "inspect"
allow = ["alice"]
[tool.any_number.args]
n = { type = "integer" }

[tool.store]
description = "Write into a directory"
command = ["/bin/store", "--into={dir}", "{from}"]
profile = "inspect"
allow = ["alice"]
[tool.store.args]
dir = { type = "path", under = ["/"], access = "write", kind = "directory" }
from = { type = "path", under = ["/srv"], kind = "any", optional = true }

[tool.web]
description = "As www-data"
command = ["/bin/id"]
profile = "web"
allow = ["staff_bob", "root", "ops"]

[tool.full]
description = "As root"
command = ["/bin/id"]
profile = "full"
allow = ["root", "alice"]

[tool.own]
description = "As the caller"
command = ["/bin/id"]
profile = "inspect"
allow = ["root", "ops", "alice"]

[tool.nobody]
description = "Allowed to nobody"
command = ["/bin/true"]
profile = "inspect"
allow = []
"#;

fn policy() -> Policy {
    parsed(POLICY, &Setting::System)
}

fn show<const N: usize>(entries: [(&str, Value); N]) -> Decision {
    let mut all = arguments([("file", text("syslog"))]);
    all.extend(arguments(entries));
    policy().decide(&alice(), "show", &all)
}

#[test]
fn allowed_calls_fill_the_template() {
    let head = ["/bin/show", "-n"];
    let rows: [(Arguments, &[&str]); 8] = [
        (
            arguments([]),
            &["10", "--mode=fast", "--", "/var/log/syslog"],
        ),
        (
            arguments([("count", Value::Integer(-5))]),
            &["-5", "--mode=fast", "--", "/var/log/syslog"],
        ),
        (
            arguments([("long", Value::Boolean(true))]),
            &["10", "-l", "--mode=fast", "--", "/var/log/syslog"],
        ),
        (
            arguments([("long", Value::Boolean(false)), ("mode", text("-odd"))]),
            &["10", "--mode=-odd", "--", "/var/log/syslog"],
        ),
        (
            arguments([("word", text("x y"))]),
            &["10", "--word=x y", "--mode=fast", "--", "/var/log/syslog"],
        ),
        (
            arguments([("word", text("-dash"))]),
            &["10", "--word=-dash", "--mode=fast", "--", "/var/log/syslog"],
        ),
        (
            arguments([("text", text("ä b;"))]),
            &["10", "ä b;", "--mode=fast", "--", "/var/log/syslog"],
        ),
        (
            arguments([("text", text("")), ("file", text("/srv//a/./ b"))]),
            &["10", "", "--mode=fast", "--", "/srv/a/ b"],
        ),
    ];
    for (given, tail) in rows {
        let mut all = arguments([("file", text("syslog"))]);
        all.extend(given);
        let grant = allowed(policy().decide(&alice(), "show", &all));
        let expected: Vec<&str> = head.iter().chain(tail).copied().collect();
        assert_eq!(grant.argv(), expected);
        assert_eq!(grant.program(), Path::new("/bin/show"));
        assert_eq!((grant.tool(), grant.rule()), ("show", "tool.show.allow"));
    }
}

#[test]
fn a_declared_dash_and_literal_braces_stand_as_they_are() {
    let given = arguments([("pattern", text("-rf {word} $(id)")), ("word", text("-a"))]);
    let grant = allowed(policy().decide(&alice(), "grep", &given));
    let expected = ["/bin/grep", "-e", "-rf {word} $(id)", "{literal}", "-a"];
    assert_eq!(grant.argv(), expected);
}

#[test]
fn wrong_arguments_are_denied_with_their_code() {
    let rows = [
        ("count", Value::Integer(101), "out_of_range"),
        ("count", Value::Integer(-6), "out_of_range"),
        ("count", Value::Integer(i64::MAX), "out_of_range"),
        ("count", Value::Integer(i64::MIN), "out_of_range"),
        ("count", text("10"), "wrong_type"),
        ("count", Value::Boolean(true), "wrong_type"),
        ("long", Value::Integer(1), "wrong_type"),
        ("long", text("true"), "wrong_type"),
        ("word", Value::Integer(1), "wrong_type"),
        ("word", text("toolong"), "too_long"),
        ("word", text("ABC"), "pattern_mismatch"),
        ("word", text(""), "pattern_mismatch"),
        ("word", text("x yz"), "pattern_mismatch"),
        ("word", text("a\n"), "control_character"),
        ("text", text("-rf"), "leading_dash"),
        ("text", text("-"), "leading_dash"),
        ("text", text("a\0b"), "control_character"),
        ("text", text("a\tb"), "control_character"),
        ("text", text("\u{7f}"), "control_character"),
        ("text", text("\u{85}"), "control_character"),
        ("text", text("éééé€"), "too_long"),
        ("mode", text("Fast"), "not_in_enum"),
        ("mode", text(""), "not_in_enum"),
        ("mode", text("fast "), "not_in_enum"),
        ("mode", Value::Boolean(false), "wrong_type"),
        ("file", Value::Integer(3), "wrong_type"),
        ("other", text("x"), "unknown_argument"),
        ("File", text("x"), "unknown_argument"),
        ("", text("x"), "unknown_argument"),
    ];
    for (name, value, code) in rows {
        let denial = denied(show([(name, value.clone())]));
        assert_eq!(denial.code, code, "{name} = {value:?}: {}", denial.reason);
        let rule = match code {
            "unknown_argument" => "tool.show.args".to_owned(),
            _ => format!("tool.show.args.{name}"),
        };
        assert_eq!(denial.rule, rule);
        assert!(
            denial.reason.contains(&format!("`{name}`")),
            "{}",
            denial.reason
        );
    }
}

#[test]
fn characters_are_counted_not_bytes() {
    assert!(matches!(
        show([("text", text("日本語€"))]),
        Decision::Allow(_)
    ));
    assert!(matches!(
        show([("word", text("ééééé"))]),
        Decision::Allow(_)
    ));
}

#[test]
fn what_is_required_must_be_there() {
    let denial = denied(policy().decide(&alice(), "show", &arguments([])));
    assert_eq!(denial.code, "missing_argument");
    assert_eq!(denial.rule, "tool.show.args.file");
    assert_eq!(denial.reason, "argument `file` is missing");
}

#[test]
fn paths_stay_beneath_their_roots() {
    let rows = [
        ("syslog", Ok(("/var/log", "syslog"))),
        ("/var/log", Ok(("/var/log", "."))),
        ("/var/log/", Ok(("/var/log", "."))),
        (".", Ok(("/var/log", "."))),
        ("./-rf", Ok(("/var/log", "-rf"))),
        ("//var//log/./a//b/", Ok(("/var/log", "a/b"))),
        ("app", Ok(("/var/log/app", "."))),
        ("/var/log/app/x", Ok(("/var/log/app", "x"))),
        ("/var/log/apps", Ok(("/var/log", "apps"))),
        ("/srv/...", Ok(("/srv", "..."))),
        ("/srv/..a/b..", Ok(("/srv", "..a/b.."))),
        ("/srv/日本 \u{202e}x", Ok(("/srv", "日本 \u{202e}x"))),
        ("/var/logs", Err("path_outside")),
        ("/var/logs/syslog", Err("path_outside")),
        ("/var/lo", Err("path_outside")),
        ("/var", Err("path_outside")),
        ("/", Err("path_outside")),
        ("/etc/shadow", Err("path_outside")),
        ("/proc/self/root/var/log/x", Err("path_outside")),
        ("/VAR/LOG/x", Err("path_outside")),
        ("..", Err("path_invalid")),
        ("../../etc/shadow", Err("path_invalid")),
        ("/var/log/../../etc/shadow", Err("path_invalid")),
        ("/var/log/a/..", Err("path_invalid")),
        ("/srv/x/../y", Err("path_invalid")),
        ("", Err("path_invalid")),
        ("-rf", Err("leading_dash")),
        ("/srv/a\nb", Err("control_character")),
        ("/srv/a\0", Err("control_character")),
        ("/srv/\u{1b}[2J", Err("control_character")),
    ];
    for (file, expected) in rows {
        match (show([("file", text(file))]), expected) {
            (Decision::Allow(grant), Ok((root, beneath))) => {
                let path = &grant.paths()[0];
                assert_eq!(path.root, Path::new(root), "{file}");
                assert_eq!(path.beneath, Path::new(beneath), "{file}");
                assert_eq!((path.access, path.kind), (Access::Read, FileKind::File));
            }
            (Decision::Deny(denial), Err(code)) => assert_eq!(denial.code, code, "{file}"),
            (decision, expected) => unreachable!("{file}: {decision:?}, not {expected:?}"),
        }
    }
    let long = format!("/srv/{}", "a/".repeat(2048));
    assert_eq!(denied(show([("file", text(&long))])).code, "too_long");
}

#[test]
fn a_denied_path_is_explained() {
    let denial = denied(show([("file", text("/etc/shadow"))]));
    let reason = "argument `file` is `/etc/shadow`, \
                  which is not beneath `/var/log`, `/var/log/app`, `/srv`";
    assert_eq!(denial.reason, reason);
}

#[test]
fn the_root_directory_and_optional_paths() {
    let given = arguments([("dir", text("/srv/x"))]);
    let grant = allowed(policy().decide(&alice(), "store", &given));
    assert_eq!(grant.argv(), ["/bin/store", "--into=/srv/x"]);
    let [path] = grant.paths() else {
        unreachable!("one path was given");
    };
    assert_eq!(
        (path.root.as_path(), path.beneath.as_path()),
        (Path::new("/"), Path::new("srv/x"))
    );
    assert_eq!(
        (path.access, path.kind),
        (Access::Write, FileKind::Directory)
    );
    let given = arguments([("dir", text("/")), ("from", text("/srv"))]);
    let grant = allowed(policy().decide(&alice(), "store", &given));
    assert_eq!(grant.argv(), ["/bin/store", "--into=/", "/srv"]);
    assert_eq!(grant.paths().len(), 2);
}

#[test]
fn integers_reach_from_end_to_end() {
    for number in [i64::MIN, -1, 0, i64::MAX] {
        let given = arguments([("n", Value::Integer(number))]);
        let grant = allowed(policy().decide(&alice(), "any_number", &given));
        assert_eq!(grant.argv()[1], number.to_string());
    }
}

#[test]
fn principals_are_users_and_groups_that_the_kernel_proved() {
    let policy = policy();
    let rows: [(_, &[&str]); 8] = [
        (alice(), &["alice"]),
        (caller(1000, 200, &[]), &["alice", "ops"]),
        (caller(5, 5, &[7, 200]), &["ops"]),
        (caller(1001, 1001, &[]), &[]),
        (caller(1001, 1001, &[201]), &["staff_bob"]),
        (caller(1001, 201, &[]), &["staff_bob"]),
        (caller(5, 201, &[]), &[]),
        (caller(0, 0, &[]), &["root"]),
    ];
    for (caller, names) in rows {
        assert_eq!(policy.principals_of(&caller), names, "{caller:?}");
        assert_eq!(policy.knows(&caller.proof), !names.is_empty(), "{caller:?}");
    }
}

#[test]
fn the_first_principal_of_the_list_is_the_one() {
    let given = arguments([("file", text("x"))]);
    let both = caller(1000, 1000, &[200]);
    assert_eq!(
        allowed(policy().decide(&both, "show", &given)).principal(),
        "ops"
    );
    assert_eq!(
        allowed(policy().decide(&alice(), "show", &given)).principal(),
        "alice"
    );
}

#[test]
fn callers_see_their_tools_only() {
    let policy = policy();
    let names = |caller| -> Vec<String> {
        let tools = policy.tools_for(&caller);
        tools.iter().map(|tool| tool.name().to_owned()).collect()
    };
    assert_eq!(
        names(alice()),
        ["any_number", "full", "grep", "own", "show", "store"]
    );
    assert_eq!(names(caller(5, 200, &[])), ["own", "show", "web"]);
    assert_eq!(names(caller(5, 5, &[])), [""; 0]);
    assert_eq!(policy.tools().count(), 8);
}

#[test]
fn a_tool_of_others_looks_like_none() {
    let policy = policy();
    for name in ["web", "nobody"] {
        let others = denied(policy.decide(&alice(), name, &arguments([])));
        let mut none = denied(policy.decide(&alice(), "nothing", &arguments([])));
        none.reason = none.reason.replace("nothing", name);
        assert_eq!(others, none);
        assert_eq!(
            (others.code, others.rule.as_str()),
            ("not_allowed", "default")
        );
        assert_eq!(others.reason, format!("no tool `{name}` is allowed to you"));
    }
    // Not even by its arguments.
    let wrong = arguments([("x", text("y"))]);
    assert_eq!(
        denied(policy.decide(&alice(), "web", &wrong)).code,
        "not_allowed"
    );
    assert_eq!(
        denied(policy.decide(&caller(9, 9, &[]), "show", &wrong)).code,
        "not_allowed"
    );
}

#[test]
fn reasons_repeat_nothing_harmful_and_nothing_long() {
    let name = format!("\u{1b}[2J\u{202e}{}", "x".repeat(100_000));
    let reason = denied(policy().decide(&alice(), &name, &arguments([]))).reason;
    assert!(
        reason.len() < 300 && !reason.contains(['\u{1b}', '\u{202e}']),
        "{reason}"
    );
    let reason = denied(show([(&name, text("x"))])).reason;
    assert!(
        reason.len() < 500 && !reason.contains(['\u{1b}', '\u{202e}']),
        "{reason}"
    );
    let reason = denied(show([("mode", text(&name.repeat(3)))])).reason;
    assert!(
        reason.len() < 500 && !reason.contains(['\u{1b}', '\u{202e}']),
        "{reason}"
    );
}

#[test]
fn commands_run_as_written() {
    let policy = policy();
    let none = arguments([]);
    let identity = |uid, gid, groups: &[u32]| Identity {
        uid,
        gid,
        groups: groups.to_vec(),
    };
    let own = allowed(policy.decide(&caller(1000, 7, &[4, 200]), "own", &none));
    assert_eq!(*own.identity().unwrap(), identity(1000, 7, &[4, 200]));
    let web = allowed(policy.decide(&caller(1001, 201, &[5]), "web", &none));
    assert_eq!(*web.identity().unwrap(), identity(33, 33, &[]));
    let full = allowed(policy.decide(&alice(), "full", &none));
    assert_eq!(*full.identity().unwrap(), identity(0, 0, &[]));
}

#[test]
fn root_runs_nothing_as_root_unless_it_is_written() {
    let policy = policy();
    let root = caller(0, 0, &[0]);
    let denial = denied(policy.decide(&root, "own", &arguments([])));
    assert_eq!(
        (denial.code, denial.rule.as_str()),
        ("root_not_granted", "profile.inspect.run_as")
    );
    assert_eq!(
        allowed(policy.decide(&root, "web", &arguments([])))
            .identity()
            .unwrap()
            .uid,
        33
    );
    assert_eq!(
        allowed(policy.decide(&root, "full", &arguments([])))
            .identity()
            .unwrap()
            .uid,
        0
    );
}

#[test]
fn a_single_user_may_be_root_and_is_alone() {
    let own = "version = 1\n[profile.p]\n[tool.t]\ndescription = 'x'\n\
               command = ['/bin/id']\nprofile = 'p'\nallow = ['self']\n";
    let setting = Setting::SingleUser {
        uid: 0,
        workspace: "/root".into(),
    };
    let policy = parsed(own, &setting);
    let grant = allowed(policy.decide(&caller(0, 0, &[0]), "t", &arguments([])));
    assert_eq!(
        (grant.principal(), grant.identity().unwrap().uid),
        ("self", 0)
    );
    assert_eq!(
        denied(policy.decide(&alice(), "t", &arguments([]))).code,
        "not_allowed"
    );
    assert!(parsed(own, &single()).knows(&alice().proof));
}
