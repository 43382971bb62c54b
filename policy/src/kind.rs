//! Which values an argument takes.

use crate::{Access, Existence, FileKind};
use regex_lite::{Regex, RegexBuilder};
use std::path::PathBuf;
use std::time::Duration;

/// Which values a parameter takes.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A whole number.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A number, whole or not; it stands in the shortest decimal form that
    /// means the same, without exponent.
    Number {
        /// Smallest value, finite.
        min: f64,
        /// Largest value, finite.
        max: f64,
    },
    /// Text without control characters.
    Text {
        /// Most characters (Unicode scalar values).
        max_length: usize,
        /// What the whole value must match.
        pattern: Option<Pattern>,
        /// The only characters it may have.
        characters: Option<Characters>,
        /// Whether it may begin with `-` where it is a whole argument.
        leading_dash: bool,
    },
    /// One of some words.
    Enumeration {
        /// The words, in the order of the policy.
        values: Vec<String>,
    },
    /// Present or absent.
    Flag,
    /// A file or directory; a grant to use just that one.
    Path {
        /// Directories, one of which the path must be beneath.
        under: Vec<PathBuf>,
        /// What it may be used for.
        access: Access,
        /// What it must be.
        kind: FileKind,
        /// Whether it must exist.
        exists: Existence,
    },
    /// A time, such as `10s` or `1h30min`.
    Duration {
        /// Shortest time.
        min: Duration,
        /// Longest time.
        max: Duration,
        /// Whether the command gets the number of seconds, not the text as given.
        seconds: bool,
    },
    /// A number of bytes, such as `64K`.
    Size {
        /// Smallest number.
        min: u64,
        /// Largest number.
        max: u64,
        /// Whether the command gets the number of bytes, not the text as given.
        bytes: bool,
    },
    /// A host name, RFC 1123; never one that programs take for an address.
    Host,
    /// An IPv4 or IPv6 address.
    Ip,
    /// An address and a prefix length, such as `10.0.0.0/8`.
    Cidr,
    /// The name of a systemd unit, systemd.unit(5).
    Unit {
        /// What it must end in, such as `.service`; empty when any type will do.
        suffixes: Vec<String>,
    },
    /// The name of a user, by its syntax alone.
    User,
    /// Some values of one kind, each an element of its own.
    List {
        /// What each item is: neither a flag nor a list.
        of: Box<Kind>,
        /// Fewest items.
        min_items: usize,
        /// Most items.
        max_items: usize,
    },
}

impl Kind {
    /// What a path is for and must be, if it is one.
    pub(crate) fn path(&self) -> Option<(Access, FileKind, Existence)> {
        if let Self::Path {
            access,
            kind,
            exists,
            ..
        } = self
        {
            Some((*access, *kind, *exists))
        } else {
            None
        }
    }

    /// Whether it is a path, or a list of paths.
    pub(crate) fn is_path(&self) -> bool {
        let list = |of: &Self| matches!(of, Self::Path { .. });
        matches!(self, Self::Path { .. }) || matches!(self, Self::List { of, .. } if list(of))
    }
}

/// Classes of characters, all of them ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Characters {
    /// Letters and digits.
    Alnum,
    /// Letters, digits and `_`.
    Word,
    /// Digits.
    Digits,
    /// Everything from the space to `~`.
    Printable,
}

impl Characters {
    /// Whether `c` is one of them.
    #[must_use]
    pub fn hold(self, c: char) -> bool {
        match self {
            Self::Alnum => c.is_ascii_alphanumeric(),
            Self::Word => c.is_ascii_alphanumeric() || c == '_',
            Self::Digits => c.is_ascii_digit(),
            Self::Printable => c == ' ' || c.is_ascii_graphic(),
        }
    }
}

/// Largest compiled expression, in bytes: bounds the time of a match.
const PATTERN_MAX: usize = 256 * 1024;

/// A regular expression that a whole value must match.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// The expression as the policy has it, without the anchors that are implied.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Compiles `text`, to match a whole value.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub(crate) fn new(text: &str) -> Result<Self, regex_lite::Error> {
        // First by itself: `a)|(b` is a mistake, and anchoring would hide it.
        compile(text)?;
        Ok(Self {
            regex: compile(&format!("^(?:{text})$"))?,
            text: text.to_owned(),
        })
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }
}

fn compile(text: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(text).size_limit(PATTERN_MAX).build()
}
