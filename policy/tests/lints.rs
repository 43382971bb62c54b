//! Warnings: what is allowed but unwise, with its place.

mod support;

use policy::{EMBEDDED, Policy, Setting, Severity};
use support::{alice, parsed, single};

/// The warnings of a policy, as `LINE: MESSAGE`.
fn lints(policy: &Policy) -> Vec<String> {
    let lints = policy.lints().iter();
    lints
        .map(|one| format!("{}: {}", one.line, one.message))
        .collect()
}

/// The warnings of a profile with `body`, which one tool uses.
fn profile(body: &str) -> Vec<String> {
    let text = format!(
        "version = 1\n[principal.alice]\nunix_users = ['alice']\n\
         [tool.t]\ndescription = 'x'\ncommand = ['/bin/t']\nprofile = 'p'\nallow = ['alice']\n\
         [profile.p]\n{body}\n"
    );
    lints(&parsed(&text, &Setting::System))
}

/// The warnings of a tool with `body`.
fn tool(body: &str) -> Vec<String> {
    let text = format!(
        "version = 1\n[principal.alice]\nunix_users = ['alice']\n[profile.p]\n\
         [tool.t]\ndescription = 'x'\nprofile = 'p'\n{body}\n"
    );
    lints(&parsed(&text, &Setting::System))
}

#[test]
fn the_embedded_policy_has_none() {
    assert_eq!(lints(&parsed(EMBEDDED, &single())), [""; 0]);
}

