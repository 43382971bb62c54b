//! The runs of a principal, as its clients look at them.
//!
//! `resource.rs` reads them in pages; `background.rs` starts commands that nobody waits
//! for, which a client asks for with the tools of `own.rs` or gets as a task.

mod background;
mod own;
mod page;
mod resource;
mod tasks;
mod tools;
pub(super) mod uri;

pub(super) use own::with_own;
pub(super) use resource::templates;
