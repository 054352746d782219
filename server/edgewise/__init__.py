"""Edgewise: a self-hosted website-personalization service."""

import os

__version__ = "0.1.0"

# numpy reads it when it is imported. With several threads, the last bits of a fit would depend on the number of cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
