//! `mini-mcp schema`: the policy language as JSON Schema, so that editors
//! complete its keys and underline mistakes. It tells the shape; what the names
//! in a policy refer to, `mini-mcp check` tells. What is printed stands in
//! `packaging/policy.schema.json` too.

mod argument;
mod part;
mod profile;
mod published;

use super::print_json;
use crate::error::Error;
use argument::{argument, item, prompted};
use part::{
    Keys, by_default, flag, integer, named, some, string, table, text, texts, time, with, word,
};
use serde_json::{Value as Json, json};

/// Prints the schema.
pub(crate) fn schema() -> Result<(), Error> {
    print_json(&document())
}

fn document() -> Json {
    let root = vec![
        (
            "version",
            json!({"const": 1, "description": "the version of the language"}),
        ),
        (
            "include",
            texts("packs: files in /usr/share/mini-mcp/policy.d, by name without `.toml`"),
        ),
        (
            "limits",
            table(
                "limits for all calls together",
                &[],
                [limits(), queue()].concat(),
            ),
        ),
        ("approvals", approvals()),
        ("principal", named("who may call", NAME, "principal")),
        ("profile", named("bundles of restrictions", NAME, "profile")),
        ("tool", named("commands that exist", TOOL_NAME, "tool")),
        (
            "resource",
            named("files and directories that may be read", NAME, "resource"),
        ),
        ("prompt", named("texts for agents", NAME, "prompt")),
    ];
    let document = table("who may run which commands", &["version"], root);
    let document = with(document, "$schema", DIALECT);
    let document = with(document, "title", "Mini MCP policy");
    let definitions = json!({
        "principal": principal(),
        "profile": profile::profile(),
        "tool": tool(),
        "argument": argument(),
        "item": item(),
        "resource": published::resource(),
        "prompt": published::prompt(),
        "word": prompted(),
        "example": example(),
    });
    with(document, "$defs", definitions)
}

/// The version of JSON Schema.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Names of principals, profiles and arguments.
const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";

/// Names of tools.
const TOOL_NAME: &str = "^[A-Za-z0-9_.-]{1,128}$";

fn approvals() -> Json {
    let keys = vec![
        (
            "unix_groups",
            some(
                string(),
                "groups: who is in one of them may approve calls, besides root",
            ),
        ),
        (
            "self_approval",
            flag("whether a user may approve calls of his own", false),
        ),
        (
            "timeout",
            by_default(time("how long a call waits for its approval"), "5min"),
        ),
    ];
    table("who approves what `ask` holds back", &[], keys)
}

fn principal() -> Json {
    let keys = vec![
        (
            "unix_users",
            some(string(), "user names: the caller is one of them"),
        ),
        (
            "unix_groups",
            some(
                string(),
                "group names: the caller is in one of them, primary or supplementary",
            ),
        ),
        (
            "uids",
            some(
                json!({"type": "string", "pattern": "^[0-9]+(-[0-9]+)?$"}),
                "ranges such as \"1000-1999\", or one id: the caller's user id is in one of them",
            ),
        ),
        (
            "api_key",
            json!({
                "type": "string",
                "pattern": NAME,
                "description": "name of an API key: the caller has presented it",
            }),
        ),
        (
            "from",
            some(
                string(),
                "networks such as \"10.0.0.0/8\", with `api_key`: the caller connects from one of them",
            ),
        ),
        (
            "clients",
            some(claimed(), "names: the client says that it is one of them"),
        ),
        (
            "client_versions",
            some(
                claimed(),
                "versions, a final `*` stands for anything: the client says that it has one of them",
            ),
        ),
        (
            "include",
            some(
                string(),
                "principals: the caller is one of them, whatever the other keys say",
            ),
        ),
    ];
    let keys = [keys, limits()].concat();
    let about = "who may call: all conditions that are written hold";
    let one = ["unix_users", "unix_groups", "uids", "api_key", "include"];
    let one: Vec<Json> = one.iter().map(|key| json!({"required": [key]})).collect();
    with(table(about, &[], keys), "anyOf", one)
}

