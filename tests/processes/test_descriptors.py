from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from edgewise.processes.descriptors import WANTED

PROGRAM = """
import resource
from edgewise.processes.descriptors import raise_descriptor_limit
print(raise_descriptor_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(("soft", "hard"), [(256, 1024), (1024, 1024), (1024, None)])
def test_limit_of_descriptors_is_raised_as_far_as_the_system_allows(soft: int, hard: int | None) -> None:
    most = hard or resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))

    output = subprocess.check_output([sys.executable, "-c", PROGRAM], preexec_fn=limit, text=True)
    expected = WANTED if most == resource.RLIM_INFINITY else min(WANTED, most)
    assert output.split() == [str(expected)] * 2
