//! The proof that the tree means what the table says: by an interpreter, against a
//! plain reading of the table and against filters that seccompiler lays out.

use super::compile::Countersigned;
use super::compile::{ARCHITECTURE, ARGUMENTS, FOREIGN, NUMBER, THIS_ARCHITECTURE, UNASSIGNED};
use super::{
    Action, Around, Check, Denied, KIND, Reach, Sockets, Test, alone, compile, lane, table,
};
use crate::sandbox::settings::tests::policy;
use policy::{Strength, SystemCalls};
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition};
use seccompiler::{SeccompFilter, SeccompRule, TargetArch, sock_filter};
use std::collections::{BTreeMap, BTreeSet};

#[cfg(target_arch = "x86_64")]
const TARGET: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const TARGET: TargetArch = TargetArch::aarch64;

/// A system call as a filter sees it.
#[derive(Debug, Clone, Copy)]
struct Call {
    number: u32,
    arguments: [u64; 6],
}

/// What the kernel does with `program`, for the instructions that either side uses.
fn run(program: &BpfProgram, architecture: u32, call: Call) -> u32 {
    let (mut accumulator, mut next) = (0_u32, 0_usize);
    loop {
        let sock_filter { code, jt, jf, k } = program[next].clone();
        next += 1;
        let mut branch = |taken| next += usize::from(if taken { jt } else { jf });
        match code {
            // BPF_LD | BPF_W | BPF_ABS
            0x20 if k == NUMBER => accumulator = call.number,
            0x20 if k == ARCHITECTURE => accumulator = architecture,
            0x20 => {
                let argument = call.arguments[(k - ARGUMENTS) as usize / 8];
                let half = argument >> if k % 8 == 0 { 0 } else { 32 };
                accumulator = (half & 0xffff_ffff) as u32;
            }
            0x05 => next += k as usize,           // BPF_JMP | BPF_JA
            0x15 => branch(accumulator == k),     // BPF_JEQ
            0x25 => branch(accumulator > k),      // BPF_JGT
            0x35 => branch(accumulator >= k),     // BPF_JGE
            0x45 => branch(accumulator & k != 0), // BPF_JSET
            0x54 => accumulator &= k,             // BPF_ALU | BPF_AND
            0x06 => return k,                     // BPF_RET
            other => panic!("unknown instruction {other:#x}"),
        }
    }
}

/// What the kernel does where both are installed, `last` after `first`, seccomp(2): of
/// the answers the one with the lowest number as a signed action, and of equal actions
/// that of the program installed last.
fn run_both(first: &BpfProgram, last: &BpfProgram, architecture: u32, call: Call) -> u32 {
    let strictness = |answer: u32| (answer & libc::SECCOMP_RET_ACTION_FULL).cast_signed();
    let answers = [last, first].map(|program| run(program, architecture, call));
    answers
        .into_iter()
        .min_by_key(|one| strictness(*one))
        .unwrap()
}

fn filter(list: &SystemCalls, around: Around) -> BpfProgram {
    compile::program(&table::actions(list, around), list.refusal.into())
}

/// The lists that the proof is made for.
fn lists() -> Vec<SystemCalls> {
    [
        "",
        "system_calls = ['@system-service']",
        "system_calls = ['@basic-io', '@file-system', 'clone', 'socketpair', 'ptrace']",
        "system_calls = ['~@chown', '~@process', 'clone', '~@network-io']",
        "system_calls = ['+ptrace', '+@ipc', '+@clock']",
        "system_calls = ['+getxattr', '+inotify_init1', '+sched_setaffinity', '+setpriority', '~ioprio_set']",
        "system_calls = ['~@setuid']\nsystem_call_error_number = 'kill'",
        "system_calls = ['write', 'ioctl', 'prctl']\nsystem_call_error_number = 'ENOSYS'",
    ]
    .map(|body| {
        let policy = policy(body);
        policy.profiles().next().unwrap().system_calls.clone()
    })
    .into()
}

fn each() -> impl Iterator<Item = (SystemCalls, Around)> {
    let each = |list: SystemCalls| around().map(move |around| (list.clone(), around));
    lists().into_iter().flat_map(each)
}

/// Every network in every strength.
fn around() -> impl Iterator<Item = Around> {
    let all = |strength| REACHES.map(|network| Around { network, strength });
    [Strength::Default, Strength::Isolated]
        .into_iter()
        .flat_map(all)
}

