/* IPC: nothing shared with a process outside, and no listener reached.
 * The victim holds one object of each kind, named after its process id. */
#include "probe.h"
#include <linux/keyctl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PROBE(name, verdict) static int name(void) { return verdict; }
static key_t key(pid_t pid) { return 0x4d000000 | pid; }
static const char *queue(pid_t pid) {
    static char text[64];
    snprintf(text, sizeof text, "/mm-probe-%d", pid);
    return text;
}
static socklen_t abstract(struct sockaddr_un *address, pid_t pid) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    return offsetof(struct sockaddr_un, sun_path) + 1 +
           snprintf(address->sun_path + 1, 64, "mm-probe-%d", pid);
}
static socklen_t named(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
    return sizeof *address;
}
static void victim_objects(pid_t self) {
    struct sockaddr_un address;
    socklen_t size = abstract(&address, self);
    int socket_one = socket(AF_UNIX, SOCK_STREAM, 0), socket_two = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(socket_one, (void *)&address, size), listen(socket_one, 9);
    /* Of abstract names each type has its own. */
    bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&address, size);
    size = named(&address, in(area, "socket"));
    bind(socket_two, (void *)&address, size), listen(socket_two, 9);
    struct sockaddr_in inet = {.sin_family = AF_INET, .sin_port = htons(20000 + self % 12000),
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int tcp = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bind(tcp, (void *)&inet, sizeof inet), listen(tcp, 9);
    shmget(key(self), 4096, IPC_CREAT | 0600);
    semget(key(self), 1, IPC_CREAT | 0600);
    msgget(key(self), IPC_CREAT | 0600);
    mq_open(queue(self), O_CREAT | O_RDWR, 0600, NULL);
    shm_open(queue(self), O_CREAT | O_RDWR, 0600);
}
static void forget_objects(pid_t self) {
    shmctl(shmget(key(self), 0, 0), IPC_RMID, NULL);
    semctl(semget(key(self), 0, 0), 0, IPC_RMID);
    msgctl(msgget(key(self), 0), IPC_RMID, NULL);
    mq_unlink(queue(self)), shm_unlink(queue(self));
}
/* Waits in a group of its own until its standard input ends, then cleans up.
 * Inside a sandbox, as the neighbour of a command, it just waits to be killed. */
int victim(void) {
    char byte;
    sigset_t all;
    if (strcmp(mark, "neighbour")) {
        setpgid(0, 0);
        chdir(area);
        dup2(open(in(area, "secret"), O_RDONLY), 9);
        victim_objects(getpid());
    }
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    if (write(1, "ready\n", 6) != 6) return BROKEN;
    if (!strcmp(mark, "neighbour")) for (;;) sleep(60);
    while (read(0, &byte, 1) > 0) {}
    forget_objects(getpid());
    return 0;
}

