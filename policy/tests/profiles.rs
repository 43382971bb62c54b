//! Profiles and tools as they come out: defaults, units, `${workspace}`, and
//! the digest that names a policy.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

mod support;

use policy::{
    Access, FileKind, IoClass, Kind, Network, Policy, Profile, Refusal, RunAs, Setting, Value,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{alice, allowed, arguments, caller, parsed, single};

fn profile(body: &str, setting: &Setting) -> Arc<Profile> {
    let policy = parsed(&format!("version = 1\n[profile.p]\n{body}\n"), setting);
    let profile = policy.profiles().next().cloned();
    profile.unwrap()
}

#[test]
fn an_empty_profile_has_the_documented_defaults() {
    let profile = profile("", &Setting::System);
    assert_eq!(profile.name, "p");
    assert!(profile.read.is_empty() && profile.write.is_empty() && profile.execute.is_empty());
    assert_eq!(profile.run_as, RunAs::Caller);
    assert_eq!(profile.timeout, Duration::from_secs(30));
    assert_eq!(profile.timeout_stop, Duration::from_secs(2));
    assert_eq!(profile.memory_max, 512 << 20);
    assert_eq!(profile.tasks_max, 64);
    assert_eq!(profile.limit_fsize, 64 << 20);
    assert_eq!(profile.limit_nofile, 256);
    assert_eq!(profile.output_max, 48 << 10);
    assert_eq!(profile.network, Network::None);
    assert_eq!(profile.minimum_landlock, 6);
    assert!(!profile.tty);
    assert_ne!(profile.run_as, RunAs::Dynamic);
    assert_eq!(profile.minimum_containment, policy::Containment::Subreaper);
    assert_eq!(profile.umask, 0o022);
    assert_eq!(profile.supplementary_groups, None);
    assert!(profile.capabilities.is_empty());
    assert_eq!(profile.limits, Default::default());
    assert_eq!(profile.scheduling, Default::default());
    assert_eq!(profile.cgroup, Default::default());
    assert_eq!(profile.system_calls, Default::default());
    assert_eq!(profile.working_directory, Path::new("/"));
    let environment: Vec<String> = profile
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let expected = [
        "GIT_TERMINAL_PROMPT=0",
        "LC_ALL=C.UTF-8",
        "PAGER=cat",
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "TERM=dumb",
    ];
    assert_eq!(environment, expected);
}

#[test]
fn what_is_written_counts() {
    let body = r#"
        read = ["/usr/", "-/etc//x", "/a/./b"]
        write = ["/"]
        run_as = "alice"
        timeout = "1500ms"
        timeout_stop = "0s"
        memory_max = "1G"
        tasks_max = 1
        limit_fsize = "0"
        limit_nofile = 8
        output_max = "1024"
        network = "none"
        minimum_landlock = 1
        working_directory = "/srv/"
        environment = { HOME = "/srv", PAGER = "more", GIT_PAGER = "cat" }
    "#;
    let profile = profile(body, &Setting::System);
    let read: Vec<(&str, bool)> = profile
        .read
        .iter()
        .map(|rule| (rule.path.to_str().unwrap(), rule.optional))
        .collect();
    assert_eq!(read, [("/usr", false), ("/etc/x", true), ("/a/b", false)]);
    assert_eq!(profile.write[0].path, Path::new("/"));
    assert_eq!(
        profile.run_as,
        RunAs::User {
            name: "alice".to_owned(),
            uid: 1000,
            gid: 1000
        }
    );
    assert_eq!(profile.timeout, Duration::from_millis(1500));
    assert_eq!(profile.timeout_stop, Duration::ZERO);
    assert_eq!((profile.memory_max, profile.limit_fsize), (1 << 30, 0));
    assert_eq!((profile.tasks_max, profile.limit_nofile), (1, 8));
    assert_eq!((profile.output_max, profile.minimum_landlock), (1024, 1));
    assert_eq!(profile.working_directory, Path::new("/srv"));
    let value = |name: &str| {
        let found = profile.environment.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(
        (value("HOME"), value("PAGER")),
        (Some("/srv"), Some("more"))
    );
    assert_eq!(
        (value("GIT_PAGER"), value("TERM")),
        (Some("cat"), Some("dumb"))
    );
    assert!(profile.environment.is_sorted());
}

#[test]
fn a_profile_takes_over_what_it_extends() {
    let text = r#"
        version = 1
        [profile.last]
        extends = "middle"
        read = ["/c"]
        timeout = "3s"
        environment = { C = "3", B = "33" }
        [profile.middle]
        extends = "base"
        write = ["/b"]
        memory_max = "2G"
        tasks_max = 2
        working_directory = "/b"
        environment = { B = "2", PAGER = "more" }
        [profile.base]
        read = ["/a", "-/a2"]
        execute = ["/bin"]
        run_as = "alice"
        timeout = "1s"
        tasks_max = 1
        limit_fsize = "1"
        limit_nofile = 9
        output_max = "2K"
        network = "none"
        minimum_landlock = 1
        environment = { A = "1", B = "1" }
    "#;
    let policy = parsed(text, &Setting::System);
    let names: Vec<&str> = policy.profiles().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["base", "last", "middle"]);
    let last = policy.profiles().nth(1).unwrap();
    let paths = |rules: &[policy::PathRule]| -> Vec<PathBuf> {
        rules.iter().map(|rule| rule.path.clone()).collect()
    };
    let expected = ["/a", "/a2", "/c"].map(PathBuf::from);
    assert_eq!(paths(&last.read), expected);
    assert!(last.read[1].optional && !last.read[2].optional);
    assert_eq!(paths(&last.write), [PathBuf::from("/b")]);
    assert_eq!(paths(&last.execute), [PathBuf::from("/bin")]);
    assert!(matches!(&last.run_as, RunAs::User { uid: 1000, .. }));
    assert_eq!(last.timeout, Duration::from_secs(3));
    assert_eq!((last.memory_max, last.tasks_max), (2 << 30, 2));
    assert_eq!((last.limit_fsize, last.limit_nofile), (1, 9));
    assert_eq!((last.output_max, last.minimum_landlock), (2048, 1));
    assert_eq!(last.working_directory, Path::new("/b"));
    let shown: Vec<String> = last
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let expected = [
        "A=1",
        "B=33",
        "C=3",
        "GIT_TERMINAL_PROMPT=0",
        "LC_ALL=C.UTF-8",
        "PAGER=more",
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "TERM=dumb",
    ];
    assert_eq!(shown, expected);
    // What is extended stays as it is.
    let base = policy.profiles().next().unwrap();
    assert_eq!((base.timeout, base.tasks_max), (Duration::from_secs(1), 1));
    assert!(base.write.is_empty());
}

const RESOURCES: &str = r#"
    umask = "77"
    limit_cpu = "1min30s"
    limit_stack = "1M"
    limit_memlock = "0"
    limit_as = "1G"
    nice = 19
    oom_score_adjust = 0
    io_scheduling_class = "idle"
    cpu_quota = "150%"
    cpu_weight = 1
    io_weight = 10000
    memory_high = "1M"
    memory_swap_max = "2M"
    minimum_cgroup = ["pids", "memory"]
"#;

#[test]
fn resources_are_as_written() {
    let profile = profile(RESOURCES, &Setting::System);
    let (limits, scheduling, cgroup) = (&profile.limits, &profile.scheduling, &profile.cgroup);
    assert_eq!(profile.umask, 0o077);
    assert_eq!((limits.cpu, limits.stack), (Some(90), Some(1 << 20)));
    assert_eq!(
        (limits.memlock, limits.address_space),
        (Some(0), Some(1 << 30))
    );
    assert_eq!(
        (scheduling.nice, scheduling.oom_score_adjust),
        (Some(19), Some(0))
    );
    assert_eq!(scheduling.io_class, Some(IoClass::Idle));
    assert_eq!((cgroup.cpu_quota, cgroup.cpu_weight), (Some(150), Some(1)));
    assert_eq!(
        (cgroup.io_weight, cgroup.memory_high),
        (Some(10_000), Some(1 << 20))
    );
    assert_eq!(cgroup.memory_swap_max, Some(2 << 20));
    let needs: Vec<String> = cgroup
        .needs()
        .iter()
        .map(|(one, key)| format!("{one}:{key}"))
        .collect();
    let expected = [
        "memory:minimum_cgroup",
        "pids:minimum_cgroup",
        "cpu:cpu_quota",
        "cpu:cpu_weight",
        "io:io_weight",
        "memory:memory_high",
        "memory:memory_swap_max",
    ];
    assert_eq!(needs, expected);
}

/// Of lists of groups and capabilities the nearest counts as a whole, for they say
/// exactly what a command has; a list of system calls may go on from what is extended.
#[test]
fn the_nearest_word_on_privileges_counts() {
    let text = format!(
        "version = 1\n[profile.base]\n{RESOURCES}\nsupplementary_groups = ['ops', 'staff', 'ops']\n\
         capabilities = ['CAP_CHOWN', 'CAP_KILL']\nsystem_calls = ['@basic-io', 'ptrace']\n\
         system_call_error_number = 'kill'\n\
         [profile.same]\nextends = 'base'\n\
         [profile.other]\nextends = 'base'\numask = '0'\nnice = 1\nsupplementary_groups = []\n\
         capabilities = ['CAP_KILL']\nsystem_calls = ['~@debug', 'fchown']\n\
         cpu_quota = '1%'\nlimit_cpu = '1s'\nminimum_cgroup = []\n\
         [profile.anew]\nextends = 'base'\nsystem_calls = ['write', 'chown']\n"
    );
    let policy = parsed(&text, &Setting::System);
    let [anew, base, other, same] = policy.profiles().collect::<Vec<_>>().try_into().unwrap();
    let ids = |profile: &Profile| -> Vec<u32> {
        let groups = profile.supplementary_groups.iter().flatten();
        groups.map(|group| group.gid).collect()
    };
    assert_eq!((ids(base), ids(same)), (vec![200, 201], vec![200, 201]));
    assert_eq!(other.supplementary_groups, Some(vec![]));
    assert_eq!(
        (&same.capabilities, same.capabilities.len()),
        (&base.capabilities, 2)
    );
    assert_eq!(
        other
            .capabilities
            .iter()
            .map(|one| one.name())
            .collect::<Vec<_>>(),
        ["CAP_KILL"]
    );
    assert_eq!((same.umask, other.umask), (0o077, 0));
    assert_eq!(
        (&same.limits, &same.scheduling, &same.cgroup),
        (&base.limits, &base.scheduling, &base.cgroup)
    );
    assert_eq!(
        (other.limits.cpu, other.limits.stack),
        (Some(1), base.limits.stack)
    );
    assert_eq!(
        (other.scheduling.nice, other.scheduling.io_class),
        (Some(1), base.scheduling.io_class)
    );
    assert_eq!(
        (other.cgroup.cpu_quota, other.cgroup.io_weight),
        (Some(1), Some(10_000))
    );
    assert_eq!(
        other
            .cgroup
            .minimum
            .as_ref()
            .map(std::collections::BTreeSet::len),
        Some(0)
    );
    let has = |profile: &Profile, call| profile.system_calls.added.contains(call);
    assert!(has(base, "read") && has(base, "ptrace") && has(base, "execve"));
    assert_eq!(same.system_calls, base.system_calls);
    assert!(has(other, "read") && has(other, "fchown") && !has(other, "ptrace"));
    assert!(has(anew, "chown") && has(anew, "execve") && !has(anew, "readv"));
    assert_eq!(anew.system_calls.refusal, Refusal::Kill);
}

#[test]
fn a_list_that_changes_goes_on_from_the_default() {
    let profile = profile(
        "system_calls = ['~@chown', '+ptrace', 'fchown']",
        &Setting::System,
    );
    let list = &profile.system_calls;
    assert!(list.from_default);
    assert_eq!(
        list.added.iter().copied().collect::<Vec<_>>(),
        ["fchown", "ptrace"]
    );
    assert_eq!(
        list.removed.iter().copied().collect::<Vec<_>>(),
        ["chown", "fchownat", "lchown"]
    );
}

#[test]
fn named_groups_take_the_place_of_the_callers() {
    let text = "version = 1\n[principal.alice]\nunix_users = ['alice']\n\
                [profile.p]\nsupplementary_groups = ['ops']\n\
                [profile.q]\nrun_as = 'www-data'\nsupplementary_groups = ['ops']\n\
                [tool.t]\ndescription = 'x'\ncommand = ['/bin/t']\nprofile = 'p'\nallow = ['alice']\n\
                [tool.u]\ndescription = 'x'\ncommand = ['/bin/t']\nprofile = 'q'\nallow = ['alice']\n";
    let policy = parsed(text, &Setting::System);
    let caller = caller(1000, 1000, &[27, 1000]);
    for (tool, uid) in [("t", 1000), ("u", 33)] {
        let grant = allowed(policy.decide(&caller, tool, &arguments([])));
        assert_eq!(
            (
                grant.identity().unwrap().uid,
                grant.identity().unwrap().groups.as_slice()
            ),
            (uid, [200].as_slice())
        );
    }
}

#[test]
fn profiles_extend_sixteen_others_and_no_more() {
    let mut text = "version = 1\n[profile.p0]\ntimeout = '7s'\n".to_owned();
    for number in 1..=16 {
        let base = number - 1;
        text.push_str(&format!("[profile.p{number}]\nextends = 'p{base}'\n"));
    }
    let policy = parsed(&text, &Setting::System);
    assert!(
        policy
            .profiles()
            .all(|one| one.timeout == Duration::from_secs(7))
    );
    text.push_str("[profile.p17]\nextends = 'p16'\n");
    let refused = Policy::parse("p", &text, &Setting::System, &support::Host).unwrap_err();
    assert!(refused.to_string().contains("more than 16 profiles"));
}

#[test]
fn the_workspace_is_replaced_for_a_single_user() {
    let body = "read = ['${workspace}', '-${workspace}/.git/']";
    let profile = profile(body, &single());
    let paths: Vec<&PathBuf> = profile.read.iter().map(|rule| &rule.path).collect();
    let expected = ["/home/alice/project", "/home/alice/project/.git"];
    assert_eq!(
        paths,
        expected.map(PathBuf::from).iter().collect::<Vec<_>>()
    );
    assert_eq!(profile.working_directory, Path::new("/home/alice/project"));
}

#[test]
fn a_workspace_that_is_no_path_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let not_utf8 = std::ffi::OsString::from_vec(b"/home/\xff".to_vec());
    let bad: [PathBuf; 4] = [
        "relative".into(),
        "/a/../b".into(),
        "/a\nb".into(),
        not_utf8.into(),
    ];
    for workspace in bad {
        let setting = Setting::SingleUser { uid: 1, workspace };
        let text = "version = 1\n[profile.p]\n";
        let refused = Policy::parse("p", text, &setting, &support::Host).unwrap_err();
        assert!(
            refused.to_string().contains(": error: the workspace `"),
            "{refused}"
        );
    }
}

