//! mini-mcp-worker: decides, confines, executes and audits.
//!
//! One process keeps the door and the audit trail ([`worker`]); for each
//! connection of the supervisor it forks a lane ([`lane`]) that serves one
//! command at a time through the sandbox ([`sandbox`]). There are no threads, no
//! asynchronous runtime, no network and no parser but the policy's and the
//! wire's. `unsafe` is in [`sys`] and nowhere else.

mod admission;
mod audit;
mod bounds;
mod context;
mod create;
mod door;
mod explain;
mod input;
mod lane;
mod open;
mod options;
mod sandbox;
mod source;
#[expect(unsafe_code, reason = "the one door to the kernel")]
mod sys;
mod worker;

use audit::Log;
use context::{Context, Trust};
use door::Door;
use explain::explain;
use nix::unistd::geteuid;
use options::{Action, Mode, Options};
use policy::{Policy, Setting};
use sandbox::containment::Containment;
use sandbox::seccomp::Filters;
use source::Source;
use std::error::Error;
use std::process::ExitCode;
use worker::{Worker, say};

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Action::Help) => {
            print!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Ok(Action::Version) => {
            println!("mini-mcp-worker {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(Action::Work(options)) => match work(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say(&explain(error.as_ref()));
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            say(&format!(
                "{}\nhint: see `mini-mcp-worker --help`",
                explain(&error)
            ));
            ExitCode::from(2)
        }
    }
}

/// The whole life of the first process and, below the fork, of each lane.
fn work(options: &Options) -> Result<(), Box<dyn Error>> {
    // Commands of the same user must not read our memory or descriptors.
    nix::sys::prctl::set_dumpable(false)?;
    let source = source(options);
    let policy = source.load()?;
    let null = context::open_null()?;
    let signals = worker::block_signals()?;
    let containment = Containment::choose(options.containment)?;
    let (door, trust) = match &options.mode {
        Mode::System {
            socket,
            front,
            supervisor,
            keys,
            ..
        } => (
            Door::listen(socket, supervisor)?,
            Trust::Front {
                front: front.clone(),
                keys: keys.clone(),
            },
        ),
        Mode::SingleUser { .. } => (Door::parent(&null)?, Trust::myself()?),
    };
    let mut log = Log::open(&options.audit)?;
    let grants = bounds::granted(&policy)?;
    let needed = bounds::needed(&policy);
    bounds::apply(&options.mode, &containment, &grants, &needed)?;
    log.begin(&policy.digest())?;
    announce(options, &policy, &containment);

    let context = Context {
        filters: Filters::of(&policy),
        policy,
        trust,
        containment,
        grants,
        needed,
        null,
    };
    match Worker::new(context, source, door, log, signals)?.run()? {
        Some(lane) => Ok(lane.serve()?),
        None => Ok(()),
    }
}

fn source(options: &Options) -> Source {
    let packs = options.packs.clone();
    match &options.mode {
        Mode::System { policy, .. } => Source {
            path: Some(policy.clone()),
            packs,
            setting: Setting::System,
        },
        Mode::SingleUser { policy, workspace } => Source {
            path: policy.clone(),
            packs,
            setting: Setting::SingleUser {
                uid: geteuid().as_raw(),
                workspace: workspace.clone(),
            },
        },
    }
}

/// What the administrator must know before the first call fails.
fn announce(options: &Options, policy: &Policy, containment: &Containment) {
    let abi = sys::landlock_abi();
    if matches!(options.mode, Mode::System { .. }) {
        say(&format!(
            "ready: containment {}, Landlock ABI {abi}",
            containment.name()
        ));
    }
    for profile in policy
        .profiles()
        .filter(|profile| profile.minimum_landlock > abi)
    {
        let (name, need) = (&profile.name, profile.minimum_landlock);
        say(&format!(
            "profile `{name}` refuses every call: it needs Landlock ABI {need}, the kernel has {abi}"
        ));
    }
    for profile in policy.profiles() {
        if let Some((controller, key)) = containment.missing(&profile.cgroup) {
            let name = &profile.name;
            say(&format!(
                "profile `{name}` refuses every call: `{key}` needs the cgroup controller `{controller}`"
            ));
        }
    }
}
