//! What a command sees of the host in the isolated strength, with temporary
//! directories of its own, and on each network.

use harness::{ALICE, Alone, Client, RUNNER, Site, eventually, unique};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

/// `@principal@` and `@as@` differ between the two kinds of worker.
const POLICY: &str = r#"
version = 1
@principal@

[profile.base]
read = ["/usr", "/bin", "/lib", "/lib64", "-/etc/ld.so.cache", "-/etc/alternatives"]
execute = ["/usr"]
timeout = "20s"
working_directory = "/"
environment = { PATH = "/usr/bin", SITE = "@site@" }

[profile.isolated]
extends = "base"
strength = "isolated"
tmp_size = "2M"

[profile.second]
extends = "isolated"
timeout = "1s"

[profile.loopback]
extends = "isolated"
network = "loopback"

[profile.private]
extends = "base"
private_tmp = true

[profile.shared]
extends = "base"
write = ["@site@/drop"]

[profile.open]
extends = "base"
network = "full"

[profile.ports]
extends = "base"
connect = ["tcp:@port@"]

[profile.sockets]
extends = "base"
network = "unix"

[profile.workspace]
extends = "isolated"
write = ["@site@/drop"]

[profile.watching]
extends = "base"
read = ["/proc"]

[profile.lone]
extends = "base"
network = "loopback"
"#;

fn tools(allow: &str) -> String {
    let names = [
        "base",
        "isolated",
        "second",
        "loopback",
        "private",
        "shared",
        "open",
        "ports",
        "sockets",
        "lone",
        "watching",
        "workspace",
    ];
    let each = names.map(|name| {
        format!(
            "[tool.{name}]\ndescription = \"Runs a line of shell\"\ncommand = [\"/bin/sh\", \"-c\", \"{{script}}\"]\n\
             profile = \"{name}\"\nallow = [\"{allow}\"]\nargs = {{ script = {{ type = \"string\", max_length = 4000 }} }}\n"
        )
    });
    let files = ["read", "write"].map(|access| {
        format!(
            "[tool.{access}]\ndescription = \"Uses a file\"\ncommand = [\"/bin/sh\", \"-c\", \"cat \\\"$0\\\"; echo more >> \\\"$0\\\"; \
             ls -A $(dirname \\\"$0\\\")\", \"{{file}}\"]\nprofile = \"isolated\"\nallow = [\"{allow}\"]\n\
             args = {{ file = {{ type = \"path\", under = [\"@site@\"], access = \"{access}\" }} }}\n"
        )
    });
    format!("{}\n{}", each.join("\n"), files.join("\n"))
}

fn policy(principal: &str, allow: &str, port: u16) -> String {
    let policy = POLICY.replace("@principal@", principal);
    let policy = policy.replace("@port@", &port.to_string());
    format!("{policy}\n{}", tools(allow))
}

const ALICES: &str = "[principal.alice]\nunix_users = [\"mmtest-alice\"]";

fn site(containment: &str, port: u16) -> Site {
    Site::with(&policy(ALICES, "alice", port))
        .containment(containment)
        .start()
}

fn run(client: &Client, tool: &str, script: &str) -> harness::Called {
    client.call(tool, &json!({ "script": script }))
}

/// Runs `check` as root's worker with each containment, and as a single user's.
fn everywhere(check: impl Fn(&Client, &str)) {
    for containment in ["cgroup", "pid-namespace", "subreaper"] {
        let site = site(containment, 1);
        check(&Client::attach(&site, ALICE), containment);
    }
    for containment in ["pid-namespace", "subreaper"] {
        let alone = Alone::with(&policy("", "self", 1), containment);
        fs::create_dir(alone.path("drop")).expect("ours");
        check(alone.client(), containment);
    }
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted")
}

