"""How far from their places on the free body MediaPipe sees its landmarks, in % of the stature.

``python -m training.bench_landmarks --cache FOLDER [--csv FILE] [--overlays FOLDER]`` draws the
body in poses and from places that the landmark table was not fitted to, and compares. A landmark
that something hides is left out, as the networks guess it. Prints markdown; the .csv has a row for
each landmark, the overlays show what was seen in green and the table's places in red.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from reelrig.core.body.measures import MEASURE_NAMES, measure_body
from reelrig.core.body.model import BodyModel, load_body
from reelrig.core.skeletons import BODY_LANDMARKS, HAND_FINGER_START, LANDMARK_PARTS

from .body.landmarks import landmark_arrays
from .body.poses import held_out_views
from .body.sightings import Places, Sighting, see_shots
from .body.views import Studio, take_shots

_HAND_JOINTS = ("first", "second", "third", "tip")
_COLUMNS = "| median | 90 % | views |\n| --- | --- | --- | --- |"
_SEEN, _PLACED = (40, 200, 40), (40, 40, 230)  # BGR
_TILES, _TILE_WIDTH = 6, 420


def main() -> None:
    """Measure the landmark table on a body with `base_vertex`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--body", type=Path, help="instead of the one that Reelrig ships")
    parser.add_argument("--csv", type=Path, help="file for all landmarks, one a row")
    parser.add_argument("--overlays", type=Path, help="folder for pictures of the comparison")
    args = parser.parse_args()
    body = load_body(args.body)
    shots = take_shots(body, held_out_views())
    sightings = see_shots(body, shots, args.cache)
    places = table_places(body)
    misses = {part: miss_shares(body, sightings, places, part) for part in LANDMARK_PARTS}
    print_groups(body, sightings, places, misses, len(shots))
    print_landmarks(misses)
    if args.csv:
        write_csv(args.csv, misses)
    if args.overlays:
        draw_overlays(args.overlays, Studio(body, args.cache), sightings, places)


def table_places(body: BodyModel) -> Places:
    with np.load(body.path, allow_pickle=False) as file:
        base_vertex = file["base_vertex"]
    arrays = landmark_arrays(body.template, body.faces, body.weights, base_vertex)
    return Places.of_arrays(body.faces, arrays)


def miss_shares(
    body: BodyModel, sightings: list[Sighting], places: Places, part: str, shown: str | None = None
) -> np.ndarray:
    """[S, N] misses of a part's landmarks in % of the stature; NaN where hidden or not seen.

    In the views that show ``shown``; if not given, the part itself.
    """
    stature = measure_body(body, np.zeros(10))[MEASURE_NAMES.index("stature")]
    rows = LANDMARK_PARTS[part]
    misses = [
        np.where(places.are_seen(sighting), places.misses(sighting), np.nan)[rows]
        for sighting in sightings
        if sighting.shot.view.part == (shown or part)
    ]
    return 100 / stature * np.array(misses)


def print_groups(
    body: BodyModel,
    sightings: list[Sighting],
    places: Places,
    misses: dict[str, np.ndarray],
    num_shots: int,
) -> None:
    """Each part by itself, and hands and face as they are seen in pictures of the whole body."""
    print(f"{len(sightings)} of {num_shots} pictures in which the networks found what they show.\n")
    print(f"| part {_COLUMNS}")
    for part, shares in misses.items():
        print_row(f"{part.replace('_', ' ')}{'' if part == 'body' else ', close up'}", shares)
    for part in ("left_hand", "right_hand", "face"):
        shares = miss_shares(body, sightings, places, part, shown="body")
        print_row(f"{part.replace('_', ' ')}, whole body", shares)


