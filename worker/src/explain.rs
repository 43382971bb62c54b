//! Prints an error with its causes.

use std::error::Error;

/// The error and its causes on one line, then their hints, a line each.
pub(crate) fn explain(error: &dyn Error) -> String {
    let (mut causes, mut hints) = (Vec::new(), String::new());
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        match text.split_once("\nhint: ") {
            Some((cause, hint)) => {
                causes.push(cause.to_owned());
                hints.push_str("\nhint: ");
                hints.push_str(hint);
            }
            None => causes.push(text),
        }
        next = error.source();
    }
    causes.join(": ") + &hints
}

#[cfg(test)]
mod tests {
    use super::*;
    use thiserror::Error;

    #[derive(Debug, Error)]
    #[error("cannot eat soup\nhint: use a spoon")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn hints_follow_all_causes() {
        let error = Outer(std::io::Error::other("too hot"));
        assert_eq!(
            explain(&error),
            "cannot eat soup: too hot\nhint: use a spoon"
        );
    }
}
