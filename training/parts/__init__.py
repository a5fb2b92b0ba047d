"""The partial branches of `sts`: how the hands' and the face's networks are trained."""
