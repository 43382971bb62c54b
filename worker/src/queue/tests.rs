//! The queue against a model that keeps no lines: every call has a number, every caller
//! the number of his last turn, and whose turn it is is looked for among all.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

/// Places that calls share: how many there are of each kind, and how many are taken.
#[derive(Debug, Clone)]
struct Places {
    most: Vec<usize>,
    taken: Vec<usize>,
}

/// The kinds of which a call needs one place each.
type Needs = Vec<usize>;

impl Places {
    fn new(most: &[usize]) -> Self {
        Self {
            most: most.to_vec(),
            taken: vec![0; most.len()],
        }
    }

    fn leave_room_for(&self, needs: &Needs) -> bool {
        needs
            .iter()
            .all(|kind| self.taken[*kind] < self.most[*kind])
    }

    fn take(&mut self, needs: &Needs) {
        needs.iter().for_each(|kind| self.taken[*kind] += 1);
    }

    fn give_back(&mut self, needs: &Needs) {
        needs.iter().for_each(|kind| self.taken[*kind] -= 1);
    }
}

#[derive(Debug, Default)]
struct Model {
    /// Caller, lane and needs, in the order in which they came.
    waiting: Vec<(usize, u64, Needs)>,
    /// When each caller who waits came or had his last turn.
    turns: HashMap<usize, u64>,
    clock: u64,
}

impl Model {
    fn join(&mut self, caller: usize, lane: u64, needs: Needs) {
        self.clock += 1;
        if !self.waiting.iter().any(|(one, ..)| *one == caller) {
            self.turns.insert(caller, self.clock);
        }
        self.waiting.push((caller, lane, needs));
    }

    fn next(&mut self, places: &Places) -> Option<u64> {
        self.clock += 1;
        let may = self
            .waiting
            .iter()
            .filter(|one| places.leave_room_for(&one.2));
        // The first of those that are equal is the oldest.
        let (caller, lane, _) = may.min_by_key(|one| self.turns[&one.0])?.clone();
        self.turns.insert(caller, self.clock);
        self.leave(lane);
        Some(lane)
    }

    fn leave(&mut self, lane: u64) {
        self.waiting.retain(|one| one.1 != lane);
    }

    /// By letting all start, one after the other.
    fn ahead(&self, lane: u64) -> Option<usize> {
        let mut rest = Model {
            waiting: self.waiting.clone(),
            turns: self.turns.clone(),
            clock: self.clock,
        };
        let all = Places::new(&[usize::MAX; KINDS]);
        let mut started = std::iter::from_fn(|| rest.next(&all));
        started.position(|one| one == lane)
    }
}

const KINDS: usize = 4;

#[derive(Debug, Clone)]
enum Step {
    /// A caller asks for a command.
    Ask(usize, Needs),
    /// One of the commands that run ends.
    End(usize),
    /// One of the calls that wait is given up.
    GiveUp(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let needs = prop::sample::subsequence((0..KINDS).collect::<Vec<_>>(), 1..=KINDS);
    let step = prop_oneof![
        4 => (0_usize..4, needs).prop_map(|(caller, needs)| Step::Ask(caller, needs)),
        3 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::GiveUp),
    ];
    prop::collection::vec(step, 1..120)
}

fn pick<T>(list: &mut Vec<T>, index: usize) -> Option<T> {
    (!list.is_empty()).then(|| list.remove(index % list.len()))
}

