//! The schema and the checker agree on the shape of documents that are made up from
//! the schema, and of such documents with one thing spoiled.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]

#[path = "support/conform.rs"]
mod conform;

use conform::conforms;
use policy::{Account, Accounts, Policy, Setting};
use proptest::prelude::*;
use proptest::test_runner::TestRng;
use regex_lite::Regex;
use serde_json::{Map, Value as Json, json};

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
    serde_json::from_str(include_str!("../../packaging/policy.schema.json")).unwrap()
}

/// Texts of which each pattern of the schema takes some.
const TEXTS: [&str; 26] = [
    "a",
    "alice",
    "x y",
    "/usr",
    "-/etc/x",
    "${workspace}/a",
    "10s",
    "1h30min",
    "64M",
    "4096",
    "1000-1999",
    "33",
    "60/min",
    "5/10s",
    "{a}",
    "0077",
    "50%",
    "tcp:443",
    "CAP_CHOWN",
    "ptrace",
    "@system-service",
    "~@chown",
    ".service",
    "mini.tool",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "10.0.0.0/8",
];

/// Makes documents up.
struct Maker<'a> {
    root: &'a Json,
    random: TestRng,
}

impl Maker<'_> {
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.random.next_u64() % limit.max(1) as u64).unwrap()
    }

    /// Something that conforms to `schema`; `None` where nothing is found.
    fn make(&mut self, schema: &Json) -> Option<Json> {
        if let Some(pointer) = schema["$ref"].as_str() {
            let target = self
                .root
                .pointer(pointer.strip_prefix('#').unwrap())
                .unwrap();
            return self.make(target);
        }
        for _ in 0..20 {
            let made = self.attempt(schema);
            if made
                .as_ref()
                .is_some_and(|made| conforms(self.root, schema, made))
            {
                return made;
            }
        }
        None
    }

    fn attempt(&mut self, schema: &Json) -> Option<Json> {
        if let Some(value) = schema.get("const") {
            return Some(value.clone());
        }
        if let Some(words) = schema["enum"].as_array() {
            return Some(words[self.below(words.len())].clone());
        }
        let alternatives = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
        if let (Some(alternatives), None) = (alternatives, schema.get("properties")) {
            let chosen = self.below(alternatives.len());
            return self.make(&alternatives[chosen]);
        }
        let types: Vec<&str> = match &schema["type"] {
            Json::Array(types) => types.iter().filter_map(Json::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        match *types.get(self.below(types.len()))? {
            "string" => Some(json!(TEXTS[self.below(TEXTS.len())])),
            "boolean" => Some(json!(self.below(2) == 0)),
            "integer" | "number" => Some(self.number(schema)),
            "array" => self.array(schema),
            "object" => self.object(schema),
            other => panic!("`{other}` is not known here"),
        }
    }

    fn number(&mut self, schema: &Json) -> Json {
        let bound = |name: &str, other: u64| schema[name].as_u64().unwrap_or(other);
        let (least, most) = (bound("minimum", 0), bound("maximum", 1000));
        match self.below(3) {
            0 => json!(least),
            1 => json!(most),
            _ => json!(least + self.random.next_u64() % (most - least + 1)),
        }
    }

    fn array(&mut self, schema: &Json) -> Option<Json> {
        let least = usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).unwrap();
        let length = least + self.below(3);
        let items: Option<Vec<Json>> = (0..length).map(|_| self.make(&schema["items"])).collect();
        items.map(Json::Array)
    }

    fn object(&mut self, schema: &Json) -> Option<Json> {
        let mut table = Map::new();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let rare = self.below(4) > 0;
            if required.contains(&json!(key)) || !rare {
                table.insert(key.clone(), self.make(property)?);
            }
        }
        if schema["additionalProperties"].is_object() {
            for _ in 0..self.below(3) {
                let name = TEXTS[self.below(TEXTS.len())].to_owned();
                table.insert(name, self.make(&schema["additionalProperties"])?);
            }
        }
        Some(Json::Object(table))
    }

    /// Spoils one thing somewhere in `value`.
    fn spoil(&mut self, value: &mut Json) {
        let strange = [
            json!("zzzz"),
            json!(-7),
            json!(true),
            json!([["a"]]),
            json!({"zzzz": 1}),
        ];
        let deeper = self.below(4) > 0;
        match value {
            Json::Object(table) if !table.is_empty() => {
                let key = table.keys().nth(self.below(table.len())).unwrap().clone();
                match self.below(3) {
                    _ if deeper => self.spoil(table.get_mut(&key).unwrap()),
                    0 => drop(table.remove(&key)),
                    1 => drop(table.insert("zzzz".to_owned(), json!(1))),
                    _ => drop(table.insert(key, strange[self.below(5)].clone())),
                }
            }
            Json::Array(items) if deeper && !items.is_empty() => {
                let index = self.below(items.len());
                self.spoil(&mut items[index]);
            }
            other => *other = strange[self.below(5)].clone(),
        }
    }
}

/// What the checker says of `document`.
fn mistakes(document: &Json) -> Vec<String> {
    let text = toml::to_string(document).unwrap();
    match Policy::parse("p", &text, &Setting::System, &Nobody) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(|one| one.message.clone()).collect(),
    }
}

/// The mistakes in `document` that are about its shape.
fn shape(document: &Json) -> Vec<String> {
    let shape = Regex::new(
        "has no (key )?`|must hold strings only|must be an? [a-z 0-9]+, not |cannot be `|\
         is not a (time|size): |does not say who calls",
    );
    let shape = shape.unwrap();
    let mut mistakes = mistakes(document);
    mistakes.retain(|message| shape.is_match(message));
    mistakes
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 0,
        ..ProptestConfig::with_cases(300)
    })]

    #[test]
    fn what_conforms_has_the_right_shape(random in Just(()).prop_perturb(|(), random| random)) {
        let schema = schema();
        let mut maker = Maker { root: &schema, random };
        let document = maker.make(&schema).unwrap();
        prop_assert_eq!(shape(&document), Vec::<String>::new(), "{:#}", document);
    }

    #[test]
    fn what_does_not_conform_is_a_mistake(random in Just(()).prop_perturb(|(), random| random)) {
        let schema = schema();
        let mut maker = Maker { root: &schema, random };
        let mut document = maker.make(&schema).unwrap();
        let before = mistakes(&document);
        maker.spoil(&mut document);
        if !document.is_object() || conforms(&schema, &schema, &document) {
            return Ok(());
        }
        let after = mistakes(&document);
        let new = after.iter().any(|message| !before.contains(message));
        prop_assert!(new, "{}\n{:?}", toml::to_string(&document).unwrap(), after);
    }
}
