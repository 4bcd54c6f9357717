"""Modules stay small, names come from the trade, and the repository speaks of itself alone."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from statistics import median

import pytest

from tests.architecture.house import ROOT, Sources, house

LONGEST = 400  # what one reads in one sitting; decoders and tables included
MEDIAN = 180

_EMPTY_NAMES = frozenset({"util", "utils", "helper", "helpers", "common", "misc", "manager", "handler", "base"})
_EMPTY_ENDINGS = re.compile(r"(Manager|Handler|Helper|Base|Impl|Utils)$")

# What the repository never mentions: it would point outside of itself. Spelt in parts, so that this file may name them.
_FOREIGN = re.compile(
    "|".join(
        (
            "DESIGN" + r"\.md",
            "CONTRACT" + r"\.md",
            "guide" + r"\.txt",
            "(?<![a-z_])shared" + "/",
            "(?<!user[-_])" + r"\b" + "age" + "nt" + r"s?\b",
            "session of" + " work",
        )
    ),
    re.IGNORECASE,
)
_MAY_NAME_THE_RECORDED_DATA = ".ci/run"
_TEXT = frozenset(
    [
        "py",
        "md",
        "toml",
        "yml",
        "yaml",
        "txt",
        "ipynb",
        "json",
        "cfg",
        "sh",
        "example",
        "sql",
        "tf",
        "tpl",
        "html",
        "js",
        "css",
    ]
)
_NOT_OURS = frozenset({"__pycache__", "dist", "node_modules"})


def long_modules(sources: Sources) -> list[str]:
    """Modules longer than a sitting, or all of them when the median is."""
    lengths = {path: source.count("\n") for path, source in sources.items()}
    complaints = [f"{path}: {length} lines" for path, length in lengths.items() if length > LONGEST]
    written = [length for length in lengths.values() if length > 1]
    if written and median(written) >= MEDIAN:
        complaints.append(f"the median module has {median(written)} lines")
    return complaints


def empty_names(sources: Sources) -> list[str]:
    """Modules and classes whose names say nothing."""
    complaints = []
    for path, source in sources.items():
        if _EMPTY_NAMES & {part.removesuffix(".py") for part in PurePosixPath(path).parts}:
            complaints.append(f"{path}: says nothing about what is in it")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef) and _EMPTY_ENDINGS.search(node.name):
                complaints.append(f"{path}:{node.lineno}: class {node.name}")
    return complaints


def foreign_words(texts: Sources) -> list[str]:
    """Texts that speak of anything but this project."""
    return [
        f"{path}:{number}: {line.strip()[:80]}"
        for path, text in texts.items()
        if path != _MAY_NAME_THE_RECORDED_DATA
        for number, line in enumerate(text.splitlines(), 1)
        if _FOREIGN.search(line)
    ]


def repository() -> Iterator[tuple[str, str]]:
    """Every text file of the repository; hidden folders other than .ci and build products are left out."""
    for folder, inner, files in os.walk(ROOT):
        inner[:] = [each for each in inner if each not in _NOT_OURS and (each == ".ci" or not each.startswith("."))]
        for name in files:
            if "." not in name.lstrip(".") or name.rpartition(".")[2] in _TEXT:
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8", errors="replace") as file:
                    yield os.path.relpath(path, ROOT), file.read()


@pytest.mark.parametrize("rule", [long_modules, empty_names], ids=lambda rule: rule.__name__)
def test_modules_are_small_and_well_named(rule):
    assert rule(house()) == []


def test_the_repository_speaks_of_itself_alone():
    assert foreign_words(dict(repository())) == []


BAD = [
    (long_modules, {"workbench/core/money.py": "x = 1\n" * (LONGEST + 1)}),
    (long_modules, {f"workbench/core/m{number}.py": "x = 1\n" * MEDIAN for number in range(3)}),
    (empty_names, {"workbench/core/utils.py": ""}),
    (empty_names, {"workbench/helpers/money.py": ""}),
    (empty_names, {"workbench/core/order.py": "class OrderManager: ..."}),
    (foreign_words, {"README.md": "see " + "DESIGN" + ".md"}),
    (foreign_words, {"tests/x.py": "path = '../" + "shared" + "/data'"}),
    (foreign_words, {"notes.md": "written by an age" + "nt"}),
    (foreign_words, {"notes.md": "in one session of" + " work"}),
]


@pytest.mark.parametrize(("rule", "sources"), BAD, ids=lambda each: getattr(each, "__name__", None))
def test_each_rule_sees_the_fault_it_is_there_for(rule, sources):
    assert rule(sources)


def test_what_is_meant_is_let_through():
    assert not foreign_words({".ci/run": "../" + "shared" + "/data", "a.py": "headers = {'User-Agent': 'workbench'}"})
    assert not empty_names({"workbench/core/rules.py": "class Order: ..."})
