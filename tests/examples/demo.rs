//! Mini MCP in one minute: a real MCP client starts `mini-mcp stdio`, without
//! installation and without root, looks at its tools, calls some, is refused, and
//! reads the audit trail. Every step is checked; `tests/demo.sh` runs it.

#![forbid(unsafe_code)]

use anyhow::{Context, Result, ensure};
use harness::binary;
use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::{RoleClient, RunningService};
use serde_json::{Value, json};
use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::process::{Child, Command};

type Client = RunningService<RoleClient, ()>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let scratch = TempDir::with_prefix("mini-mcp-demo-")?;
    let (workspace, audit) = (
        scratch.path().join("project"),
        scratch.path().join("audit.jsonl"),
    );
    fs::create_dir(&workspace)?;
    fs::write(
        workspace.join("notes.txt"),
        "Agents may read this file.\nAnd nothing beside it.\n",
    )?;

    title("An MCP client starts the server in a directory");
    println!(
        "mini-mcp stdio --workspace {} --audit {}",
        workspace.display(),
        audit.display()
    );
    let (client, mut server) = start(&workspace, &audit).await?;

    show_tools(&client).await?;
    show_allowed(&client).await?;
    show_denied(&client).await?;
    show_timeout(&client).await?;

    client.cancel().await?;
    let status = server.wait().await?;
    ensure!(status.success(), "the server ended with {status}");
    show_audit(&audit)?;
    title("Done: every step went as it must");
    Ok(())
}

async fn start(workspace: &Path, audit: &Path) -> Result<(Client, Child)> {
    let mut command = Command::new(binary("mini-mcp"));
    command.arg("stdio").arg("--workspace").arg(workspace);
    command.arg("--audit").arg(audit);
    command.env("RUST_LOG", "error");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = command.spawn().context("cannot start mini-mcp")?;
    let output = server.stdout.take().context("no output")?;
    let input = server.stdin.take().context("no input")?;
    let client = ().serve((output, input)).await.context("cannot begin a session")?;
    Ok((client, server))
}

async fn show_tools(client: &Client) -> Result<()> {
    title("The tools that the embedded policy allows");
    let tools = client.list_all_tools().await?;
    for tool in &tools {
        let description = tool.description.as_deref().unwrap_or_default();
        let first_line = description.lines().next().unwrap_or_default();
        println!("{:16} {first_line}", tool.name);
    }
    ensure!(tools.len() >= 8, "only {} tools", tools.len());
    Ok(())
}

async fn show_allowed(client: &Client) -> Result<()> {
    title("Allowed: the head of a file in the workspace, and which kernel runs here");
    let head = call(client, "file_head", json!({"file": "notes.txt"})).await?;
    ensure!(
        text(&head).contains("Agents may read"),
        "not the file's text"
    );
    ensure!(structure(&head)["exit_code"] == 0, "it did not succeed");
    let kernel = call(client, "kernel", json!({})).await?;
    ensure!(text(&kernel).starts_with("Linux"), "not a kernel's name");
    Ok(())
}

async fn show_denied(client: &Client) -> Result<()> {
    title("Denied: files outside the workspace");
    for (file, code) in [
        ("/etc/shadow", "path_outside"),
        ("../../etc/shadow", "path_invalid"),
    ] {
        let denied = call(client, "file_head", json!({ "file": file })).await?;
        ensure!(denied.is_error == Some(true), "`{file}` was not denied");
        let found = &structure(&denied)["denied"]["code"];
        ensure!(found == code, "denied as {found}, not as {code}");
    }
    Ok(())
}

async fn show_timeout(client: &Client) -> Result<()> {
    title("Stopped: a command that takes longer than its profile allows");
    let stopped = call(client, "wait", json!({"seconds": 30})).await?;
    ensure!(
        structure(&stopped)["timed_out"] == true,
        "it was not stopped"
    );
    ensure!(
        structure(&stopped)["signal"] == "SIGTERM",
        "it was not asked to end"
    );
    Ok(())
}

fn show_audit(audit: &Path) -> Result<()> {
    title("The audit trail, one JSON object a line");
    let text = fs::read_to_string(audit).context("no audit trail")?;
    print!("{text}");
    let lines: Vec<Value> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let count = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    let found = ["open", "start", "end", "deny"].map(count);
    ensure!(found == [1, 3, 3, 2], "unexpected events: {found:?}");
    Ok(())
}

/// Calls a tool and prints what an agent would read.
async fn call(client: &Client, tool: &'static str, arguments: Value) -> Result<CallToolResult> {
    println!("{} {tool} {arguments}", bold(">"));
    let Value::Object(arguments) = arguments else {
        anyhow::bail!("arguments are an object");
    };
    let parameters = CallToolRequestParams::new(tool).with_arguments(arguments);
    let result = client.call_tool(parameters).await?;
    println!("{}", text(&result).trim_end());
    Ok(result)
}

fn text(result: &CallToolResult) -> String {
    let parts = result.content.iter();
    parts
        .filter_map(|part| part.as_text())
        .map(|part| part.text.as_str())
        .collect()
}

fn structure(result: &CallToolResult) -> &Value {
    result.structured_content.as_ref().unwrap_or(&Value::Null)
}

fn title(text: &str) {
    println!("\n{}", bold(text));
}

fn bold(text: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\x1b[1m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
