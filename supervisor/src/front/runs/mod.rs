//! The runs of a principal, as its clients look at them.

mod page;
mod resource;
pub(super) mod uri;

pub(super) use resource::templates;
