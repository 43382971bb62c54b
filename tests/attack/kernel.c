/* Kernel surface. What administers the host is called with arguments that the
 * kernel refuses after its permission check: reached is enough, nothing happens. */
#include "probe.h"
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/utsname.h>

#define PROBE(name, verdict) static int name(void) { return verdict; }
static char page[4096];

PROBE(uring, by(syscall(SYS_io_uring_setup, 1, page)))
PROBE(aio, ({ unsigned long context = 0; by(syscall(SYS_io_setup, 1, &context)); }))
PROBE(ns_user, by(unshare(CLONE_NEWUSER)))
PROBE(ns_mount, by(unshare(CLONE_NEWNS)))
PROBE(ns_net, by(unshare(CLONE_NEWNET)))
PROBE(ns_pid, by(unshare(CLONE_NEWPID)))
PROBE(ns_ipc, by(unshare(CLONE_NEWIPC)))
PROBE(ns_uts, by(unshare(CLONE_NEWUTS)))
PROBE(ns_cgroup, by(unshare(CLONE_NEWCGROUP)))
PROBE(ns_time, by(unshare(0x80)))
/* In a child that ends at once; zero in the child, so it must not return. */
static int cloned(long child) {
    if (child == 0) _exit(0);
    return by(child);
}
PROBE(clone_user, cloned(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)))
PROBE(clone3_user, ({ unsigned long long a[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD}; cloned(syscall(SYS_clone3, a, sizeof a)); }))
PROBE(clone3_plain, ({ unsigned long long a[11] = {0, 0, 0, 0, SIGCHLD}; cloned(syscall(SYS_clone3, a, sizeof a)); }))
PROBE(join_namespace, ({ char name[64]; snprintf(name, sizeof name, "/proc/%d/ns/uts", target); by(syscall(SYS_setns, open(name, O_RDONLY), 0)); }))
PROBE(join_process, by(syscall(SYS_setns, syscall(SYS_pidfd_open, target, 0), CLONE_NEWUTS)))
PROBE(bpf_map, ({ union bpf_attr a = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1}; by(syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof a)); }))
PROBE(bpf_next, ({ union bpf_attr a = {0}; reached(syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &a, sizeof a)); }))
PROBE(perf, ({ struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE, .size = sizeof a, .config = PERF_COUNT_SW_CPU_CLOCK, .exclude_kernel = 1}; by(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0)); }))
PROBE(fault_descriptor, by(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY)))
PROBE(kexec, reached(syscall(SYS_kexec_load, 0, 0, 0, ~0ul)))
PROBE(kexec_file, reached(syscall(SYS_kexec_file_load, -1, -1, 0, "", ~0ul)))
PROBE(module_init, reached(syscall(SYS_init_module, page, 0, "")))
PROBE(module_file, reached(syscall(SYS_finit_module, -1, "", 0)))
PROBE(module_delete, reached(syscall(SYS_delete_module, "no_such_module", O_NONBLOCK)))
PROBE(swap_on, reached(syscall(SYS_swapon, "/nonexistent", 0)))
PROBE(swap_off, reached(syscall(SYS_swapoff, "/nonexistent")))
PROBE(reboot_call, reached(syscall(SYS_reboot, 0, 0, 0, 0)))
PROBE(log_size, by(syscall(SYS_syslog, 10, 0, 0)))
PROBE(log_read, by(syscall(SYS_syslog, 3, page, sizeof page)))
PROBE(quota, reached(syscall(SYS_quotactl, QCMD(Q_SYNC, USRQUOTA), NULL, 0, NULL)))
PROBE(fanotify, by(syscall(SYS_fanotify_init, FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY)))
PROBE(account, reached(syscall(SYS_acct, "/nonexistent")))
PROBE(set_time, by(syscall(SYS_settimeofday, NULL, NULL)))
PROBE(adjust_time, ({ struct timex t = {0}; syscall(SYS_adjtimex, &t) < 0 ? REFUSED : (t.modes = ADJ_FREQUENCY, by(syscall(SYS_adjtimex, &t))); }))
PROBE(adjust_clock, ({ struct timex t = {0}; syscall(SYS_clock_adjtime, 0, &t) < 0 ? REFUSED : (t.modes = ADJ_FREQUENCY, by(syscall(SYS_clock_adjtime, 0, &t))); }))
PROBE(host_name, ({ struct utsname u; uname(&u) ? BROKEN : by(sethostname(u.nodename, strlen(u.nodename))); }))
PROBE(domain_name, ({ struct utsname u; uname(&u) ? BROKEN : by(setdomainname(u.domainname, strlen(u.domainname))); }))
PROBE(randomness, personality(ADDR_NO_RANDOMIZE) == -1 ? REFUSED : ESCAPED)
PROBE(persona_exec, personality(READ_IMPLIES_EXEC) == -1 ? REFUSED : ESCAPED)
PROBE(secret_memory, by(syscall(447, 0)))
PROBE(memory_file, by(syscall(SYS_memfd_create, "x", 0)))
PROBE(old_maps, reached(syscall(SYS_remap_file_pages, page, 0, 0, 0, 0)))
PROBE(node_policy, by(syscall(SYS_set_mempolicy, 0, NULL, 0)))
PROBE(dispatch, by(prctl(59 /* PR_SET_SYSCALL_USER_DISPATCH */, 0, 0, 0, 0)))
PROBE(tracer, by(prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, page, 0, 0)))
/* Past the filter, /dev/null answers that it is no terminal. */
static int terminal(unsigned long request) {
    char byte = 3;
    int null = open("/dev/null", O_RDWR);
    if (null < 0) return BROKEN;
    long result = syscall(SYS_ioctl, null, request, &byte);
    return result < 0 && errno != ENOTTY ? by(-1) : ESCAPED;
}
PROBE(inject, terminal(0x5412))
PROBE(inject_high, terminal(0x5412 | 1ul << 32))
PROBE(console, terminal(0x541c))
PROBE(console_high, terminal(0x541c | 1ul << 32))
#ifdef __x86_64__
/* getpid, execve and open of another table: the numbers differ. */
static int gate32(void) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
    return result == getpid() ? ESCAPED : REFUSED;
}
PROBE(x32, by(syscall(0x40000000 | SYS_getpid)))
PROBE(ports, by(syscall(SYS_ioperm, 0x80, 1, 1)))
PROBE(port_level, by(syscall(SYS_iopl, 3)))
PROBE(local_table, by(syscall(SYS_modify_ldt, 0, page, sizeof page)))
PROBE(list_systems, by(syscall(SYS_sysfs, 3)))
PROBE(old_stat, ({ struct stat s; stat("/dev/null", &s) ? BROKEN : by(syscall(SYS_ustat, (unsigned)s.st_dev, page)); }))
#endif

