//! From a table of actions to a BPF program: a binary search over ranges of
//! system call numbers whose action is the same.

use super::{Action, Check, Denied, KIND, Sockets, Test};
use seccompiler::{BpfProgram, sock_filter};
use std::collections::{BTreeMap, BTreeSet};

// linux/bpf_common.h
const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const JUMP_IF_BITS: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

// struct seccomp_data, linux/seccomp.h
pub(super) const NUMBER: u32 = 0;
pub(super) const ARCHITECTURE: u32 = 4;
pub(super) const ARGUMENTS: u32 = 16;

#[cfg(target_arch = "x86_64")]
pub(super) const THIS_ARCHITECTURE: u32 = 0xc000_003e; // AUDIT_ARCH_X86_64
#[cfg(target_arch = "aarch64")]
pub(super) const THIS_ARCHITECTURE: u32 = 0xc000_00b7; // AUDIT_ARCH_AARCH64

/// Where the numbers of the x32 ABI begin (`__X32_SYSCALL_BIT`); no other number
/// is anywhere near.
pub(super) const FOREIGN: u32 = 0x4000_0000;

/// The first number above all that were assigned when the table was written.
/// Newer calls answer `ENOSYS`, which tells a libc to take the older one.
pub(super) const UNASSIGNED: u32 = 480;

/// A range of system call numbers from `first` up to the next range.
#[derive(Clone, Copy)]
struct Range {
    first: u32,
    outcome: Outcome,
}

/// What a range leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Act(Action),
    Kill,
}

/// The program for `actions`; every call that is not in it is `denied`, and a
/// foreign architecture or the x32 ABI is killed.
pub(super) fn program(actions: &BTreeMap<u32, Action>, denied: Denied) -> BpfProgram {
    let mut program = vec![
        statement(LOAD, ARCHITECTURE),
        jump(JUMP_IF_EQUAL, THIS_ARCHITECTURE, 1, 0),
        kill(),
        statement(LOAD, NUMBER),
    ];
    program.extend(search(&ranges(outcome_of(actions, denied), &ABOVE)));
    program
}

/// The program that allows just the calls of `base`, for a process whose children get
/// the [`rest`] of theirs.
pub(super) fn base(base: &BTreeSet<u32>) -> BpfProgram {
    let allowed = base.iter().map(|number| (*number, Action::Allow));
    program(&allowed.collect(), Denied::Fails(libc::EPERM))
}

/// What [`base`] leaves to say of `actions`, which allow nothing beyond it: where both
/// are installed the kernel takes the stricter of two answers, and of two errors that of
/// the program installed last.
pub(super) fn rest(
    actions: &BTreeMap<u32, Action>,
    denied: Denied,
    base: &BTreeSet<u32>,
) -> BpfProgram {
    let whole = outcome_of(actions, denied);
    let said = |number| match whole(number) {
        outcome if base.contains(&number) || outcome != BASE_DENIES => outcome,
        _ => Outcome::Act(Action::Allow),
    };
    let mut program = vec![statement(LOAD, NUMBER)];
    let above = Range {
        first: UNASSIGNED,
        outcome: Outcome::Act(Action::Allow),
    };
    program.extend(search(&ranges(said, &[above])));
    program
}

/// What [`base`] says of a call that it does not allow.
const BASE_DENIES: Outcome = Outcome::Act(Action::Refuse(libc::EPERM));

fn outcome_of(actions: &BTreeMap<u32, Action>, denied: Denied) -> impl Fn(u32) -> Outcome {
    let denied = match denied {
        Denied::Fails(errno) => Outcome::Act(Action::Refuse(errno)),
        Denied::Killed => Outcome::Kill,
    };
    move |number| match actions.get(&number) {
        Some(action) => Outcome::Act(*action),
        None => denied,
    }
}

/// The ranges of the numbers there are, and those `above` them.
fn ranges(outcome: impl Fn(u32) -> Outcome, above: &[Range]) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    let numbers = (0..UNASSIGNED).map(|first| Range {
        first,
        outcome: outcome(first),
    });
    for range in numbers.chain(above.iter().copied()) {
        if ranges
            .last()
            .is_none_or(|last| last.outcome != range.outcome)
        {
            ranges.push(range);
        }
    }
    ranges
}

