//! The program of a command, and what it is executed with.

use nix::errno::Errno;
use std::ffi::{CStr, CString, c_char};
use std::ptr;

/// Strings as execve(2) wants them, made before they are needed: what is allocated in
/// memory that is only borrowed, nobody gives back once the program is executed.
#[derive(Debug)]
pub(crate) struct Strings {
    /// What is pointed to; never changed.
    strings: Vec<CString>,
    /// To each of them, and null at the end.
    pointers: Vec<*const c_char>,
}

impl From<Vec<CString>> for Strings {
    fn from(strings: Vec<CString>) -> Self {
        let each = strings.iter().map(|string| string.as_ptr());
        let pointers = each.chain([ptr::null()]).collect();
        Self { strings, pointers }
    }
}

impl Strings {
    /// The first of them.
    pub(crate) fn first(&self) -> Option<&CStr> {
        self.strings.first().map(CString::as_c_str)
    }
}

/// Executes `program` in place of this process, execve(2); says why not, and allocates
/// nothing.
pub(crate) fn execute(program: &CStr, arguments: &Strings, environment: &Strings) -> Errno {
    let (arguments, environment) = (&arguments.pointers, &environment.pointers);
    // SAFETY: both end with a null pointer, and what the others point to is borrowed with
    // them, terminated, and not changed.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    Errno::last()
}
