"""Imported last by the fork server: keeps the pages of what it imported shared.

A garbage collection writes into every object it looks at, and so copies the page of each for the process that collects.
What has been frozen before the fork is not looked at: a collection in a task process costs it megabytes less.
"""

from __future__ import annotations

import gc

gc.collect()
gc.freeze()