const struct probe kernel[] = {
    {"io-uring", uring}, {"aio", aio}, {"ns-user", ns_user}, {"ns-mount", ns_mount}, {"ns-net", ns_net},
    {"ns-pid", ns_pid}, {"ns-ipc", ns_ipc}, {"ns-uts", ns_uts}, {"ns-cgroup", ns_cgroup},
    {"ns-time", ns_time}, {"clone-user", clone_user}, {"clone3-user", clone3_user},
    {"clone3-plain", clone3_plain}, {"join-namespace", join_namespace}, {"join-process", join_process},
    {"bpf-map", bpf_map}, {"bpf-programs", bpf_next}, {"perf", perf}, {"userfaultfd", fault_descriptor},
    {"kexec", kexec}, {"kexec-file", kexec_file}, {"module-init", module_init}, {"module-file", module_file},
    {"module-delete", module_delete}, {"swap-on", swap_on}, {"swap-off", swap_off}, {"reboot", reboot_call},
    {"log-size", log_size}, {"log-read", log_read}, {"quota", quota}, {"fanotify", fanotify},
    {"account", account}, {"time-set", set_time}, {"time-adjust", adjust_time},
    {"time-adjust-clock", adjust_clock}, {"host-name", host_name}, {"domain-name", domain_name},
    {"personality", randomness}, {"personality-exec", persona_exec}, {"memfd-secret", secret_memory},
    {"memfd-create", memory_file}, {"remap-file-pages", old_maps}, {"memory-policy", node_policy},
    {"syscall-dispatch", dispatch}, {"prctl-mm", tracer}, {"tiocsti", inject},
    {"tiocsti-high-bits", inject_high}, {"tioclinux", console}, {"tioclinux-high-bits", console_high},
#ifdef __x86_64__
    {"int80", gate32}, {"x32", x32}, {"ioperm", ports}, {"iopl", port_level}, {"modify-ldt", local_table},
    {"sysfs-call", list_systems}, {"ustat-call", old_stat},
#endif
    {0},
};
