//! Real clients, each on every way that it can take, in every era that it knows: the
//! official ones for Python, TypeScript and Rust, the inspector, and curl.

use anyhow::Result;
use harness::relay::{as_user, to_socket};
use harness::{ALICE, Site, command_as, connect_as, node, python};
use nix::sys::socket::SockType;
use rmcp::model::{CallToolRequestParams, ClientConfig, ProtocolVersion};
use rmcp::service::RunningService;
use rmcp::transport::{IntoTransport, StreamableHttpClientTransport};
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::{Value, json};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Tools with parameters of every kind, for Alice on the socket and for whoever has the
/// key `ci`.
const POLICY: &str = r#"
version = 1
[principal.alice]
unix_users = ["mmtest-alice"]
[principal.ci]
api_key = "ci"
[principal.both]
include = ["alice", "ci"]
[profile.plain]
run_as = "mmtest-run"
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
timeout = "60s"
working_directory = "/usr"
[tool.print]
description = "Prints its arguments"
command = ["/usr/bin/printf", "[%s]\\n", "{first}", "{second}"]
profile = "plain"
allow = ["both"]
[tool.print.args]
first = { type = "string" }
second = { type = "string", default = "default" }
[tool.every]
description = "Has every kind of parameter"
command = ["/usr/bin/echo", "{flag}", "{whole}", "{number}", "{choice}", "{words}", "{where}"]
profile = "plain"
allow = ["both"]
[tool.every.args]
flag = { type = "flag", flag = "--yes" }
whole = { type = "integer", min = 1, max = 9 }
number = { type = "number", optional = true }
choice = { type = "enum", values = ["a", "b"] }
words = { type = "list", of = { type = "string", pattern = "[a-z]+", max_length = 9 }, max_items = 3 }
where = { type = "path", under = ["/usr/share"], kind = "directory" }
"#;

const MODERN: &str = "2026-07-28";
const ERAS: [&str; 3] = ["legacy", "auto", MODERN];

fn site() -> (Site, String) {
    let site = Site::with(POLICY)
        .serving(&["--http", "127.0.0.1:0"])
        .start();
    let key = site.new_key("ci");
    (site, key)
}

fn calls() -> Value {
    json!([["print", {"first": "a b; $(id)"}], ["print", {"first": "-x"}], ["nonsense", {}]])
}

fn url(site: &Site) -> String {
    format!("http://{}/mcp", site.http())
}

fn bridge(site: &Site) -> Value {
    let socket = site.front();
    json!([site.program("mini-mcp"), "connect", "--socket", socket])
}

/// The first call succeeded, the second was denied, the third is of no tool.
#[track_caller]
fn assert_toured(report: &Value, era: &str, structured: &str) {
    let expected = if era == "legacy" {
        "2025-11-25"
    } else {
        MODERN
    };
    assert_eq!(report["protocol"], expected, "{era}: {report}");
    let results = &report["results"];
    let said = &results[0][structured]["stdout"];
    assert_eq!(said, "[a b; $(id)]\n[default]\n", "{report}");
    let denied = &results[1][structured]["denied"]["code"];
    assert_eq!(denied, "leading_dash", "{report}");
    assert_eq!(results[2]["code"], -32602, "{report}");
}

#[test]
fn the_python_client_goes_every_way() {
    let (site, key) = site();
    let socket = site.front();
    let over_socket = json!({"url": "http://localhost/mcp", "socket": socket});
    for link in [
        format!("command:{}", bridge(&site)),
        format!("socket:{}", socket.display()),
        format!("http:{over_socket}"),
        format!("http:{}", json!({"url": url(&site), "key": key})),
    ] {
        for era in ERAS {
            let report = python::run("tour.py", ALICE, &[&link, era, &calls().to_string()]);
            assert_toured(&report, era, "structured");
        }
    }
}

#[test]
fn the_typescript_clients_go_every_way() {
    let (site, key) = site();
    let bridge = bridge(&site);
    let words = bridge.as_array().expect("a list");
    let relayed = format!("http://{}/mcp", to_socket(&site, ALICE));
    for link in [
        json!({"command": words[0], "args": words[1..]}),
        json!({"url": relayed}),
        json!({"url": url(&site), "key": key}),
    ] {
        for (sdk, era) in [
            ("v1", "legacy"),
            ("v2", "legacy"),
            ("v2", "auto"),
            ("v2", MODERN),
        ] {
            let words = [
                ALICE.name,
                sdk,
                &link.to_string(),
                era,
                &calls().to_string(),
            ];
            let report = node::script("tour.mjs", &words);
            assert_eq!(report["tools"], json!(["every", "print"]), "{sdk} {report}");
            assert_toured(&report, era, "structuredContent");
        }
    }
}

