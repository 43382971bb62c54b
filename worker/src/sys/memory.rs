//! What of this process's memory can be had again, and is given back until then.

use std::fs;
use std::ptr;

/// Lets go of the code that this process has used, its own and that of libraries: what is
/// wanted again is found in the page cache, madvise(2). Where proc(5) says nothing of it, it
/// stays.
pub(crate) fn forget_code() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for (begin, end) in maps.lines().filter_map(code) {
        let begin = ptr::without_provenance_mut(begin);
        // SAFETY: a mapping of a file, private and not to be written to: whatever is read
        // there again is what it was.
        unsafe { libc::madvise(begin, end - begin.addr(), libc::MADV_DONTNEED) };
    }
}

/// Where the code of a file is, by a line of proc_pid_maps(5).
fn code(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_whitespace();
    let (begin, end) = fields.next()?.split_once('-')?;
    let is_code = fields.next()? == "r-xp" && fields.nth(3)?.starts_with('/');
    let number = |text| usize::from_str_radix(text, 16).ok();
    is_code.then_some((number(begin)?, number(end)?))
}