/// Nothing but what is granted exists, and none of it can be changed.
#[test]
fn nothing_else_exists() {
    everywhere(|client, containment| {
        let called = run(
            client,
            "isolated",
            "ls -A /; echo; ls -A /dev /etc; find / -xdev -type f",
        );
        let text = called.stdout();
        let (root, rest) = text.split_once("\n\n").expect("two parts");
        let mut names: Vec<&str> = root.lines().collect();
        names.retain(|name| *name != "etc");
        assert_eq!(
            names,
            ["bin", "dev", "lib", "lib64", "proc", "tmp", "usr", "var"],
            "{containment}"
        );
        for name in [
            "shm", "null", "full", "zero", "random", "urandom", "fd", "stdin",
        ] {
            assert!(
                rest.lines().any(|line| line == name),
                "{containment}: {name} in {rest}"
            );
        }
        for gone in ["passwd", "shadow", "sda", "kmsg", "mem"] {
            assert!(
                !rest.lines().any(|line| line == gone),
                "{containment}: {gone} in {rest}"
            );
        }
        let called = run(
            client,
            "isolated",
            "stat /root /home /sys /etc/shadow /run; touch /x /usr/x /dev/x /etc/x",
        );
        let errors = called.stderr().lines();
        let absent = errors.filter(|line| line.contains("No such file")).count();
        assert!(absent >= 5, "{}", called.stderr());
        let called = run(
            client,
            "isolated",
            "readlink /bin /lib64 && cat /proc/mounts",
        );
        let mounts = called.success();
        assert!(mounts.starts_with("usr/bin\nusr/lib64\n"), "{mounts}");
        let mounts: Vec<Vec<&str>> = mounts.lines().skip(2).map(fields).collect();
        for (index, mount) in mounts.iter().enumerate() {
            let [_, at, _, attributes, ..] = mount[..] else {
                panic!("{mount:?}");
            };
            // Of several at one place the last is there, and the others are beneath it.
            let hidden = mounts[index + 1..].iter().any(|other| other[1] == at);
            let own = ["/tmp", "/var/tmp", "/dev/shm", "/dev/pts"].contains(&at);
            let writable = own && !hidden;
            assert_eq!(attributes.starts_with("rw"), writable, "{mount:?}");
            assert!(attributes.contains("nosuid"), "{mount:?}");
            assert!(!writable || attributes.contains("noexec"), "{mount:?}");
        }
    });
}

