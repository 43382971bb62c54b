//! A file system that the kernel makes read-only under its writers, as it does after an
//! error of the disk: ext4(5), `errors=remount-ro`.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Unmounted when dropped.
#[derive(Debug)]
pub struct FailingDisk {
    image: PathBuf,
    place: TempDir,
    _room: TempDir,
}

impl FailingDisk {
    /// Makes one of 8 MiB and mounts it.
    ///
    /// # Panics
    /// When the test may not mount, or there is no loop device.
    #[must_use]
    pub fn mount() -> FailingDisk {
        let room = TempDir::new().expect("a temporary directory can be made");
        let image = room.path().join("disk");
        let file = std::fs::File::create(&image).expect("the directory is ours");
        file.set_len(8 << 20).expect("there is room");
        run("mkfs.ext4", &["-q".as_ref(), &image]);
        let place = TempDir::new().expect("a temporary directory can be made");
        let disk = FailingDisk {
            image,
            place,
            _room: room,
        };
        disk.mount_image(&disk.image);
        disk
    }

    /// A path on the disk.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Makes it read-only, whoever writes to it.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn fail(&self) {
        run(
            "mount",
            &["-o".as_ref(), "remount,abort".as_ref(), self.place.path()],
        );
    }

    /// Repairs what failed, and mounts that. A copy of it, since a worker of another test
    /// may have looked at all mounts, and hold this one for a while.
    ///
    /// # Panics
    /// When it cannot be repaired.
    pub fn repair(&self) {
        run("umount", &[self.place.path()]);
        let repaired = self.image.with_extension("repaired");
        std::fs::copy(&self.image, &repaired).expect("there is room");
        // It tells by its status that there was something to repair.
        let mut repair = Command::new("e2fsck");
        let status = repair.arg("-fy").arg(&repaired).output();
        let code = status.expect("e2fsck is installed").status.code();
        assert!(code.is_some_and(|code| code < 4), "e2fsck: {code:?}");
        self.mount_image(&repaired);
    }

    fn mount_image(&self, image: &Path) {
        let options = ["-o".as_ref(), "loop".as_ref(), image, self.place.path()];
        run("mount", &options);
    }
}

impl Drop for FailingDisk {
    fn drop(&mut self) {
        // Lazily: a worker that did not end yet may hold the trail open.
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.place.path())
            .status();
    }
}

fn run(program: &str, words: &[&Path]) {
    let output = Command::new(program).args(words).output();
    let output = output.unwrap_or_else(|error| {
        panic!("cannot run {program}: {error}\nhint: apt-get install e2fsprogs mount")
    });
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {words:?}: {error}\nhint: CAP_SYS_ADMIN and a loop device are needed"
    );
}
