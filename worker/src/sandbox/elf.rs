//! Finds the dynamic loader that a program asks the kernel for, elf(5), so that
//! the right to execute it can be granted with the program. Interpreters of
//! scripts (`#!`) are not looked for: those an administrator grants by name.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const PT_INTERP: u32 = 3;
/// Size of a program header of a 64-bit file.
const HEADER: usize = 56;

/// The `PT_INTERP` path of a 64-bit little-endian ELF file; `None` for every
/// other file, a static program among them.
pub(crate) fn interpreter(program: &Path) -> Option<PathBuf> {
    let file = File::open(program).ok()?;
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0).ok()?;
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let count = usize::from(u16::from_le_bytes(field(&head, 56)?));
    let mut table = vec![0; count * HEADER];
    file.read_exact_at(&mut table, u64::from_le_bytes(field(&head, 32)?))
        .ok()?;
    let header = table
        .chunks_exact(HEADER)
        .find(|header| kind(header) == Some(PT_INTERP))?;
    let length = usize::try_from(u64::from_le_bytes(field(header, 32)?))
        .ok()
        .filter(|length| *length <= 4096)?;
    let mut path = vec![0; length];
    file.read_exact_at(&mut path, u64::from_le_bytes(field(header, 8)?))
        .ok()?;
    let path = path.strip_suffix(b"\0")?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

fn kind(header: &[u8]) -> Option<u32> {
    field(header, 0).map(u32::from_le_bytes)
}

fn field<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_program_names_its_loader() {
        let loader = interpreter(&std::env::current_exe().unwrap()).unwrap();
        assert!(loader.is_absolute() && loader.exists(), "{loader:?}");
        assert_eq!(interpreter(&loader), None);
    }

    #[test]
    fn other_files_name_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for content in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x02\x01", &[0xff; 200]] {
            std::fs::write(file.path(), content).unwrap();
            assert_eq!(interpreter(file.path()), None);
        }
    }
}
