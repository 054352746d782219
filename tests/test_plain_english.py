"""Documents, docstrings, comments, messages and names are in plain English, as far as a test can hold that.

`python tests/test_plain_english.py PATH ...` prints the findings in some files.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

THIS = Path(__file__).resolve()
ROOT = THIS.parent.parent
MAX_WORDS = 25

BANNED = re.compile(
    r"\b(told|tells?|says?|stands|heeds?|anew|lapses?|bears|whoever|whom|what is|found none|found one)\b", re.IGNORECASE
)
BANNED_IN_NAMES = {"told", "tell", "tells", "say", "says", "stands", "heed", "heeds", "anew", "whoever", "whom"}

DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md", "sdk-js/README.md")
PYTHON = ("server/edgewise/**/*.py", "tests/**/*.py", "load_tests/**/*.py")
TYPESCRIPT = ("sdk-js/src/**/*.ts", "sdk-js/test/**/*.ts", "sdk-js/build.mjs", "sdk-js/test/**/*.mjs")
HASH_COMMENTS = ("policies/*.toml", "Makefile", "Dockerfile", "pyproject.toml", ".ci/run")


class Finding(NamedTuple):
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class Prose(NamedTuple):
    """A block of prose with the line of its beginning. `is_sentence` is False for strings that may be fragments."""

    line: int
    text: str
    is_sentence: bool = True


def files() -> Iterator[Path]:
    for pattern in (*DOCUMENTS, *PYTHON, *TYPESCRIPT, *HASH_COMMENTS):
        for file in sorted(ROOT.glob(pattern)):
            if "node_modules" not in file.parts and file != THIS:
                yield file


def findings(file: Path) -> list[Finding]:
    path = file.relative_to(ROOT).as_posix()
    text = file.read_text()
    if file.suffix == ".py":
        found = [*_of_python(text)]
    elif file.suffix == ".md":
        found = [one for prose in _markdown(text) for one in _of_prose(prose)]
    elif file.suffix in (".ts", ".mjs"):
        found = [one for prose in _typescript(text) for one in _of_prose(prose)]
    else:
        found = [one for prose in _hash_comments(text) for one in _of_prose(prose)]
    return [Finding(path, line, problem) for line, problem in sorted(found)]


def _of_prose(prose: Prose) -> Iterator[tuple[int, str]]:
    text = re.sub(r"``.+?``|`[^`\n]*`", "CODE", prose.text)
    text = re.sub(r"https?://\S+", "LINK", text)
    for match in BANNED.finditer(text):
        yield prose.line + text.count("\n", 0, match.start()), f"banned word {match[0]!r}"
    if not prose.is_sentence:
        return
    if ";" in text:
        yield prose.line + text.count("\n", 0, text.index(";")), "semicolon"
    for offset, sentence in _sentences(text):
        words = [word for word in sentence.split() if re.search(r"\w", word)]
        if len(words) > MAX_WORDS:
            yield prose.line + text.count("\n", 0, offset), f"sentence of {len(words)} words: {' '.join(words[:6])} ..."


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for match in re.finditer(r"[.!?:][\"')*_]*(?=\s)|\n\s*\n|\n(?=\s*(?:[-*+│├└]|\d+\.|[A-Z]\w+:$)\s)", text):
        yield start, text[start : match.end()]
        start = match.end()
    yield start, text[start:]


def _markdown(text: str) -> Iterator[Prose]:
    """Paragraphs, list items, headings and table cells; code blocks and HTML are left out."""
    text = re.sub(r"^(```|~~~).*?^\1$", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL)
    text = re.sub(r"!?\[((?:[^\[\]]|\n)*)\]\([^)]*\)", r"\1", text)
    block: list[str] = []
    began = 1
    for number, line in enumerate([*text.split("\n"), ""], 1):
        is_new = not line.strip() or re.match(r"\s*([-*+]|\d+\.|#+|\||>)\s?", line)
        if is_new and block:
            yield Prose(began, "\n".join(block))
            block = []
        if line.lstrip().startswith("|"):
            yield from (Prose(number, cell) for cell in line.replace("\\|", "/").split("|") if cell.strip(" -:"))
        elif line.strip():
            if not block:
                began = number
            block.append(re.sub(r"^\s*([-*+]|\d+\.|#+|>)\s", "", line))


def _typescript(text: str) -> Iterator[Prose]:
    pattern = r"/\*.*?\*/|(?:^[ \t]*//[^\n]*\n)+|(?<=[ ;,{}()])//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|`(?:[^`\\]|\\.)*`"
    for match in re.finditer(pattern, text, re.DOTALL | re.MULTILINE):
        line = text.count("\n", 0, match.start()) + 1
        if match[0].startswith("/"):
            yield Prose(line, re.sub(r"^\s*(/\*+|\*+/|\*|//+)|\*/", "", match[0], flags=re.MULTILINE))
        elif " " in match[0]:
            yield Prose(line, match[0], is_sentence=False)


def _hash_comments(text: str) -> Iterator[Prose]:
    block: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        comment = re.match(r"\s*#+ ?(.*)", line)
        if comment and not line.startswith("#!"):
            block.append(comment[1])
        elif block:
            yield Prose(number - len(block), "\n".join(block))
            block = []


def _of_python(text: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(text)
    docstrings = set(_docstrings(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_docstring = node in docstrings
            is_lua = "redis.call(" in node.value
            if is_docstring or (" " in node.value and not is_lua):
                yield from _of_prose(Prose(node.lineno, _without_examples(node.value), is_docstring))
        elif (name := _defined_name(node)) is not None:
            words = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().split("_")
            line = getattr(node, "lineno", 1)
            yield from ((line, f"banned word {word!r} in a name") for word in words if word in BANNED_IN_NAMES)
        elif isinstance(node, ast.Raise):
            yield from _of_raise(node)
    for prose in _python_comments(text):
        yield from _of_prose(prose)


def _defined_name(node: ast.AST) -> str | None:
    """The name that a function, class, parameter or assignment defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
            return name
    return None


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Docstrings, and the strings that document the assignment before them."""
    for node in ast.walk(tree):
        for statement in getattr(node, "body", ()) if not isinstance(node, ast.Lambda | ast.IfExp) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield statement.value


def _without_examples(text: str) -> str:
    """Indented blocks after `::`, trees drawn with lines, and tables are no sentences."""
    return re.sub(r"^.*(?:::|[│├└]|\|.*\|).*$", "", text, flags=re.MULTILINE)


def _python_comments(text: str) -> Iterator[Prose]:
    block: list[str] = []
    last = began = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT or re.match(r"#( type:| noqa|!)", token.string):
            continue
        is_own_line = not token.line[: token.start[1]].strip()
        if block and (token.start[0] != last + 1 or not is_own_line):
            yield Prose(began, "\n".join(block))
            block = []
        if not block:
            began = token.start[0]
        block.append(token.string.lstrip("# "))
        last = token.start[0]
    if block:
        yield Prose(began, "\n".join(block))


ERROR_NAME = re.compile(r"(Error|Unavailable|Timeout|Fenced|Lost|Failed|Locked|Rejected|Wrong\w+|Unknown\w+)$")
BEGINNING = re.compile(r"[A-Z\"'`$]|[\w.$\[\]-]+(?:, [\w.$]+)*: |[\w.]*$")


def _of_raise(node: ast.Raise) -> Iterator[tuple[int, str]]:
    """A message begins with a capital or a value, and ends with a full stop or a value."""
    if not isinstance(node.exc, ast.Call):
        return
    name = node.exc.func.attr if isinstance(node.exc.func, ast.Attribute) else getattr(node.exc.func, "id", "")
    for argument in node.exc.args if ERROR_NAME.search(name) else ():
        parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
        literals = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        if any(" " in literal for literal in literals):
            yield from _of_message(node.lineno, parts)


def _of_message(line: int, parts: Sequence[ast.expr]) -> Iterator[tuple[int, str]]:
    first, last = parts[0], parts[-1]
    if isinstance(last, ast.Constant) and not str(last.value).rstrip().endswith((".", "?", "`")):
        yield line, f"message without a full stop: ...{str(last.value)[-30:]!r}"
    if isinstance(first, ast.Constant) and not BEGINNING.match(str(first.value)):
        yield line, f"message without a capital letter: {str(first.value)[:30]!r}..."


@pytest.mark.parametrize("file", [file.relative_to(ROOT).as_posix() for file in files()])
def test_text_is_plain_english(file: str) -> None:
    assert [str(one) for one in findings(ROOT / file)] == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("The client is told nothing.", "banned word 'told'"),
        ("A list; of things.", "semicolon"),
        (" ".join(["word"] * 26) + ".", "sentence of 26 words: word word word word word word ..."),
    ],
)
def test_a_violation_is_found(text: str, problem: str) -> None:
    assert [found for _, found in _of_prose(Prose(1, text))] == [problem]


def test_twenty_five_words_are_allowed() -> None:
    assert list(_of_prose(Prose(1, " ".join(["word"] * 25) + ". Next one."))) == []


def test_code_in_documents_is_not_prose() -> None:
    text = "Run `edgewise tell; stop`.\n\n```sh\necho told; true\n```\n"
    assert [one for prose in _markdown(text) for one in _of_prose(prose)] == []


@pytest.mark.parametrize(
    ("source", "is_good"),
    [
        ('raise ValueError(f"Expected a number, found {value}.")', True),
        ('raise ValueError(f"Expected a number, found {value}")', True),
        ('raise ValueError("found none, expected a number")', False),
        ('raise RequestError(400, "code", "slot: Expected a number.")', True),
        ('raise RequestError(400, "code", "this is wrong.")', False),
    ],
)
def test_messages_are_whole_sentences(source: str, is_good: bool) -> None:
    assert (list(_of_python(source)) == []) is is_good


if __name__ == "__main__":
    targets = [file for name in sys.argv[1:] for file in files() if file.is_relative_to((ROOT / name).resolve())]
    problems = [str(one) for file in targets for one in findings(file)]
    print("\n".join(problems) or "no findings")
    sys.exit(bool(problems))
