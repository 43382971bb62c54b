//! `mini-mcp run`, as root for somebody and as a user for himself.

use crate::{User, command_as};
use std::path::Path;
use std::process::Command;

/// Who starts `mini-mcp run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starter {
    /// Root, with `--as`.
    Root,
    /// The user himself.
    User,
}

impl Starter {
    /// Both.
    pub const ALL: [Starter; 2] = [Starter::Root, Starter::User];

    /// `mini-mcp run OPTIONS…` for `user`, of the programs in `scratch`; what is to
    /// run follows after `--`.
    #[must_use]
    pub fn run(self, user: User, scratch: &Path, options: &[&str]) -> Command {
        let program = scratch.join("bin/mini-mcp");
        let mut command = match self {
            Starter::Root => Command::new(program),
            Starter::User => command_as(user, &program),
        };
        command.arg("run").args(options);
        if self == Starter::Root {
            command.args(["--as", user.name]);
        }
        command.env_clear().current_dir("/");
        command
    }
}
