#!/usr/bin/env bash
# Makes .venv and installs what is missing in it and on the system. `make` calls it:
#
#     tools/setup.sh demo     what `triangulate demo` and everyday use need
#     tools/setup.sh dev      the same, with the viewer and the test and lint tools
#     tools/setup.sh system   the system's libraries alone
#
# PYTHON    the interpreter to build .venv with (python3, or the newest one found)
# PIP_ARGS  passed on to `pip install`, e.g. an index that holds CPU builds of torch
#
# A second run is instant: a stamp in .venv holds the checksums of what was installed from. It is
# written last, so an interrupted installation leaves none and the next run goes on.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VENV=.venv
readonly MINIMUM=3.11

say() { printf '%s\n' "$*"; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

extras_of() {
    case $1 in
    demo) echo detect,export,board,report ;;
    dev) echo view,detect,export,board,report,train,dev ;;
    esac
}

# What an installation depends on; the path is in it because scripts in .venv hold it.
fingerprint() {
    printf '%s %s\n' "$PWD" "$(extras_of "$1")"
    cat pyproject.toml constraints.txt | cksum
}

has_stamp() {
    local profile
    for profile in "$1" dev; do # what serves `dev` serves `demo`
        if [ "$(cat "$VENV/.installed-$profile" 2>/dev/null)" = "$(fingerprint "$profile")" ]; then
            return 0
        fi
    done
    return 1
}

# --- Python -----------------------------------------------------------------------------------

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

is_new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info[:2] < (${MINIMUM/./, }))" 2>/dev/null
}

# Prints the interpreter to use, or nothing where there is none.
find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11 python3.14; do
        if command -v "$name" >/dev/null && is_new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
}

# --- System libraries -------------------------------------------------------------------------

# Library and the Debian package that has it. opencv-python needs the first three, Open3D the rest.
readonly LIBRARIES="\
libGL.so.1 libgl1
libgthread-2.0.so.0 libglib2.0-0
libxcb.so.1 libxcb1
libusb-1.0.so.0 libusb-1.0-0
libEGL.so.1 libegl1
libgomp.so.1 libgomp1
libX11.so.6 libx11-6"

# Prints the lines of LIBRARIES that the loader does not find.
missing_libraries() {
    local known library package
    known=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)
    while read -r library package; do
        case $known in
        *"$library "*) ;;
        *) say "$library $package" ;;
        esac
    done <<<"$LIBRARIES"
}

# Since 2024 some packages carry a t64 at the end of their name.
package_here() {
    if apt-cache show "${1}t64" >/dev/null 2>&1; then say "${1}t64"; else say "$1"; fi
}

# Prints the Debian packages for Python itself that are missing.
missing_python_packages() {
    local version
    if [ -n "$python" ]; then
        "$python" -c 'import venv, ensurepip' 2>/dev/null || say "python$(version_of "$python")-venv"
    elif ! command -v python3 >/dev/null; then
        say "python3 python3-venv"
    else # this release's own Python is too old; a newer one may be packaged beside it
        for version in 3.13 3.12; do
            if apt-cache show "python$version-venv" >/dev/null 2>&1; then
                say "python$version python$version-venv"
                return
            fi
        done
        say "python3.11 python3.11-venv"
    fi
}

apt_packages() {
    local library package
    missing_python_packages
    missing_libraries | while read -r library package; do package_here "$package"; done
}

install_with_apt() {
    local log
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    say "Installing with apt-get: $*"
    if ! apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" \
        </dev/null >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        die "apt-get failed (above); check the network, then: apt-get update && apt-get install -y $*"
    fi
    rm -f "$log"
}

setup_debian() {
    local packages line
    packages=$(apt_packages | tr '\n' ' ')
    packages=${packages% }
    if [ -z "$packages" ]; then return; fi
    if [ "$(id -u)" != 0 ]; then
        line="sudo apt-get install -y $packages"
        # A machine that never ran `apt-get update` knows no packages at all.
        apt-cache show libgl1 >/dev/null 2>&1 || line="sudo apt-get update && $line"
        die "this system lacks what .venv needs; run this line, then make again:
$line"
    fi
    say "Updating apt's package lists"
    apt-get update -qq </dev/null >/dev/null 2>&1 || say "apt-get update had errors; going on"
    packages=$(apt_packages | tr '\n' ' ') # names can change with the lists
    # shellcheck disable=SC2086  # one word a package
    install_with_apt $packages
    if [ -z "$python" ]; then python=$(find_python); fi
}

