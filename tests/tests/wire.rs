//! What a hijacked supervisor could say on the worker's socket: the tests speak
//! the vocabulary by hand, with the supervisor's uid or another.

use harness::{ALICE, BASE, BOB, CAROL, FRONT, Front, Hangup, Lane, User};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use wire::{Denial, Hello, Reply, Report, Request, Run, Status, VERSION};

/// The order of things when nobody cheats: this is what the others vary.
#[test]
fn a_run_is_started_and_finished() {
    let front = Front::with(BASE);
    let (client, _end) = front.client(ALICE);
    let lane = Lane::greeted(&front.site);
    for _ in 0..3 {
        let pipes = lane.run(&front.site, client.as_fd(), "print", &[("first", "x")]);
        assert_eq!(lane.finished().status, Status::Exited(0));
        assert_eq!(pipes.text(), "[x]\n[default]\n");
    }
}

/// A command that has ended within a moment is told by its end alone, another by its start
/// too.
#[test]
fn a_start_is_told_where_the_end_does_not_follow_at_once() {
    let front = Front::with(BASE);
    let (client, _end) = front.client(ALICE);
    let lane = Lane::greeted(&front.site);
    let ends_alone = || {
        let _pipes = lane.run(&front.site, client.as_fd(), "true", &[]);
        let first = lane.hear();
        if let Ok(Reply::Started { .. }) = first {
            let _ended = lane.finished();
        }
        matches!(first, Ok(Reply::Finished(_)))
    };
    // On a busy machine one may take longer.
    assert!((0..100).any(|_| ends_alone()));
    let _pipes = lane.run(&front.site, client.as_fd(), "sleep", &[("time", "0.5")]);
    let Ok(Reply::Started { run }) = lane.hear() else {
        panic!("its start is told");
    };
    assert_eq!(lane.finished().run, run);
}

/// Users other than the supervisor's, and even root, are not heard at all.
#[test]
fn another_uid_on_the_workers_socket_is_not_heard() {
    let front = Front::with(BASE);
    let socket = front.site.worker_socket();
    // Though the file were open to all, the worker itself looks at the peer.
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o777)).expect("root may");
    for user in [ALICE, BOB, CAROL] {
        let lane = Lane::open_as(&front.site, user);
        let hello = Hello {
            version: VERSION,
            policy: front.site.digest(),
        };
        lane.say(&Request::Hello(hello), &[]);
        assert_eq!(lane.hear(), Err(Hangup), "{user:?}");
    }
    assert_eq!(front.site.lanes(), []);
}

/// The socket's mode alone keeps other users out.
#[test]
fn another_uid_cannot_connect_to_the_workers_socket() {
    let front = Front::with(BASE);
    let mode = std::fs::metadata(front.site.worker_socket())
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o007, 0, "mode {mode:o}");
}

/// Whatever is not exactly one message of the vocabulary ends the connection.
#[test]
fn anything_outside_the_vocabulary_hangs_up() {
    let front = Front::with(BASE);
    let mut trailing = wire::encode(&Request::Cancel).expect("a message");
    trailing.push(0);
    let hello = Request::Hello(Hello {
        version: VERSION,
        policy: front.site.digest(),
    });
    let mut cut = wire::encode(&hello).expect("a message");
    cut.pop();
    let packets: [(&str, Vec<u8>); 5] = [
        ("unknown variant", vec![200]),
        ("trailing bytes", trailing),
        ("cut short", cut),
        ("oversized", vec![3; wire::FRAME_MAX + 1]),
        ("noise", (0..=255).collect()),
    ];
    for (what, packet) in packets {
        let lane = Lane::greeted(&front.site);
        lane.say_bytes(&packet, &[]);
        assert_eq!(lane.hear(), Err(Hangup), "{what}");
        let lane = Lane::open(&front.site);
        lane.say_bytes(&packet, &[]);
        assert_eq!(lane.hear(), Err(Hangup), "{what} as greeting");
    }
    // The largest packet that is allowed is no offence by its size alone.
    let lane = Lane::greeted(&front.site);
    lane.say(&Request::Cancel, &[]);
    let (client, _end) = front.client(ALICE);
    let _pipes = lane.run(&front.site, client.as_fd(), "true", &[]);
    assert_eq!(lane.finished().status, Status::Exited(0));
}

/// Messages in the wrong order, a wrong version, another policy.
#[test]
fn a_greeting_must_match_and_come_once_and_first() {
    let front = Front::with(BASE);
    let digest = front.site.digest();
    for (version, policy) in [(VERSION - 1, digest), (0, digest), (VERSION, [7; 32])] {
        let lane = Lane::open(&front.site);
        lane.say(&Request::Hello(Hello { version, policy }), &[]);
        let answer = lane.hear();
        assert!(
            matches!(&answer, Ok(Reply::Welcome(welcome)) if welcome.version == VERSION && welcome.policy == digest),
            "{answer:?}"
        );
        assert_eq!(lane.hear(), Err(Hangup), "version {version}");
    }
    let lane = Lane::greeted(&front.site);
    lane.say(
        &Request::Hello(Hello {
            version: VERSION,
            policy: digest,
        }),
        &[],
    );
    assert_eq!(lane.hear(), Err(Hangup), "a second greeting");
    let lane = Lane::open(&front.site);
    let (client, _end) = front.client(ALICE);
    let _pipes = lane.run(&front.site, client.as_fd(), "true", &[]);
    assert_eq!(lane.hear(), Err(Hangup), "no greeting");
}

/// A call that was decided under another policy is not carried out.
#[test]
fn a_run_under_another_policy_is_stale() {
    let front = Front::with(BASE);
    let (client, _end) = front.client(ALICE);
    let lane = Lane::greeted(&front.site);
    let _pipes = lane.run_under([7; 32], client.as_fd(), "true", &[]);
    match lane.hear() {
        Ok(Reply::Failed(failure)) => assert_eq!(failure.code, "stale_policy"),
        other => panic!("{other:?}"),
    }
}

