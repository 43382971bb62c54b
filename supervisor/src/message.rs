//! From bytes to a JSON-RPC message, or to the error that says what is wrong with them.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, ErrorData, JsonRpcMessage,
    JsonRpcVersion2_0, ListToolsRequest, RequestId,
};
use rmcp::service::RxJsonRpcMessage;
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// The one message that `text` is. Nesting is bounded by the parser.
///
/// # Errors
/// What to answer, JSON-RPC 2.0 section 5.1: no JSON, or no request of the protocol;
/// a batch is none since 2025-06-18.
pub(crate) fn parse(text: &[u8]) -> Result<RxJsonRpcMessage<RoleServer>, ErrorData> {
    if let Some(message) = of_tools(text) {
        return Ok(message);
    }
    any(text).map_err(|error| match error.classify() {
        Category::Data => ErrorData::invalid_request("Invalid request", None),
        Category::Syntax | Category::Eof | Category::Io => {
            ErrorData::parse_error(format!("Parse error: {error}"), None)
        }
    })
}

/// Whatever message it is, as rmcp finds it: by trying one after the other.
fn any(text: &[u8]) -> serde_json::Result<RxJsonRpcMessage<RoleServer>> {
    serde_json::from_slice(text)
}

/// A request and no field beside.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head<'a> {
    #[serde(rename = "jsonrpc")]
    _version: JsonRpcVersion2_0,
    id: RequestId,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(rename = "params")]
    _parameters: Option<IgnoredAny>,
}

/// The parameters of a request for a call. rmcp has all of them copied before it reads them,
/// since for it `_meta` is none of them.
#[derive(Deserialize)]
struct Body {
    params: Named<CallToolRequestParams>,
}

/// What has its fields by name, not by place.
struct Named<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Named(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Named<PhantomData<T>> {
    type Value = Named<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Named)
    }
}

fn call(body: Body) -> CallToolRequest {
    let Named(mut parameters) = body.params;
    let meta = parameters.meta.take();
    let mut request = CallToolRequest::new(parameters);
    if let Some(meta) = meta {
        request.extensions.insert(meta);
    }
    request
}

/// What is asked most, told by its method. Whatever is unusual about it, and what is wrong,
/// is for [`any`].
fn of_tools(text: &[u8]) -> Option<RxJsonRpcMessage<RoleServer>> {
    let head: Head<'_> = serde_json::from_slice(text).ok()?;
    let request: ClientRequest = match &*head.method {
        "tools/call" => call(serde_json::from_slice(text).ok()?).into(),
        "tools/list" => serde_json::from_slice::<ListToolsRequest>(text)
            .ok()?
            .into(),
        _ => return None,
    };
    Some(JsonRpcMessage::request(request, head.id))
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
            (r#"["2.0",1,"tools/call",{"name":"t"}]"#, -32600),
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

    /// Fields of a request and of its parameters.
    const FIELDS: [&str; 16] = [
        r#""jsonrpc":"2.0""#,
        r#""id":1"#,
        r#""id":"x""#,
        r#""id":null"#,
        r#""id":1.0"#,
        r#""id":18446744073709551616"#,
        r#""method":"tools/call""#,
        r#""method":"tools\/list""#,
        r#""params":{"name":"t"}"#,
        r#""params":{"name":"t","arguments":{"a":1,"a":1e2,"b":[18446744073709551616,-0.0,{"c":null}]},"_meta":{"progressToken":7,"x":1}}"#,
        r#""params":{"arguments":[]}"#,
        r#""params":[null,"t",{},null,null]"#,
        r#""params":{"name":"t","name":"u","_meta":null,"requestState":"s","more":1}"#,
        r#""params":null"#,
        r#""result":{}"#,
        r#""other":[]"#,
    ];

    #[test]
    fn a_request_is_the_same_by_its_method_as_by_trying() {
        let shown = |message| format!("{message:?}");
        let (mut read, mut found) = (0, 0);
        for number in 0..1_u32 << FIELDS.len() {
            let some = FIELDS.iter().enumerate();
            let some = some.filter(|(place, _)| number >> place & 1 == 1);
            let some: Vec<&str> = some.map(|(_, field)| *field).collect();
            let text = format!("{{{}}}", some.join(","));
            let tried = any(text.as_bytes()).map(shown).ok();
            read += u32::from(tried.is_some());
            if let Some(message) = of_tools(text.as_bytes()) {
                found += 1;
                assert_eq!(Some(shown(message)), tried, "{text}");
            }
        }
        assert!(found > 10 && read > found, "{found} of {read}");
    }
}
