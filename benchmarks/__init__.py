"""Tidegate and its peers on the same machine, in the same run, on the same data: ``make bench``."""
