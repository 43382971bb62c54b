//! Which commands a lane can run one after the other: a lane wears the system call filter
//! of its first one, which those after it inherit.

use policy::{Network, Policy, Profile, Strength, SystemCalls};

/// The filter of a profile, as far as it is another than those of others of its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filter(usize);

#[cfg(test)]
impl Filter {
    /// The one that is so far down the list.
    pub(super) fn numbered(place: usize) -> Self {
        Self(place)
    }
}

/// All that the commands of a policy have.
#[derive(Debug)]
pub(crate) struct Filters(Vec<(SystemCalls, Network, Strength)>);

impl Filters {
    /// Those of `policy`.
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut all = Self(Vec::new());
        for profile in policy.terms() {
            if all.place(profile).is_none() {
                let calls = profile.system_calls.clone();
                let network = profile.network.clone();
                all.0.push((calls, network, profile.isolation.strength));
            }
        }
        all
    }

    /// That of `profile`, which is one of the policy's.
    pub(crate) fn filter(&self, profile: &Profile) -> Filter {
        Filter(self.place(profile).unwrap_or(self.0.len()))
    }

    fn place(&self, profile: &Profile) -> Option<usize> {
        self.0.iter().position(|(calls, network, strength)| {
            *strength == profile.isolation.strength
                && *network == profile.network
                && *calls == profile.system_calls
        })
    }
}
