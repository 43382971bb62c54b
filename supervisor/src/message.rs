//! From bytes to a JSON-RPC message, or to the error that says what is wrong with them.

use rmcp::RoleServer;
use rmcp::model::ErrorData;
use rmcp::service::RxJsonRpcMessage;
use serde_json::error::Category;

/// The one message that `text` is. Nesting is bounded by the parser.
///
/// # Errors
/// What to answer, JSON-RPC 2.0 section 5.1: no JSON, or no request of the protocol;
/// a batch is none since 2025-06-18.
pub(crate) fn parse(text: &[u8]) -> Result<RxJsonRpcMessage<RoleServer>, ErrorData> {
    serde_json::from_slice(text).map_err(|error| match error.classify() {
        Category::Data => ErrorData::invalid_request("Invalid request", None),
        Category::Syntax | Category::Eof | Category::Io => {
            ErrorData::parse_error(format!("Parse error: {error}"), None)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_by_its_code() {
        let deep = "[".repeat(100_000);
        for (text, code) in [
            ("", -32700),
            ("{nonsense", -32700),
            (&deep, -32700),
            (r#"{"jsonrpc":"2.0","id":1e999,"method":"ping"}"#, -32700),
            ("[]", -32600),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32600),
        ] {
            assert_eq!(
                parse(text.as_bytes()).unwrap_err().code.0,
                code,
                "{text:.40}"
            );
        }
        assert!(parse(br#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#).is_ok());
    }
}