fn refused(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()
}

fn denied(list: &SystemCalls) -> u32 {
    match list.refusal.into() {
        Denied::Fails(errno) => refused(errno),
        Denied::Killed => libc::SECCOMP_RET_KILL_PROCESS,
    }
}

/// What the table says, read as plainly as can be.
fn read(actions: &BTreeMap<u32, Action>, denied: u32, call: Call) -> u32 {
    match actions.get(&call.number) {
        _ if call.number >= FOREIGN => libc::SECCOMP_RET_KILL_PROCESS,
        _ if call.number >= UNASSIGNED => refused(libc::ENOSYS),
        None => denied,
        Some(Action::Allow) => libc::SECCOMP_RET_ALLOW,
        Some(Action::Refuse(errno)) => refused(*errno),
        Some(Action::Check(check)) => {
            let value = (call.arguments[usize::from(check.argument)] & 0xffff_ffff) as u32;
            let allowed = match check.test {
                Test::OneOf(values) => values.contains(&value),
                Test::NoneOf(values) => !values.contains(&value),
                Test::Without(bits) => value & bits == 0,
            };
            if allowed {
                libc::SECCOMP_RET_ALLOW
            } else {
                refused(check.errno)
            }
        }
        Some(Action::Just(values)) => {
            let low = |argument: u8| (call.arguments[usize::from(argument)] & 0xffff_ffff) as u32;
            if values
                .iter()
                .all(|(argument, value)| low(*argument) == *value)
            {
                libc::SECCOMP_RET_ALLOW
            } else {
                refused(libc::EPERM)
            }
        }
        Some(Action::Socket(allowed)) => {
            let [domain, kind, protocol, ..] = call.arguments.map(|one| (one & 0xffff_ffff) as u32);
            let fits = |one: &&Sockets| {
                one.domain == domain && one.kind == kind & KIND && one.protocols.contains(&protocol)
            };
            match allowed.iter().find(fits) {
                Some(_) => libc::SECCOMP_RET_ALLOW,
                None => refused(libc::EACCES),
            }
        }
    }
}

/// Sockets and pairs of every family, type with flags, and protocol that is near one.
fn socket_calls_of(number: u32) -> impl Iterator<Item = Call> {
    let kinds = (0..8_u64).flat_map(|kind| [kind, kind | 0o2_004_000, kind | 0x10, kind | 1 << 32]);
    let kinds: Vec<u64> = kinds.collect();
    let protocols = [
        0,
        1,
        2,
        5,
        6,
        7,
        16,
        17,
        18,
        132,
        136,
        255,
        261,
        262,
        263,
        1 << 32,
    ];
    // Every family of sockets, and of pairs those on both sides of what is allowed.
    let families: Vec<u64> = match i64::from(number) {
        libc::SYS_socket => (0..48).chain([1 << 32, u64::MAX]).collect(),
        _ => vec![0, 1, 2, 16, 30, 1 << 32, 1 | 1 << 32, u64::MAX],
    };
    families.into_iter().flat_map(move |domain| {
        kinds.clone().into_iter().flat_map(move |kind| {
            protocols.map(|protocol| Call {
                number,
                arguments: [domain, kind, protocol, 0, 0, 0],
            })
        })
    })
}

const FULL: Around = Around {
    network: Reach::Full,
    strength: Strength::Default,
};
const REACHES: [Reach; 4] = [Reach::None, Reach::Unix, Reach::Connect, Reach::Full];

/// When socket(2) is allowed for one of `allowed`, as seccompiler would be told.
fn any_socket(allowed: &[Sockets]) -> Vec<SeccompRule> {
    let word = SeccompCmpArgLen::Dword;
    let condition = |argument, operator, value: u32| {
        SeccompCondition::new(argument, word.clone(), operator, value.into()).unwrap()
    };
    let each = allowed.iter().flat_map(|one| {
        one.protocols.iter().map(|protocol| {
            let masked = SeccompCmpOp::MaskedEq(KIND.into());
            SeccompRule::new(vec![
                condition(0, SeccompCmpOp::Eq, one.domain),
                condition(1, masked, one.kind),
                condition(2, SeccompCmpOp::Eq, *protocol),
            ])
            .unwrap()
        })
    });
    each.collect()
}

