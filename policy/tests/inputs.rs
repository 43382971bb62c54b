//! What a call puts elsewhere than into the command: standard input, the directory
//! it starts in, files that are made, and the pin of the program.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

mod support;

use policy::{Access, Existence, FileKind, Policy, Setting, Stdin};
use std::path::Path;
use support::{alice, allowed, arguments, denied, parsed, text};

const POLICY: &str = r#"
version = 1
[principal.alice]
unix_users = ["alice"]
[profile.p]
working_directory = "/srv"
[tool.text]
description = "d"
command = ["/usr/bin/wc", "-l"]
stdin = "{text}"
profile = "p"
allow = ["alice"]
sha256 = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
args = { text = { type = "string", max_length = 20 } }
[tool.file]
description = "d"
command = ["/usr/bin/wc", "--in={place}"]
stdin = "{file}"
working_directory = "{place}"
profile = "p"
allow = ["alice"]
[tool.file.args]
file = { type = "path", under = ["/srv"], optional = true }
place = { type = "path", under = ["/srv"], kind = "directory", default = "." }
[tool.elsewhere]
description = "d"
command = ["/bin/t", "{out}", "{maybe}"]
working_directory = "/var/lib/x/"
profile = "p"
allow = ["alice"]
[tool.elsewhere.args]
out = { type = "path", under = ["/var/lib"], access = "create", exists = "must_not" }
maybe = { type = "path", under = ["/srv"], exists = "may", optional = true }
"#;

fn policy() -> Policy {
    parsed(POLICY, &Setting::System)
}

#[test]
fn a_text_for_the_standard_input_may_have_lines() {
    let policy = policy();
    let decide = |value: &str| policy.decide(&alice(), "text", &arguments([("text", text(value))]));
    for value in ["", "-x", "one\ntwo\tthree\n"] {
        let grant = allowed(decide(value));
        assert_eq!(*grant.stdin(), Stdin::Text(value.to_owned()));
        assert_eq!(grant.argv(), ["/usr/bin/wc", "-l"]);
    }
    for (value, code) in [
        ("a\rb", "control_character"),
        ("a\0b", "control_character"),
        ("\u{1b}[2J", "control_character"),
        ("a\u{85}", "control_character"),
        ("more than twenty characters", "too_long"),
    ] {
        assert_eq!(denied(decide(value)).code, code, "{value:?}");
    }
    let grant = allowed(decide("x"));
    let pin = grant.sha256().unwrap();
    assert_eq!((pin[1], pin[31]), (0x11, 0xff));
    let line = policy.explain(&alice(), "text", &arguments([("text", text("a\nb"))]));
    assert!(
        line.to_string().contains("standard input: \"a\\nb\"\n"),
        "{line}"
    );
}

#[test]
fn the_directory_is_chosen_and_other_paths_are_relative_to_it() {
    let policy = policy();
    let given = arguments([("place", text("www")), ("file", text("a/b"))]);
    let grant = allowed(policy.decide(&alice(), "file", &given));
    assert_eq!(grant.argv(), ["/usr/bin/wc", "--in=/srv/www"]);
    let Stdin::File(file) = grant.stdin() else {
        unreachable!("{:?}", grant.stdin())
    };
    assert_eq!(file.path(), Path::new("/srv/www/a/b"));
    let [place] = grant.paths() else {
        unreachable!("{:?}", grant.paths())
    };
    assert_eq!(
        (grant.starts_in(), place.path()),
        (Some(0), "/srv/www".into())
    );
    assert_eq!(place.kind, FileKind::Directory);

    let grant = allowed(policy.decide(&alice(), "file", &arguments([])));
    assert_eq!((grant.stdin(), grant.starts_in()), (&Stdin::Null, Some(0)));
    let outside = arguments([("place", text("/etc"))]);
    assert_eq!(
        denied(policy.decide(&alice(), "file", &outside)).code,
        "path_outside"
    );
}

#[test]
fn a_tool_has_its_own_directory_and_says_what_is_made() {
    let policy = policy();
    let given = arguments([("out", text("new")), ("maybe", text("/srv/m"))]);
    let grant = allowed(policy.decide(&alice(), "elsewhere", &given));
    assert_eq!(grant.profile().working_directory, Path::new("/var/lib/x"));
    assert_eq!(grant.argv(), ["/bin/t", "/var/lib/x/new", "/srv/m"]);
    let [out, maybe] = grant.paths() else {
        unreachable!("{:?}", grant.paths())
    };
    assert_eq!(
        (out.access, out.exists),
        (Access::Create, Existence::MustNot)
    );
    assert_eq!((maybe.access, maybe.exists), (Access::Read, Existence::May));
    let told = policy.explain(&alice(), "elsewhere", &given).to_string();
    assert!(told.contains("may write /var/lib/x/new"), "{told}");
}
