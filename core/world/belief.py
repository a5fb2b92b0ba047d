"""What a shot leaves possible of its camera: pitch, roll and focal length, all three together.

They cannot be told apart from each other: the same lines mean another pitch to another lens. So
what is known of one is kept with what it means for the others, until all witnesses were heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..focal_guess import FocalGuess
from .gravity import UpGuess, to_angles, up_from_angles

# Of a witness's word, what is no word at all: it may be altogether wrong, and the others right.
_WRONG_SHARE = 0.1
_NUM_TRIED = 128  # states, for the likeliest: as many others as possible are this near,
_NEAR, _ABOUT = np.radians(10.0), np.radians(30.0)  # and its middle is that of all within
_UP_RANGE, _FOCAL_RANGE = np.radians(60.0), 2.0  # over which a wrong one may be anywhere


@dataclass(frozen=True, eq=False, slots=True)
class CameraBelief:
    """S states of the first camera, the more weight the likelier.

    What is told of them is the middle of those about the likeliest: between two ways up that both
    are possible lies one that is not. The spread is that of all of them about it.
    """

    pitch: np.ndarray  # [S] rad above the horizon
    roll: np.ndarray  # [S] rad clockwise
    log_focal: np.ndarray  # [S] of pixels
    weight: np.ndarray  # [S], sums to 1

    @property
    def up_camera(self) -> np.ndarray:
        """[3] unit, in the first camera's axes."""
        up = self._main() @ up_from_angles(self.pitch, self.roll)
        return up / np.linalg.norm(up)

    @property
    def pitch_sigma_rad(self) -> float:
        return self._spread(self.pitch)

    @property
    def roll_sigma_rad(self) -> float:
        """As an angle by which up is off: less than the roll where the camera looks down."""
        return self._spread(self.roll) * float(np.cos(self._main() @ self.pitch))

    @property
    def sigma_rad(self) -> float:
        """Expected angle between ``up_camera`` and the truth, root mean square."""
        return float(np.hypot(self.pitch_sigma_rad, self.roll_sigma_rad))

    @property
    def focal(self) -> FocalGuess:
        mean = float(self._main() @ self.log_focal)
        return FocalGuess(float(np.exp(mean)), self._spread(self.log_focal))

    def told(self, ups: Sequence[UpGuess] = (), focals: Sequence[FocalGuess] = ()) -> CameraBelief:
        """After these further witnesses, each independent of all that was heard before.

        One that contradicts everything else changes little: it may be altogether wrong.
        """
        log_weight = np.log(self.weight + 1e-300)
        for up in ups:
            pitch, roll = to_angles(up.up_camera)
            square = ((self.pitch - pitch) / up.pitch_sigma_rad) ** 2
            square += ((self.roll - roll) * np.cos(pitch) / up.roll_sigma_rad) ** 2
            peak = 1 / (2 * np.pi * up.pitch_sigma_rad * up.roll_sigma_rad)
            log_weight += _log_word(square, peak, 1 / (2 * _UP_RANGE) ** 2)
        for focal in focals:
            square = ((self.log_focal - np.log(focal.focal_px)) / focal.sigma) ** 2
            log_weight += _log_word(square, 0.4 / focal.sigma, 0.5 / _FOCAL_RANGE)
        weight = np.exp(log_weight - log_weight.max())
        return replace(self, weight=weight / weight.sum())

    def corrected(self, up: UpGuess) -> CameraBelief:
        """The same states, with the middle and the spread of up that ``up`` tells."""
        pitch, roll = to_angles(up.up_camera)
        return replace(
            self,
            pitch=self._moved(self.pitch, pitch, up.pitch_sigma_rad),
            roll=self._moved(self.roll, roll, up.roll_sigma_rad / np.cos(pitch)),
        )

    def _moved(self, values: np.ndarray, mean: float, sigma: float) -> np.ndarray:
        spread = max(self._spread(values), 1e-6)
        return mean + (values - self._main() @ values) * sigma / spread

    def with_focal(self, focal_px: float) -> CameraBelief:
        """The same, moved to what is the middle of the focal lengths by somebody's own word."""
        moved = self.log_focal + np.log(focal_px / self.focal.focal_px)
        return replace(self, log_focal=moved)

    def _main(self) -> np.ndarray:
        """[S] the weights of the states about the likeliest way up alone; they sum to 1."""
        ups = up_from_angles(self.pitch, self.roll)
        steps = np.searchsorted(np.cumsum(self.weight), (np.arange(_NUM_TRIED) + 0.5) / _NUM_TRIED)
        angles = np.arccos((ups[steps.clip(max=len(ups) - 1)] @ ups.T).clip(-1, 1))
        likely = np.exp(-0.5 * (angles / _NEAR) ** 2) @ self.weight
        main = np.where(angles[likely.argmax()] < _ABOUT, self.weight, 0.0)
        return main / main.sum()

    def _spread(self, values: np.ndarray) -> float:
        off = values - self._main() @ values
        return float(np.sqrt(self.weight @ off**2))


def _log_word(square: np.ndarray, peak: float, anywhere: float) -> np.ndarray:
    """[S] of square distances in sigmas, where the densities are ``peak`` at 0 and ``anywhere``."""
    return np.log((1 - _WRONG_SHARE) * peak * np.exp(-0.5 * square) + _WRONG_SHARE * anywhere)
