//! Addresses from which too many wrong keys came.
//!
//! Nobody guesses a key of 256 bits; this bounds the work and the noise that trying
//! makes. A key that was right before is let through to be verified again, so that
//! nobody who shares an address with an attacker is locked out by him.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most wrong keys from one address within [`WINDOW`].
const FAILURES_MAX: usize = 10;

/// How long a wrong key counts.
const WINDOW: Duration = Duration::from_secs(60);

/// Most addresses, and most keys, that are remembered.
const REMEMBERED: usize = 4096;

/// Most refusals that are logged within [`WINDOW`]: whoever tries must not fill the log.
const LINES_MAX: u32 = 60;

/// How much was logged lately.
#[derive(Debug, Default)]
pub(super) struct Noise(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    /// When the window began, and how many lines there are in it.
    window: Option<(Instant, u32)>,
    /// What got no line since the last that did.
    left_out: u64,
}

impl Noise {
    /// Whether there is room for one more line; how many it stands for beside itself.
    pub(super) fn room(&self, now: Instant) -> Option<u64> {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, lines) = match lately.window {
            Some((began, lines)) if now.saturating_duration_since(began) < WINDOW => (began, lines),
            _ => (now, 0),
        };
        if lines >= LINES_MAX {
            lately.left_out += 1;
            return None;
        }
        lately.window = Some((began, lines + 1));
        Some(std::mem::take(&mut lately.left_out))
    }
}

/// What happened lately.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    seed: RandomState,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: HashMap<IpAddr, VecDeque<Instant>>,
    /// Of keys that were right, a hash with a secret seed.
    right: VecDeque<u64>,
}

impl Throttle {
    /// How long whoever is at `address` must wait before `key` is looked at; `None`
    /// when it is looked at now.
    pub(super) fn wait(&self, address: IpAddr, key: &str, now: Instant) -> Option<Duration> {
        let hash = self.seed.hash_one(key);
        let mut state = self.lock();
        if state.right.contains(&hash) {
            return None;
        }
        let failures = state.failures.get_mut(&place(address))?;
        forget(failures, now);
        let oldest = failures
            .front()
            .filter(|_| failures.len() >= FAILURES_MAX)?;
        Some((*oldest + WINDOW).saturating_duration_since(now))
    }

    /// Notes that `key` was right.
    pub(super) fn succeeded(&self, key: &str) {
        let hash = self.seed.hash_one(key);
        let mut state = self.lock();
        if !state.right.contains(&hash) {
            state.right.push_back(hash);
            if state.right.len() > REMEMBERED {
                state.right.pop_front();
            }
        }
    }

    /// Notes that `key` from `address` was wrong.
    pub(super) fn failed(&self, address: IpAddr, key: &str, now: Instant) {
        let hash = self.seed.hash_one(key);
        let mut state = self.lock();
        state.right.retain(|right| *right != hash);
        if state.failures.len() >= REMEMBERED {
            state.failures.retain(|_, failures| {
                forget(failures, now);
                !failures.is_empty()
            });
        }
        if state.failures.len() >= REMEMBERED {
            // So many addresses at once belong together, and none is better known.
            state.failures.clear();
        }
        let failures = state.failures.entry(place(address)).or_default();
        forget(failures, now);
        failures.push_back(now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic left behind is whole enough: it only counts.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(failures: &mut VecDeque<Instant>, now: Instant) {
    let old = |at: &Instant| now.saturating_duration_since(*at) >= WINDOW;
    while failures.front().is_some_and(old) {
        failures.pop_front();
    }
}

/// One host has a whole /64 of IPv6 addresses, RFC 4291.
fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_heard_again_when_its_oldest_failure_is_old() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let here = address("192.0.2.1");
        for second in 0..FAILURES_MAX as u64 {
            let now = start + Duration::from_secs(second);
            assert_eq!(throttle.wait(here, "guess", now), None);
            throttle.failed(here, "guess", now);
        }
        let later = start + Duration::from_secs(20);
        let wait = Duration::from_secs(40);
        assert_eq!(throttle.wait(here, "guess", later), Some(wait));
        assert_eq!(
            throttle.wait(address("::ffff:192.0.2.1"), "guess", later),
            Some(wait)
        );
        assert_eq!(throttle.wait(address("192.0.2.2"), "guess", later), None);
        assert_eq!(throttle.wait(here, "guess", later + wait), None);
    }

    #[test]
    fn a_key_that_was_right_is_not_locked_out() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let here = address("2001:db8::1");
        throttle.succeeded("right");
        for _ in 0..FAILURES_MAX {
            throttle.failed(address("2001:db8::2"), "guess", now);
        }
        assert!(throttle.wait(here, "other", now).is_some());
        assert_eq!(throttle.wait(here, "right", now), None);
        throttle.failed(here, "right", now);
        assert!(throttle.wait(here, "right", now).is_some());
    }

    #[test]
    fn refusals_without_a_line_are_counted_in_the_next_one() {
        let (noise, start) = (Noise::default(), Instant::now());
        for _ in 0..LINES_MAX {
            assert_eq!(noise.room(start), Some(0));
        }
        for _ in 0..3 {
            assert_eq!(noise.room(start + WINDOW / 2), None);
        }
        assert_eq!(noise.room(start + WINDOW), Some(3));
        assert_eq!(noise.room(start + WINDOW), Some(0));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for number in (0_u32..).take(2 * REMEMBERED + 10) {
            throttle.failed(IpAddr::V4(number.into()), "guess", now);
            throttle.succeeded(&number.to_string());
        }
        let state = throttle.lock();
        assert!(state.failures.len() <= REMEMBERED && state.right.len() <= REMEMBERED);
    }
}