fn fields(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// Numbers, names and interfaces are its own.
#[test]
fn processes_host_name_and_network_are_its_own() {
    everywhere(|client, containment| {
        let script = "uname -n; ls -d /proc/[0-9]* | wc -l; tail -n +3 /proc/net/dev | cut -d: -f1";
        let called = run(client, "isolated", script);
        let lines: Vec<&str> = called.success().split_whitespace().collect();
        assert_eq!(lines[0], "mini-mcp", "{containment}");
        assert!(
            lines[1].parse::<u32>().expect("a number") < 6,
            "{containment}: {lines:?}"
        );
        assert_eq!(lines[2..], ["lo"], "{containment}");
        let own = run(
            client,
            "isolated",
            "readlink /proc/self/ns/ipc /proc/self/ns/uts /proc/self/ns/net",
        );
        for (line, name) in own.success().lines().zip(["ipc", "uts", "net"]) {
            let outside = fs::read_link(format!("/proc/self/ns/{name}")).expect("it exists");
            assert_ne!(line, outside.display().to_string(), "{containment}");
        }
        let called = run(
            client,
            "isolated",
            "cat /proc/1/environ /proc/1/maps; ls /proc/1/fd /proc/1/root/",
        );
        assert_eq!(called.stdout(), "", "{containment}");
        let called = run(client, "isolated", "kill -9 1; exit 3");
        assert_eq!(called.exit_code(), Some(3), "{containment}");
    });
}

/// Temporary files are the command's own, bounded, and gone afterwards.
#[test]
fn temporary_files_are_its_own() {
    everywhere(|client, containment| {
        let mark = unique();
        for tool in ["isolated", "private"] {
            let script = format!(
                "ls -A /tmp /var/tmp; echo x > /tmp/{mark} && echo x > /var/tmp/{mark} && cat /tmp/{mark} && stat -c %a /tmp"
            );
            for _ in 0..2 {
                let called = run(client, tool, &script);
                assert!(
                    called.success().ends_with("x\n1777\n"),
                    "{containment}: {}",
                    called.0
                );
                assert!(!called.stdout().contains(&mark), "{containment} {tool}");
            }
            for place in ["/tmp", "/var/tmp"] {
                assert!(!fs::exists(format!("{place}/{mark}")).expect("may look"));
            }
        }
        let called = run(client, "isolated", "head -c 4M /dev/zero > /tmp/large");
        assert!(called.stderr().contains("No space left"), "{}", called.0);
        // Not even the loader executes what was written.
        let script = "cp /usr/bin/true /tmp/true; /tmp/true || /lib64/ld-linux-x86-64.so.2 /tmp/true || echo refused";
        assert!(
            run(client, "isolated", script)
                .stdout()
                .ends_with("refused\n")
        );
        assert!(
            run(client, "private", script)
                .stdout()
                .ends_with("refused\n")
        );
    });
}

/// Nothing of it stays mounted on the host, whatever ended the command.
#[test]
fn nothing_stays_mounted() {
    let before = mounts();
    everywhere(|client, containment| {
        for _ in 0..5 {
            assert_eq!(run(client, "isolated", "exit 0").success(), "");
            assert_eq!(run(client, "private", "exit 0").success(), "");
        }
        let mark = unique();
        let script = format!("trap '' TERM; (setsid sleep {mark} &) & sleep {mark}");
        let called = run(client, "second", &script);
        assert_eq!(
            called.field("timed_out"),
            &json!(true),
            "{containment}: {}",
            called.0
        );
        eventually("the tree is gone", Duration::from_secs(2), || {
            harness::Process::with_argument(&mark)
                .is_empty()
                .then_some(())
        });
    });
    assert_eq!(mounts(), before);
}

/// A path argument exists, alone, and may be written to only where that is granted.
#[test]
fn path_arguments_are_granted() {
    let site = site("cgroup", 1);
    for (name, mode) in [
        ("data/one", 0o644),
        ("data/other", 0o644),
        ("drop/mine", 0o666),
    ] {
        let file = site.file(name, "text\n");
        fs::set_permissions(file, PermissionsExt::from_mode(mode)).expect("ours");
    }
    let client = Client::attach(&site, ALICE);
    let call = |tool: &str, name: &str| {
        client.call(
            tool,
            &json!({ "file": site.path(name).display().to_string() }),
        )
    };
    assert_eq!(call("read", "data/one").stdout(), "text\none\n");
    assert_eq!(call("write", "drop/mine").stdout(), "text\nmine\n");
    assert_eq!(
        fs::read_to_string(site.path("drop/mine")).expect("ours"),
        "text\nmore\n"
    );
    assert_eq!(call("read", "drop/mine").stdout(), "text\nmore\nmine\n");
    assert_eq!(
        fs::read_to_string(site.path("drop/mine")).expect("ours"),
        "text\nmore\n"
    );
}

/// A directory that is closed to the user stays closed, though the worker sees it.
#[test]
fn a_closed_directory_stays_closed() {
    let site = site("cgroup", 1);
    fs::create_dir(site.path("data/closed")).expect("ours");
    site.file("data/closed/file", "secret\n");
    let set = |mode| {
        let mode = PermissionsExt::from_mode(mode);
        fs::set_permissions(site.path("data/closed"), mode).expect("ours");
    };
    let client = Client::attach(&site, ALICE);
    let file = site.path("data/closed/file").display().to_string();
    assert!(
        client
            .call("read", &json!({ "file": file }))
            .stdout()
            .starts_with("secret\n")
    );
    set(0o700);
    let called = client.call("read", &json!({ "file": file }));
    assert!(!called.0.to_string().contains("secret"), "{}", called.0);
    assert_ne!(
        fs::metadata(site.path("data/closed")).expect("ours").uid(),
        RUNNER.uid()
    );
}

const CONNECT: &str = "/usr/bin/perl -MSocket -e '";

fn perl(body: &str) -> String {
    format!("{CONNECT}{body}'")
}

/// Each network is what it says.
#[test]
fn each_network_is_what_it_says() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let other = other.local_addr().expect("bound").port();
    let site = site("cgroup", port);
    let client = Client::attach(&site, ALICE);
    let connect = |port: u16| {
        perl(&format!(
            "socket(S, 2, 1, 6) or die \"socket: $!\"; connect(S, sockaddr_in({port}, inet_aton(\"127.0.0.1\"))) or die \"connect: $!\"; print \"through\""
        ))
    };
    let through = |tool: &str, port| run(&client, tool, &connect(port)).stdout() == "through";
    let table = [
        ("base", false, false),
        ("sockets", false, false),
        ("isolated", false, false),
        ("ports", true, false),
        ("open", true, true),
        ("lone", false, false),
        ("loopback", false, false),
    ];
    for (tool, one, two) in table {
        assert_eq!(
            (through(tool, port), through(tool, other)),
            (one, two),
            "{tool}"
        );
    }
    // family, type, protocol; who may.
    let kinds = [
        (
            (1, 1, 0),
            vec!["sockets", "ports", "open", "lone", "loopback"],
        ),
        ((2, 1, 0), vec!["ports", "open", "lone", "loopback"]),
        ((2, 2, 0), vec!["open", "lone", "loopback"]),
        ((16, 3, 0), vec!["ports", "open", "lone", "loopback"]),
        ((2, 1, 262), vec![]),
        ((2, 3, 1), vec![]),
        ((17, 3, 0), vec![]),
        ((38, 5, 0), vec![]),
        ((40, 1, 0), vec![]),
        ((16, 3, 9), vec![]),
    ];
    for ((family, kind, protocol), allowed) in kinds {
        for tool in [
            "base", "isolated", "sockets", "ports", "open", "lone", "loopback",
        ] {
            let body =
                format!("socket(S, {family}, {kind}, {protocol}) ? print \"made\" : print \"$!\"");
            let made = run(&client, tool, &perl(&body)).stdout() == "made";
            assert_eq!(
                made,
                allowed.contains(&tool),
                "{tool} {family} {kind} {protocol}"
            );
        }
    }
    // A server and its client over the loopback interface of one command.
    let talk = perl(
        "socket(L,2,1,6); bind(L,sockaddr_in(8080,inet_aton(\"127.0.0.1\"))) && listen(L,1) or die $!; socket(S,2,1,6); connect(S,sockaddr_in(8080,inet_aton(\"127.0.0.1\"))) or die $!; accept(C,L) or die $!; print \"talked\"",
    );
    for (tool, talks) in [
        ("lone", true),
        ("loopback", true),
        ("ports", false),
        ("sockets", false),
    ] {
        assert_eq!(
            run(&client, tool, &talk).stdout() == "talked",
            talks,
            "{tool}"
        );
    }
    // Fast open would connect past Landlock.
    let fast = perl(&format!(
        "socket(S,2,1,6) or die $!; send(S, \"x\", 0x20000000, sockaddr_in({other}, inet_aton(\"127.0.0.1\"))) ? print \"sent\" : print \"$!\""
    ));
    assert_eq!(
        run(&client, "ports", &fast).stdout(),
        "Operation not supported"
    );
}

