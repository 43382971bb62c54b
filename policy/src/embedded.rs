//! What comes with the program: the policy that `mini-mcp stdio` uses when none is
//! named, and the profiles of `mini-mcp run`.

/// Text of the policy: read-only inspection tools for the principal `self`.
pub const EMBEDDED: &str = include_str!("../embedded.toml");

/// What diagnostics call it instead of a file name.
pub const EMBEDDED_NAME: &str = "embedded policy";

/// Text of the profiles `default` and `isolated`, which are there without any policy.
pub const SHIPPED: &str = include_str!("../shipped.toml");

/// What diagnostics call it.
pub const SHIPPED_NAME: &str = "shipped profiles";
