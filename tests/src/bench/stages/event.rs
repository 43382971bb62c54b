//! One line of a recording.

/// What happened, when and to whom.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// The thread.
    pub(super) pid: i32,
    /// In microseconds.
    pub(super) time: f64,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A system call, by number, and its first argument.
    Enter(i64, u64),
    /// Its return.
    Exit(i64),
    /// A process or thread was made.
    Fork(i32),
    /// A program was executed.
    Exec,
    /// A processor left one thread for another.
    Switch(i32, i32),
    /// A line of ours.
    Mark(String),
}

impl Event {
    /// `comm-PID [CPU] flags SECONDS: name: fields`; `None` for everything else.
    pub(super) fn parse(line: &str) -> Option<Event> {
        let (task, rest) = around_processor(line)?;
        let pid = task.trim_end().rsplit('-').next()?.parse().ok()?;
        let (head, rest) = rest.split_once(": ")?;
        let time: f64 = head.split_whitespace().last()?.parse().ok()?;
        let (name, fields) = rest.split_once(": ")?;
        let what = What::parse(name, fields)?;
        let time = time * 1e6;
        Some(Event { pid, time, what })
    }
}

/// What stands before and behind `[CPU] `. A name may hold anything, brackets as well.
fn around_processor(line: &str) -> Option<(&str, &str)> {
    line.match_indices(" [").find_map(|(at, bracket)| {
        let (number, rest) = line[at + bracket.len()..].split_once("] ")?;
        let _processor: u32 = number.parse().ok()?;
        Some((&line[..at], rest))
    })
}

impl What {
    fn parse(name: &str, fields: &str) -> Option<What> {
        match name.trim() {
            "sys_enter" => {
                let (number, arguments) = fields.strip_prefix("NR ")?.split_once(" (")?;
                let first = arguments.split([',', ')']).next()?;
                let first = u64::from_str_radix(first, 16).unwrap_or_default();
                Some(What::Enter(number.parse().ok()?, first))
            }
            "sys_exit" => {
                let number = fields.strip_prefix("NR ")?.split(' ').next()?;
                Some(What::Exit(number.parse().ok()?))
            }
            "sched_process_fork" => Some(What::Fork(field(fields, "child_pid=")?)),
            "sched_process_exec" => Some(What::Exec),
            "sched_switch" => Some(What::Switch(
                field(fields, "prev_pid=")?,
                field(fields, "next_pid=")?,
            )),
            "tracing_mark_write" => Some(What::Mark(fields.trim().to_owned())),
            _ => None,
        }
    }
}

/// The number behind the last `name`, since a thread's name may hold one as well.
fn field(fields: &str, name: &str) -> Option<i32> {
    let rest = &fields[fields.rfind(name)? + name.len()..];
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> (i32, What) {
        let event = Event::parse(line).unwrap_or_else(|| panic!("{line}"));
        assert!((event.time - 36_553_481_402.0).abs() < 0.5, "{event:?}");
        (event.pid, event.what)
    }

    #[test]
    fn lines_of_the_kernel_are_understood() {
        for (line, pid, what) in [
            (
                " mini-mcp-worker-917     [001] .....  36553.481402: sys_enter: NR 157 (16, 2, 7ffd, 0, 0, 0)",
                917,
                What::Enter(157, 0x16),
            ),
            (
                "           a [b-918     [000] d....  36553.481402: sys_exit: NR 47 = -11",
                918,
                What::Exit(47),
            ),
            (
                "          <idle>-0       [000] d.h1.  36553.481402: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=next_pid=9 next_pid=917 next_prio=120",
                0,
                What::Switch(0, 917),
            ),
            (
                "           suite-5       [000] .....  36553.481402: sched_process_fork: comm=suite pid=5 child_comm=suite child_pid=6",
                5,
                What::Fork(6),
            ),
            (
                "            true-6       [000] .....  36553.481402: sched_process_exec: filename=/usr/bin/true pid=6 old_pid=6",
                6,
                What::Exec,
            ),
            (
                "           suite-5       [000] .....  36553.481402: tracing_mark_write: begin",
                5,
                What::Mark("begin".to_owned()),
            ),
        ] {
            assert_eq!(parsed(line), (pid, what));
        }
    }

    #[test]
    fn the_head_is_no_event() {
        assert_eq!(Event::parse("# tracer: nop"), None);
        assert_eq!(Event::parse(""), None);
    }
}
