# Sourced: small Debian systems to boot or to build in, made with mmdebstrap.

# shellcheck shell=bash
root_cache=${XDG_CACHE_HOME:-$HOME/.cache}/sallyport

# Whether this machine can make and boot one; if not, why, as the last line.
root_possible() {
    local tool
    if [ "$(id -u)" != 0 ]; then
        echo "not root: neither a root can be made nor a container booted"
        return 1
    fi
    for tool in mmdebstrap systemd-nspawn dpkg-deb; do
        command -v "$tool" >/dev/null && continue
        echo "$tool is not installed"
        return 1
    done
    # Mounting is what containers inside of containers are often denied.
    if ! unshare --mount --pid --fork mount -t tmpfs none /mnt 2>/dev/null; then
        echo "no namespaces or mounts for root here: a container in a container?"
        return 1
    fi
    if ! grep -qw cgroup2 /proc/filesystems; then
        echo "this kernel has no cgroups of the second version"
        return 1
    fi
}

# root_tarball SUITE PURPOSE FRESH PACKAGE...: prints the path of a tarball with
# that Debian and these packages in it, which is made unless it is in the cache.
# One is kept for each suite and purpose.
root_tarball() {
    local suite=$1 purpose=$2 fresh=$3 named list tarball
    shift 3
    named="$* $root_recipe"
    tarball=$root_cache/$suite-$purpose-$(sha256sum <<<"$named" | cut -c1-12).tar
    if [ -n "$fresh" ] || ! [ -e "$tarball" ]; then
        list=$(IFS=,; echo "$*")
        mkdir -p "$root_cache"
        root_make "$suite" "$list" "$tarball.new" >&2 || return 1
        rm -f "$root_cache/$suite-$purpose-"*.tar
        mv "$tarball.new" "$tarball"
    fi
    echo "$tarball"
}

# To be changed with root_make.
root_recipe=3

# As Debian's installer writes it.
root_hosts='127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n\n'
root_hosts+='::1\tlocalhost ip6-localhost ip6-loopback\n'
root_hosts+='ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n'

# What nobody reads is left out: it is half of what there is to unpack.
root_make() {
    local options=()
    # A mirror's copy of what is in motion may be older than it says it lasts.
    [ "$1" != sid ] || options+=(--aptopt='Acquire::Check-Valid-Until "false"')
    mmdebstrap --quiet ${options[@]+"${options[@]}"} --variant=essential --include="$2" \
        --aptopt='Acquire::Languages "none"' \
        --aptopt='Acquire::Retries "3"' \
        --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' \
        --customize-hook="printf '$root_hosts' >\"\$1/etc/hosts\"" \
        --customize-hook='rm -f "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"' \
        --format=tar "$1" "$3"
}

# root_apart NAME COMMAND...: runs it in a cgroup of its own, for two containers
# in one cgroup would see, and end, each other's processes.
root_apart() {
    local mount own cgroup code
    mount=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
    own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    cgroup=$mount${own%/}/sallyport-$1
    shift
    if [ -z "$mount" ] || ! mkdir "$cgroup" 2>/dev/null; then
        "$@"
        return
    fi
    code=0
    (
        echo "$BASHPID" >"$cgroup/cgroup.procs" || exit
        exec "$@"
    ) || code=$?
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
    return "$code"
}

# root_forget NAME: removes what systemd-nspawn leaves of a machine.
root_forget() {
    rmdir "/run/systemd/nspawn/propagate/$1" 2>/dev/null
    return 0
}
