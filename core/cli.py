"""The command line ``reelrig``: the same pipeline without Blender's window."""

from __future__ import annotations

import argparse
import importlib.util
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from .config import Camera, CaptureConfig, CaptureJob, Device, Method
from .errors import ReelrigError
from .protocol import Done, Failed, Message, Progress, Warn, message_to_line

_Send = Callable[[Message], None]
_EMPTY_LINE = "\r\033[K"  # a terminal's last line emptied


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one sentence on stderr when the user can act."""
    args = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return args.run(args)
    except ReelrigError as error:
        if getattr(args, "progress", "text") == "json":
            _send_json(Failed(str(error)))
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        _say("Cancelled. No half-written file is left.")
        return 130


def _interrupt(signum: int, frame: object) -> None:
    """A polite kill cleans up the way Ctrl+C does."""
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reelrig", description="Markerless motion capture: video in, SMPL-X animation out."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_capture(commands)
    _add_build(commands)
    doctor = commands.add_parser("doctor", help="say what runs where, with a self-test")
    doctor.set_defaults(run=_run_doctor)
    return parser


def _add_capture(commands: argparse._SubParsersAction) -> None:
    defaults = CaptureConfig()
    capture = commands.add_parser("capture", help="solve a video into a motion file")
    capture.add_argument("video", type=Path, help="video, folder of images, or frame_%%04d.png")
    capture.add_argument("-o", "--output", type=Path, required=True, help="motion file (.npz)")
    capture.add_argument(
        "--start", type=float, default=defaults.start_s, metavar="S", help="first second"
    )
    capture.add_argument(
        "--end", type=float, default=defaults.end_s, metavar="S", help="last second"
    )
    capture.add_argument("--person", default="0", metavar="N|all", help="0 is the first")
    capture.add_argument("--method", default=defaults.method, choices=get_args(Method))
    capture.add_argument("--device", default=defaults.device, choices=get_args(Device))
    capture.add_argument("--camera", default=defaults.camera, choices=get_args(Camera))
    capture.add_argument("--focal-px", type=float, metavar="F", help="focal length in pixels")
    capture.add_argument(
        "--smooth", type=float, default=defaults.smooth_s, metavar="S", help="0: raw"
    )
    capture.add_argument("--body", metavar="SMPLX.npz", help="your own SMPL-X body")
    capture.add_argument("--overlay", type=Path, metavar="MP4", help="draw the result on the video")
    capture.add_argument("--progress", default="text", choices=("text", "json"))
    capture.set_defaults(run=_run_capture)


def _add_build(commands: argparse._SubParsersAction) -> None:
    build = commands.add_parser("build", help="make a .blend of a motion file (needs bpy)")
    build.add_argument("motion", type=Path, help="motion file (.npz)")
    build.add_argument("-o", "--output", type=Path, required=True, help="scene (.blend)")
    bodies = build.add_mutually_exclusive_group()
    bodies.add_argument("--body", type=Path, metavar="SMPLX.npz", help="your own SMPL-X body")
    bodies.add_argument("--light", action="store_true", help="the free body with few vertices")
    build.add_argument("--export", type=Path, metavar="FILE", help=".fbx, .glb, .bvh or .usd")
    build.set_defaults(run=_run_build)


def _run_capture(args: argparse.Namespace) -> int:
    config = CaptureConfig(
        start_s=args.start,
        end_s=args.end,
        method=args.method,
        device=args.device,
        person=_person(args.person),
        camera=args.camera,
        focal_px=args.focal_px,
        smooth_s=args.smooth,
        body=args.body,
    )
    job = CaptureJob(video=args.video, output=args.output, overlay=args.overlay, config=config)
    send = _send_json if args.progress == "json" else _send_text
    with _cancelled_by_signals(send) as send_or_stop:
        # Imported late: torch and the networks take seconds, and wrong arguments should not wait.
        from .pipeline import capture

        output = capture(job, send_or_stop)
    send(Done([str(output)]))
    return 0


@contextmanager
def _cancelled_by_signals(send: _Send) -> Iterator[_Send]:
    """A ``send`` that raises KeyboardInterrupt once Ctrl+C or a polite kill has come.

    Raised at any moment, as Python does, it would at times hit a library's import or callback,
    which make an ImportError of it or drop it. A second signal ends the process at once.
    """
    is_cancelled = False

    def cancel(signum: int, frame: object) -> None:
        nonlocal is_cancelled
        is_cancelled = True
        signal.signal(signum, signal.SIG_DFL)

    def send_or_stop(message: Message) -> None:
        if is_cancelled:
            raise KeyboardInterrupt
        send(message)

    before = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield send_or_stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _person(text: str) -> int:
    """The chosen person; ``all`` is the one person that the detector finds."""
    if text == "all":
        return 0
    if not text.isdecimal():
        raise ReelrigError(f"--person takes a number from 0 or `all`, got {text!r}.")
    return int(text)


def _send_json(message: Message) -> None:
    sys.stdout.write(message_to_line(message))
    sys.stdout.flush()


def _send_text(message: Message) -> None:
    match message:
        case Progress(stage, done, total, eta_s):
            share = f"{done}/{total}" if total else str(done)
            eta = "" if eta_s is None else f", {eta_s:.0f} s left"
            # In a terminal one line renews itself; a log file only wants each stage's end.
            if done == total:
                _say(f"{stage}: {share}")
            elif sys.stderr.isatty():
                sys.stderr.write(f"{_EMPTY_LINE}{stage}: {share}{eta}")
        case Warn(text):
            _say(f"Note: {text}")
        case Done(outputs):
            sys.stdout.write("".join(f"{output}\n" for output in outputs))
        case Failed(text):
            _say(text)
    sys.stderr.flush()


def _say(text: str) -> None:
    """A line of its own on stderr; in a terminal it takes the place of an unfinished stage's."""
    if sys.stderr.isatty():
        sys.stderr.write(_EMPTY_LINE)
    sys.stderr.write(f"{text}\n")


def _run_build(args: argparse.Namespace) -> int:
    """Blender's half runs in a child process: the core never imports bpy."""
    if importlib.util.find_spec("bpy") is None:
        raise ReelrigError(
            "`reelrig build` needs Blender's Python module bpy, which is not installed here. "
            "Run `make setup`, or open the motion file in Blender's Reelrig panel."
        )
    command = [sys.executable, "-m", "reelrig.addon.scene_file", str(args.motion)]
    command += ["-o", str(args.output)]
    for option in ("body", "export"):
        value = getattr(args, option)
        if value is not None:
            command += [f"--{option}", str(value)]
    if args.light:
        command.append("--light")
    return subprocess.run(command, check=False).returncode


def _run_doctor(args: argparse.Namespace) -> int:
    from .doctor import examine

    write: Callable[[str], object] = sys.stdout.write
    if not examine(lambda line: write(line + "\n")):
        raise ReelrigError("Not all that a capture needs works here. Run `make setup` again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