/// Every number that means anything, with [`calls_of`] each.
fn calls(actions: &BTreeMap<u32, Action>) -> impl Iterator<Item = Call> {
    let numbers = (0..600).chain([FOREIGN - 1, FOREIGN, FOREIGN + 1, FOREIGN + 59, u32::MAX]);
    numbers.flat_map(|number| calls_of(number, actions.get(&number).copied()))
}

/// Arguments on both sides of each boundary of what `action` asks.
fn calls_of(number: u32, action: Option<Action>) -> Vec<Call> {
    let check = action.as_ref().and_then(checked);
    let mut all: Vec<Call> = values(check)
        .into_iter()
        .map(|value| Call {
            number,
            arguments: [value; 6],
        })
        .collect();
    match action {
        Some(Action::Socket(_)) => all.extend(socket_calls_of(number)),
        Some(Action::Just(values)) => all.extend(just_calls_of(number, values)),
        _ => {}
    }
    all
}

/// Every combination of what is on both sides of each of `values`.
fn just_calls_of(number: u32, values: &[(u8, u32)]) -> Vec<Call> {
    let mut all = vec![Call {
        number,
        arguments: [7; 6],
    }];
    for (argument, value) in values {
        let value = u64::from(*value);
        let near = [value.wrapping_sub(1), value, value + 1].map(|near| [near, near | 1 << 32]);
        let with = |call: Call| {
            near.concat().into_iter().map(move |near| {
                let mut arguments = call.arguments;
                arguments[usize::from(*argument)] = near;
                Call { number, arguments }
            })
        };
        all = all.into_iter().flat_map(with).collect();
    }
    all
}

/// Where arguments make no difference, a few show that they do not.
fn values(check: Option<Check>) -> Vec<u64> {
    let mut values: Vec<u64> = vec![0, 1, 0x7fff_ffff, 0xffff_ffff, u64::MAX];
    let mut boundary = |value: u32| {
        let value = u64::from(value);
        let near = [value.wrapping_sub(1), value, value + 1];
        values.extend(near.iter().flat_map(|near| [*near, near | 1 << 32]));
    };
    match check.map(|check| check.test) {
        Some(Test::OneOf(all) | Test::NoneOf(all)) => all.iter().for_each(|one| boundary(*one)),
        Some(Test::Without(bits)) => {
            (0..32).for_each(|bit| boundary(1 << bit));
            boundary(bits);
            boundary(!bits);
        }
        None => {}
    }
    values.sort_unstable();
    values.dedup();
    values
}

fn checked(action: &Action) -> Option<Check> {
    match action {
        Action::Check(check) => Some(*check),
        Action::Allow | Action::Refuse(_) | Action::Just(_) | Action::Socket(_) => None,
    }
}

/// When a call has one outcome, as seccompiler would be told: none when never.
type Rules = Option<Vec<SeccompRule>>;

fn condition(check: Check, operator: SeccompCmpOp, value: u32) -> SeccompCondition {
    let (argument, length) = (check.argument, SeccompCmpArgLen::Dword);
    SeccompCondition::new(argument, length, operator, value.into()).unwrap()
}

fn compared((argument, value): &(u8, u32), operator: SeccompCmpOp) -> SeccompCondition {
    let length = SeccompCmpArgLen::Dword;
    SeccompCondition::new(*argument, length, operator, (*value).into()).unwrap()
}

fn any_of(check: Check, values: &[u32]) -> Vec<SeccompRule> {
    let one = |value: &u32| vec![condition(check, SeccompCmpOp::Eq, *value)];
    values
        .iter()
        .map(|value| SeccompRule::new(one(value)).unwrap())
        .collect()
}

fn none_of(check: Check, values: &[u32]) -> Vec<SeccompRule> {
    let all = values
        .iter()
        .map(|value| condition(check, SeccompCmpOp::Ne, *value));
    vec![SeccompRule::new(all.collect()).unwrap()]
}

fn without(check: Check, bits: u32) -> Vec<SeccompRule> {
    let masked = SeccompCmpOp::MaskedEq(bits.into());
    vec![SeccompRule::new(vec![condition(check, masked, 0)]).unwrap()]
}

fn with_any(check: Check, bits: u32) -> Vec<SeccompRule> {
    let set = (0..32)
        .map(|bit| 1_u32 << bit)
        .filter(|bit| bits & bit != 0);
    let has = |bit: u32| condition(check, SeccompCmpOp::MaskedEq(bit.into()), bit);
    set.map(|bit| SeccompRule::new(vec![has(bit)]).unwrap())
        .collect()
}

