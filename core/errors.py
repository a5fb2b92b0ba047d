"""Errors that a user can act on. Anything else that rises is a bug and keeps its traceback."""


class ReelrigError(Exception):
    """Base of all errors whose text says what was expected, what was found and what to do."""


class ShapeError(ReelrigError):
    """An array has another shape than the function needs."""


class VideoError(ReelrigError):
    """A video or image sequence cannot be read, or holds too little to capture."""


class ModelFileError(ReelrigError):
    """A body model file cannot be used."""


class MotionFileError(ReelrigError):
    """A motion file cannot be read or would be invalid if written."""


class OutputError(ReelrigError):
    """A result cannot be written where the user asked for it."""


class WorkerError(ReelrigError):
    """The worker process could not be started or died."""
