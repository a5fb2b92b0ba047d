"""Any body model in SMPL-X's file format: its shape, its joints, its skin."""
