"""The order of the stages: video -> people -> landmarks -> motions -> files."""

from __future__ import annotations

from pathlib import Path

from .body.model import BodyModel, load_body
from .config import CaptureConfig, CaptureJob, person_path
from .detect.detector import Detector
from .detect.engine import open_engine
from .detect.find import key_step
from .detect.jumps import changeover_times_s
from .detect.tracks import Track
from .errors import OutputError, VideoError
from .image_files import write_image
from .landmarks import Landmarks
from .motion import Motion, check_writable, write_motion
from .optical_axis import WholePicture
from .overlay import write_overlay
from .people_solver import solve_people
from .protocol import FoundPerson, People, Progress, Warn
from .reporting import Preview, Reporter, Send
from .video import Video, open_video, show_frames
from .world.shot import ShotSightings, ShotWatcher

_MIN_FRAMES = 5  # with a person in them; fewer are no motion, and may be a slip of the detector
_ADVICE = "Choose a video, or a range of it, in which a whole person is visible."


def capture(job: CaptureJob, send: Send) -> list[Path]:
    """Write the motion files (and overlays) of the wanted people of a video; their paths.

    ``send`` is told of progress, warnings and landmarks. What can fail early fails before the long
    work.
    """
    config = job.config
    body_path = None if config.body is None else Path(config.body)
    _check_output(job.output, ".npz", body_path)
    if job.overlay is not None:
        _check_output(job.overlay, ".mp4", job.video)
    body = load_body(body_path)
    video = open_video(job.video)
    detector = _open_detector(config, send)
    tracks = find_people(video, config, detector, send)
    wanted = list(range(len(tracks))) if config.person is None else [config.person]
    people, sightings = detect(video, config, detector, tracks, wanted, send)
    if not body.has_expression_from_arkit:
        send(
            Warn(
                f"{body.path.name} has neither ARKit units nor face landmarks (lmk_faces_idx, "
                "lmk_bary_coords): of the face only jaw and eyes will move."
            )
        )
    motions = solve(people, sightings, video, config, body, send)
    outputs = [_path_of(job.output, person, config) for person in motions]
    _write_all(motions, outputs, send)
    if job.overlay is not None:
        for person, motion in motions.items():
            reporter = Reporter("Overlay", motion.num_frames, send)
            write_overlay(video, motion, _path_of(job.overlay, person, config), reporter)
    return outputs


def solve(
    people: dict[int, Landmarks],
    sightings: ShotSightings,
    video: Video,
    config: CaptureConfig,
    body: BodyModel,
    send: Send,
) -> dict[int, Motion]:
    """solve_people, where need be in the larger picture of which the video is a part."""
    name = video.path.name
    if config.center_px is None:
        return solve_people(people, sightings, config, body, name, send, video.focal)
    whole = WholePicture(video.image_size, config.center_px)
    people = {person: whole.place_landmarks(seen) for person, seen in people.items()}
    sightings = whole.place_sightings(sightings)
    # What the file says of its focal length is of a picture whose size nobody knows.
    motions = solve_people(people, sightings, config, body, name, send, None)
    return {person: whole.crop_motion(motion) for person, motion in motions.items()}


def list_people(job: CaptureJob, send: Send) -> list[Path]:
    """Write a picture of each person of the video into the folder ``job.output``; their paths.

    Who they are is told by a People message.
    """
    check_writable(job.output / "person0.png")
    video = open_video(job.video)
    config = job.config
    tracks = find_people(video, config, _open_detector(config, send), send)
    num_frames = video.num_frames_between(config.start_s, config.end_s)
    outputs, people = [], []
    for person, track in enumerate(tracks):
        path = job.output / f"person{person}.png"
        write_image(path, track.thumbnail)
        outputs.append(path)
        people.append(
            FoundPerson(
                person=person,
                first_s=float(track.time_s[0]),
                last_s=float(track.time_s[-1]),
                share=min(1.0, len(track.time_s) * key_step(video.fps) / num_frames),
                thumbnail=str(path),
            )
        )
    send(People(people))
    return outputs


def _check_output(output: Path, suffix: str, source: Path | None) -> None:
    """``output`` can be written, and is not what the capture reads."""
    check_writable(output, suffix)
    if source is not None and output.resolve() == source.resolve():
        raise OutputError(
            f"{output} is read by this capture, writing it would destroy it. Choose another name."
        )


def _path_of(output: Path, person: int, config: CaptureConfig) -> Path:
    return person_path(output, person) if config.person is None else output


def _open_detector(config: CaptureConfig, send: Send) -> Detector:
    def warn(text: str) -> None:
        send(Warn(text))

    return Detector(engine=open_engine(config.device, warn), model=config.pose_model, warn=warn)


def find_people(video: Video, config: CaptureConfig, detector: Detector, send: Send) -> list[Track]:
    """Who is in the chosen range of the video, among them the person who is wanted."""
    name = video.path.name
    video.check_range(config.start_s, config.end_s)
    total = video.num_frames_between(config.start_s, config.end_s)
    if total < _MIN_FRAMES:
        raise VideoError(
            f"A capture needs at least {_MIN_FRAMES} frames, {name} has {total} in the chosen "
            "range. Choose a longer range or another video."
        )
    reporter = Reporter("Finding people", total, send)
    tracks = detector.find(video, config.start_s, config.end_s, reporter)
    if not tracks:
        hands = detector.sees_hands(video, config.start_s, config.end_s)
        raise VideoError(f"No person was found in {name}{', only hands' * hands}. {_ADVICE}")
    if config.person is not None and config.person >= len(tracks):
        raise VideoError(
            f"Person {config.person} was asked for, {name} shows {len(tracks)} "
            "(the first is 0). Choose one of them."
        )
    return tracks


def detect(
    video: Video,
    config: CaptureConfig,
    detector: Detector,
    tracks: list[Track],
    wanted: list[int],
    send: Send,
) -> tuple[dict[int, Landmarks], ShotSightings]:
    """The landmarks of the wanted people, those who are hardly seen left out, and the shot's."""
    total = video.num_frames_between(config.start_s, config.end_s)
    watcher = ShotWatcher(video.image_size, video.fps)
    found = detector.follow(
        show_frames(video, lambda frame: watcher.see(frame.index, frame.time_s, frame.image)),
        config.start_s,
        config.end_s,
        tracks,
        wanted,
        Reporter("Detecting", total, send),
        Preview(video.image_size, send),
    )
    people = {
        person: landmarks
        for person, landmarks in zip(wanted, found, strict=True)
        if landmarks.is_seen.sum() >= _MIN_FRAMES
    }
    if not people:
        most = max(int(landmarks.is_seen.sum()) for landmarks in found)
        raise VideoError(
            f"A person was found in only {most} of the {total} frames of {video.path.name}, "
            f"at least {_MIN_FRAMES} are needed. {_ADVICE}"
        )
    for person, landmarks in people.items():
        if moments := changeover_times_s(landmarks):
            who = f"person {person}" if len(wanted) > 1 else "the person"
            send(
                Warn(
                    f"At {', '.join(f'{moment:.2f} s' for moment in moments)} {who} is suddenly "
                    "elsewhere: a cut, or somebody else. For a clean motion capture the parts in "
                    "between."
                )
            )
    return people, watcher.sightings()


def _write_all(motions: dict[int, Motion], outputs: list[Path], send: Send) -> None:
    send(Progress("Writing", 0, len(outputs)))
    for done, (motion, output) in enumerate(zip(motions.values(), outputs, strict=True), start=1):
        write_motion(motion, output)
        send(Progress("Writing", done, len(outputs)))
