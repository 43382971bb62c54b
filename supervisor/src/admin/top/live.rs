//! The live view: draws, listens to keys, and asks the worker now and then.

use super::asking::Asking;
use super::overview;
use super::screen::Screen;
use super::state::State;
use super::view::{Look, draw};
use crate::admin::options::Top;
use crate::error::Error;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use ratatui::crossterm::event::{self, Event};
use std::io;
use std::time::{Duration, Instant};

/// How long nothing is looked at while no key is pressed.
const PAUSE: Duration = Duration::from_millis(200);

/// Shows it until the administrator has seen enough, or a signal comes.
pub(super) fn live(options: &Top) -> Result<(), Error> {
    let mut state = State::default();
    match overview(&options.place.socket) {
        Ok(overview) => state.watching.take(overview),
        // It will come.
        Err(error) if is_away(&error) => state.watching.lose(&error),
        Err(error) => return Err(error),
    }
    // Before there is a second thread, which has them blocked as well.
    let signals = signals().map_err(|errno| Error::Screen(errno.into()))?;
    let mut asking = Asking::at(options.place.socket.clone());
    let look = Look {
        colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    let mut screen = Screen::take()?;
    let mut asked = Instant::now();
    while !state.done && !matches!(signals.read_signal(), Ok(Some(_))) {
        if asked.elapsed() >= options.interval && !state.paused {
            asked = Instant::now();
            asking.ask();
        }
        match asking.answer() {
            Some(Ok(overview)) => state.watching.take(overview),
            Some(Err(error)) => state.watching.lose(&error),
            None => {}
        }
        screen.draw(|frame| draw(frame, &mut state, look))?;
        listen(&mut state, options.interval.min(PAUSE)).map_err(Error::Screen)?;
    }
    Ok(())
}

/// Takes the keys that are pressed within `time`. A new size is seen when it is drawn.
fn listen(state: &mut State, time: Duration) -> io::Result<()> {
    let mut time = time;
    while event::poll(time)? {
        if let Event::Key(key) = event::read()? {
            state.key(key);
        }
        time = Duration::ZERO;
    }
    Ok(())
}

fn is_away(error: &Error) -> bool {
    let denied = io::ErrorKind::PermissionDenied;
    matches!(error, Error::ConnectAdmin { source, .. } if source.kind() != denied)
}

/// The signals that end it, which wait from now on until they are read.
fn signals() -> nix::Result<SignalFd> {
    let mut mask = SigSet::empty();
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ] {
        mask.add(signal);
    }
    mask.thread_block()?;
    // A new size is seen when it is drawn. Told of it as an event, crossterm would forget
    // a key that is pressed at that moment until the next one is.
    SigSet::from(Signal::SIGWINCH).thread_block()?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}
