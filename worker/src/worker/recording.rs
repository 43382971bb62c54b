//! What lanes ask for and have recorded.

use super::waiting::name;
use super::{Worker, WorkerError};
use crate::admission::Now;
use crate::audit::{Ask, AuditError, Decider, Ending, Entry, Note, Offender, RunUser};
use crate::explain::explain;
use crate::lane::{HangUp, Refusal, send_reply};
use crate::log::tell;
use crate::recordings::Recording;
use crate::sys;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, recv, shutdown};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;
use wire::systemd::Severity;
use wire::{Denial, Reply, SendError};

impl Worker {
    /// Does what a lane asks for, and answers.
    pub(super) fn ask(&mut self, number: u64) -> Result<(), WorkerError> {
        let Some(lane) = self.lanes.get_mut(&number) else {
            return Ok(());
        };
        let ask = sys::receive(lane.records.as_fd(), &mut self.buffer)
            .ok()
            .and_then(|packet| postcard::from_bytes(self.buffer.get(..packet.length)?).ok());
        let slowed = ask.as_ref().and_then(slowed);
        let note = match ask {
            Some(Ask::<Entry>::Record(entry)) => self.take_down(number, entry),
            Some(Ask::Approval(waiting)) => self.approval(number, *waiting),
            Some(Ask::Leave(left)) => self.leave(number, left),
            Some(Ask::Ended(ending, times, counted)) => {
                self.tasks.note(counted);
                self.metrics.took(&times);
                self.end(number, *ending);
                return Ok(());
            }
            Some(Ask::Outdated(version)) => {
                self.greeted_by_newer(version);
                return Ok(());
            }
            Some(Ask::Reload(wanted)) => match self.reload(Some(wanted)) {
                Ok(()) => Note::Recorded(None),
                Err(reason) => Note::Failed(reason),
            },
            None => {
                // It has ended, or does not make sense any more.
                lane.kill();
                self.events.delete(&lane.records)?;
                self.forsaken(number);
                return Ok(());
            }
        };
        self.answer_in_turn(number, note, slowed);
        Ok(())
    }

    /// Takes what a lane that is gone has said last: it does not wait until the end of its
    /// run is recorded, nor until somebody is told to be older. Whatever else it has said,
    /// it died before it was answered.
    pub(super) fn hear_out(&mut self, number: u64) {
        while let Some(ask) = self.last_words(number) {
            match ask {
                Ask::Ended(ending, times, _) => {
                    self.metrics.took(&times);
                    self.end(number, *ending);
                }
                Ask::Outdated(version) => self.greeted_by_newer(version),
                Ask::Record(_) | Ask::Approval(_) | Ask::Leave(_) | Ask::Reload(_) => {}
            }
        }
    }

    fn last_words(&mut self, number: u64) -> Option<Ask<Entry>> {
        let records = self.lanes.get(&number)?.records.as_raw_fd();
        let length = recv(records, &mut self.buffer, MsgFlags::MSG_DONTWAIT).ok()?;
        postcard::from_bytes(self.buffer.get(..length)?).ok()
    }

    /// Records the end of a lane's run and tells the supervisor, who must know where that
    /// cannot be written: the trail is incomplete then.
    fn end(&mut self, number: u64, ending: Ending) {
        let entry = Entry::End(ending);
        let note = self.write(number, &entry, (None, Now::read()));
        let reply = match (note, entry) {
            (Note::Failed(reason), _) => Refusal::Unwritten(reason).into(),
            (Note::Recorded(_), Entry::End(Ending::Finished(outcome))) => Reply::Finished(outcome),
            (Note::Recorded(_), Entry::End(Ending::Failed(failure))) => Reply::Failed(failure),
            _ => return,
        };
        self.tell_supervisor(number, &reply);
    }

    /// Answers the supervisor for a lane. One that does not read is heard no more: its lane
    /// finds the connection shut, and goes.
    fn tell_supervisor(&mut self, number: u64, reply: &Reply) {
        let Some(lane) = self.lanes.get(&number) else {
            return;
        };
        let connection = lane.connection.as_fd();
        if let Err(error) = send_reply(connection, reply) {
            let gone = matches!(error, SendError::Socket(Errno::EPIPE | Errno::ECONNRESET));
            let _shut_already = shutdown(connection.as_raw_fd(), Shutdown::Both);
            if !gone {
                let reason = explain(&HangUp::Send(error));
                self.violated(Offender::Supervisor, &reason);
            }
        }
    }

    /// Answers a lane, later where `slowed` has told much of late.
    fn answer_in_turn(&mut self, number: u64, note: Note, slowed: Option<String>) {
        let now = Instant::now();
        let delay = slowed.map(|who| self.slowing.charge(&who, now));
        match delay.filter(|delay| !delay.is_zero() && self.deadline.is_none()) {
            Some(delay) => {
                self.metrics.slowed += 1;
                self.slowing.put_off(number, note, now + delay);
            }
            None => self.tell(number, &note),
        }
    }

    /// Gives the answers that have been put off until now.
    pub(super) fn answer_late(&mut self) {
        let now = Instant::now();
        while let Some((lane, note)) = self.slowing.next(now) {
            self.tell(lane, &note);
        }
    }

