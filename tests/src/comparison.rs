//! The same probes and the same everyday programs under this sandbox and others, for
//! `docs/comparison.md`: `cargo bench -p mini-mcp-tests --bench compare` makes the
//! page's tables, `tests/comparison.rs` holds them to what this host does.

mod attacked;
mod everyday;
mod jails;
mod page;
mod sandbox;
mod terms;

pub use attacked::{Attacked, Field, Named, Positive};
pub use everyday::{Worked, everyday};
pub use page::{Column, Page, escapes, table};
pub use sandbox::Sandbox;
pub(crate) use terms::ENVIRONMENT;
pub use terms::{Bounds, Network, Terms};
