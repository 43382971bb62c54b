//! Arguments from the command line to the types that a tool declares.

use super::options::Pair;
use crate::error::Error;
use policy::{Arguments, Kind, Tool, Value};
use std::collections::BTreeMap;

/// The arguments of a call to `tool`. What cannot be read as its parameter's
/// type stays text, which the decision then refuses as it does a client's.
///
/// # Errors
/// An argument that is given twice and is no list.
pub(super) fn arguments(tool: Option<&Tool>, pairs: &[Pair]) -> Result<Arguments, Error> {
    let mut given: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Pair { key, value } in pairs {
        given.entry(key).or_default().push(value);
    }
    let typed = |(key, texts): (&str, Vec<&str>)| {
        let value = value(kind(tool, key), &texts).ok_or_else(|| Error::Repeated {
            key: key.to_owned(),
        });
        Ok((key.to_owned(), value?))
    };
    given.into_iter().map(typed).collect()
}

fn kind<'a>(tool: Option<&'a Tool>, key: &str) -> Option<&'a Kind> {
    let mut parameters = tool?.parameters().iter();
    let parameter = parameters.find(|parameter| parameter.name() == key)?;
    Some(parameter.kind())
}

fn value(kind: Option<&Kind>, texts: &[&str]) -> Option<Value> {
    match (kind, texts) {
        (Some(Kind::List { of, .. }), items) => {
            let items = items.iter().map(|item| single(Some(of), item));
            Some(Value::List(items.collect()))
        }
        (kind, [text]) => Some(single(kind, text)),
        _ => None,
    }
}

fn single(kind: Option<&Kind>, text: &str) -> Value {
    let whole = || text.parse().ok().map(Value::Integer);
    let number = || text.parse().ok().map(Value::Number);
    let read = match kind {
        Some(Kind::Integer { .. }) => whole(),
        Some(Kind::Number { .. }) => whole().or_else(number),
        Some(Kind::Flag) => text.parse().ok().map(Value::Boolean),
        Some(
            Kind::Text { .. }
            | Kind::Enumeration { .. }
            | Kind::Path { .. }
            | Kind::Duration { .. }
            | Kind::Size { .. }
            | Kind::Host
            | Kind::Ip
            | Kind::Cidr
            | Kind::Unit { .. }
            | Kind::User
            | Kind::List { .. },
        )
        | None => None,
    };
    read.unwrap_or_else(|| Value::Text(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTEGER: Kind = Kind::Integer { min: 0, max: 9 };

    fn list() -> Kind {
        Kind::List {
            of: Box::new(INTEGER),
            min_items: 0,
            max_items: 2,
        }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn values_are_read_as_their_kind() {
        let number = Kind::Number { min: 0.0, max: 9.0 };
        assert_eq!(single(Some(&INTEGER), "-7"), Value::Integer(-7));
        assert_eq!(single(Some(&number), "7"), Value::Integer(7));
        assert_eq!(single(Some(&number), "0.5"), Value::Number(0.5));
        assert_eq!(single(Some(&Kind::Flag), "true"), Value::Boolean(true));
        assert_eq!(single(Some(&Kind::Host), "7"), text("7"));
        assert_eq!(single(None, "7"), text("7"));
    }

    #[test]
    fn what_cannot_be_read_stays_text() {
        assert_eq!(single(Some(&INTEGER), "0.5"), text("0.5"));
        assert_eq!(single(Some(&Kind::Flag), "yes"), text("yes"));
    }

    #[test]
    fn only_a_list_takes_a_key_twice() {
        let items = vec![Value::Integer(1), Value::Integer(2)];
        assert_eq!(value(Some(&list()), &["1", "2"]), Some(Value::List(items)));
        let item = vec![text("x")];
        assert_eq!(value(Some(&list()), &["x"]), Some(Value::List(item)));
        assert_eq!(value(Some(&INTEGER), &["1", "2"]), None);
        assert_eq!(value(None, &["1", "2"]), None);
    }
}
