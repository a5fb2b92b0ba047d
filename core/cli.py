"""The command line ``reelrig``: the same pipeline without Blender's window."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from .config import Camera, CaptureConfig, CaptureJob, Device, Method, PoseModel
from .errors import OutputError, ReelrigError
from .protocol import (
    Done,
    Failed,
    FoundPerson,
    Message,
    People,
    Progress,
    Seen,
    Warn,
    message_to_line,
)

_Send = Callable[[Message], None]
_EMPTY_LINE = "\r\033[K"  # a terminal's last line emptied
_PEOPLE_TITLE = f"person  {'from':>9}  {'to':>9}  frames  picture\n"


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
    _add_people(commands)
    _add_build(commands)
    doctor = commands.add_parser("doctor", help="say what runs where, with a self-test")
    doctor.set_defaults(run=_run_doctor)
    return parser


def _add_capture(commands: argparse._SubParsersAction) -> None:
    defaults = CaptureConfig()
    capture = commands.add_parser("capture", help="solve a video into a motion file")
    capture.add_argument("-o", "--output", type=Path, required=True, help="motion file (.npz)")
    _add_detection(capture)
    capture.add_argument(
        "--person",
        default=str(defaults.person),
        metavar="N|all",
        help="as `reelrig people` numbers them; all: MOTION_person1.npz ... beside MOTION.npz",
    )
    capture.add_argument(
        "--pose-model",
        default=defaults.pose_model,
        choices=get_args(PoseModel),
        help="the body's network, quickest to best",
    )
    capture.add_argument(
        "--method",
        default=defaults.method,
        choices=get_args(Method),
        help="sts: learned; analytic: geometry alone, the baseline",
    )
    capture.add_argument(
        "--camera",
        default=defaults.camera,
        choices=get_args(Camera),
        help="static: it stands; moving: it does not; auto: told by the background",
    )
    capture.add_argument("--focal-px", type=float, metavar="F", help="focal length in pixels")
    capture.add_argument(
        "--center",
        type=float,
        nargs=2,
        metavar=("X", "Y"),
        help="pixel of the optical axis, of a video that was cropped; else the picture's middle",
    )
    capture.add_argument(
        "--height", type=float, metavar="M", help="the person's real height in metres"
    )
    capture.add_argument(
        "--smooth", type=float, default=defaults.smooth_s, metavar="S", help="0: raw"
    )
    capture.add_argument("--body", metavar="SMPLX.npz", help="your own SMPL-X body")
    capture.add_argument("--overlay", type=Path, metavar="MP4", help="draw the result on the video")
    capture.set_defaults(run=_run_capture)


def _add_people(commands: argparse._SubParsersAction) -> None:
    people = commands.add_parser("people", help="say who is in a video, with a picture of each")
    people.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="for the pictures"
    )
    _add_detection(people)
    people.set_defaults(run=_run_people)


def _add_detection(command: argparse.ArgumentParser) -> None:
    """What is looked at, and by what."""
    defaults = CaptureConfig()
    command.add_argument("video", type=Path, help="video, folder of images, or frame_%%04d.png")
    command.add_argument(
        "--start", type=float, default=defaults.start_s, metavar="S", help="first second"
    )
    command.add_argument(
        "--end", type=float, default=defaults.end_s, metavar="S", help="last second"
    )
    command.add_argument("--device", default=defaults.device, choices=get_args(Device))
    command.add_argument("--progress", default="text", choices=("text", "json"))


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
        pose_model=args.pose_model,
        person=_person(args.person),
        camera=args.camera,
        focal_px=args.focal_px,
        center_px=None if args.center is None else tuple(args.center),
        height_m=args.height,
        smooth_s=args.smooth,
        body=args.body,
    )
    job = CaptureJob(video=args.video, output=args.output, overlay=args.overlay, config=config)
    send = _SENDERS[args.progress]
    with _cancelled_by_signals(send) as send_or_stop:
        # Imported late: torch and the networks take seconds, and wrong arguments should not wait.
        from .pipeline import capture

        outputs = capture(job, send_or_stop)
    send(Done([str(path) for path in outputs]))
    return 0


def _run_people(args: argparse.Namespace) -> int:
    config = CaptureConfig(start_s=args.start, end_s=args.end, device=args.device)
    job = CaptureJob(task="people", video=args.video, output=args.output, config=config)
    send = _SENDERS[args.progress]
    with _folder(args.output), _cancelled_by_signals(send) as send_or_stop:
        from .pipeline import list_people

        outputs = list_people(job, send_or_stop)
    if args.progress == "json":  # the table of the text names them already
        send(Done([str(path) for path in outputs]))
    return 0


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """``path`` as a folder. One that had to be made is removed when the work in it fails."""
    is_new = not path.exists()
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {path} cannot be made: {error.strerror}. Choose another."
        ) from error
    try:
        yield
    except BaseException:
        if is_new:
            shutil.rmtree(path, ignore_errors=True)
        raise


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


def _person(text: str) -> int | None:
    """The chosen person; None for all."""
    if text == "all":
        return None
    if not text.isdecimal():
        raise ReelrigError(f"--person takes a number from 0 or `all`, got {text!r}.")
    return int(text)


def _send_json(message: Message) -> None:
    if isinstance(message, Seen):  # pictures for a window, here they would hide the progress
        return
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
        case People(people):
            sys.stdout.write(_PEOPLE_TITLE + "".join(map(_describe_person, people)))
        case Done(outputs):
            sys.stdout.write("".join(f"{output}\n" for output in outputs))
        case Failed(text):
            _say(text)
    sys.stderr.flush()


_SENDERS: dict[str, _Send] = {"json": _send_json, "text": _send_text}


def _describe_person(found: FoundPerson) -> str:
    picture = found["thumbnail"] or "none"
    return (
        f"{found['person']:>6}  {found['first_s']:7.2f} s  {found['last_s']:7.2f} s  "
        f"{found['share']:>6.0%}  {picture}\n"
    )


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