#[test]
fn tools_tell_what_they_take() {
    let text = r#"
        version = 1
        [profile.p]
        [tool.t]
        description = "A tool"
        command = ["/bin//t", "{number}", "{text}", "{flag}", "{word}", "{path}"]
        profile = "p"
        allow = []
        read_only = true
        [tool.t.args]
        number = { type = "integer", default = 3, description = "A number" }
        text = { type = "string", pattern = "a|b" }
        flag = { type = "flag", flag = "-f" }
        word = { type = "enum", values = ["b", "a"], optional = true }
        path = { type = "path", under = ["/x/", "/y"], access = "write" }
    "#;
    let policy = parsed(text, &Setting::System);
    let tool = policy.tools().next().unwrap();
    assert_eq!((tool.name(), tool.description()), ("t", "A tool"));
    assert_eq!(tool.program(), Path::new("/bin/t"));
    assert_eq!(tool.profile().name, "p");
    assert!(tool.read_only());
    let [number, text, flag, word, path] = tool.parameters() else {
        unreachable!("five were declared, in this order");
    };
    assert_eq!(
        (number.name(), number.description()),
        ("number", Some("A number"))
    );
    assert!(matches!(
        number.kind(),
        Kind::Integer {
            min: i64::MIN,
            max: i64::MAX
        }
    ));
    assert_eq!(
        (number.default(), number.required()),
        (Some(&Value::Integer(3)), false)
    );
    let Kind::Text {
        max_length: 256,
        pattern: Some(pattern),
        characters: None,
        leading_dash: false,
    } = text.kind()
    else {
        unreachable!("{text:?}");
    };
    assert_eq!((pattern.as_str(), text.required()), ("a|b", true));
    assert!(matches!(flag.kind(), Kind::Flag));
    assert_eq!(
        (flag.default(), flag.required()),
        (Some(&Value::Boolean(false)), false)
    );
    assert!(matches!(word.kind(), Kind::Enumeration { values } if *values == ["b", "a"]));
    assert_eq!((word.default(), word.required()), (None, false));
    let Kind::Path {
        under,
        access: Access::Write,
        kind: FileKind::File,
        ..
    } = path.kind()
    else {
        unreachable!("{path:?}");
    };
    assert_eq!(*under, [PathBuf::from("/x"), PathBuf::from("/y")]);
}

