//! The runs of each principal and their whole output, for a while and up to a bound.
//!
//! A result holds the head and the tail of what a command printed; all of it is here,
//! to be read in pages. A principal is a Unix user or the name of a key, and sees no
//! runs but his own. What is finished makes room for what comes, the oldest first;
//! the rest goes when its time is up. Nothing outlives this process.

mod directory;
mod kept;
mod options;
mod run;

pub(crate) use directory::Directory;
pub(crate) use options::{Bounds, Spool, service_directory};
pub(crate) use run::{Label, Run, Stream, Telling};

use kept::{Kept, Room};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A stream up to this size needs no file, in bytes.
const MEMORY: usize = 4 * 1024;

/// The same where there are no files.
const MEMORY_ONLY: usize = 16 * 1024;

/// Most finished runs kept of one principal, and of all.
const EACH: usize = 64;
const ALL: usize = 256;

/// Most runs in the background at once, of one principal and of all.
pub(crate) const BACKGROUND_EACH: usize = 8;
pub(crate) const BACKGROUND_ALL: usize = 32;

/// How often is looked for runs whose time is up, at most.
const SWEEP: Duration = Duration::from_secs(60);

/// All runs that are known.
#[derive(Debug)]
pub(crate) struct Runs {
    directory: Option<Directory>,
    bounds: Bounds,
    state: Mutex<State>,
    myself: Weak<Runs>,
}

#[derive(Debug, Default)]
struct State {
    owners: HashMap<Arc<str>, Owner>,
    /// Runs that have been carried out.
    finished: usize,
    /// Bytes in files.
    used: u64,
    sweeping: bool,
    /// Whose runs are in the background, or about to be.
    background: Vec<String>,
}

/// What one principal has.
#[derive(Debug, Default)]
struct Owner {
    /// In the order they began.
    runs: VecDeque<Arc<Run>>,
    /// How many of them are being carried out. To count them would be to look at each
    /// with every call.
    running: usize,
    used: u64,
}

impl Owner {
    fn finished(&self) -> usize {
        self.runs.len() - self.running
    }
}

