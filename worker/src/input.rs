//! What a command reads as its standard input, when that is a text: a file in
//! memory that nobody can change any more, memfd_create(2).

use crate::sys::file_in_memory;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::MFdFlags;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;

/// A descriptor at the beginning of `text`.
pub(crate) fn sealed(text: &str) -> io::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let never_executed = MFdFlags::from_bits_retain(libc::MFD_NOEXEC_SEAL);
    let descriptor = match file_in_memory(c"stdin", flags | never_executed) {
        // Before Linux 6.3; the command's filter lets it execute no such file anyway.
        Err(Errno::EINVAL) => file_in_memory(c"stdin", flags),
        result => result,
    }?;
    let mut file = File::from(descriptor);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    let seals = SealFlag::F_SEAL_WRITE
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_text_is_there_and_stays() {
        let mut file = File::from(sealed("a\nb").unwrap());
        assert!(file.write_all(b"x").is_err() && file.set_len(0).is_err());
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a\nb");
    }
}
