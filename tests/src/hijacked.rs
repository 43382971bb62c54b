//! A supervisor that is replaced by a hostile program, `mini-mcp-test-hostile`, which runs
//! as the supervisor's user beside a real worker. It tells what came of each attempt,
//! and says a word where the test has something to do meanwhile.

use crate::wait::listens;
use crate::{ALICE, FRONT, Site, binary, command_as, connect_as, eventually};
use nix::sys::socket::SockType;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::Duration;

/// A running attack.
#[derive(Debug)]
pub struct Hijacked<'a> {
    site: &'a Site,
    child: Child,
    /// Clients of Alice's that are connected to it.
    clients: Vec<OwnedFd>,
}

/// What came of the attempts, in their order: name and outcome.
#[derive(Debug)]
pub struct Outcomes(pub Vec<(String, String)>);

impl<'a> Hijacked<'a> {
    /// Starts `attack` in the place of the supervisor.
    ///
    /// # Panics
    /// When the program does not start or listen.
    #[must_use]
    pub fn start(site: &'a Site, attack: &str) -> Hijacked<'a> {
        let program = site.program("mini-mcp-test-hostile");
        if !program.exists() {
            fs::copy(binary("mini-mcp-test-hostile"), &program).expect("a binary can be copied");
            fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("ours");
        }
        let mut command = command_as(FRONT, &program);
        command.args([site.front(), site.worker_socket(), site.admin_socket()]);
        command.arg(hexadecimal(&site.digest())).arg(attack);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.spawn().expect("the program starts");
        eventually("it listens", Duration::from_secs(20), || {
            listens(&site.front()).then_some(())
        });
        let clients = Vec::new();
        Hijacked {
            site,
            child,
            clients,
        }
    }

    /// Lets it go on to its end. `help` answers what it asks for besides a `client` of
    /// Alice's and that all of them `leave`.
    ///
    /// # Panics
    /// When the program fails.
    pub fn finish(mut self, mut help: impl FnMut(&Site, &str) -> String) -> Outcomes {
        let output = self.child.stdout.take().expect("its output is a pipe");
        let mut input = self.child.stdin.take().expect("its input is a pipe");
        let mut outcomes = Vec::new();
        for line in BufReader::new(output).lines() {
            let line = line.expect("text");
            if let Some((name, outcome)) = line.split_once(": ") {
                outcomes.push((name.to_owned(), outcome.to_owned()));
                continue;
            }
            let answer = match line.as_str() {
                "client" => {
                    let front = self.site.front();
                    self.clients
                        .push(connect_as(ALICE, SockType::Stream, &front));
                    String::new()
                }
                "leave" => {
                    self.clients.clear();
                    String::new()
                }
                other => help(self.site, other),
            };
            writeln!(input, "{answer}").expect("it reads");
        }
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "the hostile program ended with {status}");
        Outcomes(outcomes)
    }
}

impl Outcomes {
    /// The outcomes of all attempts called `name`, of which there must be one.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn of(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(one, _)| one == name);
        let found: Vec<&str> = named.map(|(_, outcome)| outcome.as_str()).collect();
        assert!(!found.is_empty(), "no attempt `{name}` in {self:?}");
        found
    }

    /// Asserts that each attempt called `name` came to `outcome`.
    ///
    /// # Panics
    /// When one did not.
    #[track_caller]
    pub fn all(&self, name: &str, outcome: &str) {
        for found in self.of(name) {
            assert_eq!(found, outcome, "{name}");
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
