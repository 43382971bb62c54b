/* Files: what is outside every grant is neither read, changed nor looked at. */
#include "probe.h"
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <dirent.h>
#include <linux/openat2.h>
#include <utime.h>

#define SECRET in(area, "secret")
#define PLAIN in(area, "plain")
#define NEW in(area, "new")
#define PROBE(name, verdict) static int name(void) { return verdict; }

static const char *proc(const char *what, const char *path) {
    static char text[8192];
    snprintf(text, sizeof text, "/proc/%d/%s%s", target, what, path);
    return text;
}
static const char *own(const char *what, const char *path) {
    static char text[8192];
    snprintf(text, sizeof text, "/proc/self/%s%s", what, path);
    return text;
}

PROBE(read_secret, opens(SECRET, O_RDONLY))
PROBE(read_shadow, opens("/etc/shadow", O_RDONLY))
PROBE(read_passwd, opens("/etc/passwd", O_RDONLY))
PROBE(read_self_root, opens(own("root", SECRET), O_RDONLY))
PROBE(read_target_root, opens(proc("root", SECRET), O_RDONLY))
PROBE(read_target_cwd, opens(proc("cwd", "/secret"), O_RDONLY))
PROBE(read_target_fd, opens(proc("fd/9", ""), O_RDONLY))
PROBE(read_symlink, (unlink(in(work, "link")), symlink(SECRET, in(work, "link"))) ? BROKEN : opens(in(work, "link"), O_RDONLY))
PROBE(read_disk, opens("/dev/vda", O_RDONLY))
PROBE(read_memory_device, opens("/dev/mem", O_RDONLY))
PROBE(read_kmsg, opens("/dev/kmsg", O_RDONLY))
PROBE(read_kcore, opens("/proc/kcore", O_RDONLY))
PROBE(list_area, opens(area, O_RDONLY | O_DIRECTORY))
/* Of a root directory of the command's own only the names in it say nothing. */
static int list_root(void) {
    DIR *root = opendir("/");
    struct dirent *entry;
    if (!root) return by(-1);
    while ((entry = readdir(root)))
        if (!strcmp(entry->d_name, "root")) return ESCAPED;
    return REFUSED;
}
PROBE(write_plain, opens(PLAIN, O_WRONLY))
PROBE(append_plain, opens(PLAIN, O_WRONLY | O_APPEND))
PROBE(open_truncate, opens(PLAIN, O_RDONLY | O_TRUNC))
PROBE(create_file, opens(NEW, O_WRONLY | O_CREAT | O_EXCL))
PROBE(create_tmpfile, opens(area, O_WRONLY | O_TMPFILE))
PROBE(create_in_tmp, opens(in("/tmp", mark), O_WRONLY | O_CREAT))
PROBE(create_in_shm, opens(in("/dev/shm", mark), O_WRONLY | O_CREAT))
PROBE(create_in_usr, opens(in("/usr", mark), O_WRONLY | O_CREAT))
PROBE(make_directory, by(mkdir(NEW, 0700)))
PROBE(make_fifo, by(mkfifo(NEW, 0600)))
PROBE(make_symlink, by(symlink("secret", NEW)))
PROBE(make_device, by(mknod(in(work, "device"), S_IFBLK | 0600, makedev(254, 0))))
PROBE(make_character_device, by(mknod(in(work, "chardev"), S_IFCHR | 0600, makedev(1, 1))))
PROBE(make_whiteout, by(mknod(in(area, "whiteout"), S_IFCHR | 0600, 0)))
PROBE(remove_file, by(unlink(PLAIN)))
PROBE(remove_directory, by(rmdir(in(area, "sub"))))
PROBE(truncate_path, by(truncate(PLAIN, 0)))
PROBE(rename_outside, by(rename(PLAIN, NEW)))
PROBE(rename_in, by(rename(PLAIN, in(work, "moved"))))
PROBE(rename_out, copy(in(tools, "secret"), in(work, "out"), 0600) ? BROKEN : by(rename(in(work, "out"), NEW)))
PROBE(exchange, copy(in(tools, "secret"), in(work, "other"), 0600) ? BROKEN : by(syscall(SYS_renameat2, AT_FDCWD, in(work, "other"), AT_FDCWD, PLAIN, 2)))
PROBE(link_in, (unlink(in(work, "hard")), by(link(SECRET, in(work, "hard")))))
PROBE(link_out, copy(in(tools, "secret"), in(work, "linked"), 0600) ? BROKEN : by(link(in(work, "linked"), NEW)))
PROBE(open_fifo, opens(in(area, "fifo"), O_RDWR | O_NONBLOCK))
PROBE(change_mode, by(chmod(PLAIN, 0604)))
PROBE(change_mode_2, by(syscall(452, AT_FDCWD, PLAIN, 0604, 0)))
PROBE(change_owner, by(chown(PLAIN, geteuid(), getegid())))
PROBE(change_link_owner, by(lchown(PLAIN, geteuid(), getegid())))
PROBE(give_away, by(chown(PLAIN, 65534, 65534)))
PROBE(change_times, by(utimensat(AT_FDCWD, PLAIN, NULL, 0)))
PROBE(change_times_old, by(utime(PLAIN, NULL)))
PROBE(set_attribute, by(setxattr(PLAIN, "user.probe", "x", 1, 0)))
PROBE(remove_attribute, by(removexattr(PLAIN, "user.kept")) && errno != ENODATA)
PROBE(get_attribute, getxattr(PLAIN, "user.kept", NULL, 0) >= 0 || errno == ENODATA ? ESCAPED : REFUSED)
PROBE(list_attributes, by(listxattr(PLAIN, NULL, 0)))
static struct stat status;
static struct statfs system_status;
static char text[4096];
PROBE(stat_path, by(stat(SECRET, &status)))
static int existence(const char *name) { return access(in(area, name), F_OK) ? errno : 0; }
PROBE(stat_existence, existence("secret") != existence("missing") ? ESCAPED : REFUSED)
PROBE(access_path, by(access(SECRET, R_OK)))
PROBE(statfs_path, by(statfs(area, &system_status)))
PROBE(read_link, by(readlink(in(area, "symlink"), text, sizeof text)))
PROBE(watch, by(inotify_add_watch(inotify_init1(IN_CLOEXEC), area, IN_ALL_EVENTS)))
PROBE(change_directory, by(chdir(area)))
PROBE(path_descriptor, by(open(SECRET, O_PATH)))
PROBE(handle_of, ({ struct { struct file_handle h; char b[128]; } f = {.h = {.handle_bytes = 128}}; int m;
    by(name_to_handle_at(AT_FDCWD, SECRET, &f.h, &m, 0)); }))
