"""The settings as options of a command."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeAlias

import click

from edgewise import logs
from edgewise.settings import TABLE, Setting, Settings

Function: TypeAlias = Callable[..., None]


def with_settings(*names: str) -> Callable[[Function], Function]:
    """Add options for these settings to a command, and pass it the loaded `Settings`.

    Every command also gets --verbose. Only this function reads the environment. It also configures logging.
    """
    rows = [row for row in TABLE if row.name in names or row.name == "verbose"]

    def decorate(command: Function) -> Function:
        @functools.wraps(command)
        def with_loaded(**arguments: Any) -> None:
            flags = {row.name: _as_text(arguments.pop(row.name)) for row in rows}
            settings = Settings.load(flags, os.environ)
            logs.configure(settings.verbose)
            command(settings, **arguments)

        decorated: Function = with_loaded
        for row in reversed(rows):
            decorated = _option(row)(decorated)
        return decorated

    return decorate


def _option(row: Setting) -> Callable[[Function], Function]:
    about = f"{row.meaning}  [default: {row.default}; {row.variable}]"
    if row.name == "verbose":
        return click.option("-v", row.flag, row.name, is_flag=True, default=None, help=about)
    if row.is_switch:
        return click.option(f"{row.flag}/--no-{row.flag[2:]}", row.name, default=None, help=about)
    return click.option(row.flag, row.name, metavar=row.kind.placeholder, help=about)


def _as_text(flag: str | bool | None) -> str | None:
    return str(flag).lower() if isinstance(flag, bool) else flag