/// Programs that people use run in the isolated strength.
#[test]
fn programs_work() {
    let site = site("cgroup", 1);
    let client = Client::attach(&site, ALICE);
    for (script, expected) in [
        ("printf 'b\\na\\n' | sort -T /tmp | tr -d '\\n'", "ab"),
        (
            "cd /tmp && export HOME=/tmp && git init -q r && cd r && echo t > f && git add f && git -c user.name=a -c user.email=b commit -qm first && git log --format=%s",
            "first\n",
        ),
        (
            "cd /tmp && printf 'int main(void){return 0;}' > a.c && cc -c a.c && ls a.o",
            "a.o\n",
        ),
        ("perl -e 'print 6*7'", "42"),
        ("ps -e -o comm= | sort -u | tail -n 1 | wc -l", "1\n"),
        (
            "tar -cf /tmp/a.tar -C /usr/bin true && tar -tf /tmp/a.tar",
            "true\n",
        ),
    ] {
        assert_eq!(
            run(&client, "isolated", script).success(),
            expected,
            "{script}"
        );
    }
}

/// The worker keeps what a network namespace needs only where a profile needs one, and a
/// policy that needs more than was kept waits for a restart.
#[test]
fn the_worker_keeps_what_namespaces_need() {
    let caps = |site: &Site| site.worker().status()["CapEff"].trim().to_owned();
    let plain = "version = 1\n[principal.alice]\nunix_users = [\"mmtest-alice\"]\n[profile.p]\nread = [\"/usr\"]\n\
                 [tool.true]\ndescription = \"d\"\ncommand = [\"/usr/bin/true\"]\nprofile = \"p\"\nallow = [\"alice\"]\n";
    let loopback = plain.replace("[profile.p]\n", "[profile.p]\nnetwork = \"loopback\"\n");
    assert_eq!(
        caps(&Site::with(&loopback).containment("cgroup").start()),
        "00000000002410e4"
    );
    let site = Site::with(plain).containment("cgroup").start();
    assert_eq!(caps(&site), "00000000002400e4");
    site.file("policy.toml", &loopback);
    let worker = nix::unistd::Pid::from_raw(site.worker().id());
    nix::sys::signal::kill(worker, nix::sys::signal::Signal::SIGHUP).expect("ours");
    eventually("the former policy stays", Duration::from_secs(10), || {
        site.log_text("worker")
            .contains("given CAP_NET_ADMIN up")
            .then_some(())
    });
}

