//! What a request of the supervisor says, in terms of the worker: of its descriptors only what
//! the kernel proves, of its words no more than one sends that keeps to the protocol.

use super::HangUp;
use crate::launcher::Streams;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{SFlag, fstat};
use policy::Arguments;
use std::os::fd::OwnedFd;
use wire::{Argument, Claim, Correlation, Given, Run, Value};

/// Two pipes to write to, and perhaps a socket. Nothing else may become a
/// command's descriptor: a directory, say, would be a way out of its root.
pub(super) fn streams(descriptors: Vec<OwnedFd>) -> Result<(Streams, Option<OwnedFd>), HangUp> {
    let mut descriptors = descriptors.into_iter();
    let mut pipe = || {
        descriptors
            .next()
            .filter(is_write_end)
            .ok_or(HangUp::Order("output must go to pipes"))
    };
    let streams = Streams {
        stdin: None,
        stdout: pipe()?,
        stderr: pipe()?,
    };
    Ok((streams, descriptors.next()))
}

/// At most as much as a supervisor passes that keeps to the protocol.
pub(super) fn cut(claim: Claim) -> Claim {
    let cut = |text: String| text.chars().take(wire::CLAIM_MAX).collect();
    Claim {
        name: cut(claim.name),
        version: cut(claim.version),
    }
}

/// As above.
pub(super) fn sound(correlation: Correlation) -> Correlation {
    let Correlation { request, trace } = correlation;
    Correlation {
        request: request.chars().take(wire::REQUEST_MAX).collect(),
        trace: trace.filter(|trace| wire::is_traceparent(trace)),
    }
}

fn is_write_end(descriptor: &OwnedFd) -> bool {
    let fifo = fstat(descriptor).is_ok_and(|stat| {
        SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFIFO
    });
    let flags = fcntl(descriptor, FcntlArg::F_GETFL).map(OFlag::from_bits_truncate);
    fifo && flags.is_ok_and(|flags| flags & OFlag::O_ACCMODE == OFlag::O_WRONLY)
}

/// The arguments of `run`, for the policy.
pub(super) fn arguments(run: &Run) -> Arguments {
    let given = |argument: &Argument| match &argument.value {
        Given::One(value) => self::value(value),
        Given::Many(values) => policy::Value::List(values.iter().map(self::value).collect()),
    };
    run.arguments
        .iter()
        .map(|argument| (argument.name.clone(), given(argument)))
        .collect()
}

fn value(value: &Value) -> policy::Value {
    match value {
        Value::Boolean(value) => policy::Value::Boolean(*value),
        Value::Integer(value) => policy::Value::Integer(*value),
        Value::Number(value) => policy::Value::Number(*value),
        Value::Text(value) => policy::Value::Text(value.clone()),
    }
}
