//! What a launch spends its time on, by name.

/// A stage, in the order of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The client says what it wants.
    Ask,
    /// The supervisor reads the request, decides, and passes it on.
    Decide,
    /// The lane clears away after the call before, and makes ahead for this one.
    Tidy,
    /// The lane reads it, proves the caller and decides again.
    Attest,
    /// The lane opens and looks at what the launch needs.
    Paths,
    /// The first process admits the call and records its start.
    Admit,
    /// A process is made.
    Make,
    /// Signals, session, streams, limits, descriptors.
    Setup,
    /// Namespaces and mounts.
    Namespaces,
    /// Groups, users, capabilities.
    Credentials,
    /// The rules for files.
    Landlock,
    /// The filter of system calls.
    Filter,
    /// execve.
    Execute,
    /// What the program does.
    Program,
    /// The kernel takes the process apart.
    End,
    /// The lane notices, reaps, and clears away.
    Reap,
    /// The first process records the end.
    Record,
    /// Supervisor and client have the result.
    Answer,
    /// Somebody was woken and does not run yet.
    Wake,
}

impl Stage {
    /// All.
    pub const ALL: [Stage; 19] = [
        Stage::Ask,
        Stage::Decide,
        Stage::Tidy,
        Stage::Attest,
        Stage::Paths,
        Stage::Admit,
        Stage::Make,
        Stage::Setup,
        Stage::Namespaces,
        Stage::Credentials,
        Stage::Landlock,
        Stage::Filter,
        Stage::Execute,
        Stage::Program,
        Stage::End,
        Stage::Reap,
        Stage::Record,
        Stage::Answer,
        Stage::Wake,
    ];

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stage::Ask => "client: ask",
            Stage::Decide => "supervisor: decide, pass on",
            Stage::Tidy => "lane: tidy up, make ahead",
            Stage::Attest => "lane: attest, decide",
            Stage::Paths => "lane: open and check paths",
            Stage::Admit => "first process: admit, record the start",
            Stage::Make => "make the process",
            Stage::Setup => "session, streams, limits",
            Stage::Namespaces => "namespaces, mounts",
            Stage::Credentials => "groups, user, capabilities",
            Stage::Landlock => "Landlock",
            Stage::Filter => "system call filter",
            Stage::Execute => "execve",
            Stage::Program => "the program itself",
            Stage::End => "the kernel ends the process",
            Stage::Reap => "notice the end, reap",
            Stage::Record => "first process: record the end",
            Stage::Answer => "supervisor, client: answer",
            Stage::Wake => "woken, not running yet",
        }
    }

    /// Its colour, light enough for dark letters.
    #[must_use]
    pub fn colour(self) -> &'static str {
        match self {
            Stage::Ask => "#c5ccd6",
            Stage::Decide => "#7fb2e5",
            Stage::Tidy => "#d3e6e1",
            Stage::Attest => "#8fd0c0",
            Stage::Paths => "#5fb49c",
            Stage::Admit => "#c3a6e0",
            Stage::Make => "#f3d36b",
            Stage::Setup => "#f5b877",
            Stage::Namespaces => "#ec9a5c",
            Stage::Credentials => "#f2a48f",
            Stage::Landlock => "#e57f73",
            Stage::Filter => "#e492b4",
            Stage::Execute => "#b9d98a",
            Stage::Program => "#94c46a",
            Stage::End => "#d9c79a",
            Stage::Reap => "#a9dcd0",
            Stage::Record => "#d7c3ec",
            Stage::Answer => "#a9cbee",
            Stage::Wake => "#e9e9ef",
        }
    }

    /// Where it stands in [`Stage::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_the_place_in_the_list() {
        for (index, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage.index(), index);
        }
    }
}
