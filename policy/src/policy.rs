//! The policy itself: what was written, resolved and ready to decide.

use crate::decide::decide;
use crate::explain::explain;
use crate::principal::Principal;
use crate::source::Files;
use crate::{
    Accounts, Approvals, Arguments, Caller, Decision, Denial, Diagnostic, Diagnostics, Examined,
    Explanation, Limit, Limits, Profile, Prompt, Proof, Queue, Resource, Scope, Setting, Source,
    Tool,
};
use crate::{prompt, read, resource};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

/// A policy without mistakes.
#[derive(Debug)]
pub struct Policy {
    digest: [u8; 32],
    pub(crate) setting: Setting,
    principals: Vec<Arc<Principal>>,
    /// Those of `principals` that have limits.
    limited: Vec<Arc<Principal>>,
    /// For all calls together.
    pub(crate) limits: Limits,
    pub(crate) queue: Queue,
    pub(crate) approvals: Approvals,
    profiles: Vec<Arc<Profile>>,
    tools: Vec<Tool>,
    /// Indices of `tools`.
    by_name: HashMap<String, usize>,
    /// By name, as are `prompts`.
    resources: Vec<Resource>,
    prompts: Vec<Prompt>,
    lints: Vec<Diagnostic>,
    files: Files,
}

impl Policy {
    /// Reads the policy `text`; diagnostics call it `name`.
    ///
    /// # Errors
    /// [`Diagnostics`] with every mistake: a policy with one is refused whole.
    pub fn parse(
        name: &str,
        text: &str,
        setting: &Setting,
        accounts: &dyn Accounts,
    ) -> Result<Policy, Diagnostics> {
        Self::parse_files(&[Source::new(name, text)], setting, accounts)
    }