    pub(super) fn record(&mut self, number: u64, mut entry: Entry) -> Note {
        if !self.is_approved(number, &entry) {
            return Note::Stop;
        }
        if self.is_stale(&entry) {
            return self.turn_away(&entry);
        }
        if let Entry::Start { .. } = &entry {
            return self.admit(number, entry);
        }
        if let Entry::Recorded(recorded) = &mut entry
            && !self.keep(number, recorded)
        {
            return Note::Stop;
        }
        if !self.is_worth_a_line(&mut entry) {
            let policy = &self.context.policy;
            self.metrics.recorded(policy, &mut None, &entry);
            return Note::Recorded(None);
        }
        self.write(number, &entry, (None, Now::read()))
    }

    /// Has the command of an admitted call begin, once that is recorded.
    pub(super) fn begin(&mut self, number: u64, mut start: Entry, now: Now) -> Note {
        let recording = match self.recording(&start) {
            Ok(recording) => recording,
            Err(denial) => return self.deny(&start, denial),
        };
        match self.give_user(number, &mut start) {
            Some(denial) => self.deny(&start, denial),
            None => self.write(number, &start, (recording, now)),
        }
    }

    /// Writes `entry`; with a start go the files for its output, if that is recorded.
    fn write(
        &mut self,
        number: u64,
        entry: &Entry,
        (recording, now): (Option<Recording>, Now),
    ) -> Note {
        let Some(lane) = self.lanes.get_mut(&number) else {
            return Note::Stop;
        };
        let name = lane.name(entry, &mut self.runs);
        if let (Entry::Output(_), None) = (entry, &name) {
            return Note::Stop;
        }
        let written = self.log.record(entry, name.as_deref());
        if let (Entry::Start { bounds, .. }, Ok(())) = (entry, &written) {
            let places = self.admission.count(bounds, now);
            let former = std::mem::replace(&mut lane.places, places);
            self.admission.leave(former);
            lane.recording = recording;
        }
        let gone = written.is_err() && matches!(entry, Entry::Start { .. });
        if gone || matches!(entry, Entry::End(_)) {
            lane.user
                .take()
                .iter()
                .for_each(|user| self.users.leave(*user));
        }
        if let Entry::End(_) = entry {
            self.admission.leave(std::mem::take(&mut lane.places));
            lane.recording = None;
        }
        match written {
            Ok(()) => {
                let policy = &self.context.policy;
                self.metrics.recorded(policy, &mut lane.counting, entry);
                let mut began = lane.note_recorded(entry);
                if let Some(began) = &mut began {
                    began.counted = self.tasks.known();
                }
                self.seen(entry);
                Note::Recorded(began)
            }
            Err(error) => {
                lane.note_lost(entry);
                lost_line(&error)
            }
        }
    }

    /// Gives a start that wants one a user of its own; why not, where there is none.
    fn give_user(&mut self, number: u64, entry: &mut Entry) -> Option<Denial> {
        let Entry::Start { user, .. } = entry else {
            return None;
        };
        // What a lane says that it has been given was not.
        if *user == RunUser::Known {
            return None;
        }
        let lane = self.lanes.get_mut(&number)?;
        // It has ended the one before, or would not ask.
        lane.user
            .take()
            .iter()
            .for_each(|user| self.users.leave(*user));
        let Some(fresh) = self.users.take() else {
            return Some(no_user_left());
        };
        lane.user = Some(fresh);
        *user = RunUser::Given(fresh);
        None
    }

    /// Records that a limit leaves no room for the call that was to start.
    pub(super) fn deny(&mut self, start: &Entry, denial: Denial) -> Note {
        let Some(entry) = start.denied(denial.clone()) else {
            return Note::Stop;
        };
        match self.log.record(&entry, None) {
            Ok(()) => {
                let policy = &self.context.policy;
                self.metrics.recorded(policy, &mut None, &entry);
                self.seen(&entry);
                Note::Denied(denial)
            }
            Err(error) => lost_line(&error),
        }
    }
}

/// Who must wait for the answer to `ask`, if many like it came: what the supervisor alone
/// knows of, and what costs this process more than a line.
fn slowed(ask: &Ask<Entry>) -> Option<String> {
    match ask {
        Ask::Record(Entry::Deny {
            call,
            by: Decider::Supervisor,
            ..
        }) => Some(name(call)),
        Ask::Reload(_) => Some("reload".to_owned()),
        Ask::Record(_) | Ask::Approval(_) | Ask::Leave(_) | Ask::Ended(..) | Ask::Outdated(_) => {
            None
        }
    }
}

/// No user is left for a command that wants one of its own.
pub(super) fn no_user_left() -> Denial {
    Denial {
        code: "too_many_running".to_owned(),
        rule: "server.dynamic_users".to_owned(),
        reason: "every user that could be given to the command is in use".to_owned(),
    }
}

/// What a lane is told when a line cannot be written.
pub(super) fn lost_line(error: &AuditError) -> Note {
    let reason = explain(error);
    tell(Severity::Error, &reason, &[("code", "audit")]);
    Note::Failed(reason)
}
