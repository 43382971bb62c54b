//! Frames that somebody threw dice for, on the wire and on the administrators' socket.
//! `MINI_MCP_FRAMES=1000000` is the long form, `MINI_MCP_SEED` throws the same again.

use super::{Ground, administrator};
use harness::{BOB, Dice, Lane, eventually};
use std::fs::File;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use wire::{ADMIN_VERSION, About, Approve, Covers, Question};

fn frames(short: u64) -> u64 {
    std::env::var("MINI_MCP_FRAMES").map_or(short, |text| text.parse().expect("a number"))
}

impl Ground {
    /// The first process has let go all that came to it.
    fn assert_no_more_descriptors(&self, before: usize) {
        eventually("descriptors are closed", Duration::from_secs(20), || {
            (self.worker.descriptors().len() <= before).then_some(())
        });
    }

    /// There are no more lines than there is room for since `began`.
    fn assert_violations_are_bounded(&self, began: Instant) {
        let (lines, minutes) = (self.lines("violation"), began.elapsed().as_secs() / 60);
        let most = usize::try_from(60 * (minutes + 1)).expect("it fits");
        assert!((1..=most).contains(&lines.len()), "{} lines", lines.len());
        assert!(lines.iter().all(|one| !one.text("reason").is_empty()));
    }
}

/// Whatever is sent in the place of the supervisor, no more runs than a policy allows to
/// the one client who is there, and the first process neither ends nor loses descriptors.
#[test]
fn frames_by_dice_on_the_wire() {
    let (ground, began) = (Ground::new(), Instant::now());
    let before = ground.worker.descriptors().len();
    let mut dice = Dice::seeded();
    let outcomes = ground.attacked_with("fuzz", |_, word| {
        assert_eq!(word, "frames");
        format!("{} {}", frames(4000), dice.number())
    });
    println!("{:?}", outcomes.0);
    outcomes.all("afterwards", "finished");
    ground.assert_unharmed();
    ground.assert_violations_are_bounded(began);
    ground.assert_no_more_descriptors(before);
    for mark in ground.marks() {
        let own = mark.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(own && mark.len() <= 40, "{mark}");
    }
    for start in ground.lines("start") {
        assert_eq!(start.text("tool"), "mark", "{start:?}");
        assert_eq!(start.field("uid"), harness::ALICE.uid());
    }
    assert_eq!(ground.lines("approved"), []);
    // What a protocol breaks is on no other line.
    assert_eq!(ground.lines("tamper"), []);
}

/// The same for those who may ask there; nothing is approved by chance, and descriptors
/// that come along stay outside.
#[test]
fn frames_by_dice_for_administrators() {
    let (ground, began) = (Ground::new(), Instant::now());
    let before = ground.worker.descriptors().len();
    let mut dice = Dice::seeded();
    let questions = [
        About::Status,
        About::Pending(None),
        About::Pending(Some("00000-1".to_owned())),
        About::Grants(None),
        About::Revoke("00000-1".to_owned()),
        About::Approve(Approve {
            id: "00000-1".to_owned(),
            further: Some((Covers::Tool, 60)),
        }),
        About::Deny {
            id: "00000-1".to_owned(),
            reason: Some("no".to_owned()),
        },
    ];
    let version = ADMIN_VERSION;
    let packets = questions.map(|about| wire::encode(&Question { version, about }));
    let corpus = packets.map(|packet| packet.expect("a message"));
    let file = File::open("/").expect("it is there");
    for number in 0..frames(4000) {
        // A process for each of his is dear.
        let own = number % 32 == 0;
        let visitor = if own {
            let kind = nix::sys::socket::SockType::SeqPacket;
            Lane::from(harness::connect_as(BOB, kind, &ground.site.admin_socket()))
        } else {
            Lane::connect(&ground.site.admin_socket()).expect("it listens")
        };
        let frame = dice.frame(&corpus);
        let count = *dice.one_of(&[0, 0, 0, 1, 3, 4, 5, 253]);
        visitor.say_bytes(&frame, &vec![file.as_fd(); count]);
        if dice.once_in(2) {
            visitor.say_bytes(&dice.frame(&corpus), &vec![file.as_fd(); count]);
        }
        // Whoever does not wait for the answer, or hears it.
        if !dice.once_in(4) {
            let _answered = visitor.speaks_within(5);
        }
    }
    let output = administrator(&ground.site, &["grants", "--json"]);
    assert_eq!(output.stdout.trim_ascii(), b"[]", "{output:?}");
    ground.assert_unharmed();
    ground.assert_violations_are_bounded(began);
    ground.assert_no_more_descriptors(before);
    let told: Vec<String> = ground
        .site
        .trail()
        .iter()
        .map(|one| one.event().to_owned())
        .collect();
    for event in ["approved", "revoked", "start", "deny"] {
        assert!(!told.iter().any(|one| one == event), "{event}");
    }
}
