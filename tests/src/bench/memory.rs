//! What is resident while nothing happens, and what each client adds that is there and
//! says nothing.

use super::idle::Idle;
use super::plan::Plan;
use super::policy;
use super::report::{Row, Target, Unit};
use super::session::{Session, call};
use super::suite::Found;
use crate::{ALICE, Site};

/// Supervisor, worker, and each idle client.
pub(super) fn found(plan: &Plan) -> Found {
    let site = Site::with(&policy::launches()).apart().start();
    let mut session = Session::of(&site, ALICE);
    session.succeed(&call("true"));
    let resident = || site.supervisor().resident() as f64 / 1024.0;
    let (supervisor, worker) = (resident(), site.worker().resident() as f64 / 1024.0);
    let idle = Idle::at(&site, plan);
    let each = (resident() - supervisor) / idle.count() as f64;
    let mebibytes = |id, what, kibibytes: f64, limit| {
        Row::plain(id, what, kibibytes / 1024.0, Unit::Mebibytes).within(Target::AtMost(limit))
    };
    let what = format!("resident: each of {} idle clients", idle.count());
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
    Found {
        rows,
        skipped: idle.missing().into_iter().collect(),
    }
}
