"""schemathesis against /openapi.json: every response must be one that the document describes, and none a 5xx.

`make attack` installs schemathesis in an environment of its own, because it has many dependencies.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from edgewise.child import Child
from load_tests.attack_server import start_server
from load_tests.attacker import SECRET_KEY

PROGRAM = Path(__file__).parents[1] / ".venv" / "tools" / "bin" / "schemathesis"
SECONDS = 60

_RUN_IN = "import os, sys; os.chdir(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])"
"""A program that runs another one in a folder. schemathesis leaves files in its current folder."""

_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


async def check_schema(console: Console) -> list[str]:
    """Run schemathesis. Return what it found."""
    if not PROGRAM.exists():
        return ["schemathesis is missing. Run `make attack`, which installs it."]
    with tempfile.TemporaryDirectory(prefix="edgewise-attack-") as folder:
        async with start_server(Path(folder)) as server:
            command = [
                *(sys.executable, "-c", _RUN_IN, folder),
                *(str(PROGRAM), "run", f"http://127.0.0.1:{server.port}/openapi.json", "--checks", ",".join(_CHECKS)),
                *("--phases", "coverage,fuzzing", "--max-examples", "10", "--max-time", str(SECONDS), "--workers", "2"),
                *("--header", f"Authorization: Bearer {SECRET_KEY}", "--exclude-path-regex", "^/v1/[a-z]$"),
                *("--seed", "1", "--no-color", "--warnings", "off", "--report-dir", folder),
            ]
            child = Child("schemathesis", command, stdout=asyncio.subprocess.PIPE)
            await child.start()
            try:
                async with asyncio.timeout(SECONDS + 60):
                    printed = (await child.output.read()).decode(errors="replace")
                    status = await child.wait()
            finally:
                await child.stop()
    console.print(printed[-2000:] if status == 0 else printed[-8000:], markup=False)
    if "Empty test suite" in printed:
        return [f"schemathesis tested nothing in {SECONDS} seconds"]
    return [] if status == 0 else ["schemathesis found a response that /openapi.json does not describe, or a 5xx"]
