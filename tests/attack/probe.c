/* probe NAME AREA WORK TARGET MARK runs one probe; `probe list` prints them. */
#include "probe.h"
#include <sys/xattr.h>
#include <linux/capability.h>

const char *area, *work, *tools, *mark;
pid_t target;

static const struct {
    const char *class;
    const struct probe *probes;
} classes[] = {
    {"files", files}, {"execution", execution}, {"processes", processes}, {"ipc", ipc},
    {"network", network}, {"kernel", kernel}, {"capabilities", capabilities},
    {"resources", resources}, {"lifetime", lifetime}, {"descriptors", descriptors},
};

const char *in(const char *folder, const char *name) {
    static char buffers[2][4096];
    static int next;
    char *buffer = buffers[next ^= 1];
    snprintf(buffer, 4096, "%s/%s", folder, name);
    return buffer;
}

static int refused(void) {
    fprintf(stderr, "%s\n", strerror(errno));
    return REFUSED;
}

int by(long result) { return result < 0 ? refused() : ESCAPED; }

int reached(long result) {
    int no = errno == EPERM || errno == EACCES || errno == ENOSYS || errno == EOPNOTSUPP;
    return result < 0 && no ? refused() : ESCAPED;
}

int opens(const char *file, int flags) { return by(open(file, flags | O_CLOEXEC, 0600)); }

int executes(const char *path, char *const argv[]) {
    int status;
    pid_t child = fork();
    if (child < 0) return BROKEN;
    if (child == 0) {
        execv(path, argv);
        _exit(111);
    }
    waitpid(child, &status, 0);
    /* Absence is a restriction, too: the control outside shows that it is there. */
    if (!WIFEXITED(status)) return BROKEN;
    return WEXITSTATUS(status) == 0 ? ESCAPED : REFUSED;
}

int copy(const char *from, const char *to, mode_t mode) {
    char buffer[65536];
    ssize_t n;
    int source = open(from, O_RDONLY), sink = open(to, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (source < 0 || sink < 0) return -1;
    while ((n = read(source, buffer, sizeof buffer)) > 0)
        if (write(sink, buffer, n) != n) return -1;
    close(source);
    return close(sink) | fchmodat(AT_FDCWD, to, mode, 0);
}

/* Gives a file every capability, as setcap(8) does; for the suite's own use. */
static int set_capabilities(const char *file) {
    struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE};
    data.data[0].permitted = 1u << CAP_NET_RAW | 1u << CAP_DAC_OVERRIDE;
    return setxattr(file, "security.capability", &data, sizeof data, 0) ? BROKEN : 0;
}

int main(int argc, char **argv) {
    static char folder[4096];
    size_t i;
    const struct probe *probe;
    if (argc == 2 && !strcmp(argv[1], "list")) {
        for (i = 0; i < sizeof classes / sizeof *classes; i++)
            for (probe = classes[i].probes; probe->name; probe++)
                printf("%s %s\n", classes[i].class, probe->name);
        return 0;
    }
    if (argc >= 2 && !strcmp(argv[1], "privileged")) return has_capability() ? 0 : 1;
    if (argc == 3 && !strcmp(argv[1], "setcap")) return set_capabilities(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "keep")) return setxattr(argv[2], "user.kept", "x", 1, 0) ? BROKEN : 0;
    if (argc != 6) return BROKEN;
    snprintf(folder, sizeof folder, "%s", argv[0]);
    if (!strrchr(folder, '/')) return BROKEN;
    *strrchr(folder, '/') = 0;
    tools = folder, area = argv[2], work = argv[3], target = atoi(argv[4]), mark = argv[5];
    if (!strcmp(argv[1], "victim")) return victim();
    for (i = 0; i < sizeof classes / sizeof *classes; i++)
        for (probe = classes[i].probes; probe->name; probe++)
            if (!strcmp(probe->name, argv[1])) return probe->run();
    fprintf(stderr, "no probe `%s`\n", argv[1]);
    return BROKEN;
}
