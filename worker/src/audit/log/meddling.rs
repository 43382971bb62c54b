//! Whether somebody else has touched the file of the trail while it is kept.

use super::super::history::Torn;
use super::{AuditError, Log};
use crate::worker::say;
use sha2::{Digest, Sha256};

/// Most bytes of a piece of a line that are looked at.
const PIECE_MAX: usize = 4 << 20;

impl Log {
    /// Looks at the file, and records what has become of it. Whatever is gone stays so,
    /// and the chain goes on: `mini-mcp audit verify` says where it is broken.
    pub(super) fn look(&mut self) -> Result<(), AuditError> {
        let Some(finding) = self.file.meddled() else {
            return Ok(());
        };
        say(&format!(
            "the audit trail was tampered with: {finding}\n\
             hint: `mini-mcp audit verify` says where"
        ));
        self.torn = self.piece();
        self.finding = Some(finding.clone());
        self.write("tamper", |object| object.text("reason", &finding))
    }

    /// What stands at the end and is no whole line: the next begins a new one.
    fn piece(&self) -> Option<Torn> {
        let rest = self.file.rest(PIECE_MAX).ok()?;
        (!rest.is_empty()).then(|| Torn {
            bytes: rest.len() as u64,
            sha256: Sha256::digest(&rest).into(),
            closed: false,
        })
    }
}
