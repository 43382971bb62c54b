//! Exact diagnostics: each `diagnostics/NAME.toml` is refused with the text of
//! `NAME.expected`. A file whose first line is `# single user` is read for one.
//!
//! `MINI_MCP_BLESS=1 cargo test -p mini-mcp-policy --test diagnostics` writes
//! the expected texts anew; read the difference before you commit it.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

mod support;

use policy::{Policy, Setting};
use std::fs;
use std::path::{Path, PathBuf};
use support::{Host, single};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let entries = fs::read_dir(folder).unwrap();
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    cases.sort();
    cases
}

fn report(text: &str) -> String {
    let setting = if text.starts_with("# single user\n") {
        single()
    } else {
        Setting::System
    };
    match Policy::parse("policy.toml", text, &setting, &Host) {
        Ok(_) => "no errors\n".to_owned(),
        Err(diagnostics) => format!("{diagnostics}\n"),
    }
}

#[test]
fn every_mistake_is_reported_as_expected() {
    let bless = std::env::var_os("MINI_MCP_BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let found = report(&fs::read_to_string(&case).unwrap());
        let expected = case.with_extension("expected");
        if bless {
            fs::write(&expected, &found).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", case.display()));
        }
        assert_ne!(found, "no errors\n", "{}", case.display());
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}

#[test]
fn there_are_enough_cases_and_nothing_left_over() {
    let cases = cases();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let folder = cases[0].parent().unwrap();
    let files = fs::read_dir(folder).unwrap().count();
    assert_eq!(files, 2 * cases.len(), "each .toml has one .expected");
}

#[test]
fn diagnostics_tell_programs_the_same() {
    let text = "version = 1\n[tool.x]\nprofil = 1\n";
    let diagnostics = Policy::parse("p", text, &Setting::System, &Host).unwrap_err();
    let first = diagnostics.iter().find(|found| found.line == 3).unwrap();
    assert_eq!((first.line, first.column), (3, 1));
    assert_eq!(first.message, "tool `x` has no key `profil`");
    assert_eq!(first.hint.as_deref(), Some("did you mean `profile`?"));
}

#[test]
fn the_report_cannot_drive_a_terminal() {
    let text = "version = 1\r\n\u{7f} = \"\u{1b}]0;x\u{7}\u{202e}\u{9b}\"\n[tool.\"\\u001b[2J\"]\n";
    for name in ["policy.toml", "evil\u{1b}[2J\n.toml"] {
        let diagnostics = Policy::parse(name, text, &Setting::System, &Host).unwrap_err();
        let report = diagnostics.to_string();
        let bad = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
        assert_eq!(report.chars().find(bad), None, "{report:?}");
        assert!(!report.contains("\n.toml"), "{report:?}");
    }
}

#[test]
fn absurdly_many_mistakes_are_counted_but_not_all_printed() {
    let text: String = (0..3000).map(|n| format!("k{n} = 1\n")).collect();
    let diagnostics = Policy::parse("p", &text, &Setting::System, &Host).unwrap_err();
    assert_eq!(diagnostics.iter().count(), 1000);
    assert!(diagnostics.to_string().ends_with("\n3001 errors"));
}