#[test]
fn secrets_and_what_holds_them() {
    let rows = [
        ("/etc/shadow", Some("/etc/shadow")),
        ("/etc", Some("/etc/gshadow")),
        ("/", Some("/etc/gshadow")),
        ("-/root/x", Some("/root")),
        ("/etc/ssl/private/a.key", Some("/etc/ssl/private")),
        ("/etc/ssh", Some("/etc/ssh")),
        ("/home/alice/.ssh/id", Some(".ssh")),
        ("/etc/passwd", None),
        ("/etc/shadow-", None),
        ("/rooted", None),
        ("/usr", None),
    ];
    for (path, held) in rows {
        let found = profile(&format!("read = ['/usr', '{path}']"));
        let shown = path.trim_start_matches('-');
        let expected: Vec<String> = held
            .map(|held| format!("10: profile `p` opens secrets, `{held}`, by `{shown}`"))
            .into_iter()
            .collect();
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn programs_that_may_be_replaced() {
    let may = |path: &str| {
        let found = profile(&format!("write = ['{path}']"));
        found
            .iter()
            .any(|one| one.contains("programs are run from"))
    };
    for path in [
        "/",
        "/usr",
        "/bin",
        "/usr/local/bin",
        "/usr/bin/x",
        "/etc",
        "/usr/local",
    ] {
        assert!(may(path), "{path}");
    }
    for path in ["/srv", "/etc/nginx", "/usr/share/x", "/binary", "/var"] {
        assert!(!may(path), "{path}");
    }
    let found = profile("execute = ['/usr/bin']\nread = ['/bin']");
    assert_eq!(found, [""; 0]);
}

#[test]
fn commands_that_run_as_root() {
    assert_eq!(
        profile("run_as = 'root'"),
        ["10: profile `p` runs commands as root"]
    );
    assert_eq!(profile("run_as = 'alice'"), [""; 0]);
}

#[test]
fn free_text_for_programs_that_run_others() {
    let warned = |program: &str, kind: &str| {
        let found = tool(&format!(
            "command = ['{program}', '{{x}}']\nallow = ['alice']\nargs.x = {kind}"
        ));
        found.iter().any(|one| one.contains("gives free text to `"))
    };
    let free = "{ type = 'string' }";
    for program in [
        "/bin/sh",
        "/usr/bin/python3.11",
        "/usr/bin/find",
        "/usr/bin/vi",
        "/opt/git",
    ] {
        assert!(warned(program, free), "{program}");
    }
    for program in ["/bin/cat", "/bin/shell", "/usr/bin/findmnt"] {
        assert!(!warned(program, free), "{program}");
    }
    let list = "{ type = 'list', of = { type = 'string', characters = 'printable' } }";
    assert!(warned("/bin/sh", list));
    for bound in [
        "{ type = 'string', pattern = 'a|b' }",
        "{ type = 'string', characters = 'word' }",
        "{ type = 'enum', values = ['a'] }",
        "{ type = 'path', under = ['/srv'] }",
        "{ type = 'list', of = { type = 'host' } }",
    ] {
        assert!(!warned("/bin/sh", bound), "{bound}");
    }
}

#[test]
fn read_only_tools_that_may_write() {
    let command = "command = ['/bin/t', '{x}']\nallow = ['alice']\nread_only = true\n";
    let path = "{ type = 'path', under = ['/srv'], access = 'write' }";
    let expected = ["10: tool `t` is `read_only`, but its argument `x` may be written"];
    assert_eq!(tool(&format!("{command}args.x = {path}")), expected);
    let list = format!("{command}args.x = {{ type = 'list', of = {path} }}");
    assert_eq!(tool(&list), expected);
    assert_eq!(
        tool(&command.replace("true", "false").replace(", '{x}'", "")),
        [""; 0]
    );
    let writing = tool(
        "command = ['/bin/t']\nallow = ['alice']\nread_only = true\n[profile.q]\nwrite = ['/srv']\n\
         [tool.u]\ndescription = 'x'\ncommand = ['/bin/u']\nprofile = 'q'\nallow = ['alice']\n\
         read_only = true\n",
    );
    assert_eq!(
        writing,
        ["18: tool `u` is `read_only`, but its profile may write `/srv`"]
    );
}

#[test]
fn what_nothing_uses_and_nobody_may_call() {
    let text = "version = 1\n[principal.a]\nuids = ['1']\n[principal.b]\ninclude = ['a']\n\
                [principal.c]\nuids = ['2']\n[profile.p]\n[profile.q]\nextends = 'p'\n\
                [tool.t]\ndescription = 'x'\ncommand = ['/bin/t']\nprofile = 'p'\ndeny = ['c']\n";
    let policy = parsed(text, &Setting::System);
    let expected = [
        "4: nothing uses principal `b`",
        "9: nothing uses profile `q`",
        "11: nobody may call tool `t`",
    ];
    assert_eq!(lints(&policy), expected);
    // `ask` is a way to call it.
    let asked = parsed(&text.replace("deny", "ask"), &Setting::System);
    assert_eq!(lints(&asked).len(), 2);
    assert!(asked.knows(&support::caller(2, 2, &[]).proof) && !asked.knows(&alice().proof));
}

#[test]
fn a_single_user_has_nobody_who_approves() {
    let text = "version = 1\n[profile.p]\n[tool.t]\ndescription = 'x'\ncommand = ['/bin/t']\n\
                profile = 'p'\nask = ['self']\n";
    let policy = parsed(text, &support::single());
    assert_eq!(lints(&policy), ["7: nobody can approve calls of tool `t`"]);
}

#[test]
fn warnings_are_printed_like_mistakes() {
    let policy = parsed(
        "version = 1\n[profile.p]\nrun_as = 'root'\n",
        &Setting::System,
    );
    let printed: Vec<String> = policy.lints().iter().map(ToString::to_string).collect();
    let expected = "\
policy.toml:3:10: warning: profile `p` runs commands as root
  |
3 | run_as = 'root'
  |          ^^^^^^
hint: name a user with fewer rights if the command can do with them
";
    assert_eq!(printed[1], expected);
    assert!(
        policy
            .lints()
            .iter()
            .all(|one| one.severity == Severity::Warning)
    );
}

#[test]
fn a_policy_with_mistakes_shows_those_alone() {
    let text = "version = 1\n[profile.p]\nrun_as = 'root'\ntimeout = 1\n";
    let refused = Policy::parse("p", text, &Setting::System, &support::Host);
    let found = refused.map_err(|mistakes| mistakes.iter().count());
    assert!(matches!(found, Err(1)));
}

#[test]
fn capabilities_and_groups_that_amount_to_root() {
    assert_eq!(
        profile("capabilities = ['CAP_NET_BIND_SERVICE', 'CAP_KILL']"),
        [""; 0]
    );
    assert_eq!(
        profile("capabilities = ['CAP_KILL', 'CAP_SETUID']"),
        ["10: profile `p` grants `CAP_SETUID`, which amounts to root"]
    );
    assert_eq!(
        profile("run_as = 'root'\ncapabilities = ['CAP_KILL']"),
        [
            "10: profile `p` runs commands as root",
            "11: profile `p` runs commands as root with capabilities"
        ]
    );
    assert_eq!(profile("supplementary_groups = ['ops']"), [""; 0]);
    assert_eq!(
        profile("dangerous_environment = true\nenvironment = { LD_PRELOAD = '/x', HOME = '/' }"),
        ["11: profile `p` sets `LD_PRELOAD`"]
    );
}

/// What a profile extends counts as well, told where the second of the two stands.
#[test]
fn root_and_capabilities_may_come_from_two_profiles() {
    let found = profile("extends = 'q'\ncapabilities = ['CAP_KILL']\n[profile.q]\nrun_as = 'root'");
    assert_eq!(
        found,
        [
            "11: profile `p` runs commands as root with capabilities",
            "13: profile `q` runs commands as root"
        ]
    );
}

#[test]
fn principals_that_are_everybody() {
    let found = |conditions: &str| {
        let text = format!(
            "version = 1\n[principal.x]\n{conditions}\n[profile.p]\nrun_as = 'alice'\n[tool.t]\n\
             description = 'd'\ncommand = ['/bin/t']\nprofile = 'p'\nallow = ['x']\n"
        );
        let policy = support::parsed(&text, &policy::Setting::System);
        let lints = policy.lints().iter();
        lints.map(|one| one.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        found("unix_groups = ['users']"),
        ["principal `x` is in effect everybody: group `users`"]
    );
    assert_eq!(
        found("uids = ['0-1000']"),
        ["principal `x` holds root, with every other id of its range"]
    );
    for fine in ["unix_groups = ['ops']", "uids = ['0', '1000-1999']"] {
        assert_eq!(found(fine), [""; 0], "{fine}");
    }
}

#[test]
fn tools_that_can_exchange_what_they_run() {
    let warned = |profile: &str| {
        let text = format!(
            "version = 1\n[principal.a]\nunix_users = ['alice']\n[profile.p]\n{profile}\n[tool.t]\n\
             description = 'd'\ncommand = ['/srv/app/bin/t']\nprofile = 'p'\nallow = ['a']\n"
        );
        let policy = support::parsed(&text, &policy::Setting::System);
        let mut lints = policy.lints().iter();
        lints.any(|one| {
            one.message
                .contains("one call can plant what the next one runs")
        })
    };
    assert!(warned("write = ['/srv/app']"));
    assert!(warned(
        "write = ['/srv/data']\nexecute = ['/srv/data/tools']"
    ));
    assert!(!warned("write = ['/srv/data']\nexecute = ['/usr']"));
}

#[test]
fn arguments_that_open_secrets() {
    let warned = |under: &str| {
        let kind = format!("{{ type = 'path', under = ['{under}'] }}");
        let found = tool(&format!(
            "command = ['/bin/t', '{{x}}']\nallow = ['alice']\nargs.x = {kind}"
        ));
        found
            .iter()
            .any(|one| one.contains("argument `x` opens secrets"))
    };
    for under in ["/", "/etc", "/root", "/home/alice/.ssh"] {
        assert!(warned(under), "{under}");
    }
    for under in ["/var/log", "/etc/nginx", "/home/alice"] {
        assert!(!warned(under), "{under}");
    }
}

#[test]
fn rules_that_never_count() {
    let found = |rules: &str| {
        let text = format!(
            "version = 1\n[principal.a]\nunix_users = ['alice']\n[principal.all]\ninclude = ['a', 'b']\n\
             [principal.b]\nunix_users = ['bob']\n[profile.p]\n[tool.t]\n\
             description = 'd'\ncommand = ['/bin/t']\nprofile = 'p'\n{rules}\n"
        );
        let policy = support::parsed(&text, &policy::Setting::System);
        let lints = policy.lints().iter().map(|one| one.message.clone());
        lints
            .filter(|message| message.contains("never counts"))
            .collect::<Vec<_>>()
    };
    let dead = "`allow` for principal `a` never counts";
    assert_eq!(found("allow = ['a']\ndeny = ['all']"), [dead]);
    assert_eq!(found("allow = ['all', 'a']"), [dead]);
    for fine in [
        "allow = ['a', 'all']",
        "allow = ['all']\ndeny = ['a']",
        "allow = ['a', 'b']",
    ] {
        assert_eq!(found(fine), [""; 0], "{fine}");
    }
}
