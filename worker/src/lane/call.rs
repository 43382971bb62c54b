//! One call, from the request to its outcome.

use super::attest::attest;
use super::bounds::bounds;
use super::files::{Files, Input};
use super::watch::{Reason, outcome};
use super::{HangUp, Lane};
use crate::admission::Bound;
use crate::audit::{self, Began, Call, Decider, Ending, Entry, RunUser, Told};
use crate::context::{Context, Trust};
use crate::create::Maker;
use crate::explain::explain;
use crate::sandbox::child::{self, Directory, Plan};
use crate::sandbox::landlock::open_terminal;
use crate::sandbox::launch::{Running, launch};
use crate::sandbox::limits::Limits;
use crate::sandbox::namespaces::Namespaces;
use crate::sandbox::privilege;
use crate::sandbox::terminal::Terminal;
use landlock::RulesetCreated;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{Mode, SFlag, fstat};
use policy::{Arguments, Caller, Containment, Controller, Decision, Grant, Identity, Stdin};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::ffi::{CString, NulError};
use std::os::fd::{AsFd, OwnedFd};
use thiserror::Error;
use wire::{Argument, Claim, Denial, Failure, Given, Reply, Report, Run, Value};

/// Where a command's output goes: the write ends of two pipes.
struct Output {
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl Lane {
    /// Decides `run` again, carries it out, and answers.
    pub(super) fn call(&mut self, run: &Run, descriptors: Vec<OwnedFd>) -> Result<(), HangUp> {
        let (output, client) = output(descriptors)?;
        let mut call = Call {
            request: run.request.clone(),
            caller: None,
            claim: run.claim.clone().map(cut),
            groups: Vec::new(),
            arguments: Some(self.told(&run.tool, run.arguments.clone())),
            tool: run.tool.clone(),
        };
        let caller = match self.attested(&mut call, client.as_ref()) {
            Ok(caller) => caller,
            Err(failure) => return self.refuse(call, failure),
        };
        if run.policy != self.context.policy.digest() {
            return self.refuse(call, stale());
        }
        match self
            .context
            .policy
            .decide(&caller, &run.tool, &arguments(run))
        {
            Decision::Allow(grant) => {
                let bounds = bounds(&grant, &caller);
                self.carry_out(call, bounds, grant, output, client.as_ref())
            }
            Decision::Deny(denial) => {
                self.deny(call, &caller, Decider::Worker, in_words_of_the_wire(denial))
            }
        }
    }

    /// Runs the command of `grant`, which is used up, and answers with its end.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "one grant is good for one run"
    )]
    fn carry_out(
        &mut self,
        call: Call,
        bounds: Vec<Bound>,
        grant: Grant,
        output: Output,
        client: Option<&OwnedFd>,
    ) -> Result<(), HangUp> {
        let (mut files, domain) = match self.open(&grant) {
            Ok(opened) => opened,
            Err(failure) => return self.refuse(call, failure),
        };
        let Began { run: name, user } = match self.records.record(&start(call, bounds, &grant))? {
            Ok(began) => began.unwrap_or_default(),
            Err(refusal) => return self.reply(&refusal.into()),
        };
        let fresh = user.map(|user| of_its_own(user, &grant));
        let running = identity(&self.context.trust, &grant, fresh.as_ref())
            .and_then(|whom| self.start((&grant, whom), (&mut files, domain), &output));
        let running = match running {
            Ok(running) => running,
            Err(failure) => {
                return self.end(Ending::Failed(failure.clone()), &Reply::Failed(failure));
            }
        };
        // The readers must see the end of the output when the command's tree has ended.
        drop((output, files));

        let reason = match self.reply(&Reply::Started { run: name.clone() }) {
            Ok(()) => self.watch(&running, client, grant.profile()),
            Err(_) => Reason::Abandoned,
        };
        let (end, remains) = running
            .end()
            .map_err(|error| HangUp::Broken(explain(&error)))?;
        let floor = self.context.containment.floor();
        let outcome = outcome(name, reason, &end, floor)?;
        self.end(Ending::Finished(outcome.clone()), &Reply::Finished(outcome))?;
        // While nobody waits.
        drop(remains);
        self.groups.prepare(&self.context.containment);
        Ok(())
    }

    /// Records a denial of the supervisor's own.
    pub(super) fn report(
        &mut self,
        report: Report,
        mut descriptors: Vec<OwnedFd>,
    ) -> Result<(), HangUp> {
        let mut call = Call {
            request: report.request,
            caller: None,
            claim: report.claim.map(cut),
            groups: Vec::new(),
            arguments: report
                .arguments
                .map(|arguments| self.told(&report.tool, arguments)),
            tool: report.tool,
        };
        let caller = match self.attested(&mut call, descriptors.pop().as_ref()) {
            Ok(caller) => caller,
            Err(failure) => return self.refuse(call, failure),
        };
        self.deny(call, &caller, Decider::Supervisor, report.denial)
    }

    /// The arguments of a call of `tool` as the trail tells them.
    fn told(&self, tool: &str, arguments: Vec<Argument>) -> Vec<Told> {
        let tool = self.context.policy.tool(tool);
        let stdin = tool.and_then(policy::Tool::stdin);
        let arguments = arguments.into_iter();
        arguments.map(|one| Told::new(one, stdin)).collect()
    }

    /// The caller, proven by the kernel; what he claims is only added. `call` gets
    /// his ids.
    fn attested(&mut self, call: &mut Call, client: Option<&OwnedFd>) -> Result<Caller, Failure> {
        let peer = match attest(&self.context.trust, client) {
            Ok(peer) if self.context.policy.names_callers() => self.logins.with(peer),
            Ok(peer) => peer,
            Err(error) => return Err(failure("attestation", &error)),
        };
        call.caller = Some((peer.uid, peer.gid));
        call.groups.clone_from(&peer.groups);
        let claim = call.claim.clone().map(|claim| policy::Claim {
            name: claim.name,
            version: claim.version,
        });
        Ok(Caller::from(peer).claiming(claim))
    }

    /// Opens what the call names, and makes sure that it could be carried out: what
    /// can be refused before a start is recorded is refused.
    fn open<'g>(&mut self, grant: &'g Grant) -> Result<(Files<'g>, RulesetCreated), Failure> {
        let limits = &grant.profile().cgroup;
        if let Some((controller, key)) = self.context.containment.missing(limits) {
            return Err(no_controller(grant, controller, key));
        }
        if let Some(held) = self.context.containment.too_weak(grant.profile()) {
            return Err(weakly_held(grant, held));
        }
        let files = Files::open(grant)?;
        let domain = self.domain(grant, &files)?;
        Ok((files, domain))
    }

    /// The ruleset that grants exactly what the profile and `files` say.
    fn domain(&mut self, grant: &Grant, files: &Files<'_>) -> Result<RulesetCreated, Failure> {
        let domain = self.domains.domain(grant, &files.opened());
        domain.map_err(|error| failure("sandbox", &error))
    }

    /// Makes what is to be made and launches the command; what was made is removed
    /// again when it does not start.
    fn start(
        &mut self,
        (grant, identity): (&Grant, Option<&Identity>),
        (files, domain): (&mut Files<'_>, RulesetCreated),
        output: &Output,
    ) -> Result<Running, Failure> {
        if !files.are_to_be_made() {
            return self.launch((grant, identity), (files, domain), output);
        }
        let maker = Maker {
            identity,
            umask: Mode::from_bits_truncate(grant.profile().umask),
        };
        files.make(maker)?;
        let running = self
            .domain(grant, files)
            .and_then(|domain| self.launch((grant, identity), (files, domain), output));
        if running.is_err() {
            files.unmake(maker);
        }
        running
    }

    fn launch(
        &mut self,
        (grant, identity): (&Grant, Option<&Identity>),
        (files, domain): (&Files<'_>, RulesetCreated),
        output: &Output,
    ) -> Result<Running, Failure> {
        let places = files.places();
        let sight = self.domains.sight(grant, &places);
        let sight = sight.map_err(|error| failure("sandbox", &error))?;
        let terminal = grant.profile().tty.then(|| Terminal::open(identity));
        let terminal = terminal.transpose().map_err(no_terminal)?;
        let domain = match &terminal {
            None => domain,
            Some(terminal) => open_terminal(domain, terminal.command()).map_err(no_terminal)?,
        };
        let namespaces = Namespaces::new(grant.profile(), sight);
        let tasks = match grant.identity() {
            Some(identity) => self
                .tasks
                .elsewhere(&self.context.containment, identity.uid),
            // Nobody else has that user.
            None => 0,
        };
        // The relay of a terminal is a task of the same user.
        let tasks = tasks.saturating_add(u64::from(grant.profile().tty));
        let limits = Limits::new(grant.profile(), tasks);
        let mut plan = plan(
            &self.context,
            (grant, identity),
            files,
            (domain, limits),
            output,
        )
        .map_err(|error| failure("launch", &error))?;
        plan.namespaces = namespaces;
        if let Some(terminal) = &terminal {
            plan.take(terminal.command());
        }
        let containment = &self.context.containment;
        let group = self.groups.take(containment);
        let group = group.map_err(|error| failure("launch", &error))?;
        let running = launch(plan, grant.profile(), containment, group)
            .map_err(|error| failure("launch", &error))?;
        let Some(terminal) = terminal else {
            return Ok(running);
        };
        match terminal.relay(output.stdout.as_fd(), identity) {
            Ok(relay) => Ok(running.carried_by(relay)),
            Err(errno) => {
                running.end().map_err(|error| failure("launch", &error))?;
                Err(no_terminal(errno))
            }
        }
    }

    /// Records a denial and answers whoever decided it.
    fn deny(
        &mut self,
        call: Call,
        caller: &Caller,
        by: Decider,
        denial: Denial,
    ) -> Result<(), HangUp> {
        let principals = self
            .context
            .policy
            .principals_of(caller)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let reply = match by {
            Decider::Supervisor => Reply::Recorded,
            Decider::Worker => Reply::Denied(denial.clone()),
        };
        match self.records.record(&Entry::Deny {
            call,
            principals,
            by,
            denial,
        })? {
            Ok(_) => self.reply(&reply),
            Err(refusal) => self.reply(&refusal.into()),
        }
    }

    fn refuse(&mut self, call: Call, failure: Failure) -> Result<(), HangUp> {
        let recorded = self.records.record(&Entry::Refuse {
            call,
            failure: failure.clone(),
        })?;
        let reply = recorded.map_or_else(Reply::from, |_| Reply::Failed(failure));
        self.reply(&reply)
    }

    /// Records the end of the run and answers; an end that cannot be recorded is
    /// the answer, for the caller must know that the trail is incomplete.
    fn end(&mut self, ending: Ending, reply: &Reply) -> Result<(), HangUp> {
        match self.records.record(&Entry::End(ending))? {
            Ok(_) => self.reply(reply),
            Err(refusal) => self.reply(&refusal.into()),
        }
    }
}

/// Two pipes to write to, and perhaps a socket. Nothing else may become a
/// command's descriptor: a directory, say, would be a way out of its root.
fn output(descriptors: Vec<OwnedFd>) -> Result<(Output, Option<OwnedFd>), HangUp> {
    let mut descriptors = descriptors.into_iter();
    let mut pipe = || {
        descriptors
            .next()
            .filter(is_write_end)
            .ok_or(HangUp::Order("output must go to pipes"))
    };
    let output = Output {
        stdout: pipe()?,
        stderr: pipe()?,
    };
    Ok((output, descriptors.next()))
}

/// At most as much as a supervisor passes that keeps to the protocol.
fn cut(claim: Claim) -> Claim {
    let cut = |text: String| text.chars().take(wire::CLAIM_MAX).collect();
    Claim {
        name: cut(claim.name),
        version: cut(claim.version),
    }
}

fn is_write_end(descriptor: &OwnedFd) -> bool {
    let fifo = fstat(descriptor).is_ok_and(|stat| {
        SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFIFO
    });
    let flags = fcntl(descriptor, FcntlArg::F_GETFL).map(OFlag::from_bits_truncate);
    fifo && flags.is_ok_and(|flags| flags & OFlag::O_ACCMODE == OFlag::O_WRONLY)
}

fn arguments(run: &Run) -> Arguments {
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

fn in_words_of_the_wire(denial: policy::Denial) -> Denial {
    Denial {
        code: denial.code.to_owned(),
        rule: denial.rule,
        reason: denial.reason,
    }
}

fn start(call: Call, bounds: Vec<Bound>, grant: &Grant) -> Entry {
    Entry::Start {
        call,
        principal: grant.principal().to_owned(),
        rule: grant.rule().to_owned(),
        argv: grant.argv().to_vec(),
        directory: grant
            .starts_in()
            .and_then(|index| grant.paths().get(index))
            .map(|path| path.path().display().to_string()),
        stdin: read(grant.stdin()),
        user: match grant.identity() {
            Some(_) => RunUser::Known,
            None => RunUser::Fresh,
        },
        bounds,
    }
}

/// A command that the policy should not have let come so far.
#[derive(Debug, Error)]
enum PlanError {
    /// Execve(2) cannot pass it.
    #[error("cannot pass a NUL byte")]
    Nul(#[from] NulError),
    /// A capability that this worker does not know.
    #[error("cannot grant capabilities")]
    Capability(#[source] Errno),
    /// The filters are not those of the policy.
    #[error("cannot find the system call filter of the profile")]
    Filter,
}

/// What the command reads, for the trail: of a text only the digest.
fn read(stdin: &Stdin) -> Option<audit::Input> {
    match stdin {
        Stdin::Null => None,
        Stdin::File(path) => Some(audit::Input::File(path.path().display().to_string())),
        Stdin::Text(text) => Some(audit::Input::Text {
            sha256: Sha256::digest(text).into(),
            bytes: text.len() as u64,
        }),
    }
}

fn plan<'a>(
    context: &'a Context,
    (grant, identity): (&'a Grant, Option<&'a Identity>),
    files: &'a Files<'_>,
    (domain, limits): (RulesetCreated, Limits),
    output: &'a Output,
) -> Result<Plan<'a>, PlanError> {
    let profile = grant.profile();
    let variables = profile
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    Ok(Plan {
        argv: grant
            .argv()
            .iter()
            .map(|word| CString::new(word.as_str()))
            .collect::<Result<_, _>>()?,
        environment: variables.map(CString::new).collect::<Result<_, _>>()?,
        directory: match files.directory() {
            Some((path, opened)) => Directory::Argument(path, opened),
            None => Directory::Path(CString::new(
                profile.working_directory.as_os_str().as_encoded_bytes(),
            )?),
        },
        stdin: match (files.input(), grant.stdin()) {
            (Input::File(opened), Stdin::File(path)) => {
                child::Stdin::File(path, opened, context.null.as_fd())
            }
            (Input::Text(text), _) => child::Stdin::Open(text.as_fd()),
            (Input::Nothing | Input::File(_), _) => child::Stdin::Open(context.null.as_fd()),
        },
        terminal: false,
        stdout: &output.stdout,
        stderr: &output.stderr,
        limits,
        scheduling: &profile.scheduling,
        umask: Mode::from_bits_truncate(profile.umask),
        identity,
        capabilities: privilege::granted(profile).map_err(PlanError::Capability)?,
        domain,
        namespaces: None,
        filter: context
            .filters
            .of_profile(profile)
            .ok_or(PlanError::Filter)?,
        patience: u32::try_from(profile.timeout.as_secs() + 1).unwrap_or(u32::MAX),
    })
}

/// Whom a command becomes; `None` when the worker is that user already. Where the
/// policy names nobody it is `fresh`, or nothing runs.
fn identity<'a>(
    trust: &Trust,
    grant: &'a Grant,
    fresh: Option<&'a Identity>,
) -> Result<Option<&'a Identity>, Failure> {
    match (trust, grant.identity()) {
        (Trust::Only(_), Some(_)) => Ok(None),
        (Trust::Front(_), Some(identity)) => Ok(Some(identity)),
        (Trust::Front(_), None) if fresh.is_some() => Ok(fresh),
        (Trust::Front(_) | Trust::Only(_), None) => Err(Failure {
            code: "launch".to_owned(),
            reason: "cannot give the command a user of its own".to_owned(),
        }),
    }
}

