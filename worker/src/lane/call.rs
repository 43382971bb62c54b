//! One call, from the request to its outcome.

use super::attest::attest;
use super::watch::{Reason, outcome};
use super::{HangUp, Lane};
use crate::audit::{Call, Decider, Ending, Entry};
use crate::context::{Context, Trust};
use crate::explain::explain;
use crate::open::{Opened, open_path};
use crate::sandbox::child::Plan;
use crate::sandbox::launch::{Running, launch};
use crate::sandbox::limits::Limits;
use crate::sandbox::namespaces::{self, Namespaces};
use crate::sandbox::privilege;
use landlock::RulesetCreated;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{Mode, SFlag, fstat};
use policy::{Arguments, Caller, Controller, Decision, Grant};
use std::error::Error;
use std::ffi::{CString, NulError};
use std::os::fd::OwnedFd;
use thiserror::Error;
use wire::{Argument, Denial, Failure, Given, Reply, Report, Run, Value};

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
            tool: run.tool.clone(),
        };

        let caller = match attest(&self.context.trust, client.as_ref()) {
            Ok(caller) => caller,
            Err(error) => return self.refuse(call, failure("attestation", &error)),
        };
        call.caller = Some((caller.uid, caller.gid));
        if run.policy != self.context.policy.digest() {
            return self.refuse(call, stale());
        }
        match self
            .context
            .policy
            .decide(&caller, &run.tool, &arguments(run))
        {
            Decision::Allow(grant) => self.carry_out(call, grant, output, client.as_ref()),
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
        grant: Grant,
        output: Output,
        client: Option<&OwnedFd>,
    ) -> Result<(), HangUp> {
        let (opened, domain) = match self.prepare(&grant) {
            Ok(prepared) => prepared,
            Err(failure) => return self.refuse(call, failure),
        };
        let name = match self.records.record(&start(call, &grant))? {
            Ok(name) => name.unwrap_or_default(),
            Err(failure) => return self.reply(&Reply::Failed(failure)),
        };
        let running = match self.launch(&grant, &opened, domain, &output) {
            Ok(running) => running,
            Err(failure) => {
                return self.end(Ending::Failed(failure.clone()), &Reply::Failed(failure));
            }
        };
        // The readers must see the end of the output when the command's tree has ended.
        drop((output, opened));

        let reason = match self.reply(&Reply::Started { run: name.clone() }) {
            Ok(()) => self.watch(&running, client, grant.profile().timeout),
            Err(_) => Reason::Abandoned,
        };
        let end = running
            .end()
            .map_err(|error| HangUp::Broken(explain(&error)))?;
        let outcome = outcome(name, reason, &end)?;
        self.end(Ending::Finished(outcome.clone()), &Reply::Finished(outcome))
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
            tool: report.tool,
        };
        let caller = match attest(&self.context.trust, descriptors.pop().as_ref()) {
            Ok(caller) => caller,
            Err(error) => return self.refuse(call, failure("attestation", &error)),
        };
        call.caller = Some((caller.uid, caller.gid));
        self.deny(call, &caller, Decider::Supervisor, report.denial)
    }

    /// Opens path arguments and builds the ruleset that grants exactly them.
    fn prepare(&mut self, grant: &Grant) -> Result<(Vec<Opened>, RulesetCreated), Failure> {
        let limits = &grant.profile().cgroup;
        if let Some((controller, key)) = self.context.containment.missing(limits) {
            return Err(no_controller(grant, controller, key));
        }
        let opened: Result<Vec<Opened>, _> = grant.paths().iter().map(open_path).collect();
        let opened = opened.map_err(|error| failure("open", &error))?;
        let domain = self
            .domains
            .domain(grant, &opened)
            .map_err(|error| failure("sandbox", &error))?;
        Ok((opened, domain))
    }

    fn launch(
        &mut self,
        grant: &Grant,
        opened: &[Opened],
        domain: RulesetCreated,
        output: &Output,
    ) -> Result<Running, Failure> {
        let view = self.domains.view(grant, opened);
        let view = view.map_err(|error| failure("sandbox", &error))?;
        let namespaces = (namespaces::flags(grant.profile()) != 0)
            .then(|| Namespaces::new(grant.profile(), view));
        let tasks = self
            .tasks
            .elsewhere(&self.context.containment, grant.identity().uid);
        let limits = Limits::new(grant.profile(), tasks);
        let mut plan = plan(&self.context, grant, domain, limits, output)
            .map_err(|error| failure("launch", &error))?;
        plan.namespaces = namespaces;
        self.launched += 1;
        launch(
            plan,
            grant.profile(),
            &self.context.containment,
            self.launched,
        )
        .map_err(|error| failure("launch", &error))
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
            Err(failure) => self.reply(&Reply::Failed(failure)),
        }
    }

    fn refuse(&mut self, call: Call, failure: Failure) -> Result<(), HangUp> {
        let recorded = self.records.record(&Entry::Refuse {
            call,
            failure: failure.clone(),
        })?;
        self.reply(&Reply::Failed(recorded.err().unwrap_or(failure)))
    }

    /// Records the end of the run and answers; an end that cannot be recorded is
    /// the answer, for the caller must know that the trail is incomplete.
    fn end(&mut self, ending: Ending, reply: &Reply) -> Result<(), HangUp> {
        match self.records.record(&Entry::End(ending))? {
            Ok(_) => self.reply(reply),
            Err(failure) => self.reply(&Reply::Failed(failure)),
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

fn start(call: Call, grant: &Grant) -> Entry {
    Entry::Start {
        call,
        principal: grant.principal().to_owned(),
        rule: grant.rule().to_owned(),
        argv: grant.argv().to_vec(),
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

fn plan<'a>(
    context: &'a Context,
    grant: &'a Grant,
    domain: RulesetCreated,
    limits: Limits,
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
        directory: CString::new(profile.working_directory.as_os_str().as_encoded_bytes())?,
        null: &context.null,
        stdout: &output.stdout,
        stderr: &output.stderr,
        limits,
        scheduling: &profile.scheduling,
        umask: Mode::from_bits_truncate(profile.umask),
        identity: matches!(context.trust, Trust::Front(_)).then(|| grant.identity()),
        capabilities: privilege::granted(profile).map_err(PlanError::Capability)?,
        bounded: context.bounded,
        domain,
        namespaces: None,
        filter: context
            .filters
            .of_profile(profile)
            .ok_or(PlanError::Filter)?,
    })
}

fn failure(code: &str, error: &dyn Error) -> Failure {
    Failure {
        code: code.to_owned(),
        reason: explain(error),
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
