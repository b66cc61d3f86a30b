#!/usr/bin/env bash
# Makes .venv and installs what is missing in it and on the system. `make` calls it:
#
#     tools/setup.sh demo     what `triangulate demo` and everyday use need
#     tools/setup.sh dev      the same, with training, and with the test and lint tools
#     tools/setup.sh system   the system's libraries alone
#
# PYTHON    the interpreter to build .venv with (python3, or the newest one found)
# PIP_ARGS  passed on to `pip install`, e.g. an index that holds CPU builds of torch
#
# A second run is instant: a stamp in .venv holds the checksums of what was installed from. It is
# written last, so an interrupted installation leaves none and the next run goes on. A container
# that kept .venv but lost the system's packages gets those again.
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
    demo) echo view,detect,export,board,report ;;
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

# --- System packages --------------------------------------------------------------------------

# Library and the Debian package that has it. opencv-python needs the first three, Open3D the rest.
readonly LIBRARIES="\
libGL.so.1 libgl1
libgthread-2.0.so.0 libglib2.0-0
libxcb.so.1 libxcb1
libusb-1.0.so.0 libusb-1.0-0
libEGL.so.1 libegl1
libgomp.so.1 libgomp1
libX11.so.6 libx11-6"

# The same, for what can do without: Open3D renders with Vulkan, and in software where it finds no
# GPU.
readonly RENDERERS="\
libvulkan.so.1 libvulkan1
libvulkan_lvp.so mesa-vulkan-drivers"

# For tests alone: Debian package, and the commands of which one will do.
readonly PROGRAMS="\
chromium chromium chromium-browser google-chrome
xvfb Xvfb
xdotool xdotool"

# Prints those lines of $1 whose library the loader does not find.
missing_libraries() {
    local known library package
    known=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)
    while read -r library package; do
        case $known in
        *"$library "*) ;;
        *) say "$library $package" ;;
        esac
    done <<<"$1"
}

# Prints the packages of PROGRAMS that are missing.
missing_programs() {
    local package commands command
    while read -r package commands; do
        for command in $commands; do
            if command -v "$command" >/dev/null; then continue 2; fi
        done
        say "$package"
    done <<<"$PROGRAMS"
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

# Prints the packages that are missing and needed, on one line.
needed_packages() {
    local library package
    {
        missing_python_packages
        missing_libraries "$LIBRARIES" | while read -r library package; do
            package_here "$package"
        done
    } | one_line
}

# Prints the packages that a profile can do without, on one line; not those that apt does not know
# (Ubuntu has no chromium), unless its lists are empty.
optional_packages() {
    local library package
    {
        missing_libraries "$RENDERERS" | while read -r library package; do say "$package"; done
        if [ "$1" = dev ]; then missing_programs; fi
    } | while read -r package; do
        if apt-cache show "$package" >/dev/null 2>&1 || ! has_lists; then say "$package"; fi
    done | one_line
}

one_line() { awk '{ printf "%s%s", (NR > 1 ? " " : ""), $0 }'; }

# A machine that never ran `apt-get update` knows no packages at all.
has_lists() { apt-cache show libgl1 >/dev/null 2>&1; }

# Installs packages; false, having said why, where that fails.
install_with_apt() {
    local log
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    say "Installing with apt-get: $*"
    if ! apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" \
        </dev/null >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

lacking() {
    local lost="the scene in space cannot be shown or rendered"
    if [ "$1" = dev ]; then lost="$lost, or tests are skipped"; fi
    say "$lost"
}

setup_debian() {
    local profile=$1 needed optional line
    needed=$(needed_packages)
    optional=$(optional_packages "$profile")
    if [ -z "$needed$optional" ]; then return; fi
    if [ "$(id -u)" != 0 ]; then
        line="sudo apt-get install -y $needed${needed:+${optional:+ }}$optional"
        has_lists || line="sudo apt-get update && $line"
        if [ -n "$needed" ]; then
            die "this system lacks what .venv needs; run this line, then make again:
$line"
        fi
        say "Going on, though without these packages $(lacking "$profile"):"
        say "$line"
        return
    fi
    say "Updating apt's package lists"
    apt-get update -qq </dev/null >/dev/null 2>&1 || say "apt-get update had errors; going on"
    needed=$(needed_packages) # names can change with the lists
    # shellcheck disable=SC2086  # one word a package
    if [ -n "$needed" ] && ! install_with_apt $needed; then
        die "apt-get failed (above); check the network, then: apt-get update && apt-get install -y $needed"
    fi
    optional=$(optional_packages "$profile")
    # shellcheck disable=SC2086
    if [ -n "$optional" ] && ! install_with_apt $optional; then
        say "apt-get failed (above); going on, but $(lacking "$profile")"
    fi
    if [ -z "$python" ]; then python=$(find_python); fi
}

setup_other_linux() {
    local profile=$1 libraries optional
    if ! command -v ldconfig >/dev/null && ! [ -x /sbin/ldconfig ]; then
        say "No apt-get and no ldconfig here: OpenCV and Open3D need libGL, glib and libusb; going on."
        return
    fi
    libraries=$(missing_libraries "$LIBRARIES" | cut -d ' ' -f 1 | one_line)
    if [ -n "$libraries" ]; then
        die "this system has no apt-get; install what provides $libraries" \
            "(Fedora: sudo dnf install mesa-libGL glib2 libxcb libusb1 mesa-libEGL libgomp libX11)," \
            "then make again"
    fi
    optional=$({
        missing_libraries "$RENDERERS" | cut -d ' ' -f 1
        if [ "$profile" = dev ]; then missing_programs; fi
    } | one_line)
    if [ -n "$optional" ]; then
        say "Going on, though without $optional $(lacking "$profile") (Fedora: sudo dnf install" \
            "vulkan-loader mesa-vulkan-drivers chromium xorg-x11-server-Xvfb xdotool)."
    fi
}

setup_linux() {
    if command -v apt-get >/dev/null; then setup_debian "$1"; else setup_other_linux "$1"; fi
}

setup_system() {
    case $(uname -s) in
    Linux) setup_linux "$1" ;;
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
    say "  about 0.9 GB with a CPU build of torch, 3.4 GB with Linux's default build (CUDA)."
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
    local modules="torch, cv2, av, open3d" message
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
    if [ "$profile" != system ] && has_stamp "$profile" && [ -x "$VENV/bin/python" ]; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            python=$VENV/bin/python setup_debian "$profile"
        fi
        return
    fi

    if [ -z "$python" ]; then python=$(find_python); fi
    setup_system "$profile"
    if [ "$profile" = system ]; then return; fi
    make_venv
    rm -f "$VENV"/.installed-*
    install_packages "$profile"
    check_imports
    stamp=$VENV/.installed-$profile
    fingerprint "$profile" >"$stamp.part"
    mv "$stamp.part" "$stamp"
    say "Installed into $VENV."
}

main "$@"
