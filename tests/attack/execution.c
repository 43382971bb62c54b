/* Execution: no program but the granted ones, whatever the detour. */
#include "probe.h"
#include <sys/mman.h>

#define PROGRAM in(area, "program")
#define WRITTEN in(work, "written")
static char *const none[] = {"true", NULL};
static char *const asking[] = {"probe", "privileged", NULL};

static int outside(void) { return executes(PROGRAM, none); }
static int written(void) {
    return copy("/usr/bin/true", WRITTEN, 0755) ? BROKEN : executes(WRITTEN, none);
}
static int loaded(const char *program) {
    char *const argv[] = {"ld.so", (char *)program, NULL};
    return executes("/lib64/ld-linux-x86-64.so.2", argv);
}
/* Granted to read, but not to execute. */
static int readable_by_loader(void) { return loaded(strdup(in(getenv("SITE"), "readable/program"))); }
static int outside_by_loader(void) { return loaded(strdup(PROGRAM)); }
static int written_by_loader(void) {
    return copy("/usr/bin/true", WRITTEN, 0644) ? BROKEN : loaded(strdup(WRITTEN));
}
static int text(const char *path, const char *content) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    return file < 0 || write(file, content, strlen(content)) < 0 || close(file) ? -1 : 0;
}
static int script(void) { return text(WRITTEN, "#!/usr/bin/true\n") ? BROKEN : executes(WRITTEN, none); }
/* The interpreter lies outside. */
static int interpreter(void) {
    char line[4200];
    snprintf(line, sizeof line, "#!%s\n", PROGRAM);
    return text(WRITTEN, line) ? BROKEN : executes(WRITTEN, none);
}
/* Runs what a descriptor is open on. */
static int descriptor(int file) {
    int status;
    pid_t child = fork();
    char *env[] = {NULL};
    if (child < 0) return BROKEN;
    if (!child) {
        syscall(SYS_execveat, file, "", none, env, AT_EMPTY_PATH);
        _exit(111);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) && !WEXITSTATUS(status) ? ESCAPED : REFUSED;
}
static int memory(void) {
    char buffer[65536];
    ssize_t n;
    int source = open("/usr/bin/true", O_RDONLY), file = memfd_create("probe", MFD_CLOEXEC);
    if (source < 0) return BROKEN;
    if (file < 0) return -1;
    while ((n = read(source, buffer, sizeof buffer)) > 0)
        if (write(file, buffer, n) != n) return -1;
    return file;
}
static int memfd(void) { int file = memory(); return file < 0 ? REFUSED : descriptor(file); }
static int memfd_by_proc(void) {
    char name[64];
    int file = memory();
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    return file < 0 ? REFUSED : executes(name, none);
}
static int path_descriptor(void) {
    int file = open(PROGRAM, O_PATH);
    return file < 0 ? REFUSED : descriptor(file);
}
static int written_descriptor(void) {
    if (copy("/usr/bin/true", WRITTEN, 0755)) return BROKEN;
    return descriptor(open(WRITTEN, O_RDONLY | O_CLOEXEC));
}
static int shared_memory(void) {
    const char *name = strdup(in("/dev/shm", mark));
    if (copy("/usr/bin/true", name, 0755)) return REFUSED;
    int verdict = executes(name, none);
    unlink(name);
    return verdict;
}
static int temporary(void) {
    const char *name = strdup(in("/tmp", mark));
    if (copy("/usr/bin/true", name, 0755)) return REFUSED;
    int verdict = executes(name, none);
    unlink(name);
    return verdict;
}
static int linked(void) {
    unlink(WRITTEN);
    return symlink(strdup(PROGRAM), WRITTEN) ? BROKEN : executes(WRITTEN, none);
}
static int renamed(void) {
    const char *to = strdup(in(work, "renamed"));
    return rename(PROGRAM, to) ? REFUSED : executes(to, none);
}
static int setuid_program(void) { return executes(in(tools, "setuid"), asking); }
static int capable_program(void) { return executes(in(tools, "capable"), asking); }
static int target_program(void) {
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/exe", target);
    return executes(name, asking) == BROKEN ? REFUSED : opens(name, O_RDONLY);
}
static int outside_library(void) {
    int file = open(PROGRAM, O_RDONLY);
    return file < 0 ? REFUSED : mmap(0, 4096, PROT_EXEC, MAP_PRIVATE, file, 0) == MAP_FAILED;
}

const struct probe execution[] = {
    {"exec-outside", outside}, {"exec-outside-by-loader", outside_by_loader},
    {"exec-readable-by-loader", readable_by_loader}, {"exec-written", written}, {"exec-written-by-loader", written_by_loader},
    {"exec-script", script}, {"exec-interpreter", interpreter}, {"exec-memfd", memfd},
    {"exec-memfd-by-proc", memfd_by_proc}, {"exec-path-descriptor", path_descriptor},
    {"exec-written-descriptor", written_descriptor}, {"exec-in-shm", shared_memory},
    {"exec-in-tmp", temporary}, {"exec-symlink", linked}, {"exec-renamed", renamed},
    {"exec-setuid", setuid_program}, {"exec-capable", capable_program},
    {"exec-target", target_program}, {"map-outside", outside_library}, {0},
};