/// Numbers that are not assigned, and those of another ABI.
const ABOVE: [Range; 2] = [
    Range {
        first: UNASSIGNED,
        outcome: Outcome::Act(Action::Refuse(libc::ENOSYS)),
    },
    Range {
        first: FOREIGN,
        outcome: Outcome::Kill,
    },
];

fn search(ranges: &[Range]) -> BpfProgram {
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let (Some(pivot), false) = (high.first(), low.is_empty()) else {
        return ranges
            .first()
            .map_or_else(|| vec![kill()], |range| leaf(range.outcome));
    };
    let below = search(low);
    // The offset of a conditional jump has 8 bits, that of JUMP 32.
    let mut program = match u8::try_from(below.len()) {
        Ok(length) => vec![jump(JUMP_IF_AT_LEAST, pivot.first, length, 0)],
        Err(_) => vec![
            jump(JUMP_IF_AT_LEAST, pivot.first, 0, 1),
            statement(JUMP, length(&below)),
        ],
    };
    program.extend(below);
    program.extend(search(high));
    program
}

fn length(program: &BpfProgram) -> u32 {
    u32::try_from(program.len()).unwrap_or(u32::MAX)
}

fn leaf(outcome: Outcome) -> BpfProgram {
    match outcome {
        Outcome::Kill => vec![kill()],
        Outcome::Act(Action::Allow) => vec![allow()],
        Outcome::Act(Action::Refuse(errno)) => vec![refuse(errno)],
        Outcome::Act(Action::Check(test)) => check(test),
        Outcome::Act(Action::Just(values)) => just(values),
        Outcome::Act(Action::Socket(allowed)) => sockets(allowed),
    }
}

fn check(
    Check {
        argument,
        test,
        errno,
    }: Check,
) -> BpfProgram {
    // Little-endian: the low half comes first.
    let mut program = vec![statement(LOAD, ARGUMENTS + 8 * u32::from(argument))];
    match test {
        Test::OneOf(values) => {
            for value in values {
                program.extend([jump(JUMP_IF_EQUAL, *value, 0, 1), allow()]);
            }
            program.push(refuse(errno));
        }
        Test::NoneOf(values) => {
            for value in values {
                program.extend([jump(JUMP_IF_EQUAL, *value, 0, 1), refuse(errno)]);
            }
            program.push(allow());
        }
        Test::Without(bits) => {
            program.extend([jump(JUMP_IF_BITS, bits, 0, 1), refuse(errno), allow()]);
        }
    }
    program
}

fn just(values: &[(u8, u32)]) -> BpfProgram {
    let one = |(argument, value): &(u8, u32)| {
        [
            statement(LOAD, ARGUMENTS + 8 * u32::from(*argument)),
            jump(JUMP_IF_EQUAL, *value, 1, 0),
            refuse(libc::EPERM),
        ]
    };
    let mut program: BpfProgram = values.iter().flat_map(one).collect();
    program.push(allow());
    program
}

fn sockets(allowed: &[Sockets]) -> BpfProgram {
    let mut program = BpfProgram::new();
    for one in allowed {
        let mut rest = vec![statement(LOAD, ARGUMENTS + 16)];
        for protocol in one.protocols {
            rest.extend([jump(JUMP_IF_EQUAL, *protocol, 0, 1), allow()]);
        }
        // As few protocols as there are leave the offset far below 256.
        let skip = u8::try_from(rest.len()).unwrap_or(u8::MAX);
        program.extend([
            statement(LOAD, ARGUMENTS),
            jump(JUMP_IF_EQUAL, one.domain, 0, skip.saturating_add(3)),
            statement(LOAD, ARGUMENTS + 8),
            statement(AND, KIND),
            jump(JUMP_IF_EQUAL, one.kind, 0, skip),
        ]);
        program.extend(rest);
    }
    program.push(refuse(libc::EACCES));
    program
}

fn statement(code: u16, k: u32) -> sock_filter {
    jump(code, k, 0, 0)
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

fn allow() -> sock_filter {
    statement(RETURN, libc::SECCOMP_RET_ALLOW)
}

fn kill() -> sock_filter {
    statement(RETURN, libc::SECCOMP_RET_KILL_PROCESS)
}

fn refuse(errno: i32) -> sock_filter {
    statement(
        RETURN,
        libc::SECCOMP_RET_ERRNO | (errno.cast_unsigned() & libc::SECCOMP_RET_DATA),
    )
}
