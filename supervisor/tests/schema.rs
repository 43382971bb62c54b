//! `mini-mcp schema` and the policy language agree: on keys, words and shape.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "support/conform.rs"]
mod conform;
mod support;

use conform::conforms;
use policy::{Account, Accounts, Diagnostics, EMBEDDED, Policy, Setting};
use regex_lite::Regex;
use serde_json::{Value as Json, json as value};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use support::{json, mini_mcp};

/// A host with nobody on it.
struct Nobody;

impl Accounts for Nobody {
    fn user(&self, _name: &str) -> Option<Account> {
        None
    }

    fn group(&self, _name: &str) -> Option<u32> {
        None
    }
}

fn schema() -> Json {
    json(&mini_mcp(&["schema"]))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// Whether `text` has the shape of a policy; none when it is no TOML.
fn fits(schema: &Json, text: &str) -> Option<bool> {
    let table: Json = toml::from_str(text).ok()?;
    Some(conforms(schema, schema, &table))
}

fn mistakes(text: &str) -> Diagnostics {
    Policy::parse("p", text, &Setting::System, &Nobody).unwrap_err()
}

#[test]
fn the_committed_schema_is_the_one_that_is_printed() {
    let committed: Json = serde_json::from_str(&read("packaging/policy.schema.json")).unwrap();
    let cure = "mini-mcp schema > packaging/policy.schema.json";
    assert!(committed == schema(), "write it anew: {cure}");
}

#[test]
fn every_policy_of_this_repository_conforms() {
    let schema = schema();
    let mut texts = vec![
        EMBEDDED.to_owned(),
        read("packaging/policy.toml"),
        read("packaging/examples/policy.toml"),
        read("packaging/policy.d/profiles.toml"),
    ];
    for page in ["docs/policy-reference.md", "docs/commands.md"] {
        let page = read(page);
        let blocks = page.split("```toml\n").skip(1);
        let before = texts.len();
        texts.extend(blocks.map(|block| block.split("```").next().unwrap().to_owned()));
        assert!(texts.len() > before);
    }
    for text in texts {
        assert_eq!(fits(&schema, &text), Some(true), "{text}");
    }
}

/// Keys and types that `check` refuses, the schema refuses too: shown by all
/// files of mistakes that the policy language has.
#[test]
fn what_conforms_has_no_mistake_of_shape() {
    let schema = schema();
    let shape = "has no key `|must hold strings only|must be an? [a-z 0-9]+, not ";
    let shape = Regex::new(shape).unwrap();
    let (mut conforming, mut refused) = (0, 0);
    for entry in fs::read_dir(repository().join("policy/tests/diagnostics")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        // Some are no UTF-8 on purpose, or no TOML.
        let Some(fits) = fs::read_to_string(&path)
            .ok()
            .and_then(|text| fits(&schema, &text))
        else {
            continue;
        };
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap();
        match (fits, shape.find(&expected)) {
            (true, Some(found)) => panic!("{} conforms: {}", path.display(), found.as_str()),
            (true, None) => conforming += 1,
            (false, _) => refused += 1,
        }
    }
    assert!(conforming > 0 && refused > 0, "{conforming}, {refused}");
}

/// No key and no word that could be a slip of another.
const STRANGE: &str = "zzzzzzzzzzzzzzzzzzzz";

/// What the hint of each mistake about [`STRANGE`] lists, in the order of `text`.
fn known(text: &str) -> Vec<BTreeSet<String>> {
    let mistakes = mistakes(text);
    let strange = mistakes.iter().filter(|one| one.message.contains(STRANGE));
    let listed = |hint: &str| {
        let names = hint.split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect()
    };
    strange
        .map(|one| listed(one.hint.as_deref().unwrap()))
        .collect()
}

fn keys(schema: &Json) -> BTreeSet<String> {
    assert_eq!(schema["additionalProperties"], false, "{schema}");
    schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

fn words(schema: &Json) -> BTreeSet<String> {
    let words = schema["enum"].as_array().unwrap().iter();
    words
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

/// The alternative for the type `name` among those of an argument or item.
fn alternative<'a>(schema: &'a Json, name: &str) -> &'a Json {
    let alternatives = schema["oneOf"].as_array().unwrap();
    let fits = |one: &&Json| words(&one["properties"]["type"]).contains(name);
    let mut found = alternatives.iter().filter(fits);
    let first = found.next().unwrap();
    assert!(found.next().is_none(), "{name}");
    first
}

/// All types that the `schema` of arguments or items has.
fn types(schema: &Json) -> BTreeSet<String> {
    let alternatives = schema["oneOf"].as_array().unwrap().iter();
    alternatives
        .flat_map(|one| words(&one["properties"]["type"]))
        .collect()
}

#[test]
fn tables_have_the_same_keys() {
    let schema = schema();
    let text = format!(
        "version = 1\n{STRANGE} = 1\n[principal.p]\n{STRANGE} = 1\n[profile.p]\n{STRANGE} = 1\n\
         [tool.t]\n{STRANGE} = 1\n[[tool.t.example]]\n{STRANGE} = 1\n"
    );
    let definitions = &schema["$defs"];
    let expected = vec![
        keys(&schema),
        keys(&definitions["principal"]),
        keys(&definitions["profile"]),
        keys(&definitions["tool"]),
        keys(&definitions["example"]),
    ];
    assert_eq!(known(&text), expected);
}

#[test]
fn arguments_and_items_have_the_same_types_and_keys() {
    let schema = schema();
    let (argument, item) = (&schema["$defs"]["argument"], &schema["$defs"]["item"]);
    let head = "version = 1\n[tool.t.args]\n";
    let listed = known(&format!(
        "{head}a = {{ type = '{STRANGE}' }}\nb = {{ type = 'list', of = {{ type = '{STRANGE}' }} }}\n"
    ));
    assert_eq!(listed, [types(argument), types(item)]);
    for name in types(argument) {
        let listed = known(&format!("{head}a = {{ type = '{name}', {STRANGE} = 1 }}\n"));
        assert_eq!(listed, [keys(alternative(argument, &name))], "{name}");
    }
    for name in types(item) {
        let of = format!("of = {{ type = '{name}', {STRANGE} = 1 }}");
        let listed = known(&format!("{head}a = {{ type = 'list', {of} }}\n"));
        assert_eq!(listed, [keys(alternative(item, &name))], "{name}");
    }
}

#[test]
fn words_are_the_same() {
    let schema = schema();
    let argument = &schema["$defs"]["argument"];
    for (name, key) in [
        ("string", "characters"),
        ("path", "access"),
        ("path", "kind"),
        ("duration", "as"),
        ("size", "as"),
    ] {
        let text = format!(
            "version = 1\n[tool.t.args]\na = {{ type = '{name}', under = ['/'], {key} = '{STRANGE}' }}\n"
        );
        let property = &alternative(argument, name)["properties"][key];
        assert_eq!(known(&text).last(), Some(&words(property)), "{key}");
    }
    let text = format!(
        "version = 1\n[profile.p]\nnetwork = '{STRANGE}'\n[tool.t]\n\
         [[tool.t.example]]\nas = 'p'\nexpect = '{STRANGE}'\n\
         [tool.t.args]\na = {{ type = 'unit', suffixes = ['{STRANGE}'] }}\n"
    );
    let suffixes = &alternative(argument, "unit")["properties"]["suffixes"]["items"];
    let mut expected = [
        words(&schema["$defs"]["profile"]["properties"]["network"]),
        words(&schema["$defs"]["example"]["properties"]["expect"]),
        words(suffixes),
    ];
    let mut listed = known(&text);
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

#[test]
fn everything_is_described() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap().values();
    let tables = definitions.flat_map(|one| match one.get("oneOf") {
        Some(alternatives) if alternatives[0].get("properties").is_some() => {
            alternatives.as_array().unwrap().iter().collect()
        }
        _ => vec![one],
    });
    for table in tables.chain([&schema]) {
        for (key, property) in table["properties"].as_object().unwrap() {
            let described = property.get("description").is_some();
            assert!(described || property.get("$ref").is_some(), "{key}");
        }
    }
    assert_eq!(
        schema["$schema"],
        value!("https://json-schema.org/draft/2020-12/schema")
    );
}
