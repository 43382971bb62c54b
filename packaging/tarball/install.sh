#!/bin/sh
# install.sh: installs Mini MCP from the folder that this is in, as root, on a machine
# with systemd 252 or newer; over an older one, of which it keeps policy and audit trail.
#
#   install.sh                  installs, and starts the services
#   install.sh --uninstall      removes what it installed; keeps policy and audit trail
#   install.sh --purge          removes the policy and the state as well; keeps the trail
#
# DESTDIR=FOLDER installs beneath a folder, for packagers, and starts nothing.
set -eu
cd "$(dirname "$0")"
root=${DESTDIR-}
units="mini-mcp-worker.socket mini-mcp.socket mini-mcp.service"

fail() {
    printf 'install.sh: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

# What this very release installs, in the order of the names.
files() { (cd files && find . -type f | sed 's|^\.||' | sort); }

# On the running system alone.
live() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

install_files() {
    files | while read -r file; do
        mode=$(stat -c %a "files$file")
        case $file in
        /etc/mini-mcp/*)
            # The administrator's: a new one is put beside one that differs.
            if [ -e "$root$file" ] && ! cmp -s "files$file" "$root$file"; then
                echo "keeping $file; the new one is $file.new"
                file_as=$file.new
            else
                file_as=$file
            fi
            ;;
        *) file_as=$file ;;
        esac
        # Beside it and then renamed: a program that runs is not written to.
        install -D -m "$mode" "files$file" "$root$file_as.installing"
        mv -f "$root$file_as.installing" "$root$file_as"
    done
}

# apparmor --replace|--remove: where it is on.
apparmor() {
    if aa-enabled --quiet 2>/dev/null; then apparmor_parser "$1" /etc/apparmor.d/mini-mcp-supervisor || :; fi
}

# told: of another release the policy may not be; then the service says so and stays down.
told() {
    if ! said=$(/usr/bin/mini-mcp check 2>&1); then
        printf 'mini-mcp: this release cannot use the policy, and serves nobody until it can\n%s\n' "$said" >&2
    fi
}

start() {
    systemd-sysusers mini-mcp.conf
    told
    systemd-tmpfiles --create mini-mcp.conf || :
    # Before the service starts, which is put under it where it is loaded.
    apparmor --replace
    systemctl daemon-reload
    # Both of a pair, so that they are of one release.
    systemctl try-restart mini-mcp-worker.service mini-mcp.service mini-mcp-metrics.service || :
    # shellcheck disable=SC2086 # three names
    systemctl enable --now --quiet $units || :
}

stop() {
    # shellcheck disable=SC2086 # three names
    systemctl disable --now --quiet mini-mcp-metrics.service $units || :
    systemctl stop mini-mcp-worker.service minimcp.slice || :
    rmdir --ignore-fail-on-non-empty /run/mini-mcp /run/mini-mcp-worker 2>/dev/null || :
    apparmor --remove
}

remove_files() {
    files | while read -r file; do
        case $file in /etc/mini-mcp/*) continue ;; esac
        rm -f "$root$file"
        # Folders of its own; those of others are not empty, or stay by their names.
        folder=${file%/*}
        while case $folder in */mini-mcp | */mini-mcp/*) true ;; *) false ;; esac; do
            rmdir "$root$folder" 2>/dev/null || break
            folder=${folder%/*}
        done
    done
}

purge() {
    rm -rf "$root/etc/mini-mcp" "$root/var/lib/mini-mcp" "$root/var/cache/mini-mcp"
    rm -f "$root/etc/apparmor.d/local/mini-mcp-supervisor" "$root"/var/cache/apparmor/*/mini-mcp-supervisor
    for name in mini-mcp mini-mcp-worker mini-mcp-metrics; do
        rm -rf "$root/etc/systemd/system/$name.service.d" "$root/etc/systemd/system/$name.socket.d"
    done
    if [ -d "$root/var/log/mini-mcp" ]; then
        echo "the audit trail in $root/var/log/mini-mcp is kept; hint: rm -r it"
    fi
}

main() {
    [ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "cannot install as $(id -un)" "sudo $0"
    case ${1-} in
    "")
        install_files
        if live; then start; fi
        echo "installed; the policy is $root/etc/mini-mcp/policy.toml, and allows nothing yet"
        ;;
    --uninstall | --purge)
        if live; then stop; fi
        remove_files
        if live; then systemctl daemon-reload; fi
        if [ "$1" = --purge ]; then purge; fi
        ;;
    *) fail "cannot understand \`$1\`" "--uninstall, --purge, or nothing" ;;
    esac
}

main "$@"