    /// Reads the policy whose files are `sources`, each with a `version`. Their
    /// order means nothing but for the digest; a name that two of them define is
    /// a mistake. Without any file nothing is allowed to anybody.
    ///
    /// # Errors
    /// [`Diagnostics`] with every mistake: a policy with one is refused whole.
    pub fn parse_files(
        sources: &[Source<'_>],
        setting: &Setting,
        accounts: &dyn Accounts,
    ) -> Result<Policy, Diagnostics> {
        read::policy(sources, setting, accounts)
    }

    /// Decides every example in the policy that [`Policy::parse_files`] would
    /// read, in the order of the text: also those by which it is refused.
    ///
    /// # Errors
    /// [`Diagnostics`] with every mistake but those examples: no example of a
    /// policy with one is decided.
    pub fn examine(
        sources: &[Source<'_>],
        setting: &Setting,
        accounts: &dyn Accounts,
    ) -> Result<Vec<Examined>, Diagnostics> {
        read::examples(sources, setting, accounts)
    }

    pub(crate) fn new(
        sources: &[Source<'_>],
        setting: &Setting,
        principals: Vec<Arc<Principal>>,
        profiles: Vec<Arc<Profile>>,
        mut tools: Vec<Tool>,
    ) -> Self {
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        let limited = principals.iter().filter(|one| !one.limits.are_none());
        let names = tools.iter().map(|tool| tool.name.clone());
        Self {
            digest: digest(sources, setting),
            setting: setting.clone(),
            limited: limited.cloned().collect(),
            limits: Limits::default(),
            queue: Queue::default(),
            approvals: Approvals::default(),
            principals,
            profiles,
            by_name: names.zip(0..).collect(),
            tools,
            resources: Vec::new(),
            prompts: Vec::new(),
            lints: Vec::new(),
            files: Files::new(sources),
        }
    }

    pub(crate) fn with_limits(self, limits: Limits, queue: Queue) -> Self {
        Self {
            limits,
            queue,
            ..self
        }
    }

    pub(crate) fn with_approvals(self, approvals: Approvals) -> Self {
        Self { approvals, ..self }
    }

    pub(crate) fn with_publications(
        self,
        mut resources: Vec<Resource>,
        mut prompts: Vec<Prompt>,
    ) -> Self {
        resources.sort_by(|a, b| a.name.cmp(&b.name));
        prompts.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            resources,
            prompts,
            ..self
        }
    }

    pub(crate) fn with_lints(self, lints: Vec<Diagnostic>) -> Self {
        Self { lints, ..self }
    }

    /// What is allowed but unwise in it, file by file in the order of the text;
    /// at most 1000.
    #[must_use]
    pub fn lints(&self) -> &[Diagnostic] {
        &self.lints
    }

    /// SHA-256 over the text and, for a single user, the workspace. Of several
    /// files, over all names and texts in their order, but not over the directories
    /// they are in.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The verdict on one call: deny, unless a rule allows it. `tool` is the name of a
    /// tool, or of a command that reads a resource or completes a prompt.
    #[must_use]
    pub fn decide(&self, caller: &Caller, tool: &str, arguments: &Arguments) -> Decision {
        decide(self, caller, tool, arguments)
    }

    /// Why [`Policy::decide`] decides a call as it does, for administrators: a
    /// caller would learn which tools others have.
    #[must_use]
    pub fn explain(&self, caller: &Caller, tool: &str, arguments: &Arguments) -> Explanation {
        explain(self, caller, tool, arguments)
    }

    /// Whether a caller with this proof is some principal, whatever his client may
    /// say of itself later: only then may he attach.
    #[must_use]
    pub fn knows(&self, proof: &Proof) -> bool {
        let mut principals = self.principals.iter();
        principals.any(|principal| principal.may_match(proof))
    }

    /// The names of all principals that match `caller`, sorted.
    #[must_use]
    pub fn principals_of(&self, caller: &Caller) -> Vec<&str> {
        let matching = self
            .principals
            .iter()
            .filter(|principal| principal.matches(caller));
        matching.map(|principal| principal.name.as_str()).collect()
    }

    /// The tools that `caller` may call or ask to call, sorted by name; owned are
    /// those that no other caller has like this.
    #[must_use]
    pub fn tools_for(&self, caller: &Caller) -> Vec<Cow<'_, Tool>> {
        let shown = self.tools().filter(|tool| tool.is_shown_to(caller));
        // What cannot be filled in is denied when it is called, with the reason.
        let own = |tool| Tool::for_caller(tool, caller).unwrap_or(Cow::Borrowed(tool));
        shown.map(own).collect()
    }

    /// Whether `${caller.…}` stands anywhere, so that [`crate::Peer::login`] is
    /// needed.
    #[must_use]
    pub fn names_callers(&self) -> bool {
        let own = self.commands_of_its_own();
        self.tools.iter().chain(own).any(|tool| tool.names_caller)
    }

    /// The commands that are no tools: what reads resources and completes prompts.
    pub fn commands_of_its_own(&self) -> impl Iterator<Item = &Tool> {
        let reading = self.resources.iter().flat_map(Resource::commands);
        let completing = self.prompts.iter().flat_map(Prompt::commands);
        reading.chain(completing)
    }

    /// What [`Policy::decide`] decides by the name `name`: a tool, or another command.
    #[must_use]
    pub fn command(&self, name: &str) -> Option<&Tool> {
        if let Some(rest) = name.strip_prefix(resource::PREFIX) {
            let (name, _) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let (_, end) = rest.split_at(name.len());
            self.resource(name)?.command(end)
        } else if let Some(rest) = name.strip_prefix(prompt::PREFIX) {
            let (name, what) = rest.split_once('/')?;
            self.prompt(name)?.command(what)
        } else {
            self.tool(name)
        }
    }

    /// All resources, sorted by name.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter()
    }

