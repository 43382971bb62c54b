//! Digests of the terms that commands run under, kept from call to call: making one
//! costs as much as a line of the audit trail.

use policy::{Grant, Identity};

/// Most digests kept; a lane serves few users.
const KEPT: usize = 64;

/// What was digested, and the digest.
#[derive(Debug, Default)]
pub(super) struct Terms(Vec<(Of, [u8; 32])>);

/// What tells terms apart under one policy, which a lane keeps for its life.
#[derive(Debug, PartialEq, Eq)]
struct Of {
    /// It may change its profile, by a working directory of its own.
    tool: String,
    only_for: Option<u32>,
    /// `None` where each run has its own.
    identity: Option<Identity>,
}

impl Terms {
    /// [`Grant::sandbox_digest`].
    pub(super) fn digest(&mut self, grant: &Grant) -> [u8; 32] {
        let of = |known: &&(Of, [u8; 32])| {
            known.0.tool == grant.tool()
                && known.0.only_for == grant.only_for()
                && known.0.identity.as_ref() == grant.identity()
        };
        if let Some((_, digest)) = self.0.iter().find(of) {
            return *digest;
        }
        if self.0.len() >= KEPT {
            self.0.clear();
        }
        let digest = grant.sandbox_digest();
        let of = Of {
            tool: grant.tool().to_owned(),
            only_for: grant.only_for(),
            identity: grant.identity().cloned(),
        };
        self.0.push((of, digest));
        digest
    }
}
