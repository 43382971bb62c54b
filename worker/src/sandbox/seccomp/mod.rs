//! Which system calls a command may make, seccomp(2).
//!
//! [`table`] is the list as data; [`compile`] lays it out as a binary search
//! over ranges of numbers, because the kernel evaluates a filter once for every
//! system call number when it is installed, and a linear chain makes that the
//! dearest step of a launch.

mod compile;
mod table;

use nix::errno::Errno;
use seccompiler::BpfProgram;
use std::io;

/// What happens to a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// It is made.
    Allow,
    /// It fails with this error number.
    Refuse(i32),
    /// It depends on one argument.
    Check(Check),
}

/// A condition on the low 32 bits of one argument, and its two results. The
/// kernel's own type of every argument checked here is 32 bits wide, so the high
/// bits say nothing: comparing them would let `TIOCSTI | 1 << 32` through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Check {
    /// Which argument, from 0.
    argument: u8,
    /// What is asked of it.
    test: Test,
    /// Error number where the call is not made.
    errno: i32,
}

/// A question about an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    /// Allowed when it is one of these.
    OneOf(&'static [u32]),
    /// Allowed when it is none of these.
    NoneOf(&'static [u32]),
    /// Allowed when it has none of these bits.
    Without(u32),
}

/// The filter for commands without a network.
pub(crate) fn filter() -> BpfProgram {
    compile::program(&table::actions())
}

/// Installs `filter` for this process; there is no way back.
pub(super) fn install(filter: &BpfProgram) -> Result<(), Errno> {
    seccompiler::apply_filter(filter).map_err(|error| match error {
        seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => raw(&error),
        seccompiler::Error::Backend(_)
        | seccompiler::Error::EmptyFilter
        | seccompiler::Error::ThreadSync(_) => Errno::EINVAL,
    })
}

fn raw(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw)
}
