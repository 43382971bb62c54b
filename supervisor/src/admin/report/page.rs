//! The page: markup, style, script and data in one file.
//!
//! Its content security policy allows this very style and this very script, by their
//! digests, and nothing else: whatever got into the data could not run, nor load or
//! send anything.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page that shows `data`.
pub(super) fn page(data: &Json) -> String {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    );
    // What is put in first may hold no mark of what comes later: the data last.
    PAGE.replacen("@policy@", &policy, 1)
        .replacen("@style@", STYLE, 1)
        .replacen("@script@", SCRIPT, 1)
        .replacen("@data@", &embedded(data), 1)
}

/// JSON that ends no element and begins none, whatever stands in it.
fn embedded(data: &Json) -> String {
    data.to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// As a content security policy names a source, W3C Content Security Policy 3, 2.3.1.
fn digest(source: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(source)))
}

/// RFC 4648, 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let bits = (0..3).fold(0, |bits, index| {
            bits << 8 | u32::from(group.get(index).copied().unwrap_or_default())
        });
        let letter = move |index: usize| match LETTERS.get((bits >> (18 - 6 * index)) as usize & 63)
        {
            Some(letter) if index <= group.len() => char::from(*letter),
            _ => '=',
        };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn base64_agrees_with_the_rfc() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
            (b"fooba", "Zm9vYmE="),
            (b"foobar", "Zm9vYmFy"),
            (&[0xff, 0xef, 0xbe], "/+++"),
        ] {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn data_cannot_leave_its_element() {
        let hostile = "</script><script>@style@<!--&lt;\u{2028}";
        let page = page(&json!({ hostile: hostile }));
        assert_eq!(page.matches("</script>").count(), 2);
        assert_eq!(page.matches("<script").count(), 2);
        assert!(!page.contains("<!--"));
        let data = page.split(r#"id="data">"#).nth(1).unwrap();
        let data = data.split("</script>").next().unwrap();
        let data: Json = serde_json::from_str(data).unwrap();
        assert_eq!(data, json!({ hostile: hostile }));
    }
}
