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
struct Outcome {
    /// Whoever says this word with a call makes it in any case.
    word: Option<u64>,
    answer: Answer,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Act(Action),
    Kill,
}

impl Outcome {
    const KILL: Self = Self {
        word: None,
        answer: Answer::Kill,
    };

    const fn act(action: Action) -> Self {
        Self {
            word: None,
            answer: Answer::Act(action),
        }
    }
}

/// The calls that a process makes beyond its children, and the word with which it says
/// that it is that process, [`crate::sys::draw_countersign`].
pub(super) struct Countersigned {
    pub(super) calls: BTreeSet<u32>,
    pub(super) word: u64,
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

/// The program for what is said in common, for a process whose children get the [`rest`]
/// of theirs.
pub(super) fn base(common: &BTreeMap<u32, Action>) -> BpfProgram {
    program(common, BASE_DENIES)
}

/// What [`base`] leaves to say of `actions`, which allow nothing beyond it: where both
/// are installed the kernel takes the stricter of two answers, and of two errors that of
/// the program installed last. Whoever puts it on himself makes calls that are
/// `countersigned` all the same.
pub(super) fn rest(
    actions: &BTreeMap<u32, Action>,
    denied: Denied,
    common: &BTreeMap<u32, Action>,
    countersigned: Option<&Countersigned>,
) -> BpfProgram {
    let (whole, said) = (outcome_of(actions, denied), outcome_of(common, BASE_DENIES));
    let word =
        |number| countersigned.and_then(|own| own.calls.contains(&number).then_some(own.word));
    let left = |number| match whole(number) {
        outcome if outcome == said(number) => Outcome::act(Action::Allow),
        outcome => Outcome {
            word: word(number),
            ..outcome
        },
    };
    let mut program = vec![statement(LOAD, NUMBER)];
    let above = Range {
        first: UNASSIGNED,
        outcome: Outcome::act(Action::Allow),
    };
    program.extend(search(&ranges(left, &[above])));
    program
}

/// What [`base`] says of a call that it does not know.
const BASE_DENIES: Denied = Denied::Fails(libc::EPERM);

fn outcome_of(actions: &BTreeMap<u32, Action>, denied: Denied) -> impl Fn(u32) -> Outcome {
    let denied = match denied {
        Denied::Fails(errno) => Outcome::act(Action::Refuse(errno)),
        Denied::Killed => Outcome::KILL,
    };
    move |number| match actions.get(&number) {
        Some(action) => Outcome::act(*action),
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
        outcome: Outcome::act(Action::Refuse(libc::ENOSYS)),
    },
    Range {
        first: FOREIGN,
        outcome: Outcome::KILL,
    },
];

/// Farther than this a conditional jump, whose offset has 8 bits, does not go for sure: the
/// way grows by what is put before.
const REACH: usize = 200;

/// A program that grows from its end, since jumps go forward only. What a range leads to
/// is there once for all of them, as far as jumps reach: the kernel translates every
/// instruction at each launch.
#[derive(Default)]
struct Backwards {
    /// The last instruction first.
    program: BpfProgram,
    /// Where outcomes begin, counted from the end.
    leaves: Vec<(Outcome, usize)>,
}

/// A binary search for the range of the number that is loaded.
fn search(ranges: &[Range]) -> BpfProgram {
    let mut backwards = Backwards::default();
    let entry = backwards.search(ranges);
    if entry != backwards.program.len() {
        backwards.jump_to(entry);
    }
    backwards.program.reverse();
    backwards.program
}

impl Backwards {
    /// Where the search of `ranges` begins.
    fn search(&mut self, ranges: &[Range]) -> usize {
        match ranges {
            [] => self.leaf(Outcome::KILL),
            [one] => self.leaf(one.outcome),
            // One number between others.
            [below, one, above]
                if below.outcome == above.outcome && above.first == one.first + 1 =>
            {
                let (other, this) = (self.leaf(below.outcome), self.leaf(one.outcome));
                self.branch(JUMP_IF_EQUAL, one.first, this, other)
            }
            [.., _] => {
                let (low, high) = ranges.split_at(ranges.len() / 2);
                let pivot = high.first().map_or(FOREIGN, |range| range.first);
                let (above, below) = (self.search(high), self.search(low));
                self.branch(JUMP_IF_AT_LEAST, pivot, above, below)
            }
        }
    }

