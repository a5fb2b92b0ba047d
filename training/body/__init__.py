"""The bake of the free body: MakeHuman's CC0 data in, a body in SMPL-X's file layout out."""
