"""The decisions of tools/setup.sh, with made-up machines: fake programs on a PATH of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BASH = shutil.which("bash")
# The libraries that setup.sh looks for, without `lib` and `.so`, and their versions.
VERSIONS = {"GL": 1, "gthread-2.0": 0, "xcb": 1, "usb-1.0": 0, "EGL": 1, "gomp": 1, "X11": 6}
VERSIONS |= {"vulkan": 1, "vulkan_lvp": None}
LIBRARIES = list(VERSIONS)
RENDERERS = ["vulkan", "vulkan_lvp"]  # those that one can do without
PROGRAMS = ["chromium", "Xvfb", "xdotool"]
pytestmark = pytest.mark.skipif(BASH is None, reason="needs bash")


class Machine:
    """A checkout and a PATH with nothing on it but what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "tree"
        self.programs = folder / "bin"
        self.log = folder / "log"
        (self.tree / "tools").mkdir(parents=True)
        self.programs.mkdir()
        for name in ("tools/setup.sh", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.tree / name)
        for name in "awk bash cat cksum cut dirname grep mktemp mv rm tail tee tr".split():
            (self.programs / name).symlink_to(str(shutil.which(name)))
        self.fake("uname", "echo Linux")
        self.has_libraries(LIBRARIES)
        for name in PROGRAMS:
            self.fake(name, "")
        self.is_user(1000)

    def fake(self, name: str, body: str) -> None:
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!{BASH}\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def has_libraries(self, names: list[str]) -> None:
        ends = {name: "" if VERSIONS[name] is None else f".{VERSIONS[name]}" for name in names}
        lines = "".join(
            f"\tlib{name}.so{end} (libc6) => /lib/lib{name}.so\n" for name, end in ends.items()
        )
        self.fake("ldconfig", f"cat <<'END'\n{lines}END")

    def lacks(self, *names: str) -> None:
        """Libraries and programs that are not there, all others being there."""
        self.has_libraries([name for name in LIBRARIES if name not in names])
        for name in set(PROGRAMS) & set(names):
            (self.programs / name).unlink()

    def has_python(self, version: str, *, has_venv: bool = True) -> None:
        """A python3 that answers what setup.sh asks, and logs other calls."""
        minor = int(version.split(".")[1])
        self.fake(
            "python3",
            f"""case "$*" in
            *"print("*) echo {version} ;;
            *"sys.exit("*) exit {int(minor < 11)} ;;
            *ensurepip*) exit {int(not has_venv)} ;;
            *) echo "python3 $*" >>{self.log}; exit 1 ;;
            esac""",
        )

    def has_apt(self, *, names: str = "libgl1") -> None:
        self.fake("apt-cache", f'case " {names} " in *" $2 "*) ;; *) exit 100 ;; esac')
        self.fake("apt-get", f'echo "apt-get $*" >>{self.log}')

    def is_user(self, number: int) -> None:
        self.fake("id", f"echo {number}")

    def setup(self, profile: str = "system", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(BASH), str(self.tree / "tools/setup.sh"), profile],
            env={"PATH": str(self.programs), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def logged(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.has_python("3.11")
    return machine


def last_line(run: subprocess.CompletedProcess[str]) -> str:
    assert run.returncode != 0
    return run.stderr.strip().splitlines()[-1]


def test_nothing_is_said_or_done_where_all_is_there(machine: Machine) -> None:
    machine.has_apt()
    run = machine.setup()
    assert (run.returncode, run.stdout, run.stderr, machine.logged()) == (0, "", "", "")


def test_a_user_is_told_the_one_line(machine: Machine) -> None:
    machine.has_apt()
    machine.has_libraries(["xcb", "gomp", "X11", "EGL", *RENDERERS])
    run = machine.setup()
    assert last_line(run) == "sudo apt-get install -y libgl1 libglib2.0-0 libusb-1.0-0"
    assert machine.logged() == ""


def test_newer_package_names_and_empty_lists(machine: Machine) -> None:
    machine.lacks("gthread-2.0")
    machine.has_apt(names="libgl1 libglib2.0-0t64")
    assert last_line(machine.setup()) == "sudo apt-get install -y libglib2.0-0t64"
    machine.has_apt(names="")
    expected = "sudo apt-get update && sudo apt-get install -y libglib2.0-0"
    assert last_line(machine.setup()) == expected


def test_root_installs_what_is_missing(machine: Machine) -> None:
    machine.has_apt()
    machine.is_user(0)
    machine.lacks("usb-1.0", "GL")
    run = machine.setup()
    assert run.returncode == 0, run.stderr
    update, install = machine.logged().splitlines()
    assert update.startswith("apt-get update")
    assert install.startswith("apt-get install -y")
    assert install.endswith("libgl1 libusb-1.0-0")


def test_a_failing_apt_says_what_to_run(machine: Machine) -> None:
    machine.has_apt()
    machine.fake("apt-get", 'echo "E: no such host"; [ "$1" = update ]')
    machine.is_user(0)
    machine.lacks("EGL")
    run = machine.setup()
    assert "E: no such host" in run.stderr
    assert "apt-get update && apt-get install -y libegl1" in last_line(run)


PACKAGES = "chromium xvfb xdotool libvulkan1 mesa-vulkan-drivers"


def test_a_user_goes_on_without_what_only_renders_and_tests(machine: Machine) -> None:
    fake_venv(machine, pip="true")
    machine.has_apt(names=f"libgl1 {PACKAGES}")
    machine.lacks(*RENDERERS, *PROGRAMS)
    run = machine.setup("system")
    assert run.returncode == 0, run.stderr
    assert "the scene in space cannot be shown or rendered:" in run.stdout
    assert run.stdout.endswith("\nsudo apt-get install -y libvulkan1 mesa-vulkan-drivers\n")
    run = machine.setup("dev")
    assert run.returncode == 0, run.stderr
    renderers = "libvulkan1 mesa-vulkan-drivers"
    assert f"\nsudo apt-get install -y {renderers} chromium xvfb xdotool\n" in run.stdout
    assert "apt-get" not in machine.logged()
    assert machine.setup("dev").stdout == ""  # said once
    machine.lacks("GL", *RENDERERS)
    expected = "sudo apt-get install -y libgl1 libvulkan1 mesa-vulkan-drivers"
    assert last_line(machine.setup("system")) == expected


def test_root_gets_what_renders_and_tests(machine: Machine) -> None:
    fake_venv(machine, pip="true")
    machine.has_apt(names=f"libgl1 {PACKAGES}")
    machine.is_user(0)
    machine.lacks("vulkan_lvp", "Xvfb")
    assert machine.setup("demo").returncode == 0
    assert machine.logged().splitlines()[1].endswith(" mesa-vulkan-drivers")
    assert machine.setup("dev").returncode == 0
    assert machine.logged().splitlines()[-2].endswith(" mesa-vulkan-drivers xvfb")


def test_a_container_that_kept_its_venv_gets_its_packages_again(machine: Machine) -> None:
    fake_venv(machine, pip="true")
    machine.has_apt(names=f"libgl1 {PACKAGES}")
    machine.is_user(0)
    assert machine.setup("dev").returncode == 0
    machine.lacks("vulkan", "xdotool")
    run = machine.setup("dev")
    assert run.returncode == 0, run.stderr
    assert machine.logged().splitlines()[-1].endswith(" libvulkan1 xdotool")
    assert machine.logged().count("-m pip install") == 1
    machine.lacks("GL")
    assert machine.setup("demo").returncode == 0
    assert machine.logged().splitlines()[-1].endswith(" libgl1")


def test_packages_that_apt_does_not_know_are_left_out(machine: Machine) -> None:
    """On Ubuntu Chromium is no package of apt's."""
    machine.has_apt(names="libgl1 xvfb")
    machine.lacks("chromium", "Xvfb")
    fake_venv(machine, pip="true")
    assert "\nsudo apt-get install -y xvfb\n" in machine.setup("dev").stdout
    machine.fake("Xvfb", "")
    (machine.tree / ".venv/.installed-dev").unlink()
    assert "sudo" not in machine.setup("dev").stdout
    machine.fake("google-chrome", "")
    machine.has_apt(names="")  # lists that are empty tell nothing
    (machine.tree / ".venv/.installed-dev").unlink()
    assert "sudo" not in machine.setup("dev").stdout


def test_root_goes_on_where_apt_cannot_get_what_renders(machine: Machine) -> None:
    machine.has_apt(names=f"libgl1 {PACKAGES}")
    machine.fake("apt-get", 'echo "E: no such host"; [ "$1" = update ]')
    machine.is_user(0)
    machine.lacks("vulkan")
    run = machine.setup("system")
    assert run.returncode == 0
    assert "E: no such host" in run.stderr
    assert "apt-get failed (above); going on" in run.stdout


def test_python_without_venv(machine: Machine) -> None:
    machine.has_apt()
    machine.has_python("3.11", has_venv=False)
    assert last_line(machine.setup()) == "sudo apt-get install -y python3.11-venv"


def test_no_python_at_all(machine: Machine) -> None:
    machine.has_apt()
    (machine.programs / "python3").unlink()
    assert last_line(machine.setup()) == "sudo apt-get install -y python3 python3-venv"


def test_an_old_python_is_joined_by_a_packaged_newer_one(machine: Machine) -> None:
    machine.has_python("3.10")
    machine.has_apt()
    assert last_line(machine.setup()) == "sudo apt-get install -y python3.11 python3.11-venv"
    machine.has_apt(names="libgl1 python3.12-venv")
    assert last_line(machine.setup()) == "sudo apt-get install -y python3.12 python3.12-venv"


def test_another_linux(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    machine.lacks("usb-1.0")
    run = machine.setup()
    assert len(run.stderr.splitlines()) == 1
    assert "no apt-get; install what provides libusb-1.0.so.0 (Fedora: sudo dnf" in last_line(run)
    machine.lacks("vulkan", "vulkan_lvp")
    run = machine.setup()
    assert (run.returncode, len(run.stdout.splitlines())) == (0, 1)
    assert "without libvulkan.so.1 libvulkan_lvp.so the scene" in run.stdout


def test_another_linux_with_an_old_python(machine: Machine) -> None:
    machine.has_python("3.9")
    run = machine.setup()
    assert len(run.stderr.splitlines()) == 1
    assert "Python 3.11 or newer is needed and none was found" in last_line(run)


def test_macos_goes_on(machine: Machine) -> None:
    machine.fake("uname", "echo Darwin")
    machine.has_libraries([])
    run = machine.setup()
    assert run.returncode == 0
    assert run.stdout.startswith("macOS:")


def test_python_is_the_users_choice(machine: Machine) -> None:
    machine.has_apt()
    machine.fake("python3.8", 'case "$*" in *"print("*) echo 3.8 ;; *) exit 1 ;; esac')
    run = machine.setup(PYTHON="python3.8")
    assert last_line(run) == "error: PYTHON=python3.8 is Python 3.8; 3.11 or newer is needed"
    run = machine.setup(PYTHON="python9")
    assert last_line(run) == "error: PYTHON=python9: no such program"


def fake_venv(machine: Machine, *, pip: str) -> None:
    """A .venv whose pip runs `pip`, and whose imports succeed."""
    script = f"""#!{BASH}
    case "$*" in
    "-m pip --version") ;;
    "-m pip"*) echo "$*" >>{machine.log}; {pip} ;;
    *"print("*) echo 3.11 ;;
    esac"""
    python = machine.tree / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(script, encoding="utf-8")
    python.chmod(0o755)


def test_installing_leaves_a_stamp_and_is_not_repeated(machine: Machine) -> None:
    fake_venv(machine, pip="echo 'Downloading torch-2.13.0-cp311-x.whl (527.1 MB)'")
    run = machine.setup("dev", PIP_ARGS="--find-links wheels")
    assert run.returncode == 0, run.stderr
    assert "downloading torch-2.13.0, 527.1 MB" in run.stdout
    extras = "view,detect,export,board,report,train,dev"
    assert f"--find-links wheels -c constraints.txt -e .[{extras}]" in machine.logged()
    for profile in ("dev", "demo"):
        again = machine.setup(profile)
        assert (again.returncode, again.stdout) == (0, "")
    assert len(machine.logged().splitlines()) == 1

    with (machine.tree / "constraints.txt").open("a") as constraints:
        constraints.write("# changed\n")
    assert machine.setup("dev").returncode == 0
    assert len(machine.logged().splitlines()) == 2


def test_a_failed_install_leaves_no_stamp(machine: Machine) -> None:
    fake_venv(machine, pip="echo 'ERROR: no space left'; exit 1")
    run = machine.setup("demo")
    assert "ERROR: no space left" in run.stderr
    assert last_line(run).startswith("error: pip could not install")
    assert not list((machine.tree / ".venv").glob(".installed*"))


def test_a_venv_of_another_python_is_not_overwritten(machine: Machine) -> None:
    fake_venv(machine, pip="exit 1")
    machine.has_python("3.12")
    run = machine.setup("dev", PYTHON="python3")
    assert ".venv holds Python 3.11" in last_line(run)
    assert machine.logged() == ""


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_help_lists_every_target() -> None:
    run = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    for target in ("demo", "test", "lint", "bench", "clean"):
        assert f"make {target} " in run.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="no file modes")
@pytest.mark.parametrize("name", ["tools/setup.sh", ".ci/run"])
def test_scripts_are_executable_and_parse(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    subprocess.run([str(BASH), "-n", str(ROOT / name)], check=True)
