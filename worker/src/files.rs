//! The files that one call names: opened before its start is recorded, made only
//! after that, and removed again when its command never starts.

use crate::create::Maker;
use crate::input;
use crate::open::{OpenError, Opened, open_path};
use policy::{Access, Existence, Grant, PathGrant, Stdin};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use thiserror::Error;

/// Something that a call names and that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum FilesError {
    /// A path.
    #[error(transparent)]
    Path(#[from] OpenError),
    /// The text to read.
    #[error(transparent)]
    Text(#[from] io::Error),
}

/// What a grant names, opened.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    grant: &'a Grant,
    /// One for each path of the grant: `None` while it does not exist.
    paths: Vec<Option<Opened>>,
    input: Input,
    /// What was made for the command.
    made: Vec<&'a PathGrant>,
}

/// What the command reads, if it is not nothing.
#[derive(Debug)]
pub(crate) enum Input {
    Nothing,
    Text(OwnedFd),
    File(Opened),
}

impl<'a> Files<'a> {
    /// Opens everything but what is to be made.
    pub(crate) fn open(grant: &'a Grant) -> Result<Self, FilesError> {
        let open = |path: &PathGrant| match path.access {
            Access::Create => Ok(None),
            Access::Read | Access::Write => open_path(path),
        };
        let paths = grant
            .paths()
            .iter()
            .map(open)
            .collect::<Result<_, OpenError>>();
        Ok(Self {
            grant,
            paths: paths?,
            input: open_input(grant)?,
            made: Vec::new(),
        })
    }

    /// Whether something is to be made.
    pub(crate) fn are_to_be_made(&self) -> bool {
        let mut paths = self.grant.paths().iter();
        paths.any(|path| path.access == Access::Create)
    }

    /// Makes what is to be made, and opens it.
    pub(crate) fn make(&mut self, maker: Maker<'_>) -> Result<(), FilesError> {
        for (path, opened) in self.grant.paths().iter().zip(&mut self.paths) {
            if path.access != Access::Create {
                continue;
            }
            let result = make(path, maker).map(|made| self.made.extend(made.then_some(path)));
            let result = result.and_then(|()| open_path(path));
            match result {
                Ok(file) => *opened = file,
                Err(error) => {
                    self.unmake(maker);
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Removes what was made.
    pub(crate) fn unmake(&mut self, maker: Maker<'_>) {
        self.made.drain(..).for_each(|path| maker.unmake(path));
    }

    /// What the command's domain opens besides its profile.
    pub(crate) fn opened(&self) -> Vec<&Opened> {
        self.places()
            .into_iter()
            .map(|(_, opened)| opened)
            .collect()
    }

    /// The same, and what the command calls it. What it reads is among it, so that
    /// its own process can open it where there is nothing else.
    pub(crate) fn places(&self) -> Vec<(PathBuf, &Opened)> {
        let input = match (&self.input, self.grant.stdin()) {
            (Input::File(opened), Stdin::File(path)) => Some((path.path(), opened)),
            _ => None,
        };
        let paths = self.grant.paths().iter().zip(&self.paths);
        let paths = paths.filter_map(|(path, opened)| Some((path.path(), opened.as_ref()?)));
        paths.chain(input).collect()
    }

    /// The path that the command starts in.
    pub(crate) fn directory(&self) -> Option<(&PathGrant, &Opened)> {
        let index = self.grant.starts_in()?;
        Some((
            self.grant.paths().get(index)?,
            self.paths.get(index)?.as_ref()?,
        ))
    }

    pub(crate) fn input(&self) -> &Input {
        &self.input
    }
}

fn open_input(grant: &Grant) -> Result<Input, FilesError> {
    match grant.stdin() {
        Stdin::Null => Ok(Input::Nothing),
        Stdin::Text(text) => Ok(Input::Text(input::sealed(text)?)),
        Stdin::File(path) => Ok(open_path(path)?.map_or(Input::Nothing, Input::File)),
    }
}

/// Whether it was made; it may be there already only where the policy says so.
fn make(path: &PathGrant, maker: Maker<'_>) -> Result<bool, OpenError> {
    match maker.make(path) {
        Ok(false) if path.exists == Existence::MustNot => Err(OpenError::Exists(path.path())),
        Ok(made) => Ok(made),
        Err(source) => Err(OpenError::Create {
            path: path.path(),
            source,
        }),
    }
}
