//! Arguments as JSON Schema: of each type an alternative, so that editors offer
//! just the keys that go with it.

use super::part::{
    Keys, about, any_value, by_default, flag, integer, path, size, some, string, table, text,
    texts, time, word,
};
use serde_json::{Value as Json, json};

/// Types that share their keys, with these keys, those required and the type of
/// `default`.
struct Sort {
    types: &'static [&'static str],
    keys: Keys,
    required: &'static [&'static str],
    default: Json,
}

/// `[tool.NAME.args] NAME = …`.
pub(super) fn argument() -> Json {
    let alternatives: Vec<Json> = sorts().into_iter().map(argument_of).collect();
    json!({"description": "an argument", "oneOf": alternatives})
}

/// `[prompt.NAME.args] NAME = …`: what can stand in a text.
pub(super) fn prompted() -> Json {
    let other = ["flag", "list", "path"];
    let wordy = |sort: &Sort| !other.iter().any(|other| sort.types.contains(other));
    let sorts = sorts().into_iter().filter(wordy);
    let alternatives: Vec<Json> = sorts.map(|sort| with_default(sort, false)).collect();
    json!({"description": "an argument of a prompt", "oneOf": alternatives})
}

/// `of = …`: what each item of a list is.
pub(super) fn item() -> Json {
    let single = |sort: &Sort| !sort.types.contains(&"flag") && !sort.types.contains(&"list");
    let alternatives: Vec<Json> = sorts().into_iter().filter(single).map(item_of).collect();
    json!({"description": "an item of a list", "oneOf": alternatives})
}

fn argument_of(sort: Sort) -> Json {
    with_default(sort, true)
}

fn with_default(mut sort: Sort, secret: bool) -> Json {
    let is_flag = sort.types.contains(&"flag");
    let default = about(sort.default.clone(), "the value when the call has none");
    sort.keys.extend([
        ("description", text("for people and models")),
        ("default", default),
        ("requires", texts(REQUIRES)),
        ("conflicts", texts(CONFLICTS)),
    ]);
    if secret && sort.types.contains(&"string") {
        sort.keys.push(("secret", flag(SECRET, false)));
    }
    if !is_flag {
        sort.keys.push(("optional", flag(OPTIONAL, false)));
    }
    item_of(sort)
}

const OPTIONAL: &str = "when the call has none, the whole element is left out, prefix included";
const SECRET: &str = "no audit record and no reason repeats the value, only a keyed digest";
const REQUIRES: &str = "arguments that a call must also give when it gives this one";
const CONFLICTS: &str = "arguments that a call must not give when it gives this one";

fn item_of(mut sort: Sort) -> Json {
    let words = word("which values it takes", sort.types);
    sort.keys.push(("type", words));
    let required: Vec<&str> = ["type"].iter().chain(sort.required).copied().collect();
    table(&sort.types.join(", "), &required, sort.keys)
}

fn sorts() -> Vec<Sort> {
    vec![
        Sort {
            types: &["integer"],
            keys: range(&json!({"type": "integer"})),
            required: &[],
            default: json!({"type": "integer"}),
        },
        Sort {
            types: &["number"],
            keys: range(&json!({"type": "number"})),
            required: &[],
            default: json!({"type": "number"}),
        },
        Sort {
            types: &["string"],
            keys: characters(),
            required: &[],
            default: string(),
        },
        Sort {
            types: &["enum"],
            keys: vec![(
                "values",
                json!({"type": "array", "minItems": 1, "uniqueItems": true, "items": {"type": "string"}, "description": "the words"}),
            )],
            required: &["values"],
            default: string(),
        },
        Sort {
            types: &["flag"],
            keys: vec![(
                "flag",
                json!({"type": "string", "minLength": 1, "description": "the element when true; when false there is none"}),
            )],
            required: &["flag"],
            default: json!({"type": "boolean"}),
        },
        Sort {
            types: &["path"],
            keys: paths(),
            required: &["under"],
            default: string(),
        },
        Sort {
            types: &["duration"],
            keys: quantity(&time(""), "seconds"),
            required: &[],
            default: string(),
        },
        Sort {
            types: &["size"],
            keys: quantity(&size(""), "bytes"),
            required: &[],
            default: string(),
        },
        Sort {
            types: &["host", "ip", "cidr", "user"],
            keys: Vec::new(),
            required: &[],
            default: string(),
        },
        Sort {
            types: &["unit"],
            keys: vec![(
                "suffixes",
                some(json!({"enum": UNITS}), "what the name must end in"),
            )],
            required: &[],
            default: string(),
        },
        Sort {
            types: &["list"],
            keys: list(),
            required: &["of"],
            default: json!({"type": "array", "items": any_value()}),
        },
    ]
}

/// Types of systemd units, systemd.unit(5).
const UNITS: [&str; 11] = [
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];

/// Both bounds, each as `bound`.
fn range(bound: &Json) -> Keys {
    let bound = |words| about(bound.clone(), words);
    vec![
        ("min", bound("smallest value")),
        ("max", bound("largest value")),
    ]
}

fn quantity(bound: &Json, unit: &str) -> Keys {
    let words =
        format!("\"text\": the command gets the text as given; \"{unit}\": the whole number");
    let mut keys = range(bound);
    keys.push(("as", by_default(word(&words, &["text", unit]), "text")));
    keys
}

fn characters() -> Keys {
    let classes = ["alnum", "word", "digits", "printable"];
    vec![
        (
            "max_length",
            by_default(integer("in characters", 1, 16_384), 256),
        ),
        (
            "pattern",
            text("a regular expression that the whole value must match"),
        ),
        (
            "characters",
            word("the only characters, all ASCII", &classes),
        ),
        (
            "leading_dash",
            flag(
                "whether the value may begin with `-` where it is a whole element",
                false,
            ),
        ),
    ]
}

fn paths() -> Keys {
    vec![
        (
            "under",
            some(
                path(),
                "directories; the path must be one of them or beneath one",
            ),
        ),
        (
            "access",
            by_default(
                word("what it may be used for", &["read", "write", "create"]),
                "read",
            ),
        ),
        (
            "kind",
            by_default(
                word("what it must be", &["file", "directory", "any"]),
                "file",
            ),
        ),
        (
            "exists",
            word(
                "whether it must exist; \"must\" unless it is created",
                &["must", "may", "must_not"],
            ),
        ),
    ]
}

fn list() -> Keys {
    vec![
        ("of", json!({"$ref": "#/$defs/item"})),
        ("min_items", by_default(integer("fewest items", 0, 1024), 0)),
        ("max_items", by_default(integer("most items", 1, 1024), 16)),
    ]
}
