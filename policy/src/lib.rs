//! The policy language: TOML text → [`Policy`] → [`Decision`].
//!
//! Everything here is pure: no file, clock, environment or account database is
//! touched, so both processes reach the same decision from the same text, and a
//! test can reach every line. What must be looked up outside comes in through
//! [`Accounts`] and [`Setting`].
//!
//! The verdict carries its terms: [`Decision::Allow`] holds a [`Grant`], whose
//! fields are private and which nothing outside this crate can make. Of an [`Ask`]
//! only an [`Approval`] makes one.

#![forbid(unsafe_code)]

mod approval;
mod argument;
mod caller;
mod capability;
mod decide;
mod diagnostic;
mod embedded;
mod examined;
mod excerpt;
mod explain;
mod explain_text;
mod fill;
mod grant;
mod isolation;
mod kind;
mod limits;
mod network;
mod path;
mod policy;
mod principal;
mod profile;
mod prompt;
mod quantity;
mod quote;
mod read;
mod relation;
mod resource;
mod resources;
mod rule;
mod sandbox;
mod somebody;
mod source;
mod syntax;
mod system_calls;
mod template;
mod tool;
mod trial;
mod value;
mod variables;

pub use approval::{Approval, Approvals, Ask};
pub use caller::{Account, Accounts, Caller, Claim, Key, Login, Peer, Proof, Setting};
pub use capability::Capability;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use embedded::{EMBEDDED, EMBEDDED_NAME, SHIPPED, SHIPPED_NAME};
pub use examined::Examined;
pub use explain::{Considered, Explanation, Outcome, Run};
pub use grant::{Decision, Denial, Grant, Identity, PathGrant, Secret, Stdin};
pub use isolation::{Isolation, Network, Strength};
pub use kind::{Characters, Kind, Pattern};
pub use limits::{Limit, Limits, Queue, Rate, Scope};
pub use network::Network as Subnet;
pub use policy::Policy;
pub use profile::{Group, PathRule, Profile, RunAs};
pub use prompt::{Prompt, Suggested};
pub use quantity::{duration, size};
pub use read::included_packs;
pub use resource::Resource;
pub use resources::{CgroupLimits, Containment, Controller, IoClass, ProcessLimits, Scheduling};
pub use rule::Effect;
pub use source::{Location, Source};
pub use system_calls::{Refusal, SystemCalls};
pub use tool::{BUILT_IN, Background, Parameter, Tool};
pub use trial::{TRIAL_NAME, Trial, Unsayable};
pub use value::{Access, Arguments, Existence, FileKind, Value};
