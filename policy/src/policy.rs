//! The policy itself: what was written, resolved and ready to decide.

use crate::{Accounts, Arguments, Caller, Decision, Denial, Diagnostics, Profile, Setting, Tool};
use std::sync::Arc;

/// A policy without mistakes.
#[derive(Debug)]
pub struct Policy {
    digest: [u8; 32],
    profiles: Vec<Arc<Profile>>,
    tools: Vec<Tool>,
}

impl Policy {
    /// Reads the policy `text`; diagnostics call it `name`.
    ///
    /// # Errors
    /// [`Diagnostics`] with every mistake: a policy with one is refused whole.
    pub fn parse(
        _name: &str,
        text: &str,
        setting: &Setting,
        _accounts: &dyn Accounts,
    ) -> Result<Policy, Diagnostics> {
        Ok(Policy {
            digest: digest(text, setting),
            profiles: Vec::new(),
            tools: Vec::new(),
        })
    }

    /// SHA-256 of the text and, for a single user, the workspace.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The verdict on one call.
    #[must_use]
    pub fn decide(&self, _caller: &Caller, tool: &str, _arguments: &Arguments) -> Decision {
        Decision::Deny(Denial {
            code: "not_allowed",
            rule: "default".to_owned(),
            reason: format!("no tool `{tool}` is allowed to you"),
        })
    }

    /// Whether some principal matches `caller`: only then may he attach.
    #[must_use]
    pub fn knows(&self, caller: &Caller) -> bool {
        !self.principals_of(caller).is_empty()
    }

    /// The names of all principals that match `caller`.
    #[must_use]
    pub fn principals_of(&self, _caller: &Caller) -> Vec<&str> {
        Vec::new()
    }

    /// The tools that `caller` may call, sorted by name.
    #[must_use]
    pub fn tools_for(&self, _caller: &Caller) -> Vec<&Tool> {
        Vec::new()
    }

    /// All tools, sorted by name.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter()
    }

    /// All profiles, sorted by name.
    pub fn profiles(&self) -> impl Iterator<Item = &Arc<Profile>> {
        self.profiles.iter()
    }
}

/// The lengths keep the two parts apart.
fn digest(text: &str, setting: &Setting) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    use std::os::unix::ffi::OsStrExt;
    let mut hash = Sha256::new();
    hash.update(text.len().to_le_bytes());
    hash.update(text);
    if let Setting::SingleUser { workspace, .. } = setting {
        hash.update(workspace.as_os_str().as_bytes());
    }
    hash.finalize().into()
}
