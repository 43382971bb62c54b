/* Descriptors and what else is inherited: exactly 0, 1 and 2, and a clean start. */
#include "probe.h"
#include <sys/resource.h>

extern char **environ;
static int leaked(void) {
    for (int number = 3; number < 4096; number++)
        if (fcntl(number, F_GETFD) >= 0) return ESCAPED;
    return REFUSED;
}
static int missing(void) {
    for (int number = 0; number < 3; number++)
        if (fcntl(number, F_GETFD) < 0) return BROKEN;
    return leaked();
}
static int input(void) {
    char byte;
    return read(0, &byte, 1) == 1 ? ESCAPED : REFUSED;
}
static int input_seekable(void) { struct stat s; return fstat(0, &s) ? BROKEN : S_ISREG(s.st_mode) ? ESCAPED : REFUSED; }
static int output_shared(void) {
    struct stat one, two;
    if (fstat(1, &one) || fstat(2, &two)) return BROKEN;
    return one.st_ino == two.st_ino && one.st_dev == two.st_dev ? ESCAPED : REFUSED;
}
static int environment(void) {
    static const char *const known[] = {"PATH=", "LC_ALL=", "PAGER=", "GIT_TERMINAL_PROMPT=", "TERM=", "SITE="};
    for (char **entry = environ; *entry; entry++) {
        size_t i, count = sizeof known / sizeof *known;
        for (i = 0; i < count && strncmp(*entry, known[i], strlen(known[i])); i++) {}
        if (i == count) return ESCAPED;
    }
    return REFUSED;
}
static int mask(void) { mode_t old = umask(0); return (old & 022) == 022 ? REFUSED : ESCAPED; }
static int ignored(void) {
    struct sigaction action;
    for (int number = 1; number < 32; number++)
        if (!sigaction(number, NULL, &action) && action.sa_handler == SIG_IGN) return ESCAPED;
    return REFUSED;
}
static int terminal(void) { return by(open("/dev/tty", O_RDWR)); }
static int core_limit(void) {
    // 1 is less than 0: a program that dumps are piped into gets none either.
    struct rlimit limit;
    return getrlimit(RLIMIT_CORE, &limit) ? BROKEN : limit.rlim_max > 1 ? ESCAPED : REFUSED;
}

const struct probe descriptors[] = {
    {"fd-leaked", leaked}, {"fd-standard", missing}, {"fd-input", input}, {"fd-input-file", input_seekable},
    {"fd-output-shared", output_shared}, {"environment", environment}, {"umask", mask},
    {"signals-ignored", ignored}, {"terminal", terminal}, {"core-limit", core_limit}, {0},
};
