"""Who is asked: each side's server, how a question is spelt for it, and how its answer reads."""

import base64
import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from app.api.cursor import Cursor, cursor_key, write_cursor
from app.records.ids import read_id
from app.records.listing import Position
from bench.peers.questions import CASE, DATAFUSION, PERSON, QUESTIONS, SQLITE, Given, Question, Row, literals, spelt
from bench.peers.record import SCHEMA

SECRET = "s" * 40
_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `body` is sent as JSON where a method has one."""

    method: str
    path: str
    body: str = ""


@dataclass(frozen=True)
class Side:
    """One server. `command` is None where it is not there, and `missing` says why."""

    name: str
    version: str = ""
    command: tuple[str, ...] | None = None
    address: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""

    def request(self, question: Question, given: Given) -> Request | None:
        """What to send; None where it holds nothing to answer from."""
        raise NotImplementedError

    def rows(self, question: Question, answer: Any) -> Iterator[Row]:
        """The rows of an answer, parsed from JSON."""
        raise NotImplementedError

    def ask(self, request: Request) -> bytes:
        """The body of an answer.

        Errors  RuntimeError with what was said instead
        """
        url, body = self.address + request.path, request.body.encode() or None
        asked = urllib.request.Request(url, body, dict(self.headers), method=request.method)  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{self.name}: {error.status} {error.read()[:500]!r}") from error


class Sudstat(Side):
    """Ourselves. No answer is kept (`SUDSTAT_CACHE_MB=0`); days are, unless its settings say otherwise."""

    def request(self, question: Question, given: Given) -> Request | None:
        more = {"cursor": self._cursor(question, given)} if question.id == "deep" else {}
        return Request("GET", question.ours.format(**given, **more))

    def rows(self, question: Question, answer: Any) -> Iterator[Row]:
        results = answer["results"]
        if "id" in question.columns:
            for case in results:
                own = {**case, "number": case["identifiers"][0]["value"], "id": str(read_id(case["id"]))}
                for person in case["defendants"]:
                    sentence = {f"sentence_{name}": value for name, value in person["sentence"].items()}
                    said = {**sentence, "term_months": sentence["sentence_term_months"], **person}
                    yield (*(own[name] for name in CASE), *(said[name] for name in PERSON))
            return
        names = {"week": "week_start", "n": answer["measures"][0]["id"], "median": "term_months_median"}
        for result in results:
            yield tuple(result[names.get(column, column)] for column in question.columns)

    @cached_property
    def _bound(self) -> tuple[int, int, str]:
        """What the cursors of a list hold beside the place."""
        path = "/v1/cases?limit=100&sort=received_on&fields=id,court,received_on,decided_on,disposition,defendants"
        following = orjson.loads(self.ask(Request("GET", f"{path},identifiers")))["paging"]["next"]
        text = urllib.parse.parse_qs(urllib.parse.urlsplit(following).query)["cursor"][0]
        revision, removed_in, bound, *_ = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[16:])
        return revision, removed_in, bound

    def _cursor(self, question: Question, given: Given) -> str:
        """A cursor to a place: as the page before it would have given."""
        revision, removed_in, bound = self._bound
        position = Position(date.fromisoformat(given["since"]), UUID(given["after"]))
        return write_cursor(cursor_key(SECRET.encode()), Cursor(revision, removed_in, position), bound)


class Datasette(Side):
    """Canned queries over one SQLite file."""

    def request(self, question: Question, given: Given) -> Request | None:
        if not question.sql:
            return None
        return Request("GET", f"/peers/{question.id}.json?{urllib.parse.urlencode(given)}&_shape=arrays")

    def rows(self, question: Question, answer: Any) -> Iterator[Row]:
        yield from map(tuple, answer["rows"])


class Roapi(Side):
    """SQL over tables in memory."""

    def request(self, question: Question, given: Given) -> Request | None:
        if not question.sql:
            return None
        return Request("POST", "/api/sql", spelt(question, DATAFUSION, literals(question, given)))

    def rows(self, question: Question, answer: Any) -> Iterator[Row]:
        # What is null is left out of a row.
        yield from (tuple(row.get(column) for column in question.columns) for row in answer)


class Postgraphile(Side):
    """Functions of the schema; a page nests the defendants by their foreign key."""

    def request(self, question: Question, given: Given) -> Request | None:
        if not question.sql:
            return None
        fields = " ".join(map(_camel, question.columns))
        if "id" in question.columns:
            fields = f"{' '.join(map(_camel, CASE))} defendantsByCaseIdList {{ {' '.join(map(_camel, PERSON))} }}"
        taken = ", ".join(f"{_camel(f'a_{name}')}: {json.dumps(given[name])}" for name in question.given)
        asked = "first" if question.id == "deep" else question.id
        query = f"{{ rows: {_camel(f'ask_{asked}')}List({taken}) {{ {fields} }} }}"
        return Request("POST", "/graphql", json.dumps({"query": query}))

    def rows(self, question: Question, answer: Any) -> Iterator[Row]:
        for row in answer["data"]["rows"]:
            if "id" not in question.columns:
                yield tuple(row[_camel(column)] for column in question.columns)
                continue
            for person in row["defendantsByCaseIdList"]:
                yield (*(row[_camel(name)] for name in CASE), *(person[_camel(name)] for name in PERSON))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def sudstat(port: int, key: str, version: str, name: str = "Sudstat", **settings: str) -> Side:
    """The service itself, which is started elsewhere; `settings` are told with its command."""
    address = f"http://127.0.0.1:{port}"
    command = (*(f"{setting}={value}" for setting, value in settings.items()), "sudstat", "serve")
    return Sudstat(name, version, command, address, {"Authorization": f"Bearer {key}"})


def install(folder: Path, files: Path, url: str, port: int) -> Iterator[Side]:
    """The peers, installed into a folder of their own and set up over the record's files; or why they are not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (made, name) in enumerate(
        ((_datasette, "Datasette"), (_roapi, "roapi"), (_postgraphile, "PostGraphile"))
    ):
        try:
            yield made(folder, files, url, port + number)
        except (OSError, subprocess.SubprocessError, RuntimeError) as error:
            said = getattr(error, "stderr", None) or str(error)
            yield Side(name, missing=" ".join(said.split())[-200:])