proptest! {
    /// The same calls start in the same order, whatever comes; and whatever waits could
    /// not start.
    #[test]
    fn it_does_as_the_model_does(steps in steps(), most in prop::collection::vec(1_usize..4, KINDS)) {
        let (mut queue, mut model) = (Queue::default(), Model::default());
        let mut places = Places::new(&most);
        let (mut running, mut waiting, mut lane) = (Vec::new(), Vec::new(), 0);
        for step in steps {
            match step {
                Step::Ask(caller, needs) => {
                    lane += 1;
                    queue.join(&caller.to_string(), lane, needs.clone());
                    model.join(caller, lane, needs);
                    waiting.push(lane);
                }
                Step::End(index) => {
                    pick(&mut running, index).iter().for_each(|needs| places.give_back(needs));
                }
                Step::GiveUp(index) => if let Some(lane) = pick(&mut waiting, index) {
                    prop_assert!(queue.leave(lane).is_some());
                    model.leave(lane);
                },
            }
            while let Some((lane, needs)) = queue.next(|needs| places.leave_room_for(needs)) {
                prop_assert_eq!(Some(lane), model.next(&places));
                places.take(&needs);
                running.push(needs);
                waiting.retain(|one| *one != lane);
            }
            prop_assert_eq!(model.next(&places), None);
            prop_assert_eq!(queue.len(), waiting.len());
            for lane in &waiting {
                prop_assert_eq!(queue.ahead(*lane), model.ahead(*lane));
            }
        }
    }

    /// Where all share the same places, whoever is next of his own calls starts before
    /// anybody who waits has had two turns.
    #[test]
    fn nobody_waits_for_more_than_one_round(
        asks in prop::collection::vec((0_usize..5, 0_usize..3), 1..100),
    ) {
        let (mut queue, mut lane) = (Queue::default(), 0_u64);
        // Of each caller who waits: how many others have started since his turn could come,
        // and how many callers waited then.
        let mut since: HashMap<String, (usize, usize)> = HashMap::new();
        for (caller, ends) in asks {
            lane += 1;
            let caller = caller.to_string();
            queue.join(&caller, lane, caller.clone());
            let waiting = queue.lines.len();
            since.entry(caller).or_insert((0, waiting));
            for _ in 0..ends {
                let Some((_, started)) = queue.next(|_| true) else { break };
                let callers = queue.lines.len();
                for (caller, (others, waited)) in &mut since {
                    if *caller == started {
                        prop_assert!(*others < *waited, "{others} others, {waited} callers");
                        (*others, *waited) = (0, callers);
                    } else {
                        *others += 1;
                    }
                }
                since.retain(|caller, _| queue.lines.iter().any(|line| line.caller == *caller));
            }
        }
    }

    /// Whatever the others do, a caller who comes first finds room while any is left, and
    /// nobody has more than he leaves.
    #[test]
    fn there_is_room_for_a_late_caller(most in 1_usize..40, asks in prop::collection::vec(0_usize..6, 0..200)) {
        let (mut queue, mut lane) = (Queue::default(), 0_u64);
        for caller in asks {
            lane += 1;
            let caller = caller.to_string();
            if queue.room(&caller, most).is_ok() {
                queue.join(&caller, lane, ());
            }
            prop_assert!(queue.len() <= most);
            if queue.len() < most {
                prop_assert_eq!(queue.room("late", most), Ok(()));
            }
        }
        let flood = (0..).take_while(|lane| {
            let room = queue.room("flood", 1000).is_ok();
            if room {
                queue.join("flood", 1000 + lane, ());
            }
            room
        });
        prop_assert!(flood.count() <= 500);
    }
}

#[test]
fn a_call_that_may_not_start_holds_up_nobody() {
    let mut queue = Queue::default();
    queue.join("a", 1, "blocked");
    queue.join("a", 2, "free");
    queue.join("b", 3, "free");
    let free = |call: &&str| *call == "free";
    let mut order = std::iter::from_fn(|| queue.next(free)).map(|(lane, _)| lane);
    assert_eq!(
        [order.next(), order.next(), order.next()],
        [Some(2), Some(3), None]
    );
    assert_eq!((queue.len(), queue.ahead(1)), (1, Some(0)));
}

#[test]
fn it_tells_why_there_is_no_room() {
    let mut queue = Queue::default();
    assert_eq!(queue.room("a", 0), Err(Full::All));
    (0..2).for_each(|lane| queue.join("a", lane, ()));
    assert_eq!(queue.room("a", 4), Err(Full::Share(2)));
    assert_eq!(queue.room("b", 4), Ok(()));
    (2..4).for_each(|lane| queue.join("b", lane, ()));
    assert_eq!(queue.room("c", 4), Err(Full::All));
}
