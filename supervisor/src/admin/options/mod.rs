//! What can be typed after the administrator's commands.

mod approvals;
mod commands;
mod policies;
mod service;

pub(crate) use approvals::{Approve, Deny, Grants, Pending, Revoke, Scope};
pub(crate) use commands::{Doctor, Learn, LearnStub, Run};
pub(crate) use policies::{Check, Explain, Files, Pair, Reader, Replay, Schema, Test, Tools, View};
pub(crate) use service::{AdminSocket, Key, KeyCommand, Reload, Status, Top};

use policies::pair;