fn tool() -> Json {
    let keys = vec![
        (
            "description",
            json!({"type": "string", "pattern": r"\S", "description": "what it does, for people and models"}),
        ),
        (
            "command",
            some(
                string(),
                "the absolute path of the program, then literal text or a placeholder `{name}` with perhaps a fixed prefix",
            ),
        ),
        (
            "stdin",
            json!({
                "type": "string",
                "pattern": r"^\{[A-Za-z0-9_-]{1,64}\}$",
                "description": "`{name}`, the argument that is the standard input: a string, or a path of a file to read",
            }),
        ),
        (
            "working_directory",
            json!({
                "type": "string",
                "pattern": r"^(/|\$\{workspace\}|\$\{caller\.home\}|\{[A-Za-z0-9_-]{1,64}\}$)",
                "description": "where it starts instead of the profile's, a path or `{name}`, an argument that is a path of a directory",
            }),
        ),
        (
            "sha256",
            json!({
                "type": "string",
                "pattern": "^[0-9A-Fa-f]{64}$",
                "description": "digest that the program must have",
            }),
        ),
        ("profile", text("name of the profile that it runs under")),
        ("allow", texts("principals that may call it")),
        (
            "ask",
            texts("principals whose calls an administrator must approve"),
        ),
        (
            "deny",
            texts("principals that may not call it, whatever else they are"),
        ),
        (
            "approval_timeout",
            time(
                "with `ask`: how long a call waits for its approval, instead of that of `[approvals]`",
            ),
        ),
        (
            "queue_timeout",
            time("how long a call waits for a place, instead of that of `[limits]`"),
        ),
        (
            "read_only",
            flag("told to clients as a hint: it changes nothing", false),
        ),
        (
            "background",
            flag(
                "its callers may start it and go on, and look at its output later",
                false,
            ),
        ),
        (
            "outlives_connection",
            flag(
                "in the background it runs on when its caller disconnects; needs `background`",
                false,
            ),
        ),
        ("args", named("its arguments", NAME, "argument")),
        (
            "example",
            json!({
                "type": "array",
                "items": {"$ref": "#/$defs/example"},
                "description": "calls and what is expected of them, checked at every load",
            }),
        ),
    ];
    let keys = [keys, limits()].concat();
    let required = ["description", "command", "profile"];
    let some_rule = json!([{"required": ["allow"]}, {"required": ["ask"]}, {"required": ["deny"]}]);
    with(
        table("a command that can be called", &required, keys),
        "anyOf",
        some_rule,
    )
}

/// What a client may say of itself.
fn claimed() -> Json {
    json!({"type": "string", "minLength": 1, "maxLength": 128})
}

/// How often and how many at once.
fn limits() -> Keys {
    vec![
        (
            "rate",
            json!({
                "type": "string",
                "pattern": "^[0-9]+/([0-9]|d$|h$|min$|s$|ms$)",
                "description": "calls in any window of a time, such as \"60/min\" or \"5/10s\"",
            }),
        ),
        ("concurrency", integer("calls that run at once", 1, 1024)),
        (
            "quota",
            integer("calls a day, which begins at 00:00 UTC", 1, u32::MAX),
        ),
    ]
}

/// How calls wait for a place.
fn queue() -> Keys {
    vec![
        (
            "queue",
            integer(
                "calls that wait for a place, where only a `concurrency` leaves none",
                0,
                128,
            ),
        ),
        (
            "queue_timeout",
            time("how long a call waits for a place; \"0s\" for not at all"),
        ),
    ]
}

fn example() -> Json {
    let keys = vec![
        ("as", text("the caller is this principal")),
        (
            "as_user",
            text("the caller is this Unix user, in his primary group alone"),
        ),
        (
            "as_key",
            text("the caller has presented this API key, and no Unix user"),
        ),
        (
            "from",
            text("with `as_key`: the address that he connects from, else 127.0.0.1"),
        ),
        (
            "client",
            text("what his client says of itself, NAME or NAME/VERSION"),
        ),
        (
            "args",
            json!({
                "type": "object",
                "additionalProperties": part::any_value(),
                "description": "the arguments of the call",
            }),
        ),
        (
            "expect",
            word("how it is decided", &["allow", "ask", "deny"]),
        ),
        (
            "code",
            text("with \"deny\": the code of the denial, such as `path_outside`"),
        ),
        (
            "argv",
            texts("with \"allow\": the whole argument vector, program included"),
        ),
    ];
    let one_caller =
        json!([{"required": ["as"]}, {"required": ["as_user"]}, {"required": ["as_key"]}]);
    with(
        table("a call whose decision is expected", &["expect"], keys),
        "oneOf",
        one_caller,
    )
}
