"""The documentation says what is there: settings, links, paths, addresses, commands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import typer

from app.api.openapi import openapi_document
from app.cli.commands import cli
from app.settings import Settings
from app.statistics import catalogue
from tests import measures_page

ROOT = Path(__file__).parents[1]
PAGES = (*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md")
CODE_MAP = ROOT / "docs" / "code-map.md"

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"(?:app|tests|docs|openapi|bench)/[\w./-]*")
_NAME = re.compile(r"_?[A-Z][A-Za-z_]+")
_ADDRESS = re.compile(r"https?://127\.0\.0\.1:8000(/[^'\s>]*)?")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def test_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    listed = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    missing = [row for row in _setting_rows() if row not in listed]
    assert not missing, "put into README.md, section Settings:\n" + "\n".join(missing)


@pytest.mark.parametrize("name", ["README.md", "docs/operations.md"])
def test_every_setting_named_exists(name: str) -> None:
    known = {f"SUDSTAT_{field.upper()}" for field in Settings.model_fields}
    named = set(re.findall(r"SUDSTAT_[A-Z_]+[A-Z]", (ROOT / name).read_text(encoding="utf-8")))
    assert named
    assert named <= known


@pages
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in _LINK.findall(_prose(page)):
        if urlsplit(target).scheme:
            continue
        path, _, heading = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target} leads nowhere"
        assert not heading or heading in _headings(found), f"{target}: no such heading"


def test_every_test_that_is_said_to_show_a_claim_is_there() -> None:
    named = re.findall(r"`(tests/\w+\.py)::(\w+)`", (ROOT / "docs/operations/security-proof.md").read_text("utf-8"))
    assert len(named) > 60
    missing = [
        f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []


@pages
def test_every_path_named_exists(page: Path) -> None:
    named = [code for code in _CODE.findall(_prose(page)) if _PATH.fullmatch(code)]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_code_map_shows_every_room() -> None:
    shown = {code.split("/")[1] for code in _CODE.findall(_prose(CODE_MAP)) if _PATH.fullmatch(code)}
    rooms = {path.name for path in (ROOT / "app").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__.py"} <= shown


def test_every_entry_to_add_to_stands_in_the_file_named_for_it() -> None:
    rows = _prose(CODE_MAP).partition("## Where would I add…")[2].splitlines()
    checked = 0
    for row in (row for row in rows if row.startswith("| ")):
        codes = _CODE.findall(row)
        text = "".join(_text_of(ROOT / code) for code in codes if _PATH.fullmatch(code))
        for name in (code for code in codes if _NAME.fullmatch(code)):
            assert name in text, f"{name} is not in the files of: {row}"
            checked += 1
    assert checked > 20


@pages
def test_every_address_asks_what_the_service_knows(page: Path) -> None:
    paths = openapi_document()["paths"]
    for address in _ADDRESS.finditer(page.read_text(encoding="utf-8")):
        url = urlsplit(address[1] or "/")
        if url.path in ("/", "/docs"):
            continue
        operations = paths[url.path].values()
        known = {parameter["name"]: parameter for operation in operations for parameter in operation["parameters"]}
        for name, value in parse_qsl(url.query, keep_blank_values=True, strict_parsing=True):
            assert name in known, f"{name} is no parameter of {url.path}"
            _refuse_unknown_codes(known[name]["schema"], value)


@pages
def test_every_command_exists_with_its_options(page: Path) -> None:
    for words in _commands(page):
        command: Any = typer.main.get_command(cli)
        rest = words[1:]
        while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
            assert rest[0] in command.commands, f"there is no sudstat {rest[0]}"
            command, rest = command.commands[rest[0]], rest[1:]
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in rest if word.startswith("--")} <= options


def test_recipes_show_commands_and_addresses() -> None:
    """So that the two tests above cannot pass for want of anything to check."""
    readme = ROOT / "README.md"
    assert len(list(_commands(readme))) >= 4
    assert len(_ADDRESS.findall(readme.read_text(encoding="utf-8"))) >= 6


def test_the_page_of_measures_is_the_table_of_measures() -> None:
    held = (ROOT / "docs" / "concepts" / "measures.md").read_text(encoding="utf-8")
    assert held == measures_page.page(), "run: python -m tests.measures_page > docs/concepts/measures.md"


def test_every_measure_of_the_catalogue_has_a_paragraph_to_quote_in_the_concepts() -> None:
    """Name, both captions, and the whole definition, under a heading that can be linked to."""
    page = ROOT / "docs" / "concepts" / "measures.md"
    paragraphs = page.read_text(encoding="utf-8").split("\n## ")
    by_id = {paragraph.partition("\n")[0]: paragraph for paragraph in paragraphs}
    told = {lang: catalogue(lang) for lang in ("en", "ru")}
    for held in told.values():
        for measure in (*held["measures"], *(one for preset in held["presets"] for one in preset["own_measures"])):
            assert measure["caption"] in by_id[measure["id"]]
            assert measure["definition"] in by_id[measure["id"]]
            assert f"definition {measure['definition_version']}*" in by_id[measure["id"]]
            assert len(measure["definition"].split()) > 10, "a paragraph, not a word"
        for dimension in held["dimensions"]:
            assert f"`{dimension['id']}`" in by_id["Dimensions"]
        for transform in held["transforms"]:
            assert transform["definition"] in by_id["Transforms"]
        for one in held["breaks"]:
            assert one["day"] in by_id["Breaks"]


def _setting_rows() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        yield f"| `SUDSTAT_{name.upper()}` | {default} | {field.description} |"


def _prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def _headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def _text_of(path: Path) -> str:
    files = path.glob("*.py") if path.is_dir() else (path,)
    return "".join(file.read_text(encoding="utf-8") for file in files)


def _commands(page: Path) -> Iterator[list[str]]:
    """Every `sudstat …` of a page, in words: lines of shell blocks, and code within a sentence."""
    shell = [line for language, block in _BLOCK.findall(page.read_text(encoding="utf-8")) if language == "sh"
             for line in block.splitlines()]  # fmt: skip
    for line in (*shell, *_CODE.findall(_prose(page))):
        words = shlex.split(line, comments=True) if "sudstat" in line else []
        if words[:1] == ["sudstat"]:
            yield words


def _refuse_unknown_codes(schema: dict[str, Any], value: str) -> None:
    is_list = schema.get("type") == "array"
    codes = (schema["items"] if is_list else schema).get("enum")
    for code in value.split(",") if is_list else [value]:
        assert not codes or code in codes, f"{code} is none of {codes}"
