"""The helpers in docs/guides/identity.md compute the hash that the server expects, in each language."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgewise.ids.user_proof import hash_user_id

GUIDE = (Path(__file__).parents[1] / "docs" / "guides" / "identity.md").read_text()
SECRET = "an-identity-secret"
USER_IDS = ("customer-4711", "größe@shop.example", "42", 'a "b" \\ c')

PROGRAMS: dict[str, tuple[list[str], str]] = {
    "php": (["php", "-r"], "$user_id = getenv('USER_ID');\n{}\necho $user_hash;"),
    "python": ([sys.executable, "-c"], "import os\nuser_id = os.environ['USER_ID']\n{}\nprint(user_hash, end='')"),
    "js": (["node", "-e"], "const user_id = process.env.USER_ID;\n{}\nprocess.stdout.write(user_hash);"),
    "ruby": (["ruby", "-e"], "user_id = ENV['USER_ID']\n{}\nprint user_hash"),
}
"""By language of a code block: the command that runs a text, and the text around the helper."""


@pytest.mark.parametrize("language", PROGRAMS)
def test_helper_computes_the_hash(language: str) -> None:
    command, frame = PROGRAMS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    found = re.search(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert found is not None
    for user_id in USER_IDS:
        environ = {**os.environ, "USER_ID": user_id, "IDENTITY_SECRET": SECRET}
        done = subprocess.run(
            [*command, frame.replace("{}", found[1])], env=environ, capture_output=True, text=True, check=True
        )
        assert done.stdout == hash_user_id(user_id, SECRET)