#[test]
fn the_digest_names_text_and_workspace() {
    let digest = |text: &str, setting: &Setting| parsed(text, setting).digest();
    let other = Setting::SingleUser {
        uid: 1000,
        workspace: "/home/alice".into(),
    };
    let system = digest("version = 1", &Setting::System);
    assert_eq!(system, digest("version = 1", &Setting::System));
    assert_ne!(system, digest("version = 1\n", &Setting::System));
    assert_ne!(system, digest("version = 1", &single()));
    assert_ne!(
        digest("version = 1", &other),
        digest("version = 1", &single())
    );
}

#[test]
fn ten_thousand_tools_are_found_as_fast_as_one() {
    let mut text = "version = 1\n[profile.p]\n".to_owned();
    for number in 0..10_000 {
        text.push_str(&format!(
            "[tool.t{number}]\ndescription = 'x'\ncommand = ['/bin/echo', '{{n}}']\n\
             profile = 'p'\nallow = ['self']\nargs.n = {{ type = 'integer' }}\n"
        ));
    }
    let started = Instant::now();
    let policy = parsed(&text, &single());
    // Generous: a debug build on a busy machine. Quadratic work would take minutes.
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(policy.tools_for(&alice()).len(), 10_000);
    let given = arguments([("n", Value::Integer(1))]);
    let grant = allowed(policy.decide(&alice(), "t9999", &given));
    assert_eq!(grant.argv(), ["/bin/echo", "1"]);
}