impl Runs {
    /// Keeps what `bounds` allow, in files of `directory`; without one very little.
    pub(crate) fn new(directory: Option<Directory>, bounds: Bounds) -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            directory,
            bounds,
            state: Mutex::default(),
            myself: Weak::clone(myself),
        })
    }

    /// Where its files are.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.directory.as_ref().map(Directory::path)
    }

    /// How long a finished run stays.
    pub(crate) fn expiry(&self) -> Duration {
        self.bounds.expiry
    }

    /// A run that has just begun. It is forgotten when the answer is dropped before
    /// the run has ended, unless it runs in the background.
    pub(crate) fn begin(&self, label: Label) -> Entry {
        let run = Arc::new(Run::new(label));
        let mut state = self.lock();
        state.add(Arc::clone(&run));
        self.see_to_sweeping(&mut state);
        Entry {
            runs: Weak::clone(&self.myself),
            run,
        }
    }

    /// The run `id` of `owner`.
    pub(crate) fn find(&self, owner: &str, id: &str) -> Option<Arc<Run>> {
        let state = self.lock();
        let mut runs = state.owners.get(owner)?.runs.iter();
        runs.find(|run| run.label.id == id).cloned()
    }

    /// The runs of `owner`, the newest first.
    pub(crate) fn of(&self, owner: &str) -> Vec<Arc<Run>> {
        let state = self.lock();
        let owner = state.owners.get(owner);
        owner.map_or_else(Vec::new, |owner| owner.runs.iter().rev().cloned().collect())
    }

    /// A place for one more run of `owner` in the background, if there is one left.
    pub(crate) fn place(&self, owner: &str) -> Option<Place> {
        let mut state = self.lock();
        let own = state.background.iter().filter(|name| *name == owner);
        if own.count() >= BACKGROUND_EACH || state.background.len() >= BACKGROUND_ALL {
            return None;
        }
        state.background.push(owner.to_owned());
        Some(Place {
            runs: Weak::clone(&self.myself),
            owner: owner.to_owned(),
        })
    }

    /// Keeps the next `bytes` of what `run` printed to `stream`; the room is given back.
    pub(crate) async fn keep(&self, run: &Run, stream: Stream, bytes: Vec<u8>) -> Vec<u8> {
        let bytes = self.append(run, run.stream(stream), bytes, self.bounds.run);
        let bytes = bytes.await;
        run.changed();
        bytes
    }

    /// The same in this thread, which may have to wait for a file.
    pub(crate) fn keep_here(&self, run: &Run, stream: Stream, bytes: &[u8]) {
        let kept = run.stream(stream);
        if let Some(writing) = self.place_for(run, kept, bytes, self.bounds.run) {
            let result = writing.write(bytes);
            writing.done(kept, result);
        }
        run.changed();
    }

    /// Keeps the result of `run`, however much that has printed.
    pub(crate) async fn keep_result(&self, run: &Run, result: Vec<u8>) {
        self.append(run, &run.result, result, u64::MAX).await;
    }

    async fn append(&self, run: &Run, kept: &Kept, bytes: Vec<u8>, most: u64) -> Vec<u8> {
        let Some(writing) = self.place_for(run, kept, &bytes, most) else {
            return bytes;
        };
        let written = move || (writing.write(&bytes), writing, bytes);
        match tokio::task::spawn_blocking(written).await {
            Ok((result, writing, bytes)) => {
                writing.done(kept, result);
                bytes
            }
            Err(_) => Vec::new(),
        }
    }

    /// Where the next `bytes` of `kept` are to be written, if they are: not what memory
    /// holds, and nothing for which there is no room; `run` may have `most`.
    fn place_for(&self, run: &Run, kept: &Kept, bytes: &[u8], most: u64) -> Option<Writing> {
        let Some(directory) = &self.directory else {
            if let Room::File(..) = kept.place(bytes, MEMORY_ONLY) {
                kept.fill(bytes, MEMORY_ONLY);
            }
            return None;
        };
        let Room::File(file, before) = kept.place(bytes, MEMORY) else {
            return None;
        };
        let file = match file.map_or_else(|| directory.file().map(Arc::new), Ok) {
            Ok(file) => file,
            Err(error) => {
                give_up(kept, &error);
                return None;
            }
        };
        // What is in memory counts with the first bytes that are not.
        let wanted = (before.len() + bytes.len()) as u64;
        let granted = self.reserve(run, wanted, most);
        if granted < wanted {
            kept.stop();
        }
        let offset = kept.kept() - before.len() as u64;
        (granted >= before.len() as u64).then_some(Writing {
            file,
            before,
            offset,
            granted,
        })
    }

    /// Takes room for `wanted` bytes of `run`, from what has finished if need be; how
    /// many there is room for, of `most` that the run may have.
    fn reserve(&self, run: &Run, wanted: u64, most: u64) -> u64 {
        let mut state = self.lock();
        let wanted = wanted.min(most.saturating_sub(run.used()));
        let name = &run.label.owner;
        while state.used_by(name) + wanted > self.bounds.each && state.drop_oldest_of(name) {}
        while state.used + wanted > self.bounds.all && state.drop_oldest() {}
        let own = self.bounds.each.saturating_sub(state.used_by(name));
        let all = self.bounds.all.saturating_sub(state.used);
        let granted = wanted.min(own).min(all);
        if let Some(owner) = state.owners.get_mut(name) {
            owner.used += granted;
            run.add_used(granted);
            state.used += granted;
        }
        granted
    }

    /// Looks now and then for runs whose time is up, as long as there are any.
    fn see_to_sweeping(&self, state: &mut State) {
        if std::mem::replace(&mut state.sweeping, true) {
            return;
        }
        let (runs, pause) = (Weak::clone(&self.myself), SWEEP.min(self.bounds.expiry));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                if !runs.upgrade().is_some_and(|runs| runs.sweep()) {
                    return;
                }
            }
        });
    }

    /// Forgets runs whose time is up; whether any are left.
    fn sweep(&self) -> bool {
        let mut state = self.lock();
        let (now, expiry) = (Instant::now(), self.bounds.expiry);
        state.forget(|run| {
            let ended = run.ended_at();
            ended.is_some_and(|at| now.saturating_duration_since(at) >= expiry)
        });
        state.sweeping = !state.owners.is_empty();
        state.sweeping
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a file takes next.
#[derive(Debug)]
struct Writing {
    file: Arc<File>,
    /// What stands before the bytes that are new, and not in the file yet.
    before: Vec<u8>,
    offset: u64,
    /// How many bytes there is room for.
    granted: u64,
}

impl Writing {
    /// Writes what there is room for, `bytes` last.
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let granted = usize::try_from(self.granted).unwrap_or(usize::MAX);
        let first = self.before.len().min(granted);
        let second = bytes.len().min(granted - first);
        let (before, _) = self.before.split_at(first);
        let (bytes, _) = bytes.split_at(second);
        self.file.write_all_at(before, self.offset)?;
        self.file.write_all_at(bytes, self.offset + first as u64)
    }

    /// Notes in `kept` that it was written, or not.
    fn done(self, kept: &Kept, result: io::Result<()>) {
        match result {
            Ok(()) => kept.written(self.file, self.offset + self.granted),
            Err(error) => give_up(kept, &error),
        }
    }
}

