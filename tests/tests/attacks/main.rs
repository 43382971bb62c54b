//! Attacks from inside: each probe of tests/attack tries one thing that a sandbox
//! must refuse, as the command of a call, in both strengths and for each identity.
//! A probe exits with 0 when it got through, with 1 when it was refused, with 2 when
//! it could not try, which counts as neither.

mod expected;

use expected::{UNPROVEN, known};
use harness::attacks::{
    COMPILED, End, Ground, IDENTITIES, Probe, Verdict, compile, gets_through, left, list,
    make_readable,
};
use harness::{ALICE, BASE, Client, Process, Site, eventually, landlock_abi, unique};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Of each identity: a tool with time enough, one for what never ends, one that holds
/// a command to little, and one for a neighbour.
const TOOLS: [(&str, &str); 4] = [
    ("", "timeout = \"20s\"\n"),
    ("-short", "timeout = \"1s\"\n"),
    (
        "-small",
        "timeout = \"20s\"\nmemory_max = \"128M\"\ntasks_max = 24\nlimit_nofile = 64\nlimit_fsize = \"1M\"\n",
    ),
    ("-long", "timeout = \"10min\"\n"),
];

fn tool(strength: &str, identity: &str, suffix: &str, bounds: &str) -> String {
    // What is bounded there is the file system of the command's own.
    let (work, tmp) = match (strength, suffix) {
        ("isolated", "-small") => ("/tmp".to_owned(), "tmp_size = \"8M\"\n"),
        _ => (format!("@site@/ground/{identity}/work"), ""),
    };
    // An emulated machine needs the better part of a second for a launch.
    let emulated = std::env::var_os(COMPILED).is_some();
    let bounds = match suffix {
        "-short" if emulated => "timeout = \"5s\"\n",
        _ => bounds,
    };
    format!(
        "[profile.{identity}{suffix}]\nrun_as = \"{identity}\"\n\
         read = [\"/usr\", \"/etc/ld.so.cache\", \"@site@/readable\"]\n\
         execute = [\"@site@/bin\"]\nwrite = [\"@site@/ground/{identity}/work\"]\nstrength = \"{strength}\"\n{bounds}{tmp}\
         minimum_landlock = {}\n\
         environment = {{ SITE = \"@site@\" }}\n\
         [tool.{identity}{suffix}]\ndescription = \"d\"\nprofile = \"{identity}{suffix}\"\nallow = [\"alice\"]\n\
         command = [\"@site@/bin/probe\", \"{{name}}\", \"@site@/ground/{identity}/area\", \"{work}\", \"{{target}}\", \
         \"{{mark}}\"]\n\
         [tool.{identity}{suffix}.args]\n\
         name = {{ type = \"string\", max_length = 64 }}\n\
         target = {{ type = \"string\", max_length = 16 }}\n\
         mark = {{ type = \"string\", max_length = 64 }}\n",
        landlock_abi().min(6),
    )
}

fn policy(strength: &str) -> String {
    let tools = IDENTITIES.iter().flat_map(|identity| {
        TOOLS.map(|(suffix, bounds)| tool(strength, identity, suffix, bounds))
    });
    format!("{BASE}{}", tools.collect::<String>())
}

/// A file that every process started from here inherits, and so the worker.
fn leak(path: &Path) -> File {
    let file = File::open(path).expect("ours");
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).expect("a descriptor");
    file
}

/// A service of one strength and the grounds that its commands attack.
struct Field {
    strength: &'static str,
    grounds: Vec<Ground>,
    client: Client,
    site: Site,
    probes: Vec<(String, String)>,
    escaped: BTreeSet<String>,
    broken: BTreeSet<String>,
}

impl Field {
    fn new(strength: &'static str) -> Field {
        // Where isolated commands of one tool have a root in common.
        let site = Site::with(&policy(strength)).beneath("/srv");
        let mut site = site.prepare();
        let program = compile(&site.path("bin"));
        make_readable(&site.path(""));
        let base = site.path("ground");
        let grounds = IDENTITIES.map(|identity| Ground::new(&base, &program, identity));
        // Whoever starts a worker may be careless with descriptors.
        let leaked = [
            leak(&grounds[0].area.join("secret")),
            leak(&grounds[0].area),
        ];
        site.start_worker();
        site.start_supervisor();
        drop(leaked);
        Field {
            strength,
            grounds: grounds.into(),
            client: Client::attach(&site, ALICE),
            probes: list(&program),
            site,
            escaped: BTreeSet::new(),
            broken: BTreeSet::new(),
        }
    }

    /// Runs the probes of `class`, or of all, against `target` of each identity.
    fn attack(&mut self, who: usize, classes: &[&str], target: u32, whom: &str) {
        let identity = IDENTITIES[who];
        let (begin, mut count) = (Instant::now(), 0);
        for (class, name) in self.probes.clone() {
            if !classes.contains(&class.as_str()) {
                continue;
            }
            count += 1;
            let mark = unique();
            self.grounds[who].restore();
            let verdict = self.verdict(who, (&class, &name), target, &mark);
            let what = format!("{class} {name} as {identity}{whom}");
            match verdict {
                Verdict::Refused => {}
                Verdict::Escaped => drop(self.escaped.insert(what)),
                Verdict::Broken(why) => drop(self.broken.insert(format!("{what}: {why}"))),
            }
        }
        let (strength, took) = (self.strength, begin.elapsed().as_secs_f64());
        println!("{strength}: {count} probes as {identity}{whom} in {took:.1} s");
    }

