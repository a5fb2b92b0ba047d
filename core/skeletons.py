"""Joint and landmark names, their order and their tree."""

from itertools import pairwise

# SMPL-X's 55 joints in its own order (Pavlakos et al. 2019; smplx/joint_names.py lists the same).
JOINT_NAMES: tuple[str, ...] = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "jaw",
    "left_eye_smplhf",
    "right_eye_smplhf",
    *(
        f"{side}_{finger}{i}"
        for side in ("left", "right")
        for finger in ("index", "middle", "pinky", "ring", "thumb")
        for i in (1, 2, 3)
    ),
)
NUM_JOINTS = len(JOINT_NAMES)
JOINT_INDEX = {name: i for i, name in enumerate(JOINT_NAMES)}

# The kinematic tree (kintree_table of the SMPL-X files); the root's parent is -1.
PARENTS: tuple[int, ...] = (
    *(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15),
    *(20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38),
    *(21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53),
)

# Joints of each part of an SMPL-X pose, in AMASS's order of `poses`.
POSE_PARTS = {
    "root_orient": slice(0, 1),
    "pose_body": slice(1, 22),
    "pose_jaw": slice(22, 23),
    "pose_eye": slice(23, 25),
    "pose_hand": slice(25, 55),
}

CONTACT_NAMES = ("left_heel", "left_toe", "right_heel", "right_toe")

# BlazePose's 33 body landmarks (MediaPipe Pose documentation, "Pose landmarker model").
BODY_LANDMARKS: tuple[str, ...] = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
BODY_LANDMARK_INDEX = {name: i for i, name in enumerate(BODY_LANDMARKS)}

NUM_FACE_LANDMARKS = 478  # MediaPipe Face Mesh with irises

# The K landmarks of a person: body, left hand, right hand, face.
LANDMARK_PARTS = {
    "body": slice(0, 33),
    "left_hand": slice(33, 54),
    "right_hand": slice(54, 75),
    "face": slice(75, 75 + NUM_FACE_LANDMARKS),
}
NUM_LANDMARKS = LANDMARK_PARTS["face"].stop

# Index of each finger's first landmark in MediaPipe's hand; its three followers come next to it.
HAND_FINGER_START = {"thumb": 1, "index": 5, "middle": 9, "ring": 13, "pinky": 17}

# Apple's 52 face units in alphabetical order (ARKit, ARFaceAnchor.BlendShapeLocation).
ARKIT_NAMES: tuple[str, ...] = (
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight"),
    *("eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight"),
    *("eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft"),
    *("jawOpen", "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight"),
    *("mouthFrownLeft", "mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthLowerDownLeft"),
    *("mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight", "tongueOut"),
)
# Units that the jaw joint carries out, so their shapes stay at zero beside it. Those of the gaze
# are not among them: on the skin they move the lids alone, which belong beside the turned eyes.
ARKIT_BY_JOINTS = ("jawOpen", "jawLeft", "jawRight")
ARKIT_INDEX = {name: i for i, name in enumerate(ARKIT_NAMES)}

# What previews and overlays draw of a person: chains of landmarks, those of hands and face by their
# number in their part. The face is thinned out from face_mesh_connections.py (Apache-2.0 mediapipe
# package).
_BODY_CHAINS = (
    ("left_ear", "left_eye", "nose", "right_eye", "right_ear"),
    ("mouth_left", "mouth_right"),
    ("left_wrist", "left_elbow", "left_shoulder", "right_shoulder", "right_elbow", "right_wrist"),
    ("left_shoulder", "left_hip", "right_hip", "right_shoulder"),
    *(
        tuple(f"{side}_{name}" for name in ("hip", "knee", "ankle", "heel", "foot_index", "ankle"))
        for side in ("left", "right")
    ),
)
_HAND_CHAINS = (
    *((0, *range(start, start + 4)) for start in HAND_FINGER_START.values()),
    (5, 9, 13, 17),
)
_FACE_CHAINS = (
    (10, 297, 284, 389, 454, 361, 397, 379, 400, 152, 176, 150, 172, 132, 234, 162, 54, 67, 10),
    *((300, 334, 336), (70, 105, 107)),  # brows
    *((362, 385, 387, 263, 373, 380, 362), (33, 160, 158, 133, 153, 144, 33)),  # eyes
    *((168, 4), (98, 4, 327)),  # nose
    *((61, 39, 0, 269, 291, 405, 17, 181, 61), (78, 13, 308, 14, 78)),  # lips
)
_PREVIEW_CHAINS: tuple[tuple[int, ...], ...] = (
    *(tuple(BODY_LANDMARK_INDEX[name] for name in chain) for chain in _BODY_CHAINS),
    *(
        tuple(LANDMARK_PARTS[part].start + i for i in chain)
        for part, chains in (
            ("left_hand", _HAND_CHAINS),
            ("right_hand", _HAND_CHAINS),
            ("face", _FACE_CHAINS),
        )
        for chain in chains
    ),
)
# The landmarks of a preview, of all K: body and hands whole, of the face what is drawn.
PREVIEW_LANDMARKS: tuple[int, ...] = tuple(
    sorted({*range(LANDMARK_PARTS["face"].start), *(i for chain in _PREVIEW_CHAINS for i in chain)})
)
# Pairs of them that a line joins, as places in PREVIEW_LANDMARKS.
PREVIEW_EDGES: tuple[tuple[int, int], ...] = tuple(
    (PREVIEW_LANDMARKS.index(start), PREVIEW_LANDMARKS.index(end))
    for chain in _PREVIEW_CHAINS
    for start, end in pairwise(chain)
)
