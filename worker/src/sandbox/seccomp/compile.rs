//! From a table of actions to a BPF program: a binary search over ranges of
//! system call numbers whose action is the same.

use super::{Action, Check, Test};
use seccompiler::{BpfProgram, sock_filter};
use std::collections::BTreeMap;

// linux/bpf_common.h
const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const JUMP_IF_BITS: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

// struct seccomp_data, linux/seccomp.h
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

#[cfg(target_arch = "x86_64")]
const THIS_ARCHITECTURE: u32 = 0xc000_003e; // AUDIT_ARCH_X86_64
#[cfg(target_arch = "aarch64")]
const THIS_ARCHITECTURE: u32 = 0xc000_00b7; // AUDIT_ARCH_AARCH64

/// Where the numbers of the x32 ABI begin (`__X32_SYSCALL_BIT`); no other number
/// is anywhere near.
const FOREIGN: u32 = 0x4000_0000;

/// The first number above all that were assigned when the table was written.
/// Newer calls answer `ENOSYS`, which tells a libc to take the older one.
const UNASSIGNED: u32 = 480;

/// A range of system call numbers from `first` up to the next range.
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

/// The program for `actions`; every call that is not in it is refused with
/// `EPERM`, and a foreign architecture or the x32 ABI is killed.
pub(super) fn program(actions: &BTreeMap<u32, Action>) -> BpfProgram {
    let mut program = vec![
        statement(LOAD, ARCHITECTURE),
        jump(JUMP_IF_EQUAL, THIS_ARCHITECTURE, 1, 0),
        kill(),
        statement(LOAD, NUMBER),
    ];
    program.extend(search(&ranges(actions)));
    program
}

fn ranges(actions: &BTreeMap<u32, Action>) -> Vec<Range> {
    let denied = Outcome::Act(Action::Refuse(libc::EPERM));
    let mut ranges: Vec<Range> = Vec::new();
    let mut push = |first, outcome| {
        if ranges.last().is_none_or(|last| last.outcome != outcome) {
            ranges.push(Range { first, outcome });
        }
    };
    for number in 0..UNASSIGNED {
        push(
            number,
            actions
                .get(&number)
                .map_or(denied, |action| Outcome::Act(*action)),
        );
    }
    push(UNASSIGNED, Outcome::Act(Action::Refuse(libc::ENOSYS)));
    push(FOREIGN, Outcome::Kill);
    ranges
}

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

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    /// What the kernel does with `program`, for the instructions used here.
    fn run(program: &BpfProgram, architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let (mut accumulator, mut next) = (0_u32, 0_usize);
        loop {
            let sock_filter { code, jt, jf, k } = program[next].clone();
            next += 1;
            let mut branch = |taken| next += usize::from(if taken { jt } else { jf });
            match code {
                LOAD if k == NUMBER => accumulator = number,
                LOAD if k == ARCHITECTURE => accumulator = architecture,
                LOAD => {
                    accumulator = (arguments[(k - ARGUMENTS) as usize / 8] & 0xffff_ffff) as u32;
                }
                JUMP => next += k as usize,
                JUMP_IF_EQUAL => branch(accumulator == k),
                JUMP_IF_AT_LEAST => branch(accumulator >= k),
                JUMP_IF_BITS => branch(accumulator & k != 0),
                RETURN => return k,
                other => panic!("unknown instruction {other:#x}"),
            }
        }
    }

    /// What the table says, read as plainly as can be.
    fn reference(number: u32, arguments: [u64; 6]) -> u32 {
        let refused = |errno: i32| libc::SECCOMP_RET_ERRNO | errno.cast_unsigned();
        match table::actions().get(&number) {
            _ if number >= FOREIGN => libc::SECCOMP_RET_KILL_PROCESS,
            _ if number >= UNASSIGNED => refused(libc::ENOSYS),
            None => refused(libc::EPERM),
            Some(Action::Allow) => libc::SECCOMP_RET_ALLOW,
            Some(Action::Refuse(errno)) => refused(*errno),
            Some(Action::Check(Check {
                argument,
                test,
                errno,
            })) => {
                let value = (arguments[usize::from(*argument)] & 0xffff_ffff) as u32;
                let allowed = match test {
                    Test::OneOf(values) => values.contains(&value),
                    Test::NoneOf(values) => !values.contains(&value),
                    Test::Without(bits) => value & bits == 0,
                };
                if allowed {
                    libc::SECCOMP_RET_ALLOW
                } else {
                    refused(*errno)
                }
            }
        }
    }

    #[test]
    fn the_tree_means_what_the_table_says() {
        let program = program(&table::actions());
        let interesting = [
            0,
            1,
            2,
            3,
            15,
            22,
            36,
            38,
            0x5412,
            0x541c,
            0x1_0000_5412,
            0x1000_0000,
            0xffff_ffff,
        ];
        for number in (0..600).chain([FOREIGN - 1, FOREIGN, FOREIGN + 1, FOREIGN + 59, u32::MAX]) {
            for value in interesting {
                let arguments = [value; 6];
                let result = run(&program, THIS_ARCHITECTURE, number, arguments);
                assert_eq!(
                    result,
                    reference(number, arguments),
                    "system call {number}, argument {value:#x}"
                );
            }
        }
    }

    #[test]
    fn a_foreign_architecture_is_killed() {
        let program = program(&table::actions());
        assert_eq!(
            run(&program, 0x4000_0003, 1, [0; 6]),
            libc::SECCOMP_RET_KILL_PROCESS
        );
    }

    #[test]
    fn the_program_stays_small() {
        let length = program(&table::actions()).len();
        assert!(length < 400, "{length} instructions");
    }
}
