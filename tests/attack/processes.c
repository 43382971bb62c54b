/* Processes: another of the same user is neither signalled, traced nor tuned. */
#include "probe.h"
#include <linux/ioprio.h>
#include <linux/kcmp.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>

#define PROBE(name, verdict) static int name(void) { return verdict; }
static char here[16];
static struct iovec local = {here, 8};
static struct rlimit limit;
static cpu_set_t cpus;

static int file(const char *what, int flags) {
    char name[64], byte;
    snprintf(name, sizeof name, "/proc/%d/%s", target, what);
    int opened = open(name, flags);
    if (opened < 0) return REFUSED;
    return flags == O_RDONLY && strcmp(what, "mem") ? (read(opened, &byte, 1) == 1 ? ESCAPED : REFUSED) : ESCAPED;
}
static int pidfd(void) { return syscall(SYS_pidfd_open, target, 0); }
static int read_memory(int call) {
    /* Same binary without address randomisation is not given: any mapped address will do. */
    struct iovec remote = {0, 8};
    long result = (errno = 0, syscall(call, target, &local, 1, &remote, 1, 0));
    return result < 0 && errno == EFAULT ? ESCAPED : by(result);
}
PROBE(signal_it, by(kill(target, SIGCONT)))
PROBE(signal_group, by(kill(-target, SIGCONT)))
/* The kernel answers 0 even when nobody could be signalled: the suite looks at what is
 * pending for the target, which blocks it. By default it is ignored. */
PROBE(signal_all, by(kill(-1, getenv("OUTSIDE") ? 0 : SIGURG)))
/* Whoever owns a descriptor is told by a signal when something comes; of this, too, the
 * suite looks at what is pending. */
static int signal_owner(void) {
    int ends[2];
    if (pipe(ends)) return BROKEN;
    if (fcntl(ends[0], F_SETOWN, target)) return by(-1);
    if (fcntl(ends[0], F_SETSIG, SIGWINCH) || fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK)) return by(-1);
    return by(write(ends[1], "x", 1));
}
PROBE(signal_thread, by(syscall(SYS_tgkill, target, target, SIGCONT)))
PROBE(signal_task, by(syscall(SYS_tkill, target, SIGCONT)))
PROBE(signal_queue, by(sigqueue(target, SIGCONT, (union sigval){0})))
PROBE(signal_descriptor, by(syscall(SYS_pidfd_send_signal, pidfd(), SIGCONT, NULL, 0)))
PROBE(signal_parent, getppid() < 1 ? REFUSED : by(kill(getppid(), 0)))
PROBE(signal_init, by(getpid() == 1 ? -1 : kill(1, 0)))
PROBE(take_descriptor, by(syscall(SYS_pidfd_getfd, pidfd(), 1, 0)))
PROBE(trace_seize, by(ptrace(PTRACE_SEIZE, target, 0, 0)))
PROBE(trace_attach, by(ptrace(PTRACE_ATTACH, target, 0, 0)))
PROBE(trace_parent, getppid() < 1 ? REFUSED : by(ptrace(PTRACE_SEIZE, getppid(), 0, 0)))
PROBE(memory_read, read_memory(SYS_process_vm_readv))
PROBE(memory_write, read_memory(SYS_process_vm_writev))
PROBE(memory_file, file("mem", O_RDWR))
PROBE(environment, file("environ", O_RDONLY))
PROBE(maps, file("maps", O_RDONLY))
PROBE(auxiliary, file("auxv", O_RDONLY))
PROBE(syscall_file, file("syscall", O_RDONLY))
PROBE(stack, file("stack", O_RDONLY))
PROBE(io_counts, file("io", O_RDONLY))
PROBE(clear_refs, file("clear_refs", O_WRONLY))
PROBE(comm, file("comm", O_RDWR))
PROBE(namespace, file("ns/uts", O_RDONLY | O_CLOEXEC))
PROBE(compare, by(syscall(SYS_kcmp, getpid(), target, KCMP_FILES, 0, 0)))
PROBE(priority, by(setpriority(PRIO_PROCESS, target, 10)))
PROBE(priority_user, (errno = 0, setpriority(PRIO_USER, getuid(), 11)) ? REFUSED : getpriority(PRIO_PROCESS, target) == 11 ? ESCAPED : REFUSED)
PROBE(affinity, sched_getaffinity(0, sizeof cpus, &cpus) ? BROKEN : by(sched_setaffinity(target, sizeof cpus, &cpus)))
PROBE(scheduler, by(sched_setscheduler(target, SCHED_BATCH, &(struct sched_param){0})))
PROBE(io_priority, by(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, target, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6))))
PROBE(limits_read, by(prlimit(target, RLIMIT_NOFILE, NULL, &limit)))
PROBE(limits_write, prlimit(target, RLIMIT_NOFILE, NULL, &limit) ? REFUSED : by(prlimit(target, RLIMIT_NOFILE, &limit, NULL)))
PROBE(advise, ({ struct iovec remote = {0, 4096}; reached(syscall(SYS_process_madvise, pidfd(), &remote, 1, 20, 0)); }))
PROBE(move, by(syscall(SYS_move_pages, target, 0, NULL, NULL, NULL, 0)))
PROBE(migrate, ({ unsigned long node = 1; by(syscall(SYS_migrate_pages, target, 8, &node, &node)); }))
PROBE(robust_list, ({ void *head; size_t size; by(syscall(SYS_get_robust_list, target, &head, &size)); }))
PROBE(trace_me, by(ptrace(PTRACE_TRACEME, 0, 0, 0)))
PROBE(same_session, getsid(0) == getpid() ? REFUSED : ESCAPED)

const struct probe processes[] = {
    {"signal", signal_it}, {"signal-group", signal_group}, {"signal-all", signal_all},
    {"signal-owner", signal_owner},
    {"signal-thread", signal_thread}, {"signal-task", signal_task}, {"signal-queue", signal_queue},
    {"signal-descriptor", signal_descriptor}, {"signal-parent", signal_parent}, {"signal-init", signal_init},
    {"take-descriptor", take_descriptor}, {"trace-seize", trace_seize}, {"trace-attach", trace_attach},
    {"trace-parent", trace_parent}, {"trace-me", trace_me}, {"memory-read", memory_read},
    {"memory-write", memory_write}, {"memory-file", memory_file}, {"read-environment", environment},
    {"read-maps", maps}, {"read-auxiliary", auxiliary}, {"read-syscall", syscall_file}, {"read-stack", stack},
    {"read-io", io_counts}, {"write-clear-refs", clear_refs}, {"write-comm", comm},
    {"read-namespace", namespace}, {"compare", compare}, {"priority", priority},
    {"priority-user", priority_user}, {"affinity", affinity}, {"scheduler", scheduler},
    {"io-priority", io_priority}, {"limits-read", limits_read}, {"limits-write", limits_write},
    {"advise", advise}, {"move-pages", move}, {"migrate-pages", migrate}, {"robust-list", robust_list},
    {"same-session", same_session}, {0},
};