/// The worker decides by the proven caller, whatever the supervisor asks for.
#[test]
fn the_worker_decides_again() {
    let front = Front::with(BASE);
    let denied = |user: User, tool: &str, arguments: &[(&str, &str)]| {
        let (client, _end) = front.client(user);
        let lane = Lane::greeted(&front.site);
        let _pipes = lane.run(&front.site, client.as_fd(), tool, arguments);
        match lane.hear() {
            Ok(Reply::Denied(denial)) => denial.code,
            other => panic!("{user:?} {tool}: {other:?}"),
        }
    };
    assert_eq!(denied(ALICE, "bobs", &[]), "not_allowed");
    assert_eq!(denied(CAROL, "true", &[]), "not_allowed");
    assert_eq!(denied(FRONT, "true", &[]), "not_allowed");
    assert_eq!(denied(ALICE, "nonsense", &[]), "not_allowed");
    assert_eq!(denied(ALICE, "print", &[("first", "-x")]), "leading_dash");
    assert_eq!(
        denied(ALICE, "print", &[("first", "a\nb")]),
        "control_character"
    );
    assert_eq!(
        denied(ALICE, "print", &[("first", "a\0b")]),
        "control_character"
    );
    assert_eq!(denied(ALICE, "true", &[("extra", "x")]), "unknown_argument");
    assert!(
        front
            .site
            .audit()
            .iter()
            .all(|entry| entry.event() != "start")
    );
    let denials = front.site.audit();
    let denials = denials.iter().filter(|entry| entry.event() == "deny");
    assert_eq!(
        denials.filter(|entry| entry.text("by") == "worker").count(),
        8
    );
}

/// Output goes to pipes: files, directories and devices as descriptors hang up.
#[test]
fn output_must_go_to_pipes() {
    let front = Front::with(BASE);
    let (client, _end) = front.client(ALICE);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let root = File::open("/").expect("a directory");
    let null = File::options()
        .write(true)
        .open("/dev/null")
        .expect("a device");
    let hostile = [root.as_fd(), null.as_fd(), reader.as_fd(), client.as_fd()];
    for (index, descriptor) in hostile.into_iter().enumerate() {
        for pair in [[descriptor, writer.as_fd()], [writer.as_fd(), descriptor]] {
            let lane = Lane::greeted(&front.site);
            let run = Request::Run(lane.request(&front.site, "true"));
            lane.say(&run, &[pair[0], pair[1], client.as_fd()]);
            assert_eq!(lane.hear(), Err(Hangup), "descriptor {index}");
        }
    }
    let lane = Lane::greeted(&front.site);
    lane.say(&Request::Run(lane.request(&front.site, "true")), &[]);
    assert_eq!(lane.hear(), Err(Hangup), "no descriptor");
}

/// Another message than `Cancel` while a command runs kills it.
#[test]
fn only_cancel_has_a_place_while_a_command_runs() {
    let front = Front::with(BASE);
    let (client, _end) = front.client(ALICE);
    let lane = Lane::greeted(&front.site);
    let pipes = lane.run(&front.site, client.as_fd(), "sleep", &[("time", "60")]);
    assert!(matches!(lane.hear(), Ok(Reply::Started { .. })));
    let second: Run = lane.request(&front.site, "true");
    lane.say(&Request::Run(second), &[]);
    assert_eq!(pipes.text(), "", "the command was killed");
    let end = front
        .site
        .audited("the end is recorded", |entry| entry.event() == "end");
    assert_eq!(end.field("outcome")["cancelled"], true);
}

/// A supervisor's own denial goes to the trail with the proven caller, and a
/// forged one does not.
#[test]
fn a_report_is_recorded_for_the_proven_caller() {
    let front = Front::with(BASE);
    let (client, _end) = front.client(ALICE);
    let report = |reason: &str| {
        let denial = Denial {
            code: "too_large".into(),
            rule: "tool.true".into(),
            reason: reason.into(),
        };
        Request::Report(Report {
            correlation: wire::Correlation::default(),
            tool: "true".into(),
            arguments: None,
            denial,
            claim: None,
            key: None,
        })
    };
    let lane = Lane::greeted(&front.site);
    lane.say(&report("honest"), &[client.as_fd()]);
    assert_eq!(lane.hear(), Ok(Reply::Recorded));
    let entry = front
        .site
        .audited("the denial", |entry| entry.text("reason") == "honest");
    assert_eq!(entry.field("uid"), ALICE.uid());
    assert_eq!(entry.text("by"), "supervisor");
    let (forged, _other) = UnixStream::pair().expect("a pair");
    lane.say(&report("forged"), &[forged.as_fd()]);
    assert!(matches!(lane.hear(), Ok(Reply::Failed(_))));
    assert!(
        front
            .site
            .audit()
            .iter()
            .all(|entry| entry.text("reason") != "forged")
    );
}

/// A lane that is given up hangs up on nobody else.
#[test]
fn lanes_do_not_share_their_fate() {
    let front = Front::with(BASE);
    let (client, _end) = front.client(ALICE);
    let (good, bad) = (Lane::greeted(&front.site), Lane::greeted(&front.site));
    let pipes = good.run(
        &front.site,
        client.as_fd(),
        "sh",
        &[("script", "sleep 0.5; echo done")],
    );
    bad.say_bytes(&[99, 99], &[]);
    assert_eq!(bad.hear(), Err(Hangup));
    assert_eq!(good.finished().status, Status::Exited(0));
    assert_eq!(pipes.text(), "done\n");
}
