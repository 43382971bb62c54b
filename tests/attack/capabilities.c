/* Capabilities: none, in no set, and no way to one. */
#include "probe.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define PROBE(name, verdict) static int name(void) { return verdict; }
static struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
static struct __user_cap_data_struct data[2];
static int load(void) { return syscall(SYS_capget, &header, data); }
int has_capability(void) { return load() ? 0 : (data[0].effective | data[1].effective) != 0; }
static int bounding(void) {
    for (int cap = 0; cap <= 63; cap++)
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) return ESCAPED;
    return REFUSED;
}
static int regain(long result) { return result || !has_capability() ? REFUSED : ESCAPED; }
static int raise_all(int which) {
    if (load()) return BROKEN;
    for (int i = 0; i < 2; i++) {
        unsigned bits = i ? 0x1ff & ~(1u << 8) : ~(1u << CAP_SYS_RESOURCE);
        data[i].permitted |= which ? 0 : bits & (1u << CAP_CHOWN);
        data[i].effective |= bits & (1u << CAP_CHOWN) & (i ? 0 : ~0u);
        data[i].inheritable |= which ? bits & (1u << CAP_CHOWN) & (i ? 0 : ~0u) : 0;
    }
    data[1].permitted = data[1].effective = data[1].inheritable = 0;
    return by(syscall(SYS_capset, &header, data));
}
PROBE(effective, has_capability() ? ESCAPED : REFUSED)
PROBE(permitted, !load() && (data[0].permitted | data[1].permitted) ? ESCAPED : REFUSED)
PROBE(raise_effective, raise_all(0))
PROBE(raise_inheritable, raise_all(1))
PROBE(ambient, ({ load(); data[0].inheritable = data[0].permitted; syscall(SYS_capset, &header, data);
    by(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0)); }))
PROBE(drop_bounding, by(prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT, 0, 0, 0)))
PROBE(secure_bits, by(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS, 0, 0, 0)))
PROBE(keep_capabilities, by(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)))
PROBE(privileges_back, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? ESCAPED : REFUSED)
PROBE(root_setuid, regain(setuid(0)))
PROBE(root_setresuid, regain(setresuid(0, 0, 0)))
PROBE(root_setreuid, regain(setreuid(0, 0)))
PROBE(root_group, getgid() == 0 ? by(setresgid(4, 4, 4)) : by(setresgid(0, 0, 0)))
PROBE(groups, by(setgroups(1, (gid_t[]){0})))
PROBE(other_user, by(setresuid(65534, 65534, 65534)))
PROBE(fs_user, ({ setfsuid(12345); setfsuid(-1) == 12345 ? ESCAPED : REFUSED; }))
PROBE(override_access, opens("/etc/shadow", O_RDWR))
PROBE(namespace_root, unshare(CLONE_NEWUSER) || !has_capability() ? REFUSED : ESCAPED)
PROBE(nice_negative, by(setpriority(0, 0, -5)))
PROBE(real_time, by(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1})))

const struct probe capabilities[] = {
    {"effective", effective}, {"permitted", permitted}, {"bounding", bounding},
    {"raise-effective", raise_effective}, {"raise-inheritable", raise_inheritable}, {"ambient", ambient},
    {"drop-bounding", drop_bounding}, {"secure-bits", secure_bits}, {"keep-capabilities", keep_capabilities},
    {"new-privileges", privileges_back}, {"root-setuid", root_setuid}, {"root-setresuid", root_setresuid},
    {"root-setreuid", root_setreuid}, {"root-group", root_group}, {"groups", groups},
    {"other-user", other_user}, {"fs-user", fs_user}, {"override-access", override_access},
    {"namespace-root", namespace_root}, {"nice-negative", nice_negative}, {"real-time", real_time}, {0},
};
