//! Prompts as clients see them: runbooks of the policy.

use super::arguments::typed_at;
use super::schema::{property, title};
use super::words::parameter;
use crate::sanitize::{harmless, harmless_word};
use policy::{Caller, Policy};
use rmcp::model::{
    ErrorData, GetPromptRequestParams, GetPromptResult, Prompt, PromptArgument, PromptMessage, Role,
};
use serde_json::json;
use wire::Denial;

/// The prompts of `caller`.
pub(super) fn listed(policy: &Policy, caller: &Caller) -> Vec<Prompt> {
    policy.prompts_for(caller).map(described).collect()
}

/// The prompts of `caller`, each in words.
pub(super) fn told(policy: &Policy, caller: &Caller) -> Vec<String> {
    let told = policy.prompts_for(caller).map(|one| {
        let about = one.description().trim_end().replace('\n', " ");
        format!("{}: {about}", one.name())
    });
    told.collect()
}

fn described(prompt: &policy::Prompt) -> Prompt {
    let arguments = prompt.parameters().iter().map(|one| {
        // The schema tells which values it takes; a prompt has only words for that.
        let words = parameter(&property(one), one.required());
        PromptArgument::new(one.name())
            .with_title(title(one.name()))
            .with_description(words)
            .with_required(one.required())
    });
    let arguments: Vec<_> = arguments.collect();
    let written = prompt.title().map(str::to_owned);
    let shown = written.unwrap_or_else(|| title(prompt.name()));
    let arguments = (!arguments.is_empty()).then_some(arguments);
    Prompt::new(prompt.name(), Some(prompt.description()), arguments).with_title(shown)
}

/// The text of a prompt.
pub(super) fn composed(
    policy: &Policy,
    caller: &Caller,
    request: GetPromptRequestParams,
) -> Result<GetPromptResult, ErrorData> {
    let given = request.arguments.unwrap_or_default();
    let place = format!("prompt.{}", request.name);
    let composed = typed_at(&place, given).and_then(|arguments| {
        let composed = policy.compose(caller, &request.name, &arguments);
        composed.map_err(|denial| Denial {
            code: denial.code.to_owned(),
            rule: denial.rule,
            reason: denial.reason,
        })
    });
    let (prompt, text) = composed.map_err(|denial| refused(&request.name, &denial))?;
    let message = PromptMessage::new_text(Role::User, text);
    Ok(GetPromptResult::new(vec![message]).with_description(prompt.description()))
}

/// A prompt that does not exist and one that is not for this caller look alike.
fn refused(name: &str, denial: &Denial) -> ErrorData {
    let (rule, reason) = (
        harmless(denial.rule.as_bytes()),
        harmless(denial.reason.as_bytes()),
    );
    let name = harmless_word(name, 64);
    let words = match denial.code.as_str() {
        "not_allowed" => format!("Unknown prompt: {name}"),
        code => format!("denied [{code}] {rule}: {reason}"),
    };
    let data = json!({"code": denial.code, "rule": rule, "reason": reason});
    ErrorData::invalid_params(words, Some(data))
}