PROBE(mount_tmpfs, by(mount("none", work, "tmpfs", 0, NULL)))
PROBE(mount_bind, by(mount("/etc", work, NULL, MS_BIND, NULL)))
PROBE(mount_proc, by(mount("none", work, "proc", 0, NULL)))
PROBE(mount_remount, by(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_NOATIME, NULL)))
PROBE(mount_open, by(syscall(SYS_fsopen, "tmpfs", 0)))
PROBE(mount_tree, by(syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */)))
PROBE(unmount, reached(umount2(work, MNT_DETACH)))
PROBE(change_root, by(chroot(work)))
PROBE(pivot_root, reached(syscall(SYS_pivot_root, "/nonexistent", "/nonexistent")))
PROBE(open_core_pattern, opens("/proc/sys/kernel/core_pattern", O_WRONLY))
PROBE(open_modprobe, opens("/proc/sys/kernel/modprobe", O_WRONLY))
PROBE(open_sysrq, opens("/proc/sysrq-trigger", O_WRONLY))
PROBE(open_oom_score, opens(proc("oom_score_adj", ""), O_WRONLY))
PROBE(open_sys, opens("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY))
PROBE(make_cgroup, by(mkdir(in("/sys/fs/cgroup/unified", mark), 0700)))
PROBE(plant_setuid, copy(in(tools, "secret"), in(work, "setuid"), 04755) ? REFUSED : stat(in(work, "setuid"), &status) ? BROKEN : status.st_mode & S_ISUID ? ESCAPED : REFUSED)
PROBE(plant_setgid, copy(in(tools, "secret"), in(work, "setgid"), 02755) ? REFUSED : stat(in(work, "setgid"), &status) ? BROKEN : status.st_mode & S_ISGID ? ESCAPED : REFUSED)

PROBE(notify_directory, by(fcntl(open(area, O_RDONLY | O_DIRECTORY), F_NOTIFY, DN_MODIFY)))
static int planted(const char *name) { return stat(in(work, name), &status) ? REFUSED : status.st_mode & S_ISUID ? ESCAPED : REFUSED; }
/* The kernel ignores what is above the mode in its argument. */
static int plant_high_bits(void) {
    if (copy(in(tools, "secret"), in(work, "high"), 0755)) return BROKEN;
    syscall(SYS_fchmodat, AT_FDCWD, in(work, "high"), 1ul << 32 | 1 << 16 | 04755);
    return planted("high");
}
/* A file without a name gets one later. */
static int plant_unnamed(void) {
    char name[64];
    int file = open(work, O_TMPFILE | O_WRONLY, 04755);
    if (file < 0) return by(-1);
    fchmod(file, 04755);
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    unlink(in(work, "unnamed"));
    linkat(AT_FDCWD, name, AT_FDCWD, in(work, "unnamed"), AT_SYMLINK_FOLLOW);
    return planted("unnamed");
}
static int through_directory(void) {
    int folder = open(area, O_PATH | O_DIRECTORY);
    return folder < 0 ? REFUSED : by(openat(folder, "secret", O_RDONLY));
}
static int by_openat2(void) {
    struct open_how how = {.flags = O_RDONLY};
    return by(syscall(SYS_openat2, AT_FDCWD, SECRET, &how, sizeof how));
}
static int reopen_path(void) {
    char name[64];
    int secret = open(SECRET, O_PATH);
    snprintf(name, sizeof name, "/proc/self/fd/%d", secret);
    return secret < 0 ? REFUSED : opens(name, O_RDONLY);
}
static int mode_through_proc(void) {
    char name[64];
    int plain = open(PLAIN, O_PATH);
    snprintf(name, sizeof name, "/proc/self/fd/%d", plain);
    return plain < 0 ? REFUSED : by(chmod(name, 0604));
}
static int open_by_handle(void) {
    struct { struct file_handle h; char bytes[128]; } f = {.h = {.handle_bytes = 128}};
    int id, at = open(work, O_RDONLY | O_DIRECTORY);
    /* The handle of the granted folder itself: only the right to open by handle is at stake. */
    if (at < 0) return BROKEN;
    if (name_to_handle_at(AT_FDCWD, work, &f.h, &id, 0)) return REFUSED;
    return by(open_by_handle_at(at, &f.h, O_RDONLY));
}
static int link_descriptor(void) {
    int secret = open(SECRET, O_PATH);
    unlink(in(work, "fdlink"));
    return secret < 0 ? REFUSED : by(linkat(secret, "", AT_FDCWD, in(work, "fdlink"), AT_EMPTY_PATH));
}
static const char *racer;
static volatile int racing = 1;
static void *race(void *unused) {
    (void)unused;
    while (racing) {
        rename(in(work, "fake"), racer);
        symlinkat(SECRET, AT_FDCWD, in(work, "fake"));
        unlink(racer);
    }
    return NULL;
}
/* The name is swapped for a link to the secret while it is being opened. */
static int symlink_race(void) {
    static char name[4096], content[16];
    pthread_t thread;
    int i, won = 0;
    snprintf(name, sizeof name, "%s/race", work);
    racer = name;
    if (pthread_create(&thread, NULL, race, NULL)) return BROKEN;
    for (i = 0; i < 20000 && !won; i++) {
        int file = open(name, O_RDONLY);
        won = file >= 0 && read(file, content, 6) == 6 && !memcmp(content, "SECRET", 6);
        if (file >= 0) close(file);
    }
    racing = 0;
    pthread_join(thread, NULL);
    return won ? ESCAPED : REFUSED;
}

const struct probe files[] = {
    {"read-secret", read_secret}, {"read-shadow", read_shadow}, {"read-passwd", read_passwd},
    {"read-self-root", read_self_root}, {"read-target-root", read_target_root},
    {"read-target-cwd", read_target_cwd}, {"read-target-fd", read_target_fd},
    {"read-symlink", read_symlink}, {"read-through-directory", through_directory},
    {"read-openat2", by_openat2}, {"read-reopen", reopen_path}, {"read-disk", read_disk},
    {"read-memory-device", read_memory_device}, {"read-kmsg", read_kmsg}, {"read-kcore", read_kcore},
    {"read-symlink-race", symlink_race}, {"list-area", list_area}, {"list-root", list_root},
    {"write-plain", write_plain}, {"write-append", append_plain}, {"write-open-truncate", open_truncate},
    {"write-truncate", truncate_path}, {"create-file", create_file}, {"create-tmpfile", create_tmpfile},
    {"create-in-tmp", create_in_tmp}, {"create-in-shm", create_in_shm}, {"create-in-usr", create_in_usr},
    {"make-directory", make_directory}, {"make-fifo", make_fifo}, {"make-symlink", make_symlink},
    {"make-device", make_device}, {"make-character-device", make_character_device},
    {"make-whiteout", make_whiteout}, {"remove-file", remove_file}, {"remove-directory", remove_directory},
    {"rename-outside", rename_outside}, {"rename-in", rename_in}, {"rename-out", rename_out},
    {"rename-exchange", exchange}, {"link-in", link_in}, {"link-out", link_out},
    {"link-descriptor", link_descriptor}, {"open-fifo", open_fifo}, {"chmod", change_mode},
    {"chmod-fchmodat2", change_mode_2}, {"chmod-through-proc", mode_through_proc},
    {"chown", change_owner}, {"chown-link", change_link_owner}, {"chown-give-away", give_away},
    {"utime", change_times}, {"utime-old", change_times_old}, {"xattr-set", set_attribute},
    {"xattr-remove", remove_attribute}, {"xattr-get", get_attribute}, {"xattr-list", list_attributes},
    {"stat", stat_path}, {"stat-existence", stat_existence}, {"stat-access", access_path},
    {"stat-statfs", statfs_path}, {"stat-readlink", read_link}, {"inotify", watch},
    {"chdir", change_directory}, {"path-descriptor", path_descriptor}, {"handle-name", handle_of},
    {"handle-open", open_by_handle}, {"mount-tmpfs", mount_tmpfs}, {"mount-bind", mount_bind},
    {"mount-proc", mount_proc}, {"mount-remount", mount_remount}, {"mount-fsopen", mount_open},
    {"mount-open-tree", mount_tree}, {"mount-umount", unmount}, {"chroot", change_root},
    {"pivot-root", pivot_root}, {"proc-core-pattern", open_core_pattern}, {"proc-modprobe", open_modprobe},
    {"proc-sysrq", open_sysrq}, {"proc-oom-score", open_oom_score}, {"sys-write", open_sys},
    {"sys-make-cgroup", make_cgroup}, {"plant-setuid", plant_setuid}, {"plant-setgid", plant_setgid},
    {"plant-high-bits", plant_high_bits}, {"plant-unnamed", plant_unnamed},
    {"notify-directory", notify_directory}, {0},
};
