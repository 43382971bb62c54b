//! What a client can read: the part of the policy that concerns its user, so that a
//! model plans what is possible instead of finding out by denials.

use super::words::described;
use super::{Front, prompt, published};
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
    let beside = beside(policy, caller);
    let start = if beside.is_empty() { "" } else { "\n" };
    text + start + &beside
}

/// What `caller` has beside tools.
fn beside(policy: &Policy, caller: &Caller) -> String {
    let sections = [
        section("Resources", &published::described(policy, caller)),
        section("Prompts", &prompt::told(policy, caller)),
    ];
    sections
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n")
}

impl Front {
    /// The resources and prompts that `caller` is shown under `policy`, in words.
    pub(crate) fn told_beside(policy: &Policy, caller: &Caller) -> String {
        beside(policy, caller)
    }
}

/// `entries` under a heading, if there are any.
fn section(heading: &str, entries: &[String]) -> Option<String> {
    if entries.is_empty() {
        return None;
    }
    let lines: Vec<String> = entries.iter().map(|entry| format!("- {entry}\n")).collect();
    Some(format!("# {heading}\n\n{}", lines.concat()))
}
