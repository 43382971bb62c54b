//! What the probes of `tests/attack` are run on, how it is judged whether one got
//! through, and their positive controls.

mod ground;
mod outside;
mod verdict;

pub use ground::{COMPILED, Ground, IDENTITIES, compile, list, make_readable};
pub(crate) use outside::CARELESS;
pub use outside::{gets_through, left, user_gets_through};
pub use verdict::{End, Probe, Verdict};
