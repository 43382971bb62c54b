//! What the limits of a grant count, and for whom.

use crate::admission::{Bound, Most};
use policy::{Caller, Grant, Limit, Limits, Proof, Scope};

/// The bounds of one call of `caller`, in the order of the limits.
pub(super) fn bounds(grant: &Grant, caller: &Caller) -> Vec<Bound> {
    grant
        .limits()
        .iter()
        .flat_map(|limit| of_limit(limit, caller))
        .collect()
}

fn of_limit(Limit { scope, limits }: &Limit, caller: &Caller) -> impl Iterator<Item = Bound> {
    let Limits {
        rate,
        concurrency,
        quota,
    } = limits;
    let all = scope.to_string();
    let who = match &caller.proof {
        Proof::Peer(peer) => format!("uid {}", peer.uid),
        Proof::Key(key) => format!("key {}", key.name),
    };
    let each = match scope {
        Scope::Server => all.clone(),
        Scope::Principal(_) | Scope::Tool(_) | Scope::Resource(_) | Scope::Prompt(_) => {
            format!("{all} {who}")
        }
    };
    // What must not run twice must not, whoever calls it.
    let at_once = match scope {
        Scope::Server | Scope::Tool(_) | Scope::Resource(_) | Scope::Prompt(_) => &all,
        Scope::Principal(_) => &each,
    };
    let rate = rate.map(|rate| {
        let (calls, window) = (rate.calls, rate.window);
        ("rate", &each, Most::Rate { calls, window })
    });
    let concurrency = concurrency.map(|most| ("concurrency", at_once, Most::Concurrency(most)));
    let quota = quota.map(|most| ("quota", &each, Most::Quota(most)));
    let bounds = [concurrency, quota, rate].map(|bound| {
        bound.map(|(key, counter, most)| Bound {
            counter: counter.clone(),
            rule: format!("{all}.{key}"),
            most,
        })
    });
    bounds.into_iter().flatten()
}