    fn verdict(&self, who: usize, (class, name): (&str, &str), target: u32, mark: &str) -> Verdict {
        let suffix = match class {
            "lifetime" => "-short",
            "resources" => "-small",
            _ => "",
        };
        let tool = format!("{}{suffix}", IDENTITIES[who]);
        let arguments = json!({ "name": name, "target": target.to_string(), "mark": mark });
        let called = self.client.call(&tool, &arguments);
        let signal = called.field("signal");
        let end = match called.exit_code() {
            Some(code) => i32::try_from(code).ok().map(End::Exited),
            None if signal == &json!(31) || signal == &json!("SIGSYS") => {
                Some(End::Signaled(libc::SIGSYS))
            }
            None if called.field("blocked").to_string().contains("memory_max") => {
                Some(End::Bounded)
            }
            None => None,
        };
        let probe = Probe {
            class,
            name,
            mark,
            target,
        };
        let said = format!("{signal} {}", called.stderr());
        probe.verdict(&self.grounds[who], end, &said)
    }

    /// Starts a command that waits; its process id on the host.
    fn neighbour(&self, who: usize, client: &Client) -> Process {
        let tool = format!("{}-long", IDENTITIES[who]);
        let arguments = json!({ "name": "victim", "target": "1", "mark": "neighbour" });
        client.start_call(&tool, &arguments);
        eventually("the neighbour runs", Duration::from_secs(20), || {
            left(&self.grounds[who], "neighbour").pop()
        })
    }
}

const CLASSES: [&str; 10] = [
    "files",
    "execution",
    "processes",
    "ipc",
    "network",
    "kernel",
    "capabilities",
    "resources",
    "lifetime",
    "descriptors",
];

/// What two commands could do to one another.
const BETWEEN: [&str; 3] = ["files", "processes", "ipc"];

/// Each has the host for itself. Outside nothing holds a probe to what it is meant for:
/// it has all processes of its user run slower, those of a field too; and where no
/// controller counts tasks, the kernel counts all of a user's, of both strengths.
static HOST: Mutex<()> = Mutex::new(());

/// Names identities, for a machine on which all three would take too long.
const ONLY: &str = "MINI_MCP_ATTACK_AS";

/// Names classes of probes, for such a machine.
const SOME: &str = "MINI_MCP_ATTACK_CLASSES";

/// Those of `all` that the variable names, with spaces between; all, where it names none.
fn named<'a>(variable: &str, all: &[&'a str]) -> Vec<&'a str> {
    let said = std::env::var(variable).unwrap_or_default();
    let names: Vec<&str> = said.split_whitespace().collect();
    for name in &names {
        assert!(all.contains(name), "{variable}: {name} is none of {all:?}");
    }
    let mut chosen = all.to_vec();
    chosen.retain(|one| names.is_empty() || names.contains(one));
    chosen
}

/// As whom the probes run here, by number.
fn chosen() -> Vec<usize> {
    let names = named(ONLY, &IDENTITIES);
    let all = 0..IDENTITIES.len();
    all.filter(|who| names.contains(&IDENTITIES[*who]))
        .collect()
}

/// Those of `classes` that run here.
fn some_of(classes: &[&'static str]) -> Vec<&'static str> {
    let mut some = named(SOME, &CLASSES);
    some.retain(|class| classes.contains(class));
    some
}

fn attack_all(strength: &'static str) {
    let _alone = HOST.lock().unwrap_or_else(PoisonError::into_inner);
    let mut field = Field::new(strength);
    for who in chosen() {
        let target = field.grounds[who].target();
        field.attack(who, &some_of(&CLASSES), target, "");
        let other = Client::attach(&field.site, ALICE);
        let neighbour = field.neighbour(who, &other);
        let target = u32::try_from(neighbour.id()).expect("a pid");
        field.attack(who, &some_of(&BETWEEN), target, " on its neighbour");
        assert!(neighbour.alive(), "the neighbour of {who} was ended");
        other.vanish();
    }
    let escaped: Vec<&String> = field.escaped.iter().collect();
    let expected = expected(&field);
    println!("{strength}: {escaped:#?}\nbroken: {:#?}", field.broken);
    assert_eq!(
        field.broken,
        BTreeSet::new(),
        "could not be tried in the {strength} strength"
    );
    assert_eq!(
        field.escaped, expected,
        "got through in the {strength} strength"
    );
}

/// What is known to get through, in the words of [`Field::attack`].
fn expected(field: &Field) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let classes = some_of(&CLASSES);
    for identity in chosen().into_iter().map(|who| IDENTITIES[who]) {
        for (class, name) in &field.probes {
            if !classes.contains(&class.as_str()) || !known(field.strength, identity, name) {
                continue;
            }
            all.insert(format!("{class} {name} as {identity}"));
            if BETWEEN.contains(&class.as_str()) {
                all.insert(format!("{class} {name} as {identity} on its neighbour"));
            }
        }
    }
    all
}

#[test]
fn nothing_gets_through_the_default_strength() {
    attack_all("default");
}

#[test]
fn nothing_gets_through_the_isolated_strength() {
    attack_all("isolated");
}

#[test]
fn every_probe_gets_through_where_nothing_holds_it() {
    let _alone = HOST.lock().unwrap_or_else(PoisonError::into_inner);
    let scratch = harness::scratch();
    let program = compile(&scratch.path().join("bin"));
    make_readable(scratch.path());
    let ground = Ground::new(&scratch.path().join("ground"), &program, "caller");
    let mut refused = BTreeSet::new();
    let all = list(&program);
    assert!(all.len() >= 320, "{} probes", all.len());
    for (class, name) in &all {
        if !gets_through(&ground, class, name, &unique()) {
            refused.insert(name.as_str());
        }
    }
    // On a host that has more, more is proven.
    let unproven: BTreeSet<&str> = UNPROVEN.iter().map(|(name, _)| *name).collect();
    refused.retain(|name| !unproven.contains(name));
    assert_eq!(refused, BTreeSet::new(), "without a positive control");
}
