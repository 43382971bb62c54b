//! As much of JSON Schema 2020-12 as the schema of the policy language uses.

use regex_lite::Regex;
use serde_json::{Map, Value as Json};

/// Whether `value` conforms to `schema`, a part of the document `root`.
///
/// # Panics
/// At a keyword that is not known here.
pub(crate) fn conforms(root: &Json, schema: &Json, value: &Json) -> bool {
    let keywords = schema.as_object().unwrap();
    let mut keywords = keywords.iter();
    keywords.all(|(keyword, operand)| keeps(root, (keyword, operand), schema, value))
}

fn keeps(root: &Json, (keyword, operand): (&str, &Json), schema: &Json, value: &Json) -> bool {
    let all = |schemas: &Json| -> Vec<bool> {
        let schemas = schemas.as_array().unwrap().iter();
        schemas
            .map(|schema| conforms(root, schema, value))
            .collect()
    };
    match keyword {
        "$schema" | "title" | "description" | "default" | "$defs" => true,
        "$ref" => {
            let pointer = operand.as_str().unwrap().strip_prefix('#').unwrap();
            conforms(root, root.pointer(pointer).unwrap(), value)
        }
        "type" => is_one_of(operand, value),
        "const" => operand == value,
        "enum" => operand.as_array().unwrap().contains(value),
        "oneOf" => all(operand).iter().filter(|fits| **fits).count() == 1,
        "anyOf" => all(operand).contains(&true),
        "properties" | "required" | "additionalProperties" | "propertyNames" | "minProperties" => {
            value
                .as_object()
                .is_none_or(|table| holds(root, (keyword, operand), schema, table))
        }
        "items" | "minItems" | "uniqueItems" => value
            .as_array()
            .is_none_or(|items| lists(root, (keyword, operand), items)),
        "minimum" => value
            .as_f64()
            .is_none_or(|number| number >= operand.as_f64().unwrap()),
        "maximum" => value
            .as_f64()
            .is_none_or(|number| number <= operand.as_f64().unwrap()),
        "minLength" => value
            .as_str()
            .is_none_or(|text| text.chars().count() >= size(operand)),
        "maxLength" => value
            .as_str()
            .is_none_or(|text| text.chars().count() <= size(operand)),
        "pattern" => value.as_str().is_none_or(|text| matches(operand, text)),
        unknown => panic!("`{unknown}` is not known here"),
    }
}

fn size(operand: &Json) -> usize {
    usize::try_from(operand.as_u64().unwrap()).unwrap()
}

fn matches(pattern: &Json, text: &str) -> bool {
    Regex::new(pattern.as_str().unwrap())
        .unwrap()
        .is_match(text)
}

fn is_one_of(types: &Json, value: &Json) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        unknown => panic!("`{unknown}` is no type"),
    };
    match types.as_array() {
        Some(types) => types.iter().any(|name| is(name.as_str().unwrap())),
        None => is(types.as_str().unwrap()),
    }
}

fn lists(root: &Json, (keyword, operand): (&str, &Json), items: &[Json]) -> bool {
    match keyword {
        "items" => items.iter().all(|item| conforms(root, operand, item)),
        "minItems" => items.len() >= size(operand),
        _ => items
            .iter()
            .enumerate()
            .all(|(at, item)| !items[..at].contains(item)),
    }
}

fn holds(
    root: &Json,
    (keyword, operand): (&str, &Json),
    schema: &Json,
    table: &Map<String, Json>,
) -> bool {
    let known = schema.get("properties").and_then(Json::as_object);
    let is_known = |key: &str| known.is_some_and(|known| known.contains_key(key));
    let mut entries = table.iter();
    match keyword {
        "properties" => entries.all(|(key, value)| {
            let schema = operand.get(key);
            schema.is_none_or(|schema| conforms(root, schema, value))
        }),
        "additionalProperties" if operand == false => entries.all(|(key, _)| is_known(key)),
        "additionalProperties" => {
            entries.all(|(key, value)| is_known(key) || conforms(root, operand, value))
        }
        "propertyNames" => entries.all(|(key, _)| conforms(root, operand, &key.as_str().into())),
        "minProperties" => table.len() >= size(operand),
        _ => {
            let mut keys = operand.as_array().unwrap().iter();
            keys.all(|key| table.contains_key(key.as_str().unwrap()))
        }
    }
}
