//! What a client can read: the part of the policy that concerns its user, so that a
//! model plans what is possible instead of finding out by denials.

use super::words::described;
use super::{prompt, published};
use policy::{Caller, Policy};
use rmcp::model::{Resource, Tool};

/// Its address.
pub(super) const POLICY: &str = "mini-mcp://policy";

/// Its type.
pub(super) const MARKDOWN: &str = "text/markdown";

/// The resources that there are.
pub(super) fn all() -> Vec<Resource> {
    let about = "Which tools you may call, with which arguments, in which sandbox, and how often";
    let policy = Resource::new(POLICY, "policy")
        .with_title("What the policy allows you")
        .with_description(about)
        .with_mime_type(MARKDOWN);
    vec![policy]
}

/// The part of `policy` that concerns `caller`, whose tools are `tools`.
pub(super) fn own_policy(policy: &Policy, caller: &Caller, tools: &[Tool]) -> String {
    let mut text = "# What the policy allows you\n\n".to_owned();
    let principals = policy.principals_of(caller).join(", ");
    text.push_str(&format!("You are: {principals}\n"));
    for limit in policy.limits_for(caller) {
        text.push_str(&format!("Limits: {limit}\n"));
    }
    text.push_str("\nWhatever is not listed here is denied. There is no shell.\n");
    let owned = policy.tools_for(caller);
    for tool in tools {
        let sandbox = owned.iter().find(|one| one.name() == tool.name);
        let sandbox = sandbox.map_or_else(String::new, |one| one.sandbox());
        let told = described(tool);
        text.push_str(&format!("\n## {told}  Sandbox: {sandbox}\n"));
    }
    text.push_str(&section("Resources", published::described(policy, caller)));
    text.push_str(&section("Prompts", prompt::told(policy, caller)));
    text
}

/// `entries` under a heading, if there are any.
fn section(heading: &str, entries: Vec<String>) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = entries.iter().map(|entry| format!("- {entry}\n")).collect();
    format!("\n# {heading}\n\n{}", lines.concat())
}