def print_landmarks(misses: dict[str, np.ndarray]) -> None:
    """The body's and the hand's landmarks, both sides together, and the face by its features."""
    print(f"\n| body {_COLUMNS}")
    rows_of: dict[str, list[int]] = {}
    for i, name in enumerate(BODY_LANDMARKS):
        words = [word for word in name.split("_") if word not in ("left", "right")]
        rows_of.setdefault(" ".join(words), []).append(i)
    for name, rows in rows_of.items():
        print_row(name, misses["body"][:, rows])
    print(f"\n| hand, close up {_COLUMNS}")
    hands = np.concatenate([misses["left_hand"], misses["right_hand"]])
    for i in range(hands.shape[1]):
        print_row(hand_landmark_name(i), hands[:, [i]])
    print(f"\n| face, close up {_COLUMNS}")
    for name, rows in face_features().items():
        print_row(name, misses["face"][:, rows])


def print_row(name: str, shares: np.ndarray) -> None:
    """Over the misses [S, N] that there are; views are those with any."""
    found = ~np.isnan(shares)
    median, most = np.percentile(shares[found], (50, 90))
    print(f"| {name} | {median:.2f} | {most:.2f} | {found.any(1).sum()} |")


def hand_landmark_name(landmark: int) -> str:
    for finger, start in HAND_FINGER_START.items():
        if 0 <= landmark - start < len(_HAND_JOINTS):
            return f"{finger} {_HAND_JOINTS[landmark - start]}"
    return "wrist"


def face_features() -> dict[str, list[int]]:
    """The face's landmarks by what they lie on; each is named once."""
    from mediapipe.python.solutions import face_mesh_connections as known

    features = {
        "irises": [468, 473, *rows_in(known.FACEMESH_IRISES)],
        "eyes": rows_in(known.FACEMESH_LEFT_EYE | known.FACEMESH_RIGHT_EYE),
        "brows": rows_in(known.FACEMESH_LEFT_EYEBROW | known.FACEMESH_RIGHT_EYEBROW),
        "nose": rows_in(known.FACEMESH_NOSE),
        "lips": rows_in(known.FACEMESH_LIPS),
        "outline": rows_in(known.FACEMESH_FACE_OVAL),
    }
    named = {row for rows in features.values() for row in rows}
    number = LANDMARK_PARTS["face"].stop - LANDMARK_PARTS["face"].start
    return features | {"cheeks, forehead, chin": [i for i in range(number) if i not in named]}


def rows_in(edges: Iterable[tuple[int, int]]) -> list[int]:
    return sorted({end for edge in edges for end in edge})


def write_csv(path: Path, misses: dict[str, np.ndarray]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("part", "landmark", "median_percent", "p90_percent", "views"))
        for part, shares in misses.items():
            for i, column in enumerate(shares.T):
                found = column[~np.isnan(column)]
                ends = np.percentile(found, (50, 90)).round(3) if len(found) else ("", "")
                writer.writerow((part, i, *ends, len(found)))


def draw_overlays(folder: Path, studio: Studio, sightings: list[Sighting], places: Places) -> None:
    """A sheet for each part: a line from each landmark seen to its place that is not hidden."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in LANDMARK_PARTS.items():
        tiles = []
        for sighting in sightings:
            if sighting.shot.view.part != part:
                continue
            size = sighting.shot.camera.size
            image, scale = studio.draw(sighting.shot)[0][..., ::-1], _TILE_WIDTH / size[0]
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            placed_px = sighting.shot.camera.project(places.points(sighting.shot.figure))
            for i in np.flatnonzero(places.are_seen(sighting)[rows]) + rows.start:
                placed, seen = (
                    (scale * point[i]).round().astype(int)
                    for point in (placed_px, sighting.points_px)
                )
                cv2.line(image, placed, seen, _PLACED, 1, cv2.LINE_AA)
                cv2.circle(image, seen, 1, _SEEN, -1)
            tiles.append(image)
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _TILES)
        sheet = [np.hstack(tiles[i : i + _TILES]) for i in range(0, len(tiles), _TILES)]
        cv2.imwrite(str(folder / f"{part}.png"), np.vstack(sheet))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # bpy 4.5 can hang for ever in its static destructors, so Python's way out is not taken.
    os._exit(0)
