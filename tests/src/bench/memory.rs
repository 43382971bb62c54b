//! What is resident while nothing happens, and what each client adds that is there and
//! says nothing.

use super::growth::idle_clients;
use super::plan::Plan;
use super::policy;
use super::report::{Row, Skipped, Target, Unit};
use super::session::{Session, call};
use super::suite::Found;
use crate::{ALICE, Site};

/// Supervisor, worker, and each idle client.
pub(super) fn found(plan: &Plan) -> Found {
    let site = Site::with(&policy::launches()).start();
    let mut session = Session::of(&site, ALICE);
    session.succeed(&call("true"));
    let resident = || site.supervisor().resident() as f64 / 1024.0;
    let (supervisor, worker) = (resident(), site.worker().resident() as f64 / 1024.0);
    let count = idle_clients(plan);
    let mut skipped = Vec::new();
    let idle: Vec<Session> = (0..count)
        .map_while(|_| Session::at(&site.front()).ok())
        .collect();
    if idle.len() < count {
        let why = format!("the service took {} of them", idle.len());
        let what = format!("{count} idle clients");
        skipped.push(Skipped { what, why });
    }
    let each = (resident() - supervisor) / idle.len() as f64;
    let mebibytes = |id, what, kibibytes: f64, limit| {
        Row::plain(id, what, kibibytes / 1024.0, Unit::Mebibytes).within(Target::AtMost(limit))
    };
    let what = format!("resident: each of {} idle clients", idle.len());
    let rows = vec![
        mebibytes("supervisor", "resident: supervisor, idle", supervisor, 12.0),
        mebibytes(
            "worker",
            "resident: worker's first process, idle",
            worker,
            4.0,
        ),
        Row::plain("client", &what, each, Unit::Kibibytes).within(Target::AtMost(40.0)),
    ];
    Found { rows, skipped }
}
