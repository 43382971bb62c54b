//! `mini-mcp tools`: the tools of one user, as his agent sees them. They are
//! told from what `tools/list` answers, not from the policy again.

use super::options::Tools;
use super::{print, print_json, reading};
use crate::error::Error;
use crate::front::{Front, described};
use crate::sanitize::harmless;
use serde_json::json;
use std::io::{self, Write};

/// Lists the tools.
pub(crate) fn tools(options: &Tools) -> Result<(), Error> {
    let (policy, caller) = (reading::policy(&options.view)?, options.view.caller()?);
    let tools = Front::tools_shown(&policy, &caller);
    if options.view.json {
        return print_json(&json!(tools));
    }
    let mut text: Vec<String> = tools.iter().map(described).collect();
    let beside = Front::told_beside(&policy, &caller);
    text.extend((!beside.is_empty()).then_some(beside));
    print(&harmless(text.join("\n").as_bytes()))?;
    if tools.is_empty() {
        let reason = match policy.knows(&caller.proof) {
            true => "no tool is allowed to this user",
            false => "this user is no principal of the policy and may not attach",
        };
        // An empty list says nearly the same.
        let _ = writeln!(io::stderr(), "{reason}");
    }
    Ok(())
}
