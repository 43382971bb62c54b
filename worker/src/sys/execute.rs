//! The program of a command, and what it is executed with.

use nix::errno::Errno;
use std::ffi::{CStr, c_char};
use std::ptr;
use thiserror::Error;

/// A string that cannot be passed: it would end before its end.
#[derive(Debug, Error)]
#[error("cannot pass a NUL byte")]
pub(crate) struct Nul;

/// Strings as execve(2) wants them, made before they are needed: what is allocated in
/// memory that is only borrowed, nobody gives back once the program is executed.
#[derive(Debug)]
pub(crate) struct Strings {
    /// One after the other, each with a NUL byte at its end; never changed.
    bytes: Vec<u8>,
    /// To each of them, and null at the end.
    pointers: Vec<*const c_char>,
}

impl Strings {
    /// One of each of `strings`, of which it is given the parts.
    pub(crate) fn new<'a, const PARTS: usize>(
        strings: impl Iterator<Item = [&'a str; PARTS]> + Clone,
    ) -> Result<Self, Nul> {
        let length = |parts: [&str; PARTS]| 1 + parts.iter().map(|part| part.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(strings.clone().map(length).sum());
        let mut starts = Vec::with_capacity(strings.size_hint().0);
        for parts in strings {
            starts.push(bytes.len());
            for part in parts {
                if part.contains('\0') {
                    return Err(Nul);
                }
                bytes.extend_from_slice(part.as_bytes());
            }
            bytes.push(0);
        }
        let each = starts.iter().filter_map(|start| bytes.get(*start..));
        let each = each.map(|string| string.as_ptr().cast());
        let pointers = each.chain([ptr::null()]).collect();
        Ok(Self { bytes, pointers })
    }

    /// The first of them.
    pub(crate) fn first(&self) -> Option<&CStr> {
        CStr::from_bytes_until_nul(&self.bytes).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(strings: &Strings) -> Vec<String> {
        let each = strings.pointers.iter().filter(|one| !one.is_null());
        // SAFETY: each points to a string of `strings`, which lives.
        let each = each.map(|one| unsafe { CStr::from_ptr(*one) });
        each.map(|one| one.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn strings_are_their_parts_in_a_row_and_end_with_null() {
        let strings = Strings::new([["A", "=", "1"], ["", "=", ""]].into_iter()).unwrap();
        assert_eq!(texts(&strings), ["A=1", "="]);
        assert_eq!(strings.first(), Some(c"A=1"));
        assert!(strings.pointers.last().unwrap().is_null());
        let none = Strings::new(std::iter::empty::<[&str; 1]>()).unwrap();
        assert_eq!((texts(&none).len(), none.first()), (0, None));
    }

    #[test]
    fn what_would_end_before_its_end_is_refused() {
        let refused = Strings::new([["true"], ["a\0b"]].into_iter());
        assert_eq!(refused.unwrap_err().to_string(), "cannot pass a NUL byte");
    }
}
