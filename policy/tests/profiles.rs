//! Profiles and tools as they come out: defaults, units, `${workspace}`, and
//! the digest that names a policy.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

mod support;

use policy::{Access, FileKind, Kind, Network, Policy, Profile, RunAs, Setting, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{alice, allowed, arguments, parsed, single};

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
    assert_eq!(profile.memory_max, 512 << 20);
    assert_eq!(profile.tasks_max, 64);
    assert_eq!(profile.limit_fsize, 64 << 20);
    assert_eq!(profile.limit_nofile, 256);
    assert_eq!(profile.output_max, 48 << 10);
    assert_eq!(profile.network, Network::None);
    assert_eq!(profile.minimum_landlock, 6);
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
