//! One call, from the request to its outcome.

use super::approval::Proofs;
use super::attest::attest;
use super::bounds::bounds;
use super::entry::start;
use super::meanwhile::{Start, may_begin};
use super::place::Place;
use super::recording::{Passage, Recording};
use super::records::Admitted;
use super::request::{arguments, cut, sound, streams};
use super::watch::outcome;
use super::{HangUp, Lane};
use crate::audit::{Began, Call, Decider, Ending, Entry, Proven, Told};
use crate::context::{Context, Trust};
use crate::explain::explain;
use crate::launcher::{Refused, Streams};
use crate::metrics::Stopwatch;
use crate::sandbox::launch::{LaunchError, Remains, Running};
use policy::{Background, Caller, Confirmation, Decision, Grant, Profile, Proof};
use std::error::Error;
use std::os::fd::OwnedFd;
use wire::{Argument, Claim, Denial, Failure, Presented, Reply, Report, Run, Stage};

impl Lane {
    /// Decides `run` again, carries it out, and answers.
    pub(super) fn call(&mut self, run: &Run, descriptors: Vec<OwnedFd>) -> Result<(), HangUp> {
        self.watch = Stopwatch::start();
        let (streams, client) = streams(descriptors)?;
        let mut call = Call {
            correlation: sound(run.correlation.clone()),
            policy: self.launcher.context.policy.digest(),
            caller: None,
            approval: None,
            claim: run.claim.clone().map(cut),
            arguments: Some(self.told(&run.tool, run.arguments.clone())),
            tool: run.tool.clone(),
            background: run.background,
            queued: None,
            confirmed: false,
        };
        let caller = match self.attested(&mut call, client.as_ref(), run.key.as_ref()) {
            Ok(caller) => caller,
            Err(failure) => return self.refuse(call, failure),
        };
        if run.policy != self.launcher.context.policy.digest() {
            return self.refuse(call, stale());
        }
        self.finished = false;
        let proofs = Proofs {
            client: client.as_ref(),
            key: run.key.as_ref(),
        };
        let policy = &self.launcher.context.policy;
        let decision = match policy.decide(&caller, &run.tool, &arguments(run)) {
            Decision::Confirm(held) if run.confirmed => {
                call.confirmed = true;
                held.confirmed(Confirmation::given()).into()
            }
            decision @ (Decision::Allow(_)
            | Decision::Ask(_)
            | Decision::Confirm(_)
            | Decision::Deny(_)) => decision,
        };
        match decision {
            Decision::Allow(grant) => {
                self.serves(grant.profile())?;
                let allowed = self.in_background(run, client.as_ref(), |connected| {
                    grant.in_background(connected)
                });
                let kept = match allowed {
                    Ok(kept) => kept,
                    Err(denial) => return self.deny(call, &caller, Decider::Worker, denial),
                };
                self.watch.lap(Stage::Decide);
                let watched = proofs.watched(kept);
                self.carry_out(call, grant, streams, (&caller, watched))
            }
            Decision::Ask(ask) => {
                self.serves(ask.profile())?;
                let allowed = self.in_background(run, client.as_ref(), |connected| {
                    ask.in_background(connected)
                });
                let kept = match allowed {
                    Ok(kept) => kept,
                    Err(denial) => return self.deny(call, &caller, Decider::Worker, denial),
                };
                self.watch.lap(Stage::Decide);
                match self.approval(&mut call, &caller, ask, proofs)? {
                    Some(grant) => {
                        self.watch.lap(Stage::Approve);
                        let watched = proofs.watched(kept);
                        self.carry_out(call, grant, streams, (&caller, watched))
                    }
                    None => Ok(()),
                }
            }
            Decision::Confirm(held) => {
                let denial = in_words_of_the_wire(held.denial());
                self.deny(call, &caller, Decider::Worker, denial)
            }
            Decision::Deny(denial) => {
                self.deny(call, &caller, Decider::Worker, in_words_of_the_wire(denial))
            }
        }
    }

    /// Whether this lane can launch commands of `profile`. The supervisor keeps those of
    /// different filters apart.
    fn serves(&self, profile: &Profile) -> Result<(), HangUp> {
        if self.launcher.serves(profile) {
            return Ok(());
        }
        Err(HangUp::Order(
            "a command under another filter than the first",
        ))
    }

