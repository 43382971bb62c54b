//! Who may answer.

use super::{HELD, admin, done, held, site, waiting};
use harness::{ALICE, BASE, BOB, CAROL, Client, Site};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// A caller does not approve himself, whatever group he is in, unless the policy says so.
#[test]
fn nobody_approves_his_own_call() {
    let site = site();
    let bob = Client::attach(&site, BOB);
    let call = held(&bob, "own");
    let id = waiting(&site);
    let refused = admin(&site, BOB, &["approve", &id]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("a call of your own"), "{words}");
    done(&site, &["approve", &id]);
    assert_eq!(bob.called(call).success(), "own");

    let policy =
        format!("{BASE}{HELD}").replace("[approvals]", "[approvals]\nself_approval = true");
    let site = Site::with(&policy).start();
    let bob = Client::attach(&site, BOB);
    let call = held(&bob, "own");
    let id = waiting(&site);
    assert!(admin(&site, BOB, &["approve", &id]).status.success());
    assert_eq!(bob.called(call).success(), "own");
}

/// Who is neither root nor in the group does not even connect; where file permissions
/// would let him, the kernel's word on him keeps him out. A member sees what waits, and
/// no more.
#[test]
fn strangers_do_not_approve() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "x");
    let id = waiting(&site);
    let socket = fs::metadata(site.admin_socket()).expect("it is there");
    assert_eq!(socket.mode() & 0o777, 0o660);
    assert_eq!(vec![socket.gid()], BOB.group_ids());
    for user in [ALICE, CAROL, harness::FRONT] {
        for words in [&["pending"][..], &["approve", &id], &["grants"]] {
            let refused = admin(&site, user, words);
            assert_eq!(refused.status.code(), Some(2), "{refused:?}");
            let words = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(words.contains("Permission denied"), "{words}");
        }
    }
    fs::set_permissions(site.admin_socket(), PermissionsExt::from_mode(0o666)).expect("root may");
    for user in [ALICE, CAROL, harness::FRONT] {
        assert_eq!(admin(&site, user, &["approve", &id]).status.code(), Some(2));
    }
    assert_eq!(admin(&site, BOB, &["status"]).status.code(), Some(2));
    assert!(admin(&site, BOB, &["pending"]).status.success());
    assert_eq!(waiting(&site), id);
    done(&site, &["approve", &id]);
    assert_eq!(client.called(call).success(), "x");
}

/// With several groups the kernel's word alone decides who is let in.
#[test]
fn each_of_several_groups_may_approve() {
    let policy = HELD.replace("[\"mmtest-ops\"]", "[\"mmtest-ops\", \"adm\"]");
    let site = Site::with(&format!("{BASE}{policy}")).start();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "x");
    let id = waiting(&site);
    let socket = fs::metadata(site.admin_socket()).expect("it is there");
    assert_eq!(socket.mode() & 0o777, 0o666);
    for user in [ALICE, CAROL, harness::FRONT] {
        let refused = admin(&site, user, &["approve", &id]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
    assert_eq!(waiting(&site), id);
    assert!(admin(&site, BOB, &["approve", &id]).status.success());
    assert_eq!(client.called(call).success(), "x");
}
