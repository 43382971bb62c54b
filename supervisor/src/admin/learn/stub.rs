//! The process that becomes the command: it takes the user's ids, stops until it is
//! watched, and executes the program.

use super::Subject;
use crate::admin::options::LearnStub;
use crate::error::Error;
use nix::sys::signal::{Signal, raise};
use nix::unistd::{User, initgroups, setgid, setuid};
use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// The command line that starts it for `subject`. With `aside`, its standard output
/// goes to our standard error, since ours is for the policy.
pub(super) fn command(subject: &Subject, aside: bool) -> Result<Command, Error> {
    let own = std::env::current_exe().map_err(Error::Process)?;
    let mut command = Command::new(own);
    command
        .args(["learn-stub", &subject.user, "--"])
        .arg(&subject.program)
        .args(&subject.arguments);
    command.env_clear().envs(subject.whole_environment()?);
    command.current_dir(&subject.directory);
    if aside {
        let error = io::stderr()
            .as_fd()
            .try_clone_to_owned()
            .map_err(Error::Process)?;
        command.stdout(Stdio::from(error));
    }
    Ok(command)
}

/// Becomes the command; returns only when that cannot be.
pub(crate) fn stub(options: &LearnStub) -> ExitCode {
    let failed = match (become_user(&options.user), options.command.split_first()) {
        (Err(error), _) => error,
        (Ok(()), None) => io::Error::other("no program"),
        (Ok(()), Some((program, arguments))) => match raise(Signal::SIGSTOP) {
            Ok(()) => Command::new(program).args(arguments).exec(),
            Err(errno) => errno.into(),
        },
    };
    Error::Process(failed).report();
    ExitCode::from(127)
}

fn become_user(name: &str) -> io::Result<()> {
    let user = User::from_name(name)?.ok_or(io::ErrorKind::NotFound)?;
    let text = CString::new(name)?;
    initgroups(&text, user.gid)?;
    setgid(user.gid)?;
    setuid(user.uid)?;
    Ok(())
}