/// The identity of `user`, which only this run has: its group has the same number.
fn of_its_own(user: u32, grant: &Grant) -> Identity {
    let groups = grant.profile().supplementary_groups.iter().flatten();
    Identity {
        uid: user,
        gid: user,
        groups: groups.map(|group| group.gid).collect(),
    }
}

pub(super) fn failure(code: &str, error: &dyn Error) -> Failure {
    Failure {
        code: code.to_owned(),
        reason: explain(error),
    }
}

fn no_terminal(errno: Errno) -> Failure {
    let reason = format!(
        "cannot make a terminal for the command: {}\n\
         hint: /dev/ptmx must be there for the worker; `tty = false` needs none",
        explain(&errno)
    );
    Failure {
        code: "launch".to_owned(),
        reason,
    }
}

fn weakly_held(grant: &Grant, held: Containment) -> Failure {
    let (profile, needed) = (&grant.profile().name, grant.profile().minimum_containment);
    let reason = format!(
        "cannot hold commands of profile `{profile}` by more than a {}: its `minimum_containment` is `{}`\n\
         hint: give the worker a cgroup v2 hierarchy of its own (under systemd, Delegate=yes), or accept less",
        held.name(),
        needed.name()
    );
    Failure {
        code: "sandbox".to_owned(),
        reason,
    }
}

fn no_controller(grant: &Grant, controller: Controller, key: &str) -> Failure {
    let profile = &grant.profile().name;
    let reason = format!(
        "cannot hold `{key}` of profile `{profile}`: the worker has no cgroup controller `{controller}`\n\
         hint: delegate it to the worker (under systemd, Delegate={controller}), or leave `{key}` out"
    );
    Failure {
        code: "sandbox".to_owned(),
        reason,
    }
}

fn stale() -> Failure {
    let reason = "cannot run under another policy than the worker has loaded\nhint: restart or reload both processes";
    Failure {
        code: "stale_policy".to_owned(),
        reason: reason.to_owned(),
    }
}
