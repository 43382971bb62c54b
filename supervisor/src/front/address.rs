//! Addresses of what the policy publishes: `mini-mcp://resource/NAME/PATH?offset=N`.

use crate::sanitize::harmless_word;
use rmcp::model::ErrorData;
use serde_json::json;

/// What they begin with.
pub(super) const SCHEME: &str = "mini-mcp://resource/";

/// Longest address that an answer repeats, in bytes.
pub(super) const URI_MAX: usize = 256;

/// Where something is published.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Name of the resource.
    pub(super) name: String,
    /// What is meant beneath a directory; ends with `/` for a list.
    pub(super) path: Option<String>,
    /// How many bytes are passed over.
    pub(super) offset: i64,
}

impl Address {
    /// What `uri` says, if it is the address of something published.
    pub(super) fn of(uri: &str) -> Option<Result<Self, ErrorData>> {
        let rest = uri.strip_prefix(SCHEME)?;
        let address = Self::parse(rest);
        Some(address.ok_or_else(|| {
            let data = json!({"uri": harmless_word(uri, URI_MAX)});
            ErrorData::invalid_params("Not the address of a resource", Some(data))
        }))
    }

    fn parse(rest: &str) -> Option<Self> {
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (name, path) = match rest.split_once('/') {
            Some((name, path)) => (name, Some(decoded(path)?)),
            None => (rest, None),
        };
        Some(Self {
            name: name.to_owned(),
            path,
            offset: query.map_or(Some(0), offset)?,
        })
    }

    /// The same, from `offset` on.
    pub(super) fn from(&self, offset: u64) -> String {
        let path = self.path.as_deref().map(encoded);
        let path = path.map_or_else(String::new, |path| format!("/{path}"));
        format!("{SCHEME}{}{path}?offset={offset}", self.name)
    }
}

/// The only thing that a query says.
fn offset(query: &str) -> Option<i64> {
    let digits = query.strip_prefix("offset=")?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

/// `text` without percent-encoding, RFC 3986; `None` when it is no UTF-8 then.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('%') {
        bytes.extend(plain.bytes());
        let (digits, after) = after.split_at_checked(2)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| plain)?);
        rest = after;
    }
    bytes.extend(rest.bytes());
    String::from_utf8(bytes).ok()
}

/// `path` with everything encoded that has a meaning in an address.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// The template or the address `uri` of a directory, by the name of its resource.
pub(super) fn name_in(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix(SCHEME)?;
    Some(
        rest.split_once(['/', '?', '{'])
            .map_or(rest, |(name, _)| name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(uri: &str) -> Option<Address> {
        Address::of(uri)?.ok()
    }

    #[test]
    fn addresses_are_read_and_written_alike() {
        let whole = address("mini-mcp://resource/logs/a%20b/%C3%A4?offset=70").unwrap();
        assert_eq!(whole.name, "logs");
        assert_eq!(whole.path.as_deref(), Some("a b/ä"));
        assert_eq!(whole.offset, 70);
        assert_eq!(
            whole.from(9),
            "mini-mcp://resource/logs/a%20b/%C3%A4?offset=9"
        );
        let file = address("mini-mcp://resource/motd").unwrap();
        assert_eq!((file.path.as_deref(), file.offset), (None, 0));
        assert_eq!(file.from(5), "mini-mcp://resource/motd?offset=5");
    }

    #[test]
    fn anything_else_is_no_address() {
        assert_eq!(Address::of("mini-mcp://policy"), None);
        for end in [
            "x?offset=-1",
            "x?offset=",
            "x?o=1",
            "x/%",
            "x/%4",
            "x/%zz",
            "x/%ff",
            "x/%+1",
        ] {
            assert_eq!(address(&format!("{SCHEME}{end}")), None, "{end}");
        }
    }
}
