//! A file system of a few pages, to be full when a test wants it.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// Unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts a tmpfs(5) of 64 KiB.
    ///
    /// # Panics
    /// When the test may not mount.
    #[must_use]
    pub fn mount() -> SmallDisk {
        let directory = TempDir::new().expect("a temporary directory can be made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k,mode=755", "small-disk"]);
        let status = mount.arg(directory.path()).status();
        let mounted = status.is_ok_and(|status| status.success());
        assert!(
            mounted,
            "cannot mount a tmpfs\nhint: CAP_SYS_ADMIN is needed"
        );
        SmallDisk(directory)
    }

    /// A path on the disk.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes every free page. Files keep the room in their last page.
    ///
    /// # Panics
    /// When the disk does not fill up.
    pub fn fill(&self) {
        let mut ballast = File::create(self.path("ballast")).expect("the disk is ours");
        let full = (0..100).find_map(|_| ballast.write_all(&[0; 4096]).err());
        assert_eq!(
            full.map(|error| error.kind()),
            Some(std::io::ErrorKind::StorageFull)
        );
    }

    /// Gives the pages back.
    ///
    /// # Panics
    /// When the disk was not filled.
    pub fn make_room(&self) {
        fs::remove_file(self.path("ballast")).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a worker that did not end yet may hold the trail open.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
