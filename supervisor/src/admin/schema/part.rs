//! What schemas are put together from.

use serde_json::{Map, Value as Json, json};

/// A time: whole numbers with units, larger ones first.
const TIME: &str = "^([0-9]+d)?([0-9]+h)?([0-9]+min)?([0-9]+s)?([0-9]+ms)?$";

/// `schema`, of which also `key` holds.
pub(super) fn with(schema: Json, key: &str, value: impl Into<Json>) -> Json {
    let mut keywords = match schema {
        Json::Object(keywords) => keywords,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            Map::new()
        }
    };
    keywords.insert(key.to_owned(), value.into());
    Json::Object(keywords)
}

/// `schema` with what it means, which editors show.
pub(super) fn about(schema: Json, words: &str) -> Json {
    with(schema, "description", words)
}

/// `schema` with what holds when the key is not written.
pub(super) fn by_default(schema: Json, default: impl Into<Json>) -> Json {
    with(schema, "default", default)
}

/// Keys with their schemas.
pub(super) type Keys = Vec<(&'static str, Json)>;

/// A table with these `keys` and no others.
pub(super) fn table(words: &str, required: &[&str], keys: Keys) -> Json {
    let keys = keys.into_iter();
    let keys: Map<String, Json> = keys.map(|(key, schema)| (key.to_owned(), schema)).collect();
    let schema = json!({
        "type": "object",
        "description": words,
        "properties": keys,
        "additionalProperties": false,
    });
    match required {
        [] => schema,
        required => with(schema, "required", required),
    }
}

/// A table of `kind`s by names that match `names`.
pub(super) fn named(words: &str, names: &str, kind: &str) -> Json {
    json!({
        "type": "object",
        "description": words,
        "propertyNames": {"pattern": names},
        "additionalProperties": {"$ref": format!("#/$defs/{kind}")},
    })
}

pub(super) fn string() -> Json {
    json!({"type": "string"})
}

pub(super) fn text(words: &str) -> Json {
    json!({"type": "string", "description": words})
}

pub(super) fn texts(words: &str) -> Json {
    json!({"type": "array", "items": {"type": "string"}, "description": words})
}

/// One or more of `items`.
pub(super) fn some(items: Json, words: &str) -> Json {
    let array = json!({"type": "array", "minItems": 1, "description": words});
    with(array, "items", items)
}

/// One of `words`.
pub(super) fn word(about: &str, words: &[&str]) -> Json {
    json!({"enum": words, "description": about})
}

pub(super) fn flag(words: &str, default: bool) -> Json {
    json!({"type": "boolean", "default": default, "description": words})
}

pub(super) fn integer(words: &str, min: u32, max: u32) -> Json {
    json!({"type": "integer", "minimum": min, "maximum": max, "description": words})
}

pub(super) fn time(words: &str) -> Json {
    json!({"type": "string", "minLength": 1, "pattern": TIME, "description": words})
}

pub(super) fn size(words: &str) -> Json {
    json!({"type": "string", "pattern": "^[0-9]+[KMGT]?$", "description": words})
}

/// An absolute path, of a single user perhaps in the workspace.
pub(super) fn path() -> Json {
    json!({"type": "string", "pattern": r"^(/|\$\{workspace\}|\$\{caller\.home\})"})
}

/// A value that some argument takes.
pub(super) fn any_value() -> Json {
    let single = json!(["string", "number", "boolean"]);
    json!({"type": ["string", "number", "boolean", "array"], "items": {"type": single}})
}
