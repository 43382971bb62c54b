//! Asks the worker in a thread of its own, so that keys are never kept waiting.

use super::overview;
use crate::error::Error;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use wire::Overview;

/// Whoever asks.
#[derive(Debug)]
pub(super) struct Asking {
    questions: Sender<()>,
    answers: Receiver<Result<Overview, Error>>,
    /// Whether an answer is still to come.
    asked: bool,
}

impl Asking {
    /// Ready to ask at `socket`.
    pub(super) fn at(socket: PathBuf) -> Self {
        let (questions, asked) = channel();
        let (told, answers) = channel();
        thread::spawn(move || {
            while asked.recv().is_ok() {
                if told.send(overview(&socket)).is_err() {
                    break;
                }
            }
        });
        Self {
            questions,
            answers,
            asked: false,
        }
    }

    /// Asks, if nothing is asked yet.
    pub(super) fn ask(&mut self) {
        if !self.asked {
            self.asked = self.questions.send(()).is_ok();
        }
    }

    /// The answer, once it is there.
    pub(super) fn answer(&mut self) -> Option<Result<Overview, Error>> {
        match self.answers.try_recv() {
            Ok(answer) => {
                self.asked = false;
                Some(answer)
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }
}
