//! Names, quota and places of recordings.

use super::*;
use std::io::Write;
use tempfile::TempDir;

fn recordings(directory: &TempDir, quota: u64) -> Recordings {
    Recordings::new(Shelf {
        directory: Some(directory.path().join("output")),
        quota,
        max: 10,
    })
}

/// Records `text` as the standard output of a run.
fn record(recordings: &mut Recordings, text: &str) -> Result<Recorded, RecordError> {
    let recording = recordings.begin()?;
    (&recording.files[0]).write_all(text.as_bytes()).unwrap();
    let mut recorded = recording.so_far().unwrap();
    recordings.keep(&recording, &mut recorded);
    Ok(recorded)
}

#[test]
fn what_is_recorded_has_the_name_of_its_digest() {
    let directory = tempfile::tempdir().unwrap();
    let mut recordings = recordings(&directory, 100);
    for _ in 0..2 {
        let recorded = record(&mut recordings, "hello").unwrap();
        assert_eq!(recorded.failure, None);
    }
    let name = crate::audit::hexadecimal(&Sha256::digest("hello"));
    let file = directory.path().join("output").join(name);
    assert_eq!(fs::read(&file).unwrap(), b"hello");
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    let all = fs::read_dir(directory.path().join("output")).unwrap();
    assert_eq!(all.count(), 1, "nothing is kept of what was empty");
}

#[test]
fn the_quota_holds_and_what_is_moved_away_makes_room() {
    let directory = tempfile::tempdir().unwrap();
    let mut recordings = recordings(&directory, 25);
    record(&mut recordings, "0123456789").unwrap();
    let promised = recordings.begin().unwrap();
    let full = recordings.begin().unwrap_err();
    assert!(matches!(full, RecordError::Full(_, 25, 20)), "{full}");
    drop(promised);
    record(&mut recordings, "abcdefghij").unwrap();
    assert!(record(&mut recordings, "x").is_err());
    fs::remove_dir_all(directory.path().join("output")).unwrap();
    std::thread::sleep(LOOK_AGAIN);
    record(&mut recordings, "x").unwrap();
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let open = directory.path().join("output");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o770)).unwrap();
    let refused = recordings(&directory, 100).begin().unwrap_err();
    assert!(matches!(refused, RecordError::Open(_)), "{refused}");
}

#[test]
fn a_file_that_is_not_as_told_is_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let mut recordings = recordings(&directory, 100);
    let recording = recordings.begin().unwrap();
    let mut recorded = recording.so_far().unwrap();
    recorded.stdout.bytes = 3;
    recordings.keep(&recording, &mut recorded);
    assert!(recorded.failure.unwrap().contains("not as long"));
}
