"""The first pass: who is where, at key frames only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor

from ..skeletons import BODY_LANDMARKS
from ..video import Frame
from .appearance import see_looks
from .engine import Engine
from .joining import join_trails
from .person import detect_people, regions_of_people
from .pose import Poses, regions_of_poses, see_poses
from .regions import upload
from .seen import rows_of
from .thumbnails import keep_best
from .tracks import Sighting, Track, Tracker, merge_same

_KEY_STEP_S = 0.2
_CHUNK = {"cpu": 4, "mps": 8, "cuda": 16}  # key frames looked at together
_CLOSER_EVERY = 2  # key frames between close looks of the person detector
_MIN_SCORE = 0.5  # as MediaPipe
_MIN_INSIDE = 0.25  # share of a body's landmarks that lie in the picture
_MIN_SIZE_PX = 2.0  # of a region
_NUM_POINTS = len(BODY_LANDMARKS)


def key_step(fps: float) -> int:
    """Frames from one key frame to the next."""
    return max(1, round(fps * _KEY_STEP_S))


def find_people(
    engine: Engine,
    frames: Iterable[Frame],
    progress: Callable[[int], None],
    warn: Callable[[str], None],
    max_people: int = 8,
) -> list[Track]:
    """The people in key frames, the most present and largest first; empty if there are none.

    ``progress`` is told how many key frames are done, ``warn`` when more than ``max_people`` were
    seen.
    """
    tracker = Tracker()
    num_moments = 0
    frames = iter(frames)
    while chunk := list(islice(frames, _CHUNK[engine.device.type])):
        moments = range(num_moments, num_moments + len(chunk))
        _Chunk(engine, chunk, [moment % _CLOSER_EVERY == 0 for moment in moments]).look(tracker)
        num_moments += len(chunk)
        progress(num_moments)
    tracks = join_trails(tracker.trails, num_moments)
    if len(tracks) > max_people:
        warn(
            f"{len(tracks)} people were seen; the {max_people} who are the most in the picture are "
            "kept. For the others choose a shorter range, or cut the picture to them."
        )
    return tracks[:max_people]


class _Chunk:
    """Some key frames in a row, few enough to be held at once."""

    def __init__(self, engine: Engine, frames: list[Frame], is_closer: list[bool]) -> None:
        """``is_closer``: the frames at which the person detector looks closely."""
        self.engine, self.frames, self.is_closer = engine, frames, is_closer
        self.pictures = upload(engine, [frame.image for frame in frames])
        self.sightings: list[list[Sighting]] = [[] for _ in frames]

    def look(self, tracker: Tracker) -> None:
        """Let the tracker know who is where."""
        for closer in (False, True):
            self._detect([i for i, c in enumerate(self.is_closer) if c == closer], closer=closer)
        for i, frame in enumerate(self.frames):
            doubtful = tracker.doubtful_regions(self.sightings[i], frame.time_s)
            if len(doubtful):
                self._see([i] * len(doubtful), torch.from_numpy(doubtful), is_detected=False)
                lost = tracker.lost_regions(self.sightings[i], frame.time_s)
                if len(lost) and not self.is_closer[i]:
                    self._detect([i], closer=True)
            for trail in tracker.add(self.sightings[i], frame.time_s):
                keep_best(trail, self.pictures[i])

    def _detect(self, numbers: list[int], *, closer: bool) -> None:
        """See whom the detector finds in these pictures."""
        pictures = [self.pictures[i] for i in numbers]
        found = detect_people(self.engine, pictures, closer=closer)
        owners = [i for i, people in zip(numbers, found, strict=True) for _ in people.points]
        if owners:
            regions = regions_of_people(torch.cat([people.points for people in found]))
            self._see(owners, regions, is_detected=True)

    def _see(self, owners: list[int], regions: Tensor, *, is_detected: bool) -> None:
        """Add the bodies in regions [N, 4] of the pictures ``owners`` [N] to the sightings.

        Looked at twice: the detector's regions, and those of people who move, are rough.
        """
        height, width = self.pictures[0].shape[:2]
        picture_of = torch.tensor(owners, device=self.engine.device)
        regions = regions.to(self.engine.device)
        for _ in range(2):
            poses = see_poses(self.engine, self.pictures, picture_of, regions, "lite")
            regions = regions_of_poses(poses.points)
            is_body = (poses.score >= _MIN_SCORE) & (regions[:, 2] >= _MIN_SIZE_PX)
            is_body &= _share_inside(poses, width, height) >= _MIN_INSIDE
            rows = torch.nonzero(is_body)[:, 0]
            poses, picture_of, regions = rows_of(poses, rows), picture_of[rows], regions[rows]
        for i, sighting in self._sightings_of(poses, picture_of.tolist(), regions, is_detected):
            self.sightings[i] = merge_same([*self.sightings[i], sighting])

    def _sightings_of(
        self, poses: Poses, owners: list[int], regions: Tensor, is_detected: bool
    ) -> Iterator[tuple[int, Sighting]]:
        """The sightings that are sure enough, each with the number of its picture."""
        points = poses.points[:, :_NUM_POINTS, :2].cpu().numpy()
        visibility = poses.visibility[:, :_NUM_POINTS].cpu().numpy()
        peaks = poses.peak[:, :_NUM_POINTS].sort(dim=1, descending=True).values
        sureness = peaks[:, : (_NUM_POINTS + 1) // 2].mean(1).tolist()
        looks = see_looks(self.pictures, owners, points, visibility)
        rows = zip(owners, regions.cpu().numpy(), poses.score.tolist(), strict=True)
        for k, (i, region, score) in enumerate(rows):
            sighting = Sighting(
                frame_index=self.frames[i].index,
                time_s=self.frames[i].time_s,
                region=region,
                points=points[k],
                visibility=visibility[k],
                score=score,
                sureness=sureness[k],
                look=looks[k],
                is_detected=is_detected,
            )
            if sighting.is_sure:
                yield i, sighting


def _share_inside(poses: Poses, width: int, height: int) -> Tensor:
    """[N] share of the landmarks that lie in the picture."""
    x, y = poses.points[:, :_NUM_POINTS, :2].unbind(-1)
    return ((x >= 0) & (x < width) & (y >= 0) & (y < height)).float().mean(1)
