//! `docs/commands.md` tells the truth: each of its examples is what the program
//! prints about the policy on that page.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::Path;
use support::{Scratch, text};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md");
    fs::read_to_string(path).unwrap()
}

/// The blocks of the page in the language `language`.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    let blocks = page.split(&opening).skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

#[test]
fn every_example_prints_what_is_documented() {
    let page = page();
    let policies = blocks(&page, "toml");
    let scratch = Scratch::new();
    scratch.policy("policy.toml", policies.first().unwrap());
    let sessions = blocks(&page, "console");
    assert!(!sessions.is_empty());
    for session in sessions {
        let (line, expected) = session.split_once('\n').unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let printed = scratch.run(words.strip_prefix(&["$", "mini-mcp"]).unwrap());
        let printed = format!("{}{}", text(&printed.stderr), text(&printed.stdout));
        assert_eq!(printed, expected, "{line}");
    }
}
