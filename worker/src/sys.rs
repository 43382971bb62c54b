//! The one door to the kernel for what no safe wrapper offers; all `unsafe` of
//! the project is here. Each function takes and returns owned or borrowed
//! types, so that nothing outside has an invariant of memory to keep.

mod countersign;
mod descriptors;
mod execute;
mod files;
mod memory;
pub(crate) mod mount;
mod process;
mod rights;
mod signals;
mod socket;
mod spawn;
pub(crate) mod terminal;

pub(crate) use countersign::draw as draw_countersign;
pub(crate) use descriptors::{close_all_but, close_from, close_on_exec_from};
pub(crate) use execute::{Nul, Strings, execute};
pub(crate) use files::{file_in_memory, open_within};
pub(crate) use memory::forget_code;
pub(crate) use process::{
    Ended, Fork, Process, exit, fork, has_clone3, pidfd_open, pidfd_send_signal, wait, wait_any,
};
pub(crate) use rights::{
    bound, capabilities, forget_root, groups, has_forgotten_root, keep_capabilities, landlock_abi,
    set_io_priority, set_nice,
};
pub(crate) use signals::{Ignored, ignore_children};
pub(crate) use socket::{accept, handed_over, peer_groups, receive};
pub(crate) use spawn::spawn;
