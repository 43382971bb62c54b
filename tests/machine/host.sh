# What the scripts here share: sourced, on the machine that runs the tests.

fail() {
    printf '%s: %s\nhint: %s\n' "${0##*/}" "$1" "$2" >&2
    exit 1
}
# need PROGRAM…: each is there.
need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null ||
            fail "cannot find $program" "tests/run.sh installs what the tests need"
    done
}
# Where many small files are written fast.
fast_directory() { if [ -w /dev/shm ]; then echo /dev/shm; else echo "${TMPDIR:-/tmp}"; fi; }

# This machine's release, and where its apt has it from.
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' | awk -v of="$release" '$2 == of && !found++ { print $1 }')
[ -n "$mirror" ] || fail "cannot tell where apt has $release from" "these tests need a Debian"