/// When `action` leads to `outcome`.
fn rules(action: Option<Action>, denied: u32, outcome: u32) -> Rules {
    let always = |really: bool| really.then(Vec::new);
    match action {
        None => always(outcome == denied),
        Some(Action::Allow) => always(outcome == libc::SECCOMP_RET_ALLOW),
        Some(Action::Refuse(errno)) => always(outcome == refused(errno)),
        Some(Action::Check(check)) if outcome == libc::SECCOMP_RET_ALLOW => {
            Some(match check.test {
                Test::OneOf(values) => any_of(check, values),
                Test::NoneOf(values) => none_of(check, values),
                Test::Without(bits) => without(check, bits),
            })
        }
        Some(Action::Check(check)) if outcome == refused(check.errno) => Some(match check.test {
            Test::OneOf(values) => none_of(check, values),
            Test::NoneOf(values) => any_of(check, values),
            Test::Without(bits) => with_any(check, bits),
        }),
        Some(Action::Check(_)) => None,
        Some(Action::Just(values)) if outcome == libc::SECCOMP_RET_ALLOW => {
            let all = values.iter().map(|one| compared(one, SeccompCmpOp::Eq));
            Some(vec![SeccompRule::new(all.collect()).unwrap()])
        }
        Some(Action::Just(values)) if outcome == refused(libc::EPERM) => {
            let other = |one| SeccompRule::new(vec![compared(one, SeccompCmpOp::Ne)]).unwrap();
            Some(values.iter().map(other).collect())
        }
        Some(Action::Just(_)) => None,
        // What is not allowed is compared by `the_tree_means_what_the_table_says`.
        Some(Action::Socket(allowed)) if outcome == libc::SECCOMP_RET_ALLOW => {
            (!allowed.is_empty()).then(|| any_socket(allowed))
        }
        Some(Action::Socket(allowed)) => {
            always(allowed.is_empty() && outcome == refused(libc::EACCES))
        }
    }
}

/// A filter of seccompiler's that matches the calls of `number` with `outcome`. It lays
/// calls out as a chain that is walked number by number, so each has a filter of its own.
fn seccompiler(number: u32, action: Option<Action>, denied: u32, outcome: u32) -> BpfProgram {
    let action = match number {
        UNASSIGNED.. => Some(Action::Refuse(libc::ENOSYS)),
        _ => action,
    };
    let rules = rules(action, denied, outcome);
    let all = rules.map(|rules| (i64::from(number), rules)).into_iter();
    let (other, this) = (SeccompAction::Trap, SeccompAction::Log);
    SeccompFilter::new(all.collect(), other, this, TARGET)
        .unwrap()
        .try_into()
        .unwrap()
}

#[test]
fn the_tree_means_what_the_table_says() {
    for (list, around) in each() {
        let program = filter(&list, around);
        let actions = table::actions(&list, around);
        for call in calls(&actions) {
            let result = run(&program, THIS_ARCHITECTURE, call);
            let expected = read(&actions, denied(&list), call);
            assert_eq!(result, expected, "{call:x?} of {list:?} and {around:?}");
        }
    }
}

#[test]
fn the_tree_is_equal_to_what_seccompiler_makes() {
    for (list, around) in each() {
        let tree = filter(&list, around);
        let actions = table::actions(&list, around);
        for number in 0..600 {
            let action = actions.get(&number).copied();
            let filters = OUTCOMES.map(|outcome| {
                let filter = seccompiler(number, action, denied(&list), outcome);
                (outcome, filter)
            });
            for call in calls_of(number, action) {
                let result = run(&tree, THIS_ARCHITECTURE, call);
                let equal = is_result(&filters, action, call, result);
                assert!(equal, "{call:x?} of {list:?} and {around:?}: {result:x}");
            }
        }
    }
}

/// What a call can come to.
const OUTCOMES: [u32; 6] = [
    libc::SECCOMP_RET_ALLOW,
    libc::SECCOMP_RET_KILL_PROCESS,
    libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned(),
    libc::SECCOMP_RET_ERRNO | libc::EACCES.cast_unsigned(),
    libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned(),
    libc::SECCOMP_RET_ERRNO | libc::EOPNOTSUPP.cast_unsigned(),
];

