//! A child that borrows this process's memory until it executes a program, clone3(2)
//! with `CLONE_VM` and `CLONE_VFORK`: nothing is copied for it, neither page tables
//! nor, afterwards, the pages that either side writes to.

use super::countersign;
use super::process::{Birth, Process};
use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect};
use nix::sys::prctl;
use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// Bytes of the stack on which children begin, of which few are ever touched.
const STACK: usize = 512 * 1024;

/// Bytes below it that end a child which needs more.
const GUARD: usize = 64 * 1024;

/// What a child does: it ends by execve(2) or [`super::exit`].
type Life<'a> = &'a mut dyn FnMut() -> Infallible;

/// Starts a child in new `namespaces`, flags of clone(2), and in the open cgroup v2
/// directory `cgroup`, if there is one, and waits until it has executed a program or
/// ended. The child goes through `life` on a stack of
/// its own; what it writes to memory is written for this process as well, what it does
/// to descriptors, ids and limits is its alone.
pub(crate) fn spawn(
    namespaces: i32,
    cgroup: Option<BorrowedFd<'_>>,
    mut life: Life<'_>,
) -> Result<Process, Errno> {
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | namespaces;
    let mut birth = Birth::new(u64::from(flags.cast_unsigned()), cgroup);
    stack()?.give(&mut birth);
    let arguments = birth.arguments();
    // SAFETY: this process has one thread, which the kernel suspends until the child has
    // left this memory, so the two are never in it at once, and the stack is nobody
    // else's; `life` and `birth` live in this frame, which is suspended with it.
    let result = unsafe { clone_onto(arguments, begin, &raw mut life) };
    // The child may have changed that of the memory too.
    prctl::set_dumpable(false)?;
    Ok(birth.process(result?))
}

/// Where a child begins.
extern "C" fn begin(life: *mut Life<'_>) -> ! {
    // SAFETY: `spawn` passes a pointer to its own live variable and does not run meanwhile.
    let life = unsafe { &mut *life };
    match life() {}
}

/// clone3(2), countersigned, for a child that begins with `begin(life)` on the stack in `arguments`.
///
/// # Safety
/// As for vfork(2): no other thread, a stack that is nobody else's, and everything that
/// `life` borrows outlives the call.
unsafe fn clone_onto(
    arguments: *mut libc::clone_args,
    begin: extern "C" fn(*mut Life<'_>) -> !,
    life: *mut Life<'_>,
) -> Result<libc::c_long, Errno> {
    let result: libc::c_long;
    // SAFETY: syscall(2) keeps all registers that are not named here. The child has those
    // of its parent but for an empty stack, aligned as a call wants it; it does not return.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r8",
            "call r10",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 => result,
            in("rdi") arguments,
            in("rsi") size_of::<libc::clone_args>(),
            in("r8") life,
            in("r9") countersign::word(),
            in("r10") begin,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, x9",
            "blr x10",
            "brk 1",
            "2:",
            inlateout("x0") arguments => result,
            in("x1") size_of::<libc::clone_args>(),
            in("x5") countersign::word(),
            in("x8") libc::SYS_clone3,
            in("x9") life,
            in("x10") begin,
        );
    }
    if result < 0 {
        return Err(Errno::from_raw(
            i32::try_from(-result).unwrap_or(libc::EINVAL),
        ));
    }
    Ok(result)
}

/// A mapping that lasts as long as this process.
struct Stack(usize);

impl Stack {
    /// Has the child of `birth` begin on it.
    fn give(&self, birth: &mut Birth) {
        birth.arguments.stack = self.0 as u64;
        birth.arguments.stack_size = STACK as u64;
    }
}

/// The stack of children, of which there is one at a time.
fn stack() -> Result<&'static Stack, Errno> {
    static ONLY: OnceLock<Stack> = OnceLock::new();
    if let Some(stack) = ONLY.get() {
        return Ok(stack);
    }
    let made = map()?;
    Ok(ONLY.get_or_init(|| made))
}

fn map() -> Result<Stack, Errno> {
    let length = NonZeroUsize::new(GUARD + STACK).ok_or(Errno::EINVAL)?;
    let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE | MapFlags::MAP_STACK;
    // SAFETY: a new anonymous mapping, at no given address.
    let all: NonNull<_> = unsafe { mmap_anonymous(None, length, rights, flags) }?;
    // SAFETY: the first pages of what was just mapped, which nothing uses yet.
    unsafe { mprotect(all, GUARD, ProtFlags::PROT_NONE) }?;
    Ok(Stack(all.as_ptr() as usize + GUARD))
}