    /// Whether the command of `run` ends when its caller goes away, who is watched for
    /// that, or the denial of a run in the background; it is not the supervisor's to say.
    fn in_background(
        &self,
        run: &Run,
        client: Option<&OwnedFd>,
        allowed: impl FnOnce(bool) -> Result<Background, policy::Denial>,
    ) -> Result<bool, Denial> {
        if !run.background {
            return Ok(true);
        }
        let alone = !matches!(self.launcher.context.trust, Trust::Front { .. });
        match allowed(alone || client.is_some()) {
            // Let go: he may want to see that his connection has ended.
            Ok(Background::Outliving) => Ok(false),
            Ok(Background::Connected | Background::Never) => Ok(true),
            Err(denial) => Err(in_words_of_the_wire(denial)),
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
        streams: Streams,
        (caller, proofs): (&Caller, Proofs<'_>),
    ) -> Result<(), HangUp> {
        let (mut files, domain) = match self.launcher.open(&grant) {
            Ok(opened) => opened,
            Err(refused) => return self.refuse(call, refused.into()),
        };
        let (streams, passage) = match dug(&grant, streams) {
            Ok(dug) => dug,
            Err(errno) => return self.refuse(call, failure("recording", &errno)),
        };
        let bounds = bounds(grant.limits(), caller);
        let start = start(call, bounds, &grant, self.terms.digest(&grant));
        // To be refused must stay cheap: who floods is to have no process made each time.
        let (admitted, mut opened) = if self.admitted && may_begin(&grant, &files) {
            match self.begin_meanwhile(&start, &grant, (&mut files, domain), &streams)? {
                Start::Recorded(began, running) => {
                    // The readers must see the end of the output when the command's tree has ended.
                    drop((streams, files));
                    self.launcher.learn(began.counted);
                    let proofs = (proofs, None);
                    return self.follow(&began.run, *running, &grant, proofs);
                }
                Start::Answered(admitted) => (admitted, None),
            }
        } else {
            (self.records.start(&start)?, Some((files, domain)))
        };
        self.admitted = matches!(admitted, Admitted::Began(_));
        // What waits holds no file open.
        let close = || drop(opened.take());
        let place = self.place(admitted, grant.queue_timeout(), (caller, proofs), close)?;
        let Some(Place { began, waited }) = place else {
            return Ok(());
        };
        let admitted = if waited { Stage::Queue } else { Stage::Admit };
        self.watch.lap(admitted);
        let Began {
            run: name,
            user,
            record_max,
            counted,
        } = began;
        self.launcher.learn(counted);
        let recording = match passage {
            Some(passage) => Some(passage.recorded(self.records.handed(), record_max)?),
            None => None,
        };
        let opened = match opened {
            Some(opened) => opened,
            None => match self.launcher.open(&grant) {
                Ok(opened) => opened,
                Err(refused) => return self.nothing_ran(refused.into()),
            },
        };
        let (mut files, domain) = opened;
        let running =
            self.launcher
                .start((&grant, user), (&mut files, domain), &streams, &mut || true);
        // As above.
        drop((streams, files));
        self.follow(&name, running, &grant, (proofs, recording))
    }

    /// Watches the command of the run `name` to its end, and answers with that.
    fn follow(
        &mut self,
        name: &str,
        running: Result<Running, Refused>,
        grant: &Grant,
        (proofs, mut recording): (Proofs<'_>, Option<Recording>),
    ) -> Result<(), HangUp> {
        self.recorded = recording.is_some();
        let running = match running {
            Ok(running) => running,
            Err(refused) => return self.nothing_ran(refused.into()),
        };
        self.watch.lap(Stage::Launch);
        let reason = self.watch(
            (&running, name),
            proofs.client,
            grant.profile(),
            &mut recording,
        );
        let first = running.first();
        if let Some(recording) = &mut recording {
            recording.catch_up();
        }
        let (end, remains) = running.end().map_err(|error| failure_to_go_on(&error))?;
        self.watch.lap(Stage::Run);
        let floor = self.launcher.context.containment.floor();
        let mut outcome = outcome(name.to_owned(), reason, &end, floor)?;
        outcome.denied = self.launcher.explain(first, &end);
        if let Some((recorded, blocked)) = recording.map(Recording::finish) {
            outcome.blocked.extend(blocked);
            // What cannot be written is said there, and with the end to the caller.
            let _said = self.records.record(&Entry::Recorded(recorded))?;
        }
        self.end(Ending::Finished(outcome), remains)?;
        if end.killed {
            self.launcher.forget_cell();
        }
        Ok(())
    }

    /// Records a denial of the supervisor's own.
    pub(super) fn report(
        &mut self,
        report: Report,
        mut descriptors: Vec<OwnedFd>,
    ) -> Result<(), HangUp> {
        let mut call = Call {
            correlation: sound(report.correlation),
            policy: self.launcher.context.policy.digest(),
            caller: None,
            approval: None,
            claim: report.claim.map(cut),
            arguments: report
                .arguments
                .map(|arguments| self.told(&report.tool, arguments)),
            tool: report.tool,
            background: false,
            queued: None,
            confirmed: false,
        };
        let client = descriptors.pop();
        let caller = match self.attested(&mut call, client.as_ref(), report.key.as_ref()) {
            Ok(caller) => caller,
            Err(failure) => return self.refuse(call, failure),
        };
        self.deny(call, &caller, Decider::Supervisor, report.denial)
    }

    /// The arguments of a call of `tool` as the trail tells them.
    fn told(&self, tool: &str, arguments: Vec<Argument>) -> Vec<Told> {
        let tool = self.launcher.context.policy.tool(tool);
        let arguments = arguments.into_iter();
        arguments.map(|one| Told::new(one, tool)).collect()
    }

    /// The caller, proven by the kernel or by a key; what he claims is only added.
    /// `call` gets what is proven.
    fn attested(
        &mut self,
        call: &mut Call,
        client: Option<&OwnedFd>,
        key: Option<&Presented>,
    ) -> Result<Caller, Failure> {
        let caller = self.proven(client, key, call.claim.as_ref())?;
        call.caller = Some(Proven::from(&caller.proof));
        Ok(caller)
    }

    /// Who is proven by `client` or `key`, with what he claims.
    pub(super) fn proven(
        &mut self,
        client: Option<&OwnedFd>,
        key: Option<&Presented>,
        claim: Option<&Claim>,
    ) -> Result<Caller, Failure> {
        let Context { trust, policy, .. } = &self.launcher.context;
        let proof = match attest(trust, &mut self.keyring, client, key) {
            Ok(Proof::Peer(peer)) if policy.names_callers() => Proof::Peer(self.logins.with(peer)),
            Ok(proof) => proof,
            Err(error) => return Err(failure("attestation", &error)),
        };
        let claim = claim.map(|claim| policy::Claim {
            name: claim.name.clone(),
            version: claim.version.clone(),
        });
        Ok(Caller { proof, claim })
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
            .launcher
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
            left_out: 0,
        })?;
        let reply = recorded.map_or_else(Reply::from, |_| Reply::Failed(failure));
        self.reply(&reply)
    }

    /// Has the first process record the end of the run and tell the supervisor. Meanwhile
    /// `remains` are kept for the next command, or dropped.
    pub(super) fn end(&mut self, ending: Ending, remains: Remains) -> Result<(), HangUp> {
        self.finished = matches!(ending, Ending::Finished(_));
        let (times, counted) = (self.watch.stop(), self.launcher.counted());
        let asked = self.records.end(ending, times, counted)?;
        self.launcher.keep(remains);
        self.prepared = self.launcher.is_prepared();
        match asked {
            Ok(()) => Ok(()),
            Err(refusal) => self.reply(&refusal.into()),
        }
    }
}

/// The streams of the command of `grant`: those of the supervisor, unless what it
/// prints is recorded on its way there.
fn dug(grant: &Grant, streams: Streams) -> Result<(Streams, Option<Passage>), nix::Error> {
    if !grant.record() {
        return Ok((streams, None));
    }
    let (passage, own) = Passage::dig(&streams)?;
    Ok((own, Some(passage)))
}

fn in_words_of_the_wire(denial: policy::Denial) -> Denial {
    Denial {
        code: denial.code.to_owned(),
        rule: denial.rule,
        reason: denial.reason,
    }
}

/// A command that cannot be ended.
pub(super) fn failure_to_go_on(error: &LaunchError) -> HangUp {
    HangUp::Broken(explain(error))
}

pub(super) fn failure(code: &str, error: &dyn Error) -> Failure {
    Failure {
        code: code.to_owned(),
        reason: explain(error),
    }
}

pub(crate) fn stale() -> Failure {
    let reason = "cannot run under another policy than the worker has loaded\nhint: restart or reload both processes";
    Failure {
        code: "stale_policy".to_owned(),
        reason: reason.to_owned(),
    }
}