    /// The resource called `name`.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<&Resource> {
        let found = self.resources.binary_search_by(|one| (*one.name).cmp(name));
        self.resources.get(found.ok()?)
    }

    /// The resources that `caller` may read, sorted by name.
    pub fn resources_for(&self, caller: &Caller) -> impl Iterator<Item = &Resource> {
        let all = self.resources.iter();
        all.filter(|one| one.is_shown_to(caller))
    }

    /// All prompts, sorted by name.
    pub fn prompts(&self) -> impl Iterator<Item = &Prompt> {
        self.prompts.iter()
    }

    /// The prompt called `name`.
    fn prompt(&self, name: &str) -> Option<&Prompt> {
        let found = self.prompts.binary_search_by(|one| (*one.name).cmp(name));
        self.prompts.get(found.ok()?)
    }

    /// The prompts that `caller` may get, sorted by name.
    pub fn prompts_for(&self, caller: &Caller) -> impl Iterator<Item = &Prompt> {
        let all = self.prompts.iter();
        all.filter(|one| one.is_shown_to(caller))
    }

    /// The prompt called `name`, and its text with `arguments` in their places.
    ///
    /// # Errors
    /// Why `caller` does not get it: an unknown one and one of others look alike.
    pub fn compose(
        &self,
        caller: &Caller,
        name: &str,
        arguments: &Arguments,
    ) -> Result<(&Prompt, String), Denial> {
        let prompt = prompt::shown(self.prompt(name), caller, name)?;
        Ok((prompt, prompt.filled(arguments)?))
    }

    /// All tools, sorted by name.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter()
    }

    /// All profiles, sorted by name.
    pub fn profiles(&self) -> impl Iterator<Item = &Arc<Profile>> {
        self.profiles.iter()
    }

    /// All that a command can run under: each profile, and what resources and prompts
    /// make of theirs.
    pub fn terms(&self) -> impl Iterator<Item = &Profile> {
        let named = self.profiles.iter().map(|profile| &**profile);
        named.chain(self.commands_of_its_own().map(Tool::profile))
    }

    /// The limits that hold for all calls of `caller`, whatever the tool, the widest
    /// first.
    #[must_use]
    pub fn limits_for(&self, caller: &Caller) -> Vec<Limit> {
        let own = self.limited.iter().filter(|one| one.matches(caller));
        let own = own.map(|one| (Scope::Principal(one.name.clone()), &one.limits));
        let all = std::iter::once((Scope::Server, &self.limits)).chain(own);
        all.filter_map(limit).collect()
    }

    /// The limits that hold for a call of `tool` by `caller`, the widest first.
    pub(crate) fn limits_of(&self, caller: &Caller, tool: &Tool) -> Vec<Limit> {
        let mut limits = self.limits_for(caller);
        limits.extend(limit((tool.scope(), &tool.limits)));
        limits
    }

    /// How calls wait for a place.
    #[must_use]
    pub fn queue(&self) -> Queue {
        self.queue
    }

    /// How long a call of `tool` waits for a place.
    pub(crate) fn queue_timeout(&self, tool: &Tool) -> Duration {
        match self.queue.calls {
            0 => Duration::ZERO,
            _ => tool.queue_timeout.unwrap_or(self.queue.timeout),
        }
    }

    /// Who may approve calls that need it, and how long those wait.
    #[must_use]
    pub fn approvals(&self) -> &Approvals {
        &self.approvals
    }

    /// The names of all principals, sorted.
    pub fn principal_names(&self) -> impl Iterator<Item = &str> {
        let all = self.principals.iter();
        all.map(|principal| principal.name.as_str())
    }

    pub(crate) fn principals(&self) -> &[Arc<Principal>] {
        &self.principals
    }

    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// The tool called `name`.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.get(*self.by_name.get(name)?)
    }
}

/// `limits`, if there are any.
fn limit((scope, limits): (Scope, &Limits)) -> Option<Limit> {
    (!limits.are_none()).then(|| Limit {
        scope,
        limits: limits.clone(),
    })
}

/// A length before each part keeps them apart. The name of a single file does
/// not count: both processes may know it by another path.
fn digest(sources: &[Source<'_>], setting: &Setting) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    };
    match sources {
        [only] => part(only.text),
        several => several.iter().for_each(|one| {
            part(&one.label());
            part(one.text);
        }),
    }
    if let Setting::SingleUser { workspace, .. } = setting {
        hash.update(workspace.as_os_str().as_bytes());
    }
    hash.finalize().into()
}
