/* Resources: the profile grants 128 MiB, 24 tasks, 64 descriptors, files of 1 MiB. */
#include "probe.h"
#include <sys/mman.h>
#include <sys/resource.h>

#define MIB (1024 * 1024ul)
static int fill(size_t size, int flags) {
    char *memory = mmap(0, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 0;
    for (size_t at = 0; at < size; at += 4096) memory[at] = 1;
    return 1;
}
static int memory(void) { return fill(256 * MIB, MAP_PRIVATE) ? ESCAPED : by(-1); }
static int memory_shared(void) { return fill(256 * MIB, MAP_SHARED) ? ESCAPED : by(-1); }
/* Counts how many of `count` children do `work` at the same time. */
static int together(int count, int (*task)(void)) {
    int ready[2], held[2], done = 0, i;
    char byte;
    pid_t children[128];
    if (pipe(ready) || pipe(held)) return 0;
    for (i = 0; i < count; i++) {
        children[i] = fork();
        if (children[i] < 0) break;
        if (children[i]) continue;
        close(ready[0]), close(held[1]);
        if (task() && write(ready[1], "x", 1) != 1) _exit(1);
        close(ready[1]);
        while (read(held[0], &byte, 1) > 0) {}
        _exit(0);
    }
    close(ready[1]);
    while (read(ready[0], &byte, 1) == 1) done++;
    close(held[1]);
    while (i-- > 0) waitpid(children[i], NULL, 0);
    return done;
}
static int part(void) { return fill(40 * MIB, MAP_PRIVATE); }
static int memory_tree(void) { return together(6, part) == 6 ? ESCAPED : REFUSED; }
static int nothing(void) { return 1; }
static int tasks(void) { return together(48, nothing) > 24 ? ESCAPED : REFUSED; }
static int file_of(const char *path, size_t size) {
    static char block[65536];
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) return BROKEN;
    signal(SIGXFSZ, SIG_IGN);
    for (size_t done = 0; done < size; done += sizeof block)
        if (write(file, block, sizeof block) != sizeof block) return by(-1);
    close(file);
    return ESCAPED;
}
static int file_size(void) { return file_of(in(work, "large"), 2 * MIB); }
static int file_truncate(void) {
    signal(SIGXFSZ, SIG_IGN);
    int file = open(in(work, "sparse"), O_WRONLY | O_CREAT, 0600);
    return file < 0 ? BROKEN : by(ftruncate(file, 2 * MIB));
}
/* Sixteen files, each within the limit. */
static int disk(void) {
    int verdict = ESCAPED;
    for (int i = 0; i < 16 && verdict == ESCAPED; i++) {
        char name[32];
        snprintf(name, sizeof name, "disk-%d", i);
        verdict = file_of(in(work, name), MIB);
    }
    return verdict;
}
static int descriptors_many(void) {
    int i, last = 0;
    for (i = 0; i < 100 && last >= 0; i++) last = dup(1);
    return by(last);
}
static int raised(int resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit)) return BROKEN;
    limit.rlim_cur = limit.rlim_max = resource == RLIMIT_NOFILE ? 512 : resource == RLIMIT_NPROC ? 100 : 512 * MIB;
    return by(setrlimit(resource, &limit));
}
static int raise_descriptors(void) { return raised(RLIMIT_NOFILE); }
static int raise_tasks(void) { return raised(RLIMIT_NPROC); }
static int raise_file(void) { return raised(RLIMIT_FSIZE); }
static int raise_data(void) { return raised(RLIMIT_DATA); }
static int raise_core(void) { return raised(RLIMIT_CORE); }
static int core(void) {
    int status;
    struct rlimit limit = {MIB, MIB};
    if (chdir(work)) return BROKEN;
    setrlimit(RLIMIT_CORE, &limit);
    pid_t child = fork();
    if (child < 0) return BROKEN;
    if (!child) abort();
    waitpid(child, &status, 0);
    return WCOREDUMP(status) ? ESCAPED : REFUSED;
}

const struct probe resources[] = {
    {"memory", memory}, {"memory-shared", memory_shared}, {"memory-tree", memory_tree}, {"tasks", tasks},
    {"file-size", file_size}, {"file-truncate", file_truncate}, {"disk", disk},
    {"many-descriptors", descriptors_many}, {"raise-descriptors", raise_descriptors},
    {"raise-tasks", raise_tasks}, {"raise-file", raise_file}, {"raise-data", raise_data},
    {"raise-core", raise_core}, {"core-dump", core}, {0},
};
