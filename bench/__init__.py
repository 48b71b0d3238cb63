"""Figures as ratios, each measured against a rival beside it in the same run: `python -m bench`."""
