//! From a grant to a running, confined process tree, and to its end.
//!
//! [`child`] is the list of stages that a command goes through; the other
//! modules are one restriction each. Whatever cannot be enforced is an error
//! before anything is executed.

pub(crate) mod abi;
pub(crate) mod birth;
pub(crate) mod blocked;
pub(crate) mod cell;
pub(crate) mod cgroup;
pub(crate) mod child;
pub(crate) mod containment;
pub(crate) mod delegation;
pub(crate) mod elf;
mod fresh;
mod init;
pub(crate) mod landlock;
pub(crate) mod launch;
pub(crate) mod limits;
pub(crate) mod namespaces;
mod pin;
pub(crate) mod prepared;
pub(crate) mod privilege;
pub(crate) mod program;
mod scheduling;
pub(crate) mod seccomp;
pub(crate) mod settings;
pub(crate) mod stage;
pub(crate) mod tasks;
pub(crate) mod terminal;
mod trace;
pub(crate) mod tree;
pub(crate) mod view;