def run(*command: str, cwd: Path | None = None) -> str:
    """What a command says.

    Errors  OSError, subprocess.SubprocessError
    """
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True, timeout=600)  # noqa: S603
    return done.stdout


def _from_pip(folder: Path, *packages: str) -> Path:
    place = folder / "python"
    if not place.exists():
        run(sys.executable, "-m", "venv", str(place))
    run(str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *packages)
    return place / "bin"


def _version(bin_: Path, package: str) -> str:
    said = run(str(bin_ / "pip"), "show", package)
    return next(line.split()[1] for line in said.splitlines() if line.startswith("Version:"))


def _datasette(folder: Path, files: Path, url: str, port: int) -> Side:
    bin_ = _from_pip(folder, "datasette<1", "setuptools<81")
    held = {
        one.id: {"sql": spelt(one, SQLITE, {name: f":{name}" for name in one.given})} for one in QUESTIONS if one.sql
    }
    settings = files / "datasette.json"
    settings.write_text(json.dumps({"databases": {"peers": {"queries": held}}}), encoding="utf-8")
    command = (
        str(bin_ / "datasette"), "serve", "--immutable", str(files / "peers.db"), "--metadata", str(settings),
        "--port", str(port), "--setting", "sql_time_limit_ms", "60000",
    )  # fmt: skip
    return Datasette("Datasette", _version(bin_, "datasette"), command, f"http://127.0.0.1:{port}")


def _roapi(folder: Path, files: Path, url: str, port: int) -> Side:
    bin_ = _from_pip(folder, "roapi")
    tables = [
        {"name": name, "uri": str(files / f"{name}.csv"), "option": {"format": "csv", "use_memory_table": True}}
        for name in ("cases", "defendants")
    ]
    settings = files / "roapi.yml"
    settings.write_text(json.dumps({"addr": {"http": f"127.0.0.1:{port}"}, "tables": tables}), encoding="utf-8")
    command = (str(bin_ / "roapi"), "--config", str(settings))
    return Roapi("roapi", _version(bin_, "roapi"), command, f"http://127.0.0.1:{port}")


def _postgraphile(folder: Path, files: Path, url: str, port: int) -> Side:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("there is no npm")
    place = folder / "node"
    place.mkdir(exist_ok=True)
    run(npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(place), "postgraphile@4")
    package = place / "node_modules" / "postgraphile" / "package.json"
    program = place / "node_modules" / ".bin" / "postgraphile"
    command = (
        str(program), "--connection", url, "--schema", SCHEMA, "--host", "127.0.0.1", "--port", str(port),
        "--simple-collections", "both", "--disable-graphiql", "--disable-query-log", "--max-pool-size", "16",
    )  # fmt: skip
    headers = {"Content-Type": "application/json"}
    version = str(orjson.loads(package.read_bytes())["version"])
    return Postgraphile("PostGraphile", version, command, f"http://127.0.0.1:{port}", headers)
