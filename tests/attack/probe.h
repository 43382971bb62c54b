/* What the probes share. A probe tries one thing that a sandbox must refuse. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Exit codes: the attack succeeded, was refused, could not be tried. */
enum { ESCAPED = 0, REFUSED = 1, BROKEN = 2 };

struct probe {
    const char *name;
    int (*run)(void);
};

extern const char *area;   /* outside every grant, but the user's own */
extern const char *work;   /* granted to write */
extern const char *tools;  /* where the probe itself is; granted to execute */
extern const char *mark;   /* a word that only this run has in its arguments */
extern pid_t target;       /* a process of the same user, outside */

/* `folder`/`name` in a buffer that lives on; two at a time. */
const char *in(const char *folder, const char *name);
/* The verdict on a call that returned `result`. */
int by(long result);
/* Refused when errno is what a permission check or a filter gives. */
int reached(long result);
/* Runs `path` in a child: it was executed, or not. */
int executes(const char *path, char *const argv[]);
/* The verdict on whether `file` can be opened so. */
int opens(const char *file, int flags);
int copy(const char *from, const char *to, mode_t mode);

extern const struct probe files[], execution[], processes[], ipc[], network[], kernel[],
    capabilities[], resources[], lifetime[], descriptors[];
int has_capability(void);
int victim(void);
