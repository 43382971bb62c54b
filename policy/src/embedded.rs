//! The policy that `mini-mcp stdio` uses when none is named.

/// Text of the policy: read-only inspection tools for the principal `self`.
pub const EMBEDDED: &str = include_str!("../embedded.toml");

/// What diagnostics call it instead of a file name.
pub const EMBEDDED_NAME: &str = "embedded policy";
