//! A terminal without a window: a pseudo-terminal, and what a real one would show of
//! what is written there.

use crate::eventually;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};
use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;
use vt100::Parser;

/// No screen is this late unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that has a terminal for itself.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: File,
    /// The program's end, which outlives it.
    line: OwnedFd,
    before: Termios,
    seen: RefCell<Seen>,
}

/// All that was written, and what there is to see of it.
struct Seen {
    parser: Parser,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.parser.screen().contents())
    }
}

impl Terminal {
    /// Starts `command` in a terminal of this size, which controls it.
    ///
    /// # Panics
    /// When there is no terminal, or the program does not start.
    #[must_use]
    pub fn start(command: &Command, rows: u16, columns: u16) -> Terminal {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(Some(&size), None).expect("the kernel makes terminals");
        fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("it is a descriptor");
        let before = tcgetattr(&pair.slave).expect("it is a terminal");
        let end = || pair.slave.try_clone().expect("a descriptor");
        let mut session = Command::new("setsid");
        session.args(["--ctty", "--wait"]);
        session.arg(command.get_program()).args(command.get_args());
        session.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => session.env(name, value),
                None => session.env_remove(name),
            };
        }
        session.stdin(end()).stdout(end()).stderr(end());
        let child = session.spawn().expect("util-linux is installed");
        let seen = Seen {
            parser: Parser::new(some(rows), some(columns), 0),
            bytes: Vec::new(),
        };
        Terminal {
            child,
            keyboard: pair.master.into(),
            line: pair.slave,
            before,
            seen: RefCell::new(seen),
        }
    }

    /// Types `keys`.
    ///
    /// # Panics
    /// When nobody takes them.
    pub fn type_in(&self, keys: &str) {
        let typed = (&self.keyboard).write_all(keys.as_bytes());
        typed.expect("a terminal takes keys");
    }

    /// Gives it another size, as a window does that is drawn larger.
    ///
    /// # Panics
    /// When it cannot be done.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.look();
        let (rows_text, columns_text) = (rows.to_string(), columns.to_string());
        let mut command = Command::new("stty");
        command.args(["rows", &rows_text, "cols", &columns_text]);
        command.stdin(self.line.try_clone().expect("a descriptor"));
        assert!(command.status().expect("it runs").success());
        let mut seen = self.seen.borrow_mut();
        seen.parser.screen_mut().set_size(some(rows), some(columns));
    }

    /// What is to be seen now, line by line.
    #[must_use]
    pub fn screen(&self) -> String {
        self.look();
        self.seen.borrow().parser.screen().contents()
    }

    /// Whether the program has the alternate screen, which leaves the first as it was.
    #[must_use]
    pub fn is_alternate(&self) -> bool {
        self.look();
        self.seen.borrow().parser.screen().alternate_screen()
    }

    /// Everything that was written so far, escape sequences and all.
    #[must_use]
    pub fn written(&self) -> String {
        self.look();
        String::from_utf8_lossy(&self.seen.borrow().bytes).into_owned()
    }

    /// Waits for a screen that `wanted` accepts; that screen.
    #[track_caller]
    pub fn shows(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            last.clone_from(&screen);
            assert!(
                std::time::Instant::now() < deadline,
                "not to be seen: {what}\n{last}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The process id of the program itself.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn program(&self) -> crate::Process {
        let session = crate::Process::of(&self.child);
        // `setsid --wait` forks only where it must; then its child is the program.
        session.children().first().copied().unwrap_or(session)
    }

    /// Waits for the end of the program; how it ended.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        eventually("the program ends", PATIENCE, || {
            self.look();
            self.child.try_wait().expect("a child can be waited for")
        })
    }

    /// Asserts that the terminal is as it was before the program.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn assert_given_back(&self) {
        self.look();
        let seen = self.seen.borrow();
        let screen = seen.parser.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is left");
        assert!(!screen.hide_cursor(), "the cursor is seen");
        let now = tcgetattr(&self.line).expect("it is a terminal");
        assert_eq!(now.local_flags, self.before.local_flags);
        assert_eq!(now.input_flags, self.before.input_flags);
        assert_eq!(now.output_flags, self.before.output_flags);
    }

    /// Reads what was written meanwhile.
    fn look(&self) {
        let mut seen = self.seen.borrow_mut();
        let mut buffer = [0; 65536];
        loop {
            match (&self.keyboard).read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => {
                    seen.parser.process(&buffer[..count]);
                    seen.bytes.extend_from_slice(&buffer[..count]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("cannot read a terminal: {error}"),
            }
        }
    }
}

fn some(number: u16) -> NonZero<u16> {
    NonZero::new(number).expect("a terminal has rows and columns")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ = self.child.wait();
    }
}