/// Its linter finds nothing in any schema, and it calls what it lists.
#[test]
fn the_inspector_takes_every_schema() {
    let (site, key) = site();
    let inspect = |era: &str, words: &[&str]| {
        let mut command =
            node::program("@modelcontextprotocol/inspector/clients/launcher/build/index.js");
        command
            .args(["--cli", "--transport", "http", "--server-url", &url(&site)])
            .args(["--header", &format!("Authorization: Bearer {key}")])
            .args(["--protocol-era", era, "--format", "json"])
            .args(words)
            .env("HOME", site.path(""));
        let output = command.output().expect("node starts");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{era} {words:?}: {error}\n{output:?}"
        );
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    for era in ["legacy", "modern"] {
        let listed = inspect(era, &["--method", "tools/list", "--strict"]);
        assert!(
            listed.to_string().contains("Has every kind of parameter"),
            "{listed}"
        );
        let words = ["--method", "tools/call", "--tool-name", "print"];
        let called = inspect(era, &[&words[..], &["--tool-arg", "first=x"]].concat());
        assert!(called.to_string().contains("[x]"), "{called}");
    }
}

fn lifecycles() -> [ClientLifecycleMode; 3] {
    let preferred = || vec![ProtocolVersion::V_2026_07_28];
    [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover {
            preferred_versions: preferred(),
        },
        ClientLifecycleMode::Auto {
            preferred_versions: preferred(),
            legacy_version: None,
        },
    ]
}

async fn toured<T, E, A>(transport: T, lifecycle: ClientLifecycleMode) -> Result<()>
where
    T: IntoTransport<RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let client: RunningService<RoleClient, ClientConfig> = ClientConfig::default()
        .serve_with_lifecycle(transport, lifecycle)
        .await?;
    let tools = client.list_all_tools().await?;
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    assert_eq!(names, ["every", "print"]);
    let arguments = json!({"first": "x"}).as_object().cloned();
    let call = CallToolRequestParams::new("print").with_arguments(arguments.unwrap_or_default());
    let result = client.call_tool(call).await?;
    let structured = result.structured_content.unwrap_or_default();
    assert_eq!(structured["stdout"], "[x]\n[default]\n");
    client.cancel().await?;
    Ok(())
}

/// As lines and as HTTP.
#[tokio::test]
async fn the_rust_client_goes_both_ways_on_the_socket() -> Result<()> {
    let (site, _) = site();
    let relayed = as_user(&site, ALICE, &site.path("as-alice.sock"));
    let path = relayed.to_str().expect("text");
    for lifecycle in lifecycles() {
        let stream = UnixStream::from(connect_as(ALICE, SockType::Stream, &site.front()));
        stream.set_nonblocking(true)?;
        let stream = tokio::net::UnixStream::from_std(stream)?;
        toured(stream, lifecycle.clone()).await?;
        let http = StreamableHttpClientTransport::from_unix_socket(path, "http://localhost/mcp");
        toured(http, lifecycle).await?;
    }
    Ok(())
}

#[test]
fn curl_calls_on_the_socket() {
    let (site, _) = site();
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "print", "arguments": {"first": "x"}, "_meta": {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": {"name": "curl", "version": "8"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }},
    });
    let mut command = command_as(ALICE, Path::new("/usr/bin/curl"));
    command.args(["--silent", "--show-error", "--fail", "--unix-socket"]);
    command.arg(site.front()).arg("http://localhost/mcp");
    for header in [
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        "MCP-Protocol-Version: 2026-07-28",
        "Mcp-Method: tools/call",
        "Mcp-Name: print",
    ] {
        command.args(["-H", header]);
    }
    let output = command.args(["--data", &message.to_string()]).output();
    let output = output.expect("curl starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains(r#""stdout":"[x]\n[default]\n""#),
        "{output:?}"
    );
}
