"""What the tests of the world share: takes, the light body for the full one, a core to be asked."""

import bpy
import pytest

from reelrig.addon import corrections
from reelrig.addon.bodies import LIGHT, get_shipped_body
from reelrig.addon.world import add_people
from reelrig.core.motion import write_motion
from tests.addon import fake_resolve
from tests.addon.harness import registered_addon
from tests.addon.shots import make_shot


@pytest.fixture(autouse=True)
def thirty_fps(scene):
    scene.render.fps = 30


@pytest.fixture(scope="session")
def body():
    return get_shipped_body(LIGHT)


@pytest.fixture(scope="session")
def shot(body):
    return make_shot(body, settings_json='{"body": null}')


@pytest.fixture
def fake_core(monkeypatch):
    """The add-on with a core whose answers are known."""
    monkeypatch.setattr(corrections, "resolve", fake_resolve.resolve)
    monkeypatch.setattr(corrections, "FULL", LIGHT)
    with registered_addon():
        yield


@pytest.fixture
def build(scene, body, tmp_path):
    """Adds the characters of motions, each from its file, with the first one active."""

    def build(*motions, body=body, **options):
        paths = [tmp_path / f"{motion.person}.npz" for motion in motions]
        for motion, path in zip(motions, paths, strict=True):
            write_motion(motion, path)
        people = add_people(scene, motions, paths, body, warn=pytest.fail, **options)
        bpy.context.view_layer.objects.active = people[0]
        return people

    return build
