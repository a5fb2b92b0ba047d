"""The test of the installation while Blender is used. What it finds is in test_operators.py."""

import os
import time
from types import SimpleNamespace

import bpy
import pytest

from reelrig.addon.interpreter import NEEDED_PACKAGES
from reelrig.addon.operators.base import ReportsErrors
from reelrig.addon.operators.check_installation import REELRIG_OT_check_installation
from tests.addon.harness import registered_addon, write_python


class Timers:
    """Stands in for the window manager: which timers tick, and whether Blender sends events."""

    def __init__(self):
        self.ticking = []
        self.has_handler = False

    def event_timer_add(self, seconds, *, window):
        self.ticking.append(seconds)
        return seconds

    def event_timer_remove(self, timer):
        self.ticking.remove(timer)

    def modal_handler_add(self, operator):
        self.has_handler = True


class Check(ReportsErrors):
    """The operator without Blender's part of it, which runs only where there is a window."""

    _check = None
    start = REELRIG_OT_check_installation.start
    modal = REELRIG_OT_check_installation.modal
    cancel = REELRIG_OT_check_installation.cancel
    tell = REELRIG_OT_check_installation.tell

    def __init__(self):
        self.reports = []

    def report(self, kinds, text):
        self.reports.append((*kinds, text))


@pytest.fixture
def context(scene):
    with registered_addon():
        preferences = bpy.context.preferences
        yield SimpleNamespace(preferences=preferences, window_manager=Timers(), window=None)


@pytest.fixture
def check():
    yield Check()
    Check._check = None


def start(check, context, folder, monkeypatch, command):
    monkeypatch.setenv("REELRIG_WORKER_PYTHON", str(write_python(folder, command)))
    check.start(context)
    assert context.window_manager.has_handler
    assert context.window_manager.ticking


def wait_for_outcome(check, context):
    ends_at = time.monotonic() + 60
    while (outcome := check.modal(context, SimpleNamespace(type="TIMER"))) == {"PASS_THROUGH"}:
        assert time.monotonic() < ends_at
        time.sleep(0.02)
    return outcome


def test_it_reports_when_all_is_tried(check, context, tmp_path, monkeypatch):
    start(check, context, tmp_path, monkeypatch, "exit 0")
    assert wait_for_outcome(check, context) == {"FINISHED"}
    ((kind, text),) = check.reports
    assert kind == "INFO"
    assert "All is well" in text
    assert Check._check is None
    assert context.window_manager.ticking == []


def test_it_reports_what_is_missing(check, context, tmp_path, monkeypatch):
    start(check, context, tmp_path, monkeypatch, "echo some reason >&2; exit 1")
    assert wait_for_outcome(check, context) == {"CANCELLED"}
    ((kind, text),) = check.reports
    assert kind == "ERROR"
    assert "\nnumpy: some reason\ntorch: some reason" in text
    assert context.window_manager.ticking == []


def test_escape_ends_the_processes(check, context, tmp_path, monkeypatch):
    pids = tmp_path / "pids"
    start(check, context, tmp_path, monkeypatch, f"echo $$ >> {pids}; exec sleep 600")
    ends_at = time.monotonic() + 60
    while not pids.is_file() or len(pids.read_text().split()) < len(NEEDED_PACKAGES):
        assert check.modal(context, SimpleNamespace(type="TIMER")) == {"PASS_THROUGH"}
        assert time.monotonic() < ends_at
        time.sleep(0.02)
    assert check.modal(context, SimpleNamespace(type="ESC")) == {"CANCELLED"}
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    assert check.reports == []
    assert Check._check is None


def test_one_at_a_time(context, monkeypatch):
    assert REELRIG_OT_check_installation.poll(bpy.context)
    monkeypatch.setattr(REELRIG_OT_check_installation, "_check", object())
    assert not REELRIG_OT_check_installation.poll(bpy.context)
