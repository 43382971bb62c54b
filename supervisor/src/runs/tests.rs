use super::*;

fn runs(each: u64, all: u64, expiry: Duration) -> (tempfile::TempDir, Arc<Runs>) {
    let scratch = tempfile::tempdir().unwrap();
    let directory = Directory::open(scratch.path().join("spool")).unwrap();
    let run = each;
    let bounds = Bounds {
        run,
        each,
        all,
        expiry,
    };
    (scratch, Runs::new(Some(directory), bounds))
}

/// A run, and what keeps its output in memory.
pub(crate) fn of_test() -> (Arc<Runs>, Arc<Run>) {
    let bounds = Bounds {
        run: 0,
        each: 0,
        all: 0,
        expiry: HOUR,
    };
    let run = Arc::new(Run::new(label("uid 1", "a")));
    (Runs::new(None, bounds), run)
}

fn label(owner: &str, id: &str) -> Label {
    Label {
        id: id.to_owned(),
        owner: owner.into(),
        tool: "t".to_owned(),
        background: false,
        ends_within: HOUR,
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// A run of `owner` that printed `bytes` bytes and has ended.
async fn finished(runs: &Arc<Runs>, owner: &str, id: &str, bytes: usize) -> Arc<Run> {
    let entry = runs.begin(label(owner, id));
    runs.keep(entry.run(), Stream::Stdout, vec![b'x'; bytes])
        .await;
    entry.run().ended(Box::new(serde_json::Map::new));
    Arc::clone(entry.run())
}

async fn text(run: &Run, from: u64, most: u64) -> String {
    let bytes = run.stream(Stream::Stdout).read(from, most).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn what_is_written_is_read_in_memory_and_in_files() {
    let (_scratch, runs) = runs(1 << 20, 1 << 20, HOUR);
    let entry = runs.begin(label("uid 1", "a"));
    let whole: String = (0..4000).map(|n| format!("{n}\n")).collect();
    for piece in whole.as_bytes().chunks(1000) {
        runs.keep(entry.run(), Stream::Stdout, piece.to_vec()).await;
        let extent = entry.run().stream(Stream::Stdout).extent();
        let read = text(entry.run(), 0, u64::MAX).await;
        assert_eq!(read, whole[..read.len()]);
        assert_eq!((extent.kept, extent.seen), (read.len() as u64, extent.kept));
    }
    assert_eq!(text(entry.run(), 5, 4).await, whole[5..9]);
    assert_eq!(text(entry.run(), 1 << 30, 4).await, "");
}

#[tokio::test]
async fn the_quota_is_kept_and_the_oldest_make_room() {
    let (_scratch, runs) = runs(100_000, 1 << 20, HOUR);
    finished(&runs, "uid 1", "a", 60_000).await;
    finished(&runs, "uid 2", "other", 60_000).await;
    finished(&runs, "uid 1", "b", 60_000).await;
    assert!(runs.find("uid 1", "a").is_none());
    assert!(runs.find("uid 2", "other").is_some());
    let large = finished(&runs, "uid 1", "c", 150_000).await;
    assert!(runs.find("uid 1", "b").is_none());
    let extent = large.stream(Stream::Stdout).extent();
    assert_eq!((extent.kept, extent.seen), (100_000, 150_000));
    let state = runs.lock();
    assert_eq!((state.used, state.used_by("uid 1")), (160_000, 100_000));
}

/// A run that prints without end costs its principal no other run, and has a result.
#[tokio::test]
async fn one_run_is_not_all_that_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = Directory::open(scratch.path().join("spool")).unwrap();
    let bounds = Bounds {
        run: 25_000,
        each: 100_000,
        all: 1 << 20,
        expiry: HOUR,
    };
    let runs = Runs::new(Some(directory), bounds);
    finished(&runs, "uid 1", "a", 60_000).await;
    let entry = runs.begin(label("uid 1", "b"));
    for stream in [Stream::Stdout, Stream::Stderr].repeat(4) {
        runs.keep_here(entry.run(), stream, &[b'x'; 20_000]);
    }
    let kept = Stream::ALL.map(|stream| entry.run().stream(stream).extent().kept);
    assert_eq!(kept, [20_000, 5_000]);
    assert_eq!(runs.find("uid 1", "a").unwrap().used(), 25_000);
    runs.keep_result(entry.run(), vec![b'x'; 10_000]).await;
    assert_eq!(entry.run().result.extent().kept, 10_000);
}

/// Whoever has most gives first, and nobody is left without room by others.
#[tokio::test]
async fn the_room_of_all_is_shared() {
    let (_scratch, runs) = runs(100_000, 150_000, HOUR);
    finished(&runs, "uid 1", "a", 50_000).await;
    finished(&runs, "uid 1", "b", 50_000).await;
    finished(&runs, "uid 2", "c", 50_000).await;
    let new = finished(&runs, "uid 3", "d", 40_000).await;
    assert_eq!(new.stream(Stream::Stdout).extent().kept, 40_000);
    assert!(runs.find("uid 1", "a").is_none());
    assert!(runs.find("uid 1", "b").is_some());
    assert!(runs.find("uid 2", "c").is_some());
}

#[tokio::test]
async fn a_run_is_its_owners_alone() {
    let (_scratch, runs) = runs(1 << 20, 1 << 20, HOUR);
    finished(&runs, "uid 1", "a", 10).await;
    assert!(runs.find("uid 1", "a").is_some());
    assert!(runs.find("uid 2", "a").is_none());
    assert_eq!(runs.of("uid 2").len(), 0);
}

#[tokio::test]
async fn runs_are_bounded_in_number() {
    let (_scratch, runs) = runs(1 << 20, 1 << 20, HOUR);
    for owner in 0..8 {
        for number in 0..EACH + 10 {
            finished(&runs, &format!("uid {owner}"), &number.to_string(), 10).await;
        }
    }
    assert!(runs.of("uid 7").len() <= EACH + 1);
    let all: usize = (0..8)
        .map(|owner| runs.of(&format!("uid {owner}")).len())
        .sum();
    assert!(all <= ALL + 1, "{all}");
}

#[tokio::test]
async fn what_is_given_up_or_expired_is_forgotten() {
    let (_scratch, runs) = runs(1 << 20, 1 << 20, Duration::from_millis(50));
    let entry = runs.begin(label("uid 1", "a"));
    runs.keep(entry.run(), Stream::Stdout, vec![b'x'; 10_000])
        .await;
    drop(entry);
    assert!(runs.find("uid 1", "a").is_none());
    assert_eq!(runs.lock().used, 0);
    finished(&runs, "uid 1", "b", 10_000).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(runs.find("uid 1", "b").is_none());
    assert_eq!(runs.lock().used, 0);
}

#[tokio::test]
async fn without_a_directory_the_beginning_is_kept() {
    let bounds = Bounds {
        run: 1 << 20,
        each: 1 << 20,
        all: 1 << 20,
        expiry: HOUR,
    };
    let runs = Runs::new(None, bounds);
    let run = finished(&runs, "uid 1", "a", 100_000).await;
    let extent = run.stream(Stream::Stdout).extent();
    assert_eq!((extent.kept, extent.seen), (MEMORY_ONLY as u64, 100_000));
}
