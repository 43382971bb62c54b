//! How much there is, in words.

use policy::Policy;

/// What a policy has, such as `1 tool, 2 profiles, 1 principal`.
pub(crate) fn summary(policy: &Policy) -> String {
    let mut parts = vec![
        count(policy.tools().count(), "tool"),
        count(policy.profiles().count(), "profile"),
        count(policy.principal_names().count(), "principal"),
    ];
    let published = [
        (policy.resources().count(), "resource"),
        (policy.prompts().count(), "prompt"),
    ];
    let some = published.into_iter().filter(|(number, _)| *number > 0);
    parts.extend(some.map(|(number, noun)| count(number, noun)));
    if !policy.lints().is_empty() {
        parts.push(count(policy.lints().len(), "warning"));
    }
    parts.join(", ")
}

/// `number` of what `noun` names.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(count(0, "tool"), "0 tools");
        assert_eq!(count(1, "tool"), "1 tool");
    }
}
