//! The report on older kernels: what each ABI lacks is said.

use super::super::feature::{State, features};
use super::*;
use crate::sandbox::settings::tests::policy;
use caps::CapsHashSet;

/// A host that is made up: nothing is tried.
fn host(abi: u32) -> Host {
    Host {
        release: "6.0".to_owned(),
        uid: 0,
        single: None,
        abi,
        containment: Ok(Containment::Subreaper),
        no_cgroup: None,
        capabilities: CapsHashSet::new(),
        shut: Shut::Prepared,
        attempts: false,
    }
}

fn judged(body: &str, abi: u32) -> (Standing, Vec<String>, Vec<String>) {
    let policy = policy(body);
    let profile = policy.profiles().next().unwrap();
    let verdict = Verdict::new(profile, &policy, &host(abi));
    let weaker = verdict.holds.iter().filter_map(|hold| hold.weaker.clone());
    (
        verdict.standing(),
        verdict.refusals.clone(),
        weaker.collect(),
    )
}

#[test]
fn each_abi_is_told_with_what_it_lacks() {
    for abi in 0..=10 {
        for feature in features(&host(abi)).iter().take(10) {
            let number: u32 = feature
                .name
                .strip_prefix("Landlock ABI ")
                .unwrap()
                .parse()
                .unwrap();
            let told = format!("{abi}: {feature:?}");
            assert_eq!(feature.state == State::Works, number <= abi, "{told}");
            assert_eq!(feature.remedy.is_some(), number > abi, "{told}");
            let update = format!("use Linux {}", feature.since);
            let remedy = feature.remedy.clone().unwrap_or_default();
            if feature.state == State::Missing && abi > 0 {
                assert!(remedy.contains(&update), "{told}");
            }
        }
    }
}

#[test]
fn a_profile_is_refused_below_its_minimum_alone() {
    for abi in 0..=9 {
        let (standing, refusals, _) = judged("minimum_landlock = 4\nminimum_cgroup = []", abi);
        assert_eq!(standing == Standing::Refused, abi < 4, "{abi} {refusals:?}");
        assert_eq!(standing == Standing::Enforced, abi >= 4, "{abi}");
        let said = refusals.concat();
        assert!(abi >= 4 || said.contains("Linux 6.7"), "{abi} {said}");
    }
}

#[test]
fn what_rlimits_hold_alone_is_weaker_unless_it_is_accepted() {
    let (standing, refusals, weaker) = judged("", 7);
    assert_eq!((standing, refusals.len()), (Standing::Weaker, 0));
    assert!(
        weaker.concat().contains("`memory_max` bounds one process"),
        "{weaker:?}"
    );
    let (standing, _, weaker) = judged("minimum_cgroup = []", 7);
    assert_eq!((standing, weaker.len()), (Standing::Enforced, 0));
    let (standing, refusals, _) = judged("minimum_cgroup = ['memory']", 7);
    assert_eq!(standing, Standing::Refused);
    assert!(
        refusals.concat().contains("Delegate=memory"),
        "{refusals:?}"
    );
}

#[test]
fn unix_sockets_by_name_need_the_ninth_abi_or_isolation() {
    for (more, abi, held) in [
        ("network = 'unix'", 8, false),
        ("network = 'unix'", 9, true),
        ("network = 'full'", 8, false),
        ("network = 'unix'\nstrength = 'isolated'", 6, true),
        ("network = 'none'", 6, true),
    ] {
        let (standing, _, weaker) = judged(&format!("{more}\nminimum_cgroup = []"), abi);
        assert_eq!(
            standing == Standing::Enforced,
            held,
            "{more} {abi} {weaker:?}"
        );
    }
}

#[test]
fn metadata_is_held_less_where_no_mount_namespace_can_be_made() {
    let judge = |body: &str, shut| {
        let policy = policy(&format!("{body}\nminimum_cgroup = []"));
        let host = Host { shut, ..host(9) };
        let profile = policy.profiles().next().unwrap();
        let verdict = Verdict::new(profile, &policy, &host);
        let weaker = verdict.holds.into_iter().filter_map(|hold| hold.weaker);
        weaker.collect::<String>()
    };
    for shut in [Shut::Prepared, Shut::Made] {
        assert_eq!(judge("", shut), "");
    }
    let weaker = judge("", Shut::Never);
    assert!(weaker.contains("CAP_SYS_CHROOT"), "{weaker}");
    assert_eq!(judge("strength = 'isolated'", Shut::Never), "");
}

#[test]
fn paths_that_are_not_there_refuse() {
    let (standing, refusals, _) = judged("read = ['/no/such', '-/no/such/either']", 7);
    assert_eq!(standing, Standing::Refused);
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert!(
        refusals[0].starts_with("cannot grant `/no/such`"),
        "{refusals:?}"
    );
}
