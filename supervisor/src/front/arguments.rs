//! Arguments from JSON to the types that a policy knows.

use crate::sanitize::harmless_word;
use policy::{Arguments, Value};
use rmcp::model::JsonObject;
use serde_json::{Number, Value as Json};
use wire::Denial;

/// Longest part of an argument's name that is repeated, in bytes.
const NAME_MAX: usize = 64;

/// Largest magnitude below which every whole number has a float of its own.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The arguments of a call to `tool`.
///
/// # Errors
/// The denial for a value that no parameter takes: null, an object, or a list of
/// anything but single values.
pub(crate) fn typed(tool: &str, object: JsonObject) -> Result<Arguments, Denial> {
    typed_at(&format!("tool.{tool}"), object)
}

/// The same for what the table `place` of the policy takes.
///
/// # Errors
/// As of [`typed`].
pub(super) fn typed_at(place: &str, object: JsonObject) -> Result<Arguments, Denial> {
    let typed_one = |(name, json): (String, Json)| match value(json) {
        Ok(value) => Ok((name, value)),
        Err(what) => Err(wrong_type(place, &name, what)),
    };
    object.into_iter().map(typed_one).collect()
}

fn value(json: Json) -> Result<Value, &'static str> {
    if let Json::Array(items) = json {
        let items: Result<_, _> = items.into_iter().map(scalar).collect();
        return items.map(Value::List);
    }
    scalar(json)
}

fn scalar(json: Json) -> Result<Value, &'static str> {
    match json {
        Json::Bool(flag) => Ok(Value::Boolean(flag)),
        Json::Number(given) => number(&given),
        Json::String(text) => Ok(Value::Text(text)),
        Json::Null => Err("null"),
        Json::Array(_) => Err("a list in a list"),
        Json::Object(_) => Err("an object"),
    }
}

/// JSON has no integers: 5.0 is one, as JSON Schema has it.
fn number(given: &Number) -> Result<Value, &'static str> {
    if let Some(whole) = given.as_i64() {
        return Ok(Value::Integer(whole));
    }
    match given.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
        Some(float) if float.fract() == 0.0 && float.abs() <= EXACT_MAX => {
            Ok(Value::Integer(float as i64))
        }
        Some(float) if float.is_finite() => Ok(Value::Number(float)),
        _ => Err("a number out of range"),
    }
}

fn wrong_type(place: &str, parameter: &str, what: &str) -> Denial {
    Denial {
        code: "wrong_type".to_owned(),
        // The name is the client's.
        rule: format!("{place}.args.{}", harmless_word(parameter, NAME_MAX)),
        reason: format!("{what} is not a value that any argument takes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn typed_json(json: Json) -> Result<Arguments, Denial> {
        let Json::Object(object) = json else {
            panic!("arguments are an object");
        };
        typed("t", object)
    }

    #[test]
    fn plain_types_pass() {
        let got = typed_json(json!({"a": true, "b": -7, "c": "x", "d": 5.0})).unwrap();
        let wanted = Arguments::from([
            ("a".to_owned(), Value::Boolean(true)),
            ("b".to_owned(), Value::Integer(-7)),
            ("c".to_owned(), Value::Text("x".to_owned())),
            ("d".to_owned(), Value::Integer(5)),
        ]);
        assert_eq!(got, wanted);
    }

    #[test]
    fn the_whole_range_of_integers_passes() {
        let got = typed_json(json!({"min": i64::MIN, "max": i64::MAX})).unwrap();
        assert_eq!(got["min"], Value::Integer(i64::MIN));
        assert_eq!(got["max"], Value::Integer(i64::MAX));
    }

    #[test]
    fn other_numbers_and_lists_pass() {
        let got =
            typed_json(json!({"half": 0.5, "huge": u64::MAX, "list": [1, "x", 0.5]})).unwrap();
        assert_eq!(got["half"], Value::Number(0.5));
        assert_eq!(got["huge"], Value::Number(18_446_744_073_709_551_615.0));
        let items = vec![
            Value::Integer(1),
            Value::Text("x".to_owned()),
            Value::Number(0.5),
        ];
        assert_eq!(got["list"], Value::List(items));
    }

    #[test]
    fn everything_else_is_of_the_wrong_type() {
        for json in [json!(null), json!([[1]]), json!([null]), json!({"a": 1})] {
            let denial = typed_json(json!({ "x": json })).unwrap_err();
            assert_eq!(denial.code, "wrong_type", "{json}");
            assert_eq!(denial.rule, "tool.t.args.x", "{json}");
        }
    }
}
