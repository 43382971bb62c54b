//! What holds for all texts and all arguments.

mod support;

use policy::{Arguments, Decision, Policy, Setting, Value};
use proptest::prelude::*;
use support::{Host, alice, arguments, parsed, single, text};

const POLICY: &str = r#"
version = 1
[profile.p]
[tool.t]
description = "Every type"
command = ["/bin/t", "-n", "{number}", "--text={text}", "{free}", "{flag}", "{word}", "{path}", "--item={items}", "end"]
profile = "p"
allow = ["self"]
[tool.t.args]
number = { type = "integer", min = -1000, max = 1000 }
text = { type = "string", max_length = 20, pattern = "[^x]*" }
free = { type = "string", leading_dash = true }
flag = { type = "flag", flag = "-f" }
word = { type = "enum", values = ["a", "-b"] }
path = { type = "path", under = ["/srv", "${workspace}"] }
items = { type = "list", of = { type = "string", leading_dash = true }, optional = true }
"#;

/// Text that is likely to matter: words of the language, braces, quotes.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        Just("version = 1\n".to_owned()),
        Just("[tool.t]\n".to_owned()),
        Just("[tool.t.args]\n".to_owned()),
        Just("[profile.p]\n".to_owned()),
        Just("[principal.p]\n".to_owned()),
        Just("command = ['/bin/x', '{a}', '{{', '}']\n".to_owned()),
        Just("a = { type = 'string', pattern = '(', default = '-' }\n".to_owned()),
        Just("a = { type = 'path', under = ['${workspace}'], default = '..' }\n".to_owned()),
        Just("read = ['-', '', '/\u{1b}']\n".to_owned()),
        Just("timeout = '".to_owned()),
        Just("environment = { LD_PRELOAD = 1 }\n".to_owned()),
        "[\\PC\n\t\"'{}=\\[\\].$]{0,12}",
    ];
    prop::collection::vec(fragment, 0..20).prop_map(|parts| parts.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let items = prop::collection::vec(scalar(), 0..4);
    prop_oneof![4 => scalar(), 1 => items.prop_map(Value::List)]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        any::<String>().prop_map(Value::Text),
        "(/srv|/home/alice/project|\\.\\.|-|/|a|\n){0,6}".prop_map(Value::Text),
    ]
}

fn any_arguments() -> impl Strategy<Value = Arguments> {
    let name = prop_oneof![
        Just("number".to_owned()),
        Just("text".to_owned()),
        Just("free".to_owned()),
        Just("flag".to_owned()),
        Just("word".to_owned()),
        Just("path".to_owned()),
        Just("items".to_owned()),
        any::<String>(),
    ];
    prop::collection::btree_map(name, value(), 0..8)
}

proptest! {
    #[test]
    fn no_text_makes_parsing_panic(text in any::<String>()) {
        for setting in [Setting::System, single()] {
            if let Err(diagnostics) = Policy::parse("p", &text, &setting, &Host) {
                prop_assert!(diagnostics.iter().next().is_some());
                prop_assert!(diagnostics.to_string().ends_with("error") || diagnostics.to_string().ends_with("errors"));
            }
        }
    }

    #[test]
    fn no_policy_like_text_makes_parsing_panic(text in fragments()) {
        for setting in [Setting::System, single()] {
            if let Err(diagnostics) = Policy::parse("p", &text, &setting, &Host) {
                let report = diagnostics.to_string();
                prop_assert_eq!(report.chars().find(|c| c.is_control() && *c != '\n'), None);
                let lines = text.split('\n').count();
                prop_assert!(diagnostics.iter().all(|found| (1..=lines).contains(&found.line)));
            }
        }
    }

    #[test]
    fn no_arguments_make_deciding_panic(tool in "t|\\PC*", given in any_arguments()) {
        let policy = parsed(POLICY, &single());
        let decision = policy.decide(&alice(), &tool, &given);
        if let Decision::Deny(denial) = decision {
            prop_assert!(denial.reason.len() < 2000);
            prop_assert!(!denial.reason.contains(char::is_control));
        }
    }

    #[test]
    fn one_parameter_is_one_element_and_one_item_is_one(
        number in -1000_i64..=1000,
        filter in "[^x\\pC]{0,20}",
        free in "\\PC{0,256}",
        flag: bool,
        word in "a|-b",
        path in "(/[a-z. ]{1,8}[a-z]){0,5}",
        items in prop::collection::vec("\\PC{0,20}", 0..16),
    ) {
        let policy = parsed(POLICY, &single());
        let given = arguments([
            ("number", Value::Integer(number)),
            ("text", text(&filter)),
            ("free", text(&free)),
            ("flag", Value::Boolean(flag)),
            ("word", text(&word)),
            ("path", text(&format!("/srv{path}"))),
            ("items", Value::List(items.iter().map(|item| text(item)).collect())),
        ]);
        let Decision::Allow(grant) = policy.decide(&alice(), "t", &given) else {
            return Err(TestCaseError::fail("denied"));
        };
        let mut expected = vec![
            "/bin/t".to_owned(),
            "-n".to_owned(),
            number.to_string(),
            format!("--text={filter}"),
            free,
        ];
        expected.extend(flag.then(|| "-f".to_owned()));
        expected.extend([word, format!("/srv{path}")]);
        expected.extend(items.iter().map(|item| format!("--item={item}")));
        expected.push("end".to_owned());
        prop_assert_eq!(grant.argv(), expected);
    }

    #[test]
    fn a_granted_path_is_the_argument_and_cannot_climb(path in "[a./\\-]{0,12}") {
        let policy = parsed(POLICY, &single());
        let given = arguments([
            ("number", Value::Integer(1)),
            ("text", text("")),
            ("free", text("")),
            ("word", text("a")),
            ("path", text(&path)),
        ]);
        if let Decision::Allow(grant) = policy.decide(&alice(), "t", &given) {
            let [granted] = grant.paths() else {
                return Err(TestCaseError::fail("one path was given"));
            };
            let beneath = granted.beneath.to_str().unwrap_or_default();
            prop_assert!(!beneath.starts_with('/') && !beneath.is_empty());
            prop_assert!(beneath.split('/').all(|part| part != ".." && !part.is_empty()));
            let whole = granted.root.join(&granted.beneath);
            let element = grant.argv().iter().rev().nth(1).map(String::as_str);
            // Compared by components, so a `.` for the root itself does not count.
            prop_assert_eq!(Some(whole.components().as_path()), element.map(std::path::Path::new));
        }
    }
}
