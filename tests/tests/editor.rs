//! What an editor with a TOML language server makes of the schema: docs/editor.md.

use harness::{python, scratch};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Completions at the mark `█` of a policy, and what is complained of in it.
fn edited(text: &str) -> (Vec<String>, Vec<String>) {
    let folder = scratch();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/policy.schema.json");
    fs::copy(schema, folder.path().join("policy.schema.json")).expect("a copy");
    let policy = folder.path().join("policy.toml");
    fs::write(&policy, format!("#:schema ./policy.schema.json\n{text}")).expect("ours");
    let policy = policy.display().to_string();
    let server = python::tool("tombi").display().to_string();
    let report = python::script("editor.py", &[&policy, &server, "lsp", "--offline"]);
    let list = |key: &str| {
        let items = report[key].as_array().expect("a list").iter();
        items
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    (list("completions"), list("complaints"))
}

#[test]
fn keys_and_words_are_completed() {
    let tool = "version = 1\n[tool.tail]\ndescription = \"d\"\n";
    let (keys, _) = edited(&format!("{tool}re█\n"));
    assert_eq!(keys, ["read_only", "record"]);
    let (keys, _) = edited("version = 1\n[profile.inspect]\nmemory█\n");
    assert!(keys.contains(&"memory_max".to_owned()), "{keys:?}");
    assert!(keys.contains(&"memory_high".to_owned()), "{keys:?}");
    let (words, _) = edited("version = 1\n[profile.inspect]\nstrength = █\n");
    assert!(words.contains(&"\"isolated\"".to_owned()), "{words:?}");
}

#[test]
fn a_misspelled_key_is_underlined_and_a_sound_policy_is_not() {
    let sound = "version = 1\n\n[tool.tail]\ndescription = \"d\"\n\
                 command = [\"/usr/bin/true\"]\nprofile = \"p\"\nallow = []\n";
    assert_eq!(edited(&format!("{sound}█")).1, Vec::<String>::new());
    let (_, complaints) = edited(&format!("{sound}reed_only = true\n█"));
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(complaints[0].contains("reed_only"), "{complaints:?}");
}
