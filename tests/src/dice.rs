//! Numbers, frames and choices that look random and follow from a seed, so that whatever
//! they bring to light can be had again.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// `splitmix64`, <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Of `seed`.
    #[must_use]
    pub fn of(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Of `MINI_MCP_SEED`, or of the time; says which.
    ///
    /// # Panics
    /// When the variable is no number.
    #[must_use]
    pub fn seeded() -> Dice {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = u64::try_from(now.unwrap_or_default().as_micros()).unwrap_or(0);
        let seed = env::var("MINI_MCP_SEED").map_or(now, |text| text.parse().expect("a number"));
        println!("MINI_MCP_SEED={seed}");
        Dice(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).expect("it fits");
        usize::try_from(self.number() % limit).expect("it fits")
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of `all`.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A frame: one of `corpus` as it is or changed, or noise.
    pub fn frame(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        if self.once_in(8) {
            return self.noise();
        }
        let mut frame = self.one_of(corpus).clone();
        for _ in 0..self.below(4) {
            self.change(&mut frame, corpus);
        }
        frame
    }

    fn noise(&mut self) -> Vec<u8> {
        let most = *self.one_of(&[2, 16, 256, 4097, 66_000]);
        let length = self.below(most);
        (0..length).map(|_| self.byte()).collect()
    }

    fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }

    fn change(&mut self, frame: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(frame.len() + 1);
        match self.below(7) {
            0 => frame.truncate(at),
            1 => frame.insert(at, self.byte()),
            // What stands for a length, mostly.
            2 => frame.splice(at..at, [255; 9]).for_each(drop),
            3 => {
                let other = self.one_of(corpus).clone();
                let from = self.below(other.len() + 1);
                frame.truncate(at);
                frame.extend(&other[from..]);
            }
            4 if at < frame.len() => drop(frame.remove(at)),
            5 if at < frame.len() => frame[at] ^= 1 << self.below(8),
            _ if at < frame.len() => frame[at] = self.byte(),
            _ => frame.extend(self.noise()),
        }
    }
}