/// Two commands of one user: neither reads, traces nor signals the other, even where
/// the profile opens /proc. What Landlock does not hold there is the command line.
#[test]
fn commands_of_one_user_are_apart() {
    let site = site("cgroup", 1);
    let (client, other) = (Client::attach(&site, ALICE), Client::attach(&site, ALICE));
    let mark = unique();
    other.start_call(
        "watching",
        &json!({ "script": format!("exec sleep {mark}") }),
    );
    let victim = eventually("it sleeps", Duration::from_secs(10), || {
        let found = harness::Process::with_argument(&mark).into_iter().next()?;
        (found.arguments().len() == 2).then_some(found)
    });
    let id = victim.id();
    // The control: the same reads of the command's own are answered.
    let reads = |who: &str| {
        format!(
            "cd /proc/{who} && for f in environ maps mem; do head -c 1 $f >/dev/null 2>&1 && echo $f; done; readlink root cwd fd/0 fd/1"
        )
    };
    let own = run(&client, "watching", &reads("self"));
    assert!(
        own.stdout().contains("environ") && own.stdout().contains("/dev/null"),
        "{}",
        own.0
    );
    let called = run(&client, "watching", &reads(&id.to_string()));
    assert_eq!(called.stdout(), "", "{}", called.0);
    let called = run(
        &client,
        "watching",
        &format!("kill -9 {id} || kill -0 {id} || echo refused"),
    );
    assert_eq!(called.stdout(), "refused\n", "{}", called.0);
    assert!(
        run(&client, "watching", &format!("cat /proc/{id}/cmdline"))
            .stdout()
            .contains(&mark)
    );
    assert_eq!(
        run(&client, "isolated", &format!("ls -d /proc/{id}")).stdout(),
        ""
    );
    assert_eq!(harness::Process::with_argument(&mark).len(), 1);
}

/// What a command wrote it cannot execute in either strength, not even through the
/// dynamic loader. The control: the loader does run what is the system's.
#[test]
fn what_is_written_is_not_executed() {
    let site = site("cgroup", 1);
    let client = Client::attach(&site, ALICE);
    let drop = site.path("drop").display().to_string();
    for tool in ["shared", "workspace"] {
        let script = format!(
            "cp /usr/bin/true {drop}/{tool} && ! {drop}/{tool} && /lib64/ld-linux-x86-64.so.2 /usr/bin/true && echo control && \
             /lib64/ld-linux-x86-64.so.2 {drop}/{tool} && echo ran"
        );
        let called = run(&client, tool, &script);
        assert_eq!(called.stdout(), "control\n", "{}", called.0);
        assert!(site.path("drop").join(tool).exists(), "{}", called.0);
    }
}
