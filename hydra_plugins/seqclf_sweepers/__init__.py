"""Hydra's doors to the sweeps of seqclf."""