/// Keeps nothing more of what cannot be written.
fn give_up(kept: &Kept, error: &io::Error) {
    tracing::warn!(%error, "cannot keep output");
    kept.stop();
}

impl State {
    fn add(&mut self, run: Arc<Run>) {
        let name = Arc::clone(&run.label.owner);
        let owner = self.owners.entry(Arc::clone(&name)).or_default();
        owner.runs.push_back(run);
        owner.running += 1;
        while self.finished_of(&name) > EACH && self.drop_oldest_of(&name) {}
        while self.finished > ALL && self.drop_oldest() {}
    }

    /// Nobody carries `run` out any more. Nobody will ever learn how it ended that has not.
    fn leave(&mut self, run: &Arc<Run>) {
        let Some(owner) = self.owners.get_mut(&run.label.owner) else {
            return;
        };
        owner.running = owner.running.saturating_sub(1);
        self.finished += 1;
        if run.is_running() {
            self.remove(run);
        }
    }

    fn finished_of(&self, name: &str) -> usize {
        self.owners.get(name).map_or(0, Owner::finished)
    }

    fn used_by(&self, name: &str) -> u64 {
        self.owners.get(name).map_or(0, |owner| owner.used)
    }

    /// Drops the oldest finished run of `name`; whether there was one.
    fn drop_oldest_of(&mut self, name: &str) -> bool {
        let oldest = self.owners.get(name).and_then(|owner| {
            let mut runs = owner.runs.iter();
            runs.find(|run| !run.is_running()).cloned()
        });
        oldest.is_some_and(|oldest| {
            self.remove(&oldest);
            true
        })
    }

    /// Drops the oldest finished run of whoever has most; whether there was one.
    fn drop_oldest(&mut self) -> bool {
        let has_finished = |owner: &Owner| owner.runs.iter().any(|run| !run.is_running());
        let owners = self.owners.iter().filter(|(_, owner)| has_finished(owner));
        let most = owners.max_by_key(|(_, owner)| (owner.used, owner.runs.len()));
        let most = most.map(|(name, _)| name.clone());
        most.is_some_and(|name| self.drop_oldest_of(&name))
    }

    /// Forgets a run that nobody carries out.
    fn remove(&mut self, run: &Arc<Run>) {
        let name = &run.label.owner;
        let Some(owner) = self.owners.get_mut(name) else {
            return;
        };
        let Some(place) = owner.runs.iter().position(|one| Arc::ptr_eq(one, run)) else {
            return;
        };
        owner.runs.remove(place);
        owner.used = owner.used.saturating_sub(run.used());
        self.used = self.used.saturating_sub(run.used());
        self.finished = self.finished.saturating_sub(1);
        if owner.runs.is_empty() {
            self.owners.remove(name);
        }
    }

    /// Forgets the runs that are `gone`.
    fn forget(&mut self, gone: impl Fn(&Run) -> bool) {
        let runs = self.owners.values().flat_map(|owner| &owner.runs);
        let gone: Vec<Arc<Run>> = runs.filter(|run| gone(run)).cloned().collect();
        for run in &gone {
            self.remove(run);
        }
    }
}

/// A place in the background, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    runs: Weak<Runs>,
    owner: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(runs) = self.runs.upgrade() else {
            return;
        };
        let background = &mut runs.lock().background;
        if let Some(at) = background.iter().position(|name| *name == self.owner) {
            background.swap_remove(at);
        }
    }
}

/// A run that is being carried out.
#[derive(Debug)]
pub(crate) struct Entry {
    runs: Weak<Runs>,
    run: Arc<Run>,
}

impl Entry {
    /// The run.
    pub(crate) fn run(&self) -> &Arc<Run> {
        &self.run
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(runs) = self.runs.upgrade() {
            runs.lock().leave(&self.run);
        }
    }
}

#[cfg(test)]
pub(crate) use tests::of_test;

#[cfg(test)]
mod tests;
