#!/bin/bash
# packaging/build.sh [FORMAT…]: makes packages in target/packages, reproducibly:
#
#   deb       for Debian and its like
#   rpm       for Red Hat and its like
#   tarball   for any other with systemd and glibc, with an install script
#   image     an OCI image from nothing, with static programs (needs buildah)
#   sbom      which crates the programs were made of, in CycloneDX
#
# and without one, all of these, and their digests. The files that an installation has
# are listed once, in supervisor/Cargo.toml; the others are made from the package for
# Debian. MINI_MCP_PROFILE=quick builds in half the time; dev packages what `cargo build`
# makes, for tests on this machine alone. MINI_MCP_TOOLS is a folder for what it installs of
# Cargo, instead of target/tools.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
profile=${MINI_MCP_PROFILE:-release}
packages=$root/target/packages
tools=${MINI_MCP_TOOLS:-$root/target/tools}
host=$(rustc -vV | sed -n 's/^host: //p')
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
name=mini-mcp-$version
# What is made for tests need not be small.
effort=-9
[ "$profile" != dev ] || effort=-1

fail() {
    printf 'build.sh: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

# need PROGRAM PACKAGE
need() { command -v "$1" >/dev/null || fail "cannot find $1" "apt-get install $2, or its like"; }

# tool CRATE@VERSION: that very version, with which these packages were tried.
tool() {
    grep -qsF "\"${1/@/ } (" "$tools/.crates.toml" && return
    echo "installing $1 into $tools" >&2
    CARGO_TARGET_DIR=$root/target/tools-build cargo install --quiet --locked --root "$tools" "$1"
}

# The time of everything in the packages: that of the commit.
stamp() {
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || true)}
    [ -n "$SOURCE_DATE_EPOCH" ] || fail "cannot tell the time of this source" "set SOURCE_DATE_EPOCH"
    export SOURCE_DATE_EPOCH
}

# programs FOLDER [FLAG]: both programs, with the list of their crates inside, for
# `cargo audit bin`. No path of this machine stays in them.
programs() {
    tool cargo-auditable@0.7.7
    CARGO_TARGET_DIR=$root/target/$1 \
        RUSTFLAGS="--remap-path-prefix=$root=/mini-mcp --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo ${2-}" \
        cargo auditable build --quiet --locked --profile "$profile" --target "$host" -p mini-mcp -p mini-mcp-worker
}

# folder_of FOLDER: where `programs` has put them.
folder_of() { echo "$root/target/$1/$host/${profile/#dev/debug}"; }

# make_deb: also what the other formats are made of.
make_deb() {
    tool cargo-deb@3.8.0
    if [ "$profile" = dev ]; then
        # What the tests have built already.
        cargo build --quiet --locked --workspace --bins
        (cd supervisor && cargo deb --quiet --no-build --fast --strip --profile dev --output "$packages/")
    else
        programs package
        (cd supervisor && CARGO_TARGET_DIR=$root/target/package cargo deb --quiet --no-build --no-strip \
            --profile "$profile" --target "$host" --output "$packages/")
    fi
}

# unpack FOLDER: the files of an installation, as the package for Debian has them.
unpack() {
    need ar binutils
    need xz xz-utils
    mkdir "$1"
    ar p "$(ls -t "$packages"/mini-mcp_"$version"-*.deb | head -n 1)" data.tar.xz | tar -C "$1" -xJ
    # Of Debian alone.
    rm -r "$1/usr/share/lintian"
    rm "$1/usr/share/doc/mini-mcp/changelog.Debian.gz"
    mv "$1/usr/share/doc/mini-mcp/copyright" "$1/usr/share/doc/mini-mcp/COPYRIGHT"
    find "$1" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
}