setup_other_linux() {
    local libraries
    if ! command -v ldconfig >/dev/null && ! [ -x /sbin/ldconfig ]; then
        say "No apt-get and no ldconfig here: OpenCV and Open3D need libGL, glib and libusb; going on."
        return
    fi
    libraries=$(missing_libraries | cut -d ' ' -f 1 | tr '\n' ' ')
    if [ -n "$libraries" ]; then
        die "this system has no apt-get; install what provides ${libraries% }" \
            "(Fedora: sudo dnf install mesa-libGL glib2 libxcb libusb1 mesa-libEGL libgomp libX11)," \
            "then make again"
    fi
}

setup_system() {
    case $(uname -s) in
    Linux) if command -v apt-get >/dev/null; then setup_debian; else setup_other_linux; fi ;;
    Darwin) say "macOS: Open3D needs OpenMP (brew install libomp); nothing else; going on." ;;
    *) say "$(uname -s): not tried; OpenCV and Open3D need libGL, glib and libusb; going on." ;;
    esac
    if [ -z "$python" ]; then
        die "Python $MINIMUM or newer is needed and none was found; install one, or name it:" \
            "PYTHON=/path/to/python3.12 make ..."
    fi
}

# --- .venv ------------------------------------------------------------------------------------

make_venv() {
    if [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1 &&
        is_new_enough "$VENV/bin/python"; then
        return
    fi
    say "Making $VENV with Python $(version_of "$python")"
    "$python" -m venv --clear "$VENV" || die "$python could not make $VENV (above)"
}

# Pip's own lines go to a log; of those, what is downloaded, with its size, goes to the terminal.
install_packages() {
    local profile=$1 log=$VENV/install.log
    say "Installing Python packages (log: $log). To download, where pip has no copy:"
    if [ "$profile" = demo ]; then
        say "  about 0.4 GB with a CPU build of torch, 3.0 GB with Linux's default build (CUDA)."
    else
        say "  about 0.9 GB with a CPU build of torch, 3.4 GB with Linux's default build (CUDA)."
    fi
    # shellcheck disable=SC2086  # PIP_ARGS is several words
    if ! "$VENV/bin/python" -m pip install --disable-pip-version-check --progress-bar off \
        --config-settings editable_mode=compat ${PIP_ARGS:-} -c constraints.txt -e ".[$(extras_of "$profile")]" </dev/null 2>&1 |
        tee "$log" | show_downloads; then
        grep -v '^ *Requirement already' "$log" | tail -n 15 >&2
        die "pip could not install (above; all of it in $log)"
    fi
}

show_downloads() {
    awk '
        $1 == "Downloading" && / [MG]B\)/ {
            name = $2; sub(/.*\//, "", name); sub(/-cp3.*|-py[23].*/, "", name)
            size = $0; sub(/.*\(/, "", size); sub(/\).*/, "", size)
            printf "  downloading %s, %s\n", name, size; fflush()
        }
        /^Installing collected packages/ {
            printf "  unpacking %d packages\n", NF - 3; fflush()
        }'
}

# The loader has the last word on the system's libraries.
check_imports() {
    local modules="torch, cv2, av" message
    if [ "$1" = dev ]; then modules="$modules, open3d"; fi
    if ! message=$("$VENV/bin/python" -c "import $modules" 2>&1); then
        die "installed, but '$VENV/bin/python -c \"import $modules\"' fails: ${message##*$'\n'}"
    fi
}

main() {
    local profile=${1:-} stamp
    trap 'die "interrupted; run the same command again to go on"' INT TERM
    case $profile in
    demo | dev | system) ;;
    *) die "usage: tools/setup.sh demo | dev | system" ;;
    esac

    python=
    if [ -n "${PYTHON:-}" ]; then
        python=$(command -v "$PYTHON") || die "PYTHON=$PYTHON: no such program"
        is_new_enough "$python" ||
            die "PYTHON=$PYTHON is Python $(version_of "$python" || echo '?'); $MINIMUM or newer is needed"
        if [ -x "$VENV/bin/python" ] && [ "$profile" != system ] &&
            [ "$(version_of "$VENV/bin/python")" != "$(version_of "$python")" ]; then
            die "$VENV holds Python $(version_of "$VENV/bin/python"); to make it anew with $PYTHON," \
                "remove it first: make distclean"
        fi
    fi
    if [ "$profile" != system ] && has_stamp "$profile" && [ -x "$VENV/bin/python" ]; then return; fi

    if [ -z "$python" ]; then python=$(find_python); fi
    setup_system
    if [ "$profile" = system ]; then return; fi
    make_venv
    rm -f "$VENV"/.installed-*
    install_packages "$profile"
    check_imports "$profile"
    stamp=$VENV/.installed-$profile
    fingerprint "$profile" >"$stamp.part"
    mv "$stamp.part" "$stamp"
    say "Installed into $VENV."
}

main "$@"
