//! What the supervisor tells of clients besides their calls: that they come and go, and
//! which keys they show.

use super::request::{cut, sound};
use super::{HangUp, Lane};
use crate::audit::{Attachment, Entry, Proven};
use crate::context::Trust;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use wire::{Attach, Correlation, Identify, Presented, Reply};

/// How long the first process is not asked again about the same key and address.
const TOLD: Duration = Duration::from_secs(60);

/// Most of those that are remembered.
const TOLD_MAX: usize = 64;

/// Keys that the first process has been told of, with their addresses.
#[derive(Debug, Default)]
pub(super) struct Told(Vec<(String, IpAddr, Instant)>);

impl Told {
    /// Whether it is time to tell of `name` at `address` again.
    fn is_new(&mut self, name: &str, address: IpAddr) -> bool {
        self.0.retain(|(_, _, then)| then.elapsed() < TOLD);
        let known = |(its, place, _): &(String, IpAddr, Instant)| its == name && *place == address;
        if self.0.iter().any(known) {
            return false;
        }
        if self.0.len() < TOLD_MAX {
            self.0.push((name.to_owned(), address, Instant::now()));
        }
        true
    }
}

impl Lane {
    /// Tells whose key this is, and has it recorded.
    pub(super) fn identify(&mut self, question: Identify) -> Result<(), HangUp> {
        let Presented { key, address } = question.presented;
        let name = match &self.launcher.context.trust {
            Trust::Front { keys, .. } => self.keyring.name_of(keys, &key),
            Trust::Only(_) | Trust::Administrator(_) => None,
        };
        self.note_key(question.correlation, name.clone(), address)?;
        self.reply(&Reply::Identified(name))
    }

    /// Whether or not it can be written, a wrong key opens nothing, and a valid one
    /// only asks: every call is recorded by itself.
    fn note_key(
        &mut self,
        correlation: Correlation,
        name: Option<String>,
        address: IpAddr,
    ) -> Result<(), HangUp> {
        let correlation = sound(correlation);
        let entry = match name {
            None => Entry::WrongKey {
                correlation,
                address,
                left_out: 0,
            },
            Some(name) if self.told.is_new(&name, address) => Entry::KeyUse {
                correlation,
                name,
                address,
                left_out: 0,
            },
            Some(_) => return Ok(()),
        };
        let _said = self.records.record(&entry)?;
        Ok(())
    }

    /// Records a client that has attached itself, as far as it can be proven who it is.
    pub(super) fn attach(
        &mut self,
        attach: Attach,
        mut descriptors: Vec<OwnedFd>,
    ) -> Result<(), HangUp> {
        let client = descriptors.pop();
        let proven = self.proven(client.as_ref(), attach.key.as_ref(), attach.claim.as_ref());
        let Ok(caller) = proven else {
            // It has gone again, or the supervisor makes it up: there is nobody to record.
            return self.reply(&Reply::Attached(None));
        };
        let principals = self.launcher.context.policy.principals_of(&caller);
        let attachment = Attachment {
            correlation: sound(attach.correlation),
            principals: principals.into_iter().map(str::to_owned).collect(),
            caller: Proven::from(&caller.proof),
            claim: attach.claim.map(cut),
            speech: attach.speech,
            name: String::new(),
            left_out: 0,
        };
        let reply = match self.records.attach(attachment)? {
            Ok(name) => Reply::Attached(name),
            Err(refusal) => refusal.into(),
        };
        self.reply(&reply)
    }

    /// Records that a client is gone.
    pub(super) fn detach(&mut self, name: String) -> Result<(), HangUp> {
        let reply = match self.records.record(&Entry::Detach(name))? {
            Ok(_) => Reply::Recorded,
            Err(refusal) => refusal.into(),
        };
        self.reply(&reply)
    }
}