# rpm_assets: every file of the tree, as cargo-generate-rpm wants them named.
rpm_assets() {
    local file dest config
    echo 'assets = ['
    while read -r file; do
        dest=/$file config=
        case $file in
        etc/*) config=', config = "noreplace"' ;;
        usr/share/zsh/vendor-completions/*) dest=/usr/share/zsh/site-functions/${file##*/} ;;
        esac
        printf '  { source = "%s", dest = "%s", mode = "%s"%s },\n' \
            "$work/tree/$file" "$dest" "$(stat -c %a "$work/tree/$file")" "$config"
    done < <(cd "$work/tree" && find . -type f -printf '%P\n' | LC_ALL=C sort)
    echo ']'
}

make_rpm() {
    tool cargo-generate-rpm@0.21.1
    rpm_assets >"$work/rpm.toml"
    cargo generate-rpm --package supervisor --metadata-overwrite "$work/rpm.toml" \
        --auto-req builtin --output "$packages/"
}

# archive FOLDER FILE: whose bytes depend on names, modes and contents alone.
archive() {
    tar -C "${1%/*}" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
        -cf - "${1##*/}" | xz "$effort" --threads=1 >"$2"
}

make_tarball() {
    local folder=$work/$name-${host%%-*}-linux
    mkdir "$folder"
    cp -a "$work/tree" "$folder/files"
    cp packaging/tarball/install.sh README.md LICENSE-APACHE LICENSE-MIT "$folder/"
    archive "$folder" "$packages/${folder##*/}.tar.xz"
}

# In the image nothing is loaded at run time: it has no libraries. Nor is a function looked
# for there, for want of which random numbers would be read from a file.
static() {
    [ -e "$work/static" ] && return
    programs static '-Ctarget-feature=+crt-static --cfg getrandom_backend="linux_getrandom"'
    touch "$work/static"
}

make_image() {
    local context=$work/context output=$packages/$name-${host%%-*}.oci.tar
    need buildah buildah
    static
    mkdir -p "$context/root/usr/bin" "$context/root/usr/libexec/mini-mcp" "$context/state" "$context/work"
    strip -o "$context/root/usr/bin/mini-mcp" "$(folder_of static)/mini-mcp"
    strip -o "$context/root/usr/libexec/mini-mcp/mini-mcp-worker" "$(folder_of static)/mini-mcp-worker"
    cp -a "$work/tree/usr/share" "$context/root/usr/"
    cp -r packaging/oci/etc "$context/root/"
    find "$context" -type d -exec chmod 755 {} +
    find "$context" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
    rm -f "$output"
    buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs \
        build --quiet --isolation chroot --format oci --timestamp "$SOURCE_DATE_EPOCH" \
        --label "org.opencontainers.image.version=$version" \
        --file packaging/oci/Dockerfile --tag "oci-archive:$output:mini-mcp:$version" "$context" >/dev/null
}

# What was compiled in, out of the programs of the image themselves: the others are
# made of the same.
make_sbom() {
    local program
    tool auditable2cdx@0.1.0
    static
    for program in mini-mcp mini-mcp-worker; do
        auditable2cdx "$(folder_of static)/$program" >"$packages/$program-$version.cdx.json"
    done
}

main() {
    local format all=(deb rpm tarball image sbom)
    for format in "$@"; do
        case " ${all[*]} " in *" $format "*) ;; *) fail "cannot make $format" "one of ${all[*]}" ;; esac
    done
    [ $# -gt 0 ] || set -- "${all[@]}"
    export PATH=$tools/bin:$PATH
    stamp
    work=$(mktemp -d)
    trap 'rm -rf --one-file-system "$work"' EXIT
    mkdir -p "$packages"
    case " $* " in *" deb "* | *" rpm "* | *" tarball "* | *" image "*) make_deb ;; esac
    case " $* " in *" rpm "* | *" tarball "* | *" image "*) unpack "$work/tree" ;; esac
    for format in "$@"; do
        [ "$format" = deb ] || "make_$format"
    done
    (cd "$packages" && sha256sum -- *"$version"*[!S] >SHA256SUMS)
}

main "$@"