/// Whether `call` has `result` and nothing else by `filters`, of which there is one for
/// each of [`OUTCOMES`].
fn is_result(
    filters: &[(u32, BpfProgram); 6],
    action: Option<Action>,
    call: Call,
    result: u32,
) -> bool {
    let matches =
        |filter: &BpfProgram| run(filter, THIS_ARCHITECTURE, call) == libc::SECCOMP_RET_LOG;
    if matches!(action, Some(Action::Socket(_))) && result == refused(libc::EACCES) {
        let [(_, allow), ..] = filters;
        return !matches(allow);
    }
    filters
        .iter()
        .all(|(outcome, filter)| matches(filter) == (*outcome == result))
}

/// A lane of a policy with all these lists, and of one with each alone: what it wears from
/// its beginning, and how it goes on with `rest`.
fn layers(
    word: Option<u64>,
    mut each_of: impl FnMut(&BTreeMap<u32, Action>, u32, Around, (&BpfProgram, &BpfProgram)),
) {
    let countersigned = word.map(|word| Countersigned {
        calls: lane::beyond(),
        word,
    });
    let tables = || each().map(|(list, around)| table::actions(&list, around));
    let together: Vec<_> = tables().collect();
    let together = lane::common(&together.iter().collect::<Vec<_>>());
    for (list, around) in each() {
        let actions = table::actions(&list, around);
        let alone = lane::common(&[&actions]);
        for common in [&together, &alone] {
            let base = compile::base(common);
            let refusal = list.refusal.into();
            let rest = compile::rest(&actions, refusal, common, countersigned.as_ref());
            each_of(&actions, denied(&list), around, (&base, &rest));
        }
    }
}

#[test]
fn what_a_lane_wears_and_the_rest_mean_what_the_table_says() {
    layers(None, |actions, denied, around, (base, rest)| {
        for call in calls(actions) {
            let result = run_both(base, rest, THIS_ARCHITECTURE, call);
            let expected = read(actions, denied, call);
            assert_eq!(result, expected, "{call:x?} under {around:?}");
        }
        let foreign = Call {
            number: 1,
            arguments: [0; 6],
        };
        let result = run_both(base, rest, 0x4000_0003, foreign);
        assert_eq!(result, libc::SECCOMP_RET_KILL_PROCESS);
    });
}

/// It opens those calls that lanes countersign, and none else, to whoever knows all of it.
#[test]
fn a_word_opens_what_lanes_countersign() {
    const WORD: u64 = 0x0123_4567_89ab_cdef;
    let beyond = lane::beyond();
    layers(Some(WORD), |actions, denied, around, (base, rest)| {
        for call in calls(actions) {
            let saying = |word| {
                let mut arguments = call.arguments;
                arguments[5] = word;
                let result = run_both(base, rest, THIS_ARCHITECTURE, Call { arguments, ..call });
                (result, read(actions, denied, Call { arguments, ..call }))
            };
            for other in [
                call.arguments[5],
                WORD ^ 1,
                WORD ^ 1 << 63,
                WORD & 0xffff_ffff,
            ] {
                let (result, expected) = saying(other);
                assert_eq!(result, expected, "{other:x}: {call:x?} under {around:?}");
            }
            let (result, expected) = saying(WORD);
            if beyond.contains(&call.number) {
                assert_eq!(
                    result,
                    libc::SECCOMP_RET_ALLOW,
                    "{call:x?} under {around:?}"
                );
            } else {
                assert_eq!(result, expected, "{call:x?} under {around:?}");
            }
        }
    });
}

/// What a lane calls and does not countersign is left to it, or it does not wear the filter.
#[test]
fn a_lane_wears_no_list_that_takes_away_what_it_needs() {
    let worn = |body: &str| {
        let policy = policy(body);
        let list = &policy.profiles().next().unwrap().system_calls;
        let can = |around| lane::can_wear(&table::actions(list, around), around);
        let all: BTreeSet<bool> = around().map(can).collect();
        assert_eq!(all.len(), 1, "{body}");
        all.contains(&true)
    };
    assert!(worn(""));
    assert!(worn("system_calls = ['+ptrace', '+@ipc', '+getxattr']"));
    assert!(worn("system_call_error_number = 'kill'"));
    assert!(!worn("system_calls = ['~setsid']"));
    assert!(!worn("system_calls = ['~prctl']"));
    assert!(!worn("system_calls = ['@basic-io']"));
}

