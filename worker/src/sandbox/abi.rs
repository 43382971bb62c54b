//! What each ABI of Landlock adds, and which Linux has it, landlock(7). The words
//! of refusals and of the doctor's report.

/// One ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abi {
    /// As landlock_create_ruleset(2) numbers it.
    pub number: u32,
    /// The first Linux that has it.
    pub linux: &'static str,
    /// What a ruleset holds from then on.
    pub adds: &'static str,
    /// What holds it, or what does not, where this ABI is missing.
    pub without: &'static str,
    /// Whether the worker makes use of it.
    pub used: bool,
}

const fn abi(
    number: u32,
    linux: &'static str,
    adds: &'static str,
    without: &'static str,
    used: bool,
) -> Abi {
    Abi {
        number,
        linux,
        adds,
        without,
        used,
    }
}

/// Oldest first.
#[rustfmt::skip]
pub(crate) const ABIS: [Abi; 10] = [
    abi(1, "5.13", "reading, writing, making, removing and executing files", "nothing runs", true),
    abi(2, "5.19", "moving and linking files between directories", "every such move is refused", true),
    abi(3, "6.2", "truncating files", "any file can be emptied where the user's rights let it, granted or not, unless the host is read-only to commands", true),
    abi(4, "6.7", "TCP by port", "`connect` is refused; the system call filter knows no ports", true),
    abi(5, "6.10", "commands to devices (ioctl)", "those of granted devices are held by the filter and by the user's rights", true),
    abi(6, "6.12", "signals and abstract sockets of others", "the isolated strength holds them, the default one the user's rights alone", true),
    abi(7, "6.15", "records of denials for the kernel's audit", "denials are not explained by the kernel", false),
    abi(8, "7.0", "restricting all threads at once", "the worker has one thread", false),
    abi(9, "7.1", "Unix sockets by name", "`unix_sockets` holds in the isolated strength; in the default one file permissions decide", true),
    abi(10, "7.2", "UDP by port", "no profile grants UDP by port", false),
];

/// The first Linux that has `abi`.
pub(crate) fn linux(abi: u32) -> &'static str {
    let row = ABIS.iter().find(|row| row.number == abi);
    row.map_or("newer than this program knows", |row| row.linux)
}