static int connected(int type, int is_abstract) {
    struct sockaddr_un address;
    socklen_t size = is_abstract ? abstract(&address, target) : named(&address, in(area, "socket"));
    int end = socket(AF_UNIX, type, 0);
    return end < 0 ? by(-1) : by(connect(end, (void *)&address, size));
}
static int bound(int is_abstract) {
    struct sockaddr_un address;
    socklen_t size = is_abstract ? abstract(&address, getpid()) : named(&address, in(work, mark));
    int end = socket(AF_UNIX, SOCK_STREAM, 0);
    return end < 0 ? by(-1) : by(bind(end, (void *)&address, size));
}
/* A pair's end sends to a name: no socket() is needed. */
static int pair_sends(int is_abstract) {
    struct sockaddr_un address;
    socklen_t size = is_abstract ? abstract(&address, target) : named(&address, in(area, "socket"));
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends)) return by(-1);
    long sent = sendto(ends[0], "x", 1, 0, (void *)&address, size);
    /* The victim's socket is of another type: the name was found and may be used. */
    return sent < 0 && errno == EPROTOTYPE ? ESCAPED : by(sent);
}
static int pair_binds(void) {
    struct sockaddr_un address;
    socklen_t size = abstract(&address, getpid());
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return BROKEN;
    return by(bind(ends[0], (void *)&address, size));
}
static int pair_connects(void) {
    struct sockaddr_un address;
    socklen_t size = abstract(&address, target);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends)) return by(-1);
    long result = connect(ends[0], (void *)&address, size);
    return result < 0 && errno == EPROTOTYPE ? ESCAPED : by(result);
}
static int made(int id, int (*forget)(int)) { if (id >= 0) forget(id); return by(id); }
static int forget_shm(int id) { return shmctl(id, IPC_RMID, NULL); }
static int forget_sem(int id) { return semctl(id, 0, IPC_RMID); }
static int forget_msg(int id) { return msgctl(id, IPC_RMID, NULL); }
static int queue_made(void) {
    mqd_t made_queue = mq_open(queue(getpid()), O_CREAT | O_RDWR, 0600, NULL);
    if (made_queue != (mqd_t)-1) mq_unlink(queue(getpid()));
    return by(made_queue);
}
static int region_made(void) {
    /* The suite looks whether it is the host's, and removes it. */
    return by(shm_open(in("", mark), O_CREAT | O_RDWR, 0600));
}
static long keys(int operation, long a, long b) { return syscall(SYS_keyctl, operation, a, b, 0, 0); }

PROBE(shm_attach, ({ int id = shmget(key(target), 0, 0); id < 0 ? by(-1) : (shmat(id, 0, 0) == (void *)-1 ? REFUSED : ESCAPED); }))
PROBE(shm_create, made(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600), forget_shm))
PROBE(shm_info, ({ struct shm_info info; by(shmctl(0, SHM_INFO, (void *)&info)); }))
PROBE(sem_find, by(semget(key(target), 0, 0)))
PROBE(sem_create, made(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600), forget_sem))
PROBE(msg_find, by(msgget(key(target), 0)))
PROBE(msg_create, made(msgget(IPC_PRIVATE, IPC_CREAT | 0600), forget_msg))
PROBE(mq_find, by(mq_open(queue(target), O_RDWR)))
PROBE(region_find, by(shm_open(queue(target), O_RDWR, 0)))
PROBE(abstract_connect, connected(SOCK_STREAM, 1))
PROBE(abstract_bind, bound(1))
PROBE(named_connect, connected(SOCK_STREAM, 0))
PROBE(named_bind, bound(0))
PROBE(pair_abstract, pair_sends(1))
PROBE(pair_named, pair_sends(0))
PROBE(key_add, by(syscall(SYS_add_key, "user", "mm-probe", "x", 1, KEY_SPEC_PROCESS_KEYRING)))
PROBE(key_request, reached(syscall(SYS_request_key, "user", "mm-probe-none", NULL, 0)))
PROBE(key_user, by(keys(KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1)))
PROBE(key_session, by(keys(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1)))
PROBE(key_join, by(keys(KEYCTL_JOIN_SESSION_KEYRING, 0, 0)))

const struct probe ipc[] = {
    {"shm-attach", shm_attach}, {"shm-create", shm_create}, {"shm-info", shm_info},
    {"sem-find", sem_find}, {"sem-create", sem_create}, {"msg-find", msg_find}, {"msg-create", msg_create},
    {"mq-find", mq_find}, {"mq-create", queue_made}, {"posix-shm-find", region_find},
    {"posix-shm-create", region_made}, {"abstract-connect", abstract_connect},
    {"abstract-bind", abstract_bind}, {"socket-file-connect", named_connect},
    {"socket-file-bind", named_bind}, {"pair-sends-abstract", pair_abstract},
    {"pair-sends-file", pair_named}, {"pair-binds", pair_binds}, {"pair-connects", pair_connects},
    {"key-add", key_add}, {"key-request", key_request}, {"key-user-ring", key_user},
    {"key-session-ring", key_session}, {"key-join", key_join}, {0},
};
