//! One parameter, one value: what goes into the argument vector, or what is
//! wrong with the value. Defaults go through here too, when the policy loads
//! and again with every call.

mod form;
mod path;
mod text;

use crate::{Kind, Parameter, PathGrant, Value};
use form::{cidr, duration, host, ip, size, unit, user};
use std::path::Path;

/// A value that its parameter takes.
pub(crate) enum Accepted {
    /// One element.
    One(Item),
    /// One element for each item of a list.
    Many(Vec<Item>),
    /// Whether the flag is present.
    Flag(bool),
}

/// One element of the argument vector.
pub(crate) struct Item {
    /// Its text, without the prefix.
    pub(crate) text: String,
    /// The grant of a path.
    pub(crate) path: Option<PathGrant>,
}

impl From<String> for Item {
    fn from(text: String) -> Self {
        Self { text, path: None }
    }
}

/// A value that its parameter does not take.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Stable word, as in [`crate::Denial`].
    pub(crate) code: &'static str,
    /// What is wrong, to stand after the name of the argument.
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
}

/// Where a value is to stand.
pub(crate) struct Place<'a> {
    /// Whether the value is the whole element: then it may not look like an option.
    pub(crate) whole: bool,
    /// Whether it may have several lines.
    pub(crate) lines: bool,
    /// What relative paths are relative to.
    pub(crate) base: &'a Path,
}

/// Checks `value` against `parameter`.
pub(crate) fn accept(
    parameter: &Parameter,
    value: &Value,
    place: &Place<'_>,
) -> Result<Accepted, Fault> {
    match (&parameter.kind, value) {
        (Kind::Flag, Value::Boolean(present)) => Ok(Accepted::Flag(*present)),
        (
            Kind::List {
                of,
                min_items,
                max_items,
            },
            Value::List(items),
        ) => {
            count(items.len(), *min_items, *max_items)?;
            let accepted = items.iter().zip(1..).map(|(item, number)| {
                one(of, item, place).map_err(|fault| {
                    Fault::new(fault.code, format!("(item {number}) {}", fault.reason))
                })
            });
            Ok(Accepted::Many(accepted.collect::<Result<_, _>>()?))
        }
        (kind, value) => one(kind, value, place).map(Accepted::One),
    }
}

/// Checks a value that is one element.
fn one(kind: &Kind, value: &Value, place: &Place<'_>) -> Result<Item, Fault> {
    match (kind, value) {
        (Kind::Integer { min, max }, Value::Integer(number)) => integer(*number, *min, *max),
        (Kind::Number { min, max }, Value::Number(number)) => float(*number, *min, *max),
        #[expect(
            clippy::cast_precision_loss,
            reason = "what is checked is what is written"
        )]
        (Kind::Number { min, max }, Value::Integer(number)) => float(*number as f64, *min, *max),
        (kind, Value::Text(text)) => {
            text::printable(text, place.lines)?;
            from_text(kind, text, place)
        }
        (kind, _) => Err(wrong_type(kind)),
    }
}

/// Checks a text that has no control characters.
fn from_text(kind: &Kind, text: &str, place: &Place<'_>) -> Result<Item, Fault> {
    match kind {
        Kind::Enumeration { values } => text::enumeration(text, values),
        Kind::Text {
            max_length,
            pattern,
            characters,
            leading_dash,
        } => {
            text::length(text, *max_length)?;
            text::characters(text, *characters)?;
            text::matching(text, pattern.as_ref())?;
            text::option(text, place.whole && !leading_dash)?;
            Ok(text.to_owned().into())
        }
        Kind::Path {
            under,
            access,
            kind,
            exists,
        } => {
            text::option(text, place.whole)?;
            path::granted(text, under, (*access, *kind, *exists), place.base)
        }
        Kind::Duration { min, max, seconds } => duration(text, *min, *max, *seconds),
        Kind::Size { min, max, bytes } => size(text, *min, *max, *bytes),
        Kind::Host => host(text),
        Kind::Ip => ip(text),
        Kind::Cidr => cidr(text),
        Kind::Unit { suffixes } => {
            text::option(text, place.whole)?;
            unit(text, suffixes)
        }
        Kind::User => user(text),
        Kind::Integer { .. } | Kind::Number { .. } | Kind::Flag | Kind::List { .. } => {
            Err(wrong_type(kind))
        }
    }
}

fn wrong_type(kind: &Kind) -> Fault {
    let noun = match kind {
        Kind::Integer { .. } => "an integer",
        Kind::Number { .. } => "a number",
        Kind::Flag => "a boolean",
        Kind::List { .. } => "an array",
        Kind::Text { .. }
        | Kind::Enumeration { .. }
        | Kind::Path { .. }
        | Kind::Duration { .. }
        | Kind::Size { .. }
        | Kind::Host
        | Kind::Ip
        | Kind::Cidr
        | Kind::Unit { .. }
        | Kind::User => "a string",
    };
    Fault::new("wrong_type", format!("must be {noun}"))
}

fn count(items: usize, min: usize, max: usize) -> Result<(), Fault> {
    let code = match items {
        _ if items < min => "too_few_items",
        _ if items > max => "too_many_items",
        _ => return Ok(()),
    };
    let reason = format!("has {items} items, which is not between {min} and {max}");
    Err(Fault::new(code, reason))
}

fn integer(number: i64, min: i64, max: i64) -> Result<Item, Fault> {
    if !(min..=max).contains(&number) {
        let reason = format!("is {number}, which is not between {min} and {max}");
        return Err(Fault::new("out_of_range", reason));
    }
    Ok(number.to_string().into())
}

/// `number` in the shortest form that is the same number, which is how Rust
/// writes it; the largest bounds would fill lines.
fn float(number: f64, min: f64, max: f64) -> Result<Item, Fault> {
    let reason = match number {
        _ if !number.is_finite() => "is not a finite number".to_owned(),
        _ if number < min => format!("is {number}, which is below {min}"),
        _ if number > max => format!("is {number}, which is above {max}"),
        // Negative zero is zero, and would look like an option.
        _ if number == 0.0 => return Ok("0".to_owned().into()),
        _ => return Ok(number.to_string().into()),
    };
    Err(Fault::new("out_of_range", reason))
}
