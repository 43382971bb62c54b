//! mini-mcp-worker: decides, confines, executes and audits.
//!
//! One process keeps the door and the audit trail ([`worker`]); for each
//! connection of the supervisor it forks a lane ([`lane`]) that serves one
//! command at a time through the sandbox ([`sandbox`]). There are no threads, no
//! asynchronous runtime, no network and no parser but the policy's and the
//! wire's. `unsafe` is in [`sys`] and nowhere else.

mod admin;
mod admission;
mod approvals;
mod audit;
mod bounds;
mod brief;
mod context;
mod create;
mod denials;
mod discard;
mod doctor;
mod door;
mod explain;
mod files;
mod fresh_users;
mod groups;
mod hook;
mod input;
mod lane;
mod launcher;
mod once;
mod open;
mod options;
mod queue;
mod sandbox;
mod service;
mod source;
#[expect(unsafe_code, reason = "the one door to the kernel")]
mod sys;
mod traffic;
mod worker;

use admin::Admin;
use audit::Log;
use context::{Context, Trust};
use door::Door;
use explain::explain;
use fresh_users::FreshUsers;
use hook::Hook;
use nix::unistd::geteuid;
use options::{Action, Mode, Options};
use policy::{Policy, Setting};
use sandbox::containment::Containment;
use sandbox::namespaces::Shut;
use sandbox::seccomp::Filters;
use service::Manager;
use source::Source;
use std::error::Error;
use std::process::ExitCode;
use worker::{Worker, say};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments.next_if(|first| first == "run").is_some() {
        return once::run(arguments);
    }
    match options::parse(arguments) {
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
        Ok(Action::Doctor(options)) => match doctor::doctor(&options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                say(&explain(error.as_ref()));
                ExitCode::from(2)
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
    let manager = Manager::find()?;
    // Before other descriptors are opened.
    let handed_over = service::handed_over()?;
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
            match handed_over {
                Some(handed_over) => Door::take_over(handed_over, socket, supervisor)?,
                None => Door::listen(socket, supervisor)?,
            },
            Trust::Front {
                front: front.clone(),
                keys: keys.clone(),
            },
        ),
        Mode::SingleUser { .. } => (Door::parent(&null)?, Trust::myself()?),
    };
    let admin = options.admin.as_deref().map(Admin::listen).transpose()?;
    let hook = Hook::new(options.on_request.clone(), &options.on_request_as)?;
    let mut log = Log::open(&options.keeping)?;
    let grants = bounds::granted(&policy)?;
    let mut needed = bounds::needed(&policy);
    if options.explain_denials {
        needed.insert(denials::Observer::try_out()?);
    }
    bounds::apply(&trust, &grants, &needed)?;
    log.begin(&policy.digest())?;
    let shut = Shut::choose();
    announce(options, &policy, &containment, shut);

    let context = Context {
        filters: Filters::of(&policy),
        policy,
        trust,
        containment,
        grants,
        needed,
        shut,
        null,
        explain_denials: options.explain_denials,
    };
    let users = match &options.mode {
        Mode::System { dynamic_users, .. } => dynamic_users.clone(),
        Mode::SingleUser { .. } => fresh_users::SYSTEMD,
    };
    let users = FreshUsers::new(users, std::process::id());
    let kept = (log, users, hook);
    let worker = Worker::new(context, source, (door, admin), kept, signals, manager)?;
    match worker.run()? {
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

/// What is missing where [`Shut::Never`].
const NOT_SHUT: &str = "commands in the default strength may change mode, owner, times and attributes of files \
    that belong to their user: no mount namespace can be made\n\
    hint: the worker needs CAP_SYS_ADMIN and CAP_SYS_CHROOT (under systemd, CapabilityBoundingSet= and \
    RestrictNamespaces=), a single user user namespaces (user.max_user_namespaces); or give commands a user of their \
    own (`run_as`)";

/// What the administrator must know before the first call fails.
fn announce(options: &Options, policy: &Policy, containment: &Containment, shut: Shut) {
    if matches!(options.mode, Mode::System { .. }) {
        say(&format!(
            "ready: containment {}, Landlock ABI {}",
            containment.name(),
            sys::landlock_abi()
        ));
    }
    if shut == Shut::Never {
        say(NOT_SHUT);
    }
    for refusing in bounds::refusing(policy, containment) {
        say(&refusing);
    }
}
