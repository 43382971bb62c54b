/* Lifetime: each leaves, or is, a process that the suite looks for by its mark.
 * What is returned counts only when it is BROKEN. */
#include "probe.h"

static void deaf(void) {
    for (int number = 1; number < 64; number++) signal(number, SIG_IGN);
}
static void quiet(void) { close(0), close(1), close(2); }
/* A child that does `how` and waits; the probe itself ends once it is there. */
static int leaves(void (*how)(void)) {
    int ready[2];
    char byte;
    if (pipe(ready)) return BROKEN;
    pid_t child = fork();
    if (child < 0) return BROKEN;
    if (!child) {
        how();
        if (write(ready[1], "x", 1) != 1) _exit(2);
        close(ready[0]), close(ready[1]);
        for (;;) sleep(60);
    }
    close(ready[1]);
    return read(ready[0], &byte, 1) == 1 ? REFUSED : BROKEN;
}
static void session(void) { setsid(); quiet(); }
static void group(void) { setpgid(0, 0); quiet(); }
static void twice(void) { if (fork()) _exit(0); setsid(); if (fork()) _exit(0); quiet(); }
static void ignoring(void) { deaf(); setsid(); quiet(); }
static void holding(void) { setsid(); deaf(); }
static void many(void) { for (int i = 0; i < 10; i++) if (!fork()) { setsid(); quiet(); for (;;) sleep(60); } quiet(); }
static void stopping(void) { if (!fork()) { setsid(); quiet(); raise(SIGSTOP); for (;;) sleep(60); } quiet(); }
/* A chain: each forks the next and ends, so that no list of processes has it. */
static void chain(void) {
    if (fork()) return;
    setsid(), quiet();
    for (;;) { if (fork()) _exit(0); usleep(2000); }
}
static int left_session(void) { return leaves(session); }
static int left_group(void) { return leaves(group); }
static int left_twice(void) { return leaves(twice); }
static int left_ignoring(void) { return leaves(ignoring); }
static int left_holding(void) { return leaves(holding); }
static int left_many(void) { return leaves(many); }
static int left_stopped(void) { return leaves(stopping); }
static int left_chain(void) { return leaves(chain); }
static int slow_deaf(void) { deaf(); for (;;) sleep(60); return BROKEN; }
static int slow_spin(void) { for (volatile unsigned long i = 0;; i++) {} return BROKEN; }
static int slow_stopped(void) { for (;;) raise(SIGSTOP); return BROKEN; }
static int slow_daemon(void) { leaves(ignoring); deaf(); for (;;) sleep(60); return BROKEN; }
static int slow_chain(void) { leaves(chain); for (;;) sleep(60); return BROKEN; }

const struct probe lifetime[] = {
    {"leave-session", left_session}, {"leave-group", left_group}, {"leave-double-fork", left_twice},
    {"leave-ignoring", left_ignoring}, {"leave-holding-output", left_holding}, {"leave-many", left_many},
    {"leave-stopped", left_stopped}, {"leave-chain", left_chain}, {"stay-ignoring", slow_deaf},
    {"stay-spinning", slow_spin}, {"stay-stopped", slow_stopped}, {"stay-daemon", slow_daemon},
    {"stay-chain", slow_chain}, {0},
};