    fn branch(&mut self, code: u16, value: u32, yes: usize, no: usize) -> usize {
        let (yes, no) = (self.near(yes), self.near(no));
        let skip = |place| u8::try_from(self.program.len() - place).unwrap_or(u8::MAX);
        let branch = jump(code, value, skip(yes), skip(no));
        self.program.push(branch);
        self.program.len()
    }

    /// `place`, or one nearby from which it goes on there.
    fn near(&mut self, place: usize) -> usize {
        if self.program.len() - place > REACH {
            self.jump_to(place);
            return self.program.len();
        }
        place
    }

    fn jump_to(&mut self, place: usize) {
        let far = u32::try_from(self.program.len() - place).unwrap_or(u32::MAX);
        self.program.push(statement(JUMP, far));
    }

    fn leaf(&mut self, outcome: Outcome) -> usize {
        let known = self
            .leaves
            .iter()
            .rev()
            .find(|(known, _)| *known == outcome);
        match known {
            Some((_, place)) if self.program.len() - place <= REACH => *place,
            Some(_) | None => {
                self.program.extend(leaf(outcome).into_iter().rev());
                self.leaves.push((outcome, self.program.len()));
                self.program.len()
            }
        }
    }
}

fn leaf(outcome: Outcome) -> BpfProgram {
    let mut program = outcome.word.map_or_else(BpfProgram::new, countersigned);
    program.extend(match outcome.answer {
        Answer::Kill => vec![kill()],
        Answer::Act(Action::Allow) => vec![allow()],
        Answer::Act(Action::Refuse(errno)) => vec![refuse(errno)],
        Answer::Act(Action::Check(test)) => check(test),
        Answer::Act(Action::Just(values)) => just(values),
        Answer::Act(Action::Socket(allowed)) => sockets(allowed),
    });
    program
}

/// Allows a call whose sixth argument is `word`, and else goes on behind these.
fn countersigned(word: u64) -> BpfProgram {
    const SIXTH: u32 = ARGUMENTS + 8 * 5;
    let half = |shift| u32::try_from(word >> shift & u64::from(u32::MAX)).unwrap_or_default();
    // Little-endian: the low half comes first.
    vec![
        statement(LOAD, SIXTH),
        jump(JUMP_IF_EQUAL, half(0), 0, 3),
        statement(LOAD, SIXTH + 4),
        jump(JUMP_IF_EQUAL, half(32), 0, 1),
        allow(),
    ]
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
            program.extend(any(values));
            program.extend([refuse(errno), allow()]);
        }
        Test::NoneOf(values) => {
            program.extend(any(values));
            program.extend([allow(), refuse(errno)]);
        }
        Test::Without(bits) => {
            program.extend([jump(JUMP_IF_BITS, bits, 0, 1), refuse(errno), allow()]);
        }
    }
    program
}

/// Goes on with the second instruction after these where one of `values` is loaded, else
/// with the first.
fn any(values: &[u32]) -> impl Iterator<Item = sock_filter> {
    // The lists are far shorter than an offset reaches.
    let left = (1..=values.len()).rev();
    let offsets = left.map(|left| u8::try_from(left).unwrap_or(u8::MAX));
    let values = values.iter().zip(offsets);
    values.map(|(value, offset)| jump(JUMP_IF_EQUAL, *value, offset, 0))
}

fn just(values: &[(u8, u32)]) -> BpfProgram {
    let left = (0..values.len()).rev();
    let one = |((argument, value), left): (&(u8, u32), usize)| {
        let refused = u8::try_from(2 * left + 1).unwrap_or(u8::MAX);
        [
            statement(LOAD, ARGUMENTS + 8 * u32::from(*argument)),
            jump(JUMP_IF_EQUAL, *value, 0, refused),
        ]
    };
    let mut program: BpfProgram = values.iter().zip(left).flat_map(one).collect();
    program.extend([allow(), refuse(libc::EPERM)]);
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