#[test]
fn a_foreign_architecture_is_killed() {
    let call = Call {
        number: 1,
        arguments: [0; 6],
    };
    for list in lists() {
        let result = run(&filter(&list, FULL), 0x4000_0003, call);
        assert_eq!(result, libc::SECCOMP_RET_KILL_PROCESS);
    }
}

#[test]
fn the_programs_stay_small() {
    for list in lists() {
        let length = filter(&list, FULL).len();
        assert!(length < 500, "{length} instructions");
    }
    let list = SystemCalls::default();
    let actions = table::actions(&list, super::alone(Strength::Default));
    let common = lane::common(&[&actions]);
    let length = compile::rest(&actions, list.refusal.into(), &common, None).len();
    assert!(length < 80, "{length} instructions for each launch");
}

/// What the sandbox rests on stays refused, whatever a list says.
#[test]
fn no_list_allows_what_undoes_the_sandbox() {
    for list in lists() {
        let program = compile::program(
            &table::actions(&list, alone(Strength::Isolated)),
            Denied::Fails(libc::EPERM),
        );
        for number in [
            libc::SYS_bpf,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_mount,
            libc::SYS_io_uring_setup,
            libc::SYS_keyctl,
            libc::SYS_process_vm_writev,
            libc::SYS_clone3,
            libc::SYS_memfd_create,
            libc::SYS_socket,
        ] {
            let call = Call {
                number: u32::try_from(number).unwrap(),
                arguments: [0; 6],
            };
            let result = run(&program, THIS_ARCHITECTURE, call);
            assert_ne!(result, libc::SECCOMP_RET_ALLOW, "{number} of {list:?}");
        }
    }
}

/// There is no ipc namespace in the default strength.
#[test]
fn memory_and_queues_are_shared_only_where_a_list_says_so() {
    for around in around() {
        let program = filter(&SystemCalls::default(), around);
        for number in [
            libc::SYS_shmget,
            libc::SYS_shmat,
            libc::SYS_msgget,
            libc::SYS_semget,
            libc::SYS_mq_open,
            libc::SYS_keyctl,
            libc::SYS_add_key,
        ] {
            let call = Call {
                number: u32::try_from(number).unwrap(),
                arguments: [0; 6],
            };
            let result = run(&program, THIS_ARCHITECTURE, call);
            assert_eq!(result, refused(libc::EPERM), "{number}");
        }
    }
}

/// A pair of datagram sockets sends to names that nobody granted, so it is of Unix
/// sockets alone; whatever flags its type carries.
#[test]
fn datagrams_are_of_unix_sockets_alone() {
    for around in around() {
        let program = filter(&SystemCalls::default(), around);
        for (call, kind) in [libc::SYS_socket, libc::SYS_socketpair]
            .into_iter()
            .flat_map(|call| [2, 2 | 0o2_000_000, 2 | 0o4000, 2 | 1 << 32].map(|kind| (call, kind)))
        {
            let call = Call {
                number: u32::try_from(call).unwrap(),
                arguments: [1, kind, 0, 0, 0, 0],
            };
            let result = run(&program, THIS_ARCHITECTURE, call);
            let allowed = result == libc::SECCOMP_RET_ALLOW;
            assert_eq!(
                allowed,
                around.network == Reach::Unix,
                "{call:x?} under {around:?}"
            );
        }
    }
}

/// What Landlock does not look at, where a command can name what is not its own.
#[test]
fn what_is_in_sight_is_left_alone_unless_a_list_names_it() {
    let default = alone(Strength::Default);
    let named = policy("system_calls = ['+getxattr', '+inotify_init1', '+setpriority']");
    let named = &named.profiles().next().unwrap().system_calls;
    let plain = &SystemCalls::default();
    for (number, arguments, errno) in [
        (libc::SYS_getxattr, [1; 6], libc::EOPNOTSUPP),
        (libc::SYS_inotify_init1, [1; 6], libc::ENOSYS),
        (libc::SYS_setpriority, [0, 17, 5, 0, 0, 0], libc::EPERM),
    ] {
        let number = u32::try_from(number).unwrap();
        let call = Call { number, arguments };
        let answer = |list, around| run(&filter(list, around), THIS_ARCHITECTURE, call);
        assert_eq!(answer(plain, default), refused(errno));
        let isolated = answer(plain, alone(Strength::Isolated));
        let allowed = [answer(named, default), isolated];
        assert_eq!(allowed, [libc::SECCOMP_RET_ALLOW; 2], "{number}");
    }
}
