//! The worker's numbers as text.

use super::text::Kind::{Counter, Gauge, Histogram};
use super::text::{Text, milliseconds, seconds};
use wire::{AuditNumbers, Metrics, Process};

const UP: &str = "Whether the worker answers.";

/// The page of a worker that does not answer.
pub(crate) fn down() -> String {
    let mut text = Text::default();
    text.one("worker_up", Gauge, UP, 0);
    text.finish()
}

/// The page of a worker that answers.
pub(crate) fn up(metrics: &Metrics) -> String {
    let mut text = Text::default();
    text.one("worker_up", Gauge, UP, 1);
    text.family("worker_info", Gauge, "Always 1; the version of the worker.");
    text.sample("worker_info", &[("version", &metrics.version)], 1);
    let uptime = milliseconds(metrics.uptime_ms);
    text.one(
        "worker_uptime_seconds",
        Gauge,
        "Since the worker began.",
        uptime,
    );
    calls(&mut text, metrics);
    approvals(&mut text, metrics);
    lanes(&mut text, metrics);
    policy(&mut text, metrics);
    sandbox(&mut text, metrics);
    audit(&mut text, &metrics.audit);
    spared(&mut text, metrics);
    process(&mut text, metrics.process);
    text.finish()
}

fn calls(text: &mut Text, metrics: &Metrics) {
    let help = "Calls that have come to their end, by tool, decision and outcome.";
    text.family("calls_total", Counter, help);
    for one in &metrics.calls {
        let labels = [
            ("tool", &*one.tool),
            ("decision", &one.decision),
            ("outcome", &one.outcome),
        ];
        text.sample("calls_total", &labels, one.count);
    }
    text.family("denials_total", Counter, "Denials, by code.");
    for one in &metrics.denials {
        text.sample("denials_total", &[("code", &one.word)], one.count);
    }
    let help = "How long calls that ran took in each stage.";
    text.family("call_stage_seconds", Histogram, help);
    for one in &metrics.stages {
        let labels = [("stage", one.stage.word())];
        text.times("call_stage_seconds", &labels, &one.counts, one.sum_us);
    }
}

fn approvals(text: &mut Text, metrics: &Metrics) {
    let help = "What became of requests for approval.";
    text.family("approvals_total", Counter, help);
    for one in &metrics.approvals {
        text.sample("approvals_total", &[("event", &one.word)], one.count);
    }
    let help = "Requests that wait for an administrator.";
    text.one("approvals_waiting", Gauge, help, metrics.pending);
    let help = "Approvals that stand for further calls.";
    text.one("approvals_standing", Gauge, help, metrics.standing);
}

fn lanes(text: &mut Text, metrics: &Metrics) {
    let help = "Calls that wait for a place among running commands.";
    text.one("calls_queued", Gauge, help, metrics.queued);
    let help = "Connections of the supervisor, each of which runs one command at a time.";
    text.one("lanes", Gauge, help, metrics.lanes);
    text.one("lanes_max", Gauge, "Most there can be.", metrics.lanes_max);
    text.one(
        "calls_running",
        Gauge,
        "Commands that run.",
        metrics.running,
    );
}

fn policy(text: &mut Text, metrics: &Metrics) {
    let loads = metrics.policy_loads;
    text.one(
        "policy_loads_total",
        Counter,
        "Policies that came into force.",
        loads,
    );
    let failures = metrics.policy_failures;
    let help = "Policies that could not be used.";
    text.one("policy_failures_total", Counter, help, failures);
    let help = "Whether the last policy could not be used, so that the former is in force.";
    text.one("policy_kept", Gauge, help, u8::from(metrics.policy_kept));
    let age = milliseconds(metrics.policy_age_ms);
    text.one(
        "policy_age_seconds",
        Gauge,
        "Since the policy is in force.",
        age,
    );
}

fn sandbox(text: &mut Text, metrics: &Metrics) {
    let help = "Landlock ABI of the kernel; 0 for none.";
    text.one("landlock_abi", Gauge, help, metrics.landlock_abi);
    let help = "What the sandbox would use and does not have here: 1 for each.";
    text.family("sandbox_feature_missing", Gauge, help);
    for feature in &metrics.missing {
        text.sample("sandbox_feature_missing", &[("feature", feature)], 1);
    }
    let help = "Profiles that refuse every call here.";
    text.one("profiles_refusing", Gauge, help, metrics.refusing);
}

fn audit(text: &mut Text, audit: &AuditNumbers) {
    let help = "Number of the last line of the audit trail; it goes on over restarts.";
    text.one("audit_lines_total", Counter, help, audit.lines);
    text.one(
        "audit_bytes",
        Gauge,
        "Size of the file of the audit trail.",
        audit.bytes,
    );
    let help = "Lines of the audit trail after the last signature.";
    text.one("audit_unsigned_lines", Gauge, help, audit.unsigned);
    let help = "Since the first line without a signature was written.";
    let age = milliseconds(audit.unsigned_age_ms);
    text.one("audit_unsigned_age_seconds", Gauge, help, age);
    let help = "Whether the last line of the audit trail could be written.";
    text.one("audit_writable", Gauge, help, u8::from(audit.writable));
    let help = "Lines of the audit trail that could not be written.";
    text.one("audit_failures_total", Counter, help, audit.failures);
    let help = "Whether the audit trail was whole when the worker began.";
    text.one("audit_whole", Gauge, help, u8::from(audit.whole));
}

fn spared(text: &mut Text, metrics: &Metrics) {
    let help = "What nobody may do on a socket of the worker, by who did it.";
    text.family("violations_total", Counter, help);
    for one in &metrics.violations {
        text.sample("violations_total", &[("offender", &one.word)], one.count);
    }
    let help = "Events that got no line in the audit trail, because there were many.";
    text.family("audit_left_out_total", Counter, help);
    for one in &metrics.left_out {
        text.sample("audit_left_out_total", &[("event", &one.word)], one.count);
    }
    let help = "Denials that the supervisor had to wait for to be recorded, for many came.";
    text.one("audit_slowed_total", Counter, help, metrics.slowed);
}

fn process(text: &mut Text, process: Process) {
    let help = "Processor time of the worker's first process.";
    let cpu = seconds(process.cpu_us);
    text.one("worker_cpu_seconds_total", Counter, help, cpu);
    let help = "Resident memory of the worker's first process.";
    text.one("worker_resident_bytes", Gauge, help, process.resident);
    let help = "Open descriptors of the worker's first process.";
    text.one("worker_open_fds", Gauge, help, process.descriptors);
}
