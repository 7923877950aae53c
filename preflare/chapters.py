"""Run one chapter: MyST text to notebook by jupytext, executed by papermill, with a record."""

import json
import multiprocessing
import os
import platform
import re
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import Any

import jupytext
import nbformat
import yaml

from preflare.atomic import atomically
from preflare.checksums import record_checksums
from preflare.errors import BookError, reason
from preflare.ledger import RUNS
from preflare.notices import ENVIRONMENT as NOTICES
from preflare.notices import PREFIX
from preflare.products import digest

_FRONT_MATTER = re.compile(r"\A---\n(.*?^kernelspec:.*?)^---$", re.DOTALL | re.MULTILINE)

_RECORD = "preflare"
"""Where a notebook's metadata keep its `Run`, so that the two cannot part."""


@dataclass(frozen=True)
class Chapter:
    """A page of the book that runs: MyST Markdown with a kernel in its front matter."""

    source: Path

    @property
    def name(self) -> str:
        """The file's stem, by which the table of contents and the command line call it."""
        return self.source.stem

    @property
    def reads_runs(self) -> bool:
        """Whether it sums up the runs of other chapters: its front matter says so.

        Raises
        ------
        BookError
            If the front matter is no YAML, or says anything else of preflare.
        """
        return self._settings() == {"reads": "runs"}

    @property
    def record(self) -> str | None:
        """The file of the checkout that it shows, such as a benchmark's, as its front matter says.

        Raises
        ------
        BookError
            See `reads_runs`.
        """
        return self._settings().get("record")

    def _settings(self) -> dict[str, str]:
        """Return what the front matter says of preflare."""
        matter = _FRONT_MATTER.match(self.source.read_text(encoding="utf-8"))
        try:
            settings = yaml.safe_load(matter[1]).get(_RECORD, {}) if matter else {}
        except yaml.YAMLError as error:
            raise _no_yaml(self.source) from error
        names = list(settings) if isinstance(settings, dict) else None
        file = names == ["record"] and isinstance(settings["record"], str)
        if settings not in ({}, {"reads": "runs"}) and not file:
            raise BookError(
                f"{self.source} has preflare: {settings} in its front matter: "
                "write preflare: {reads: runs}, preflare: {record: a file}, or leave it out."
            )
        return dict(settings)


@dataclass(frozen=True)
class Run:
    """What a chapter's execution was and took."""

    chapter: str
    key: str
    """Hash of everything that the result depends on."""
    started: str
    seconds: float
    peak_bytes: int
    parameters: dict[str, Any]
    versions: dict[str, str]
    machine: str

    @classmethod
    def load(cls, notebook: Path) -> "Run | None":
        """Read the record that an executed notebook carries; None where there is none."""
        try:
            return cls(**json.loads(notebook.read_text(encoding="utf-8"))["metadata"][_RECORD])
        except (OSError, ValueError, TypeError, KeyError):
            return None


def runs(path: Path) -> bool:
    """Tell whether a page of the book is a chapter that runs.

    Parameters
    ----------
    path : pathlib.Path
        A Markdown file.

    Returns
    -------
    bool
    """
    return _FRONT_MATTER.match(path.read_text(encoding="utf-8")) is not None


def key_of(chapter: Chapter, parameters: dict[str, Any], shared: str, root: Path) -> str:
    """Hash everything that a chapter's result depends on.

    Parameters
    ----------
    chapter : Chapter
    parameters : dict
        What papermill injects. Values that name files count with the files' size and time.
    shared : str
        Hash of what all chapters depend on: package, data, lock file.
    root : pathlib.Path
        The folder that chapters run in.

    Returns
    -------
    str
    """
    record = [] if chapter.record is None else [root / chapter.record]
    files = []
    for value in parameters.values():
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and (root / name).exists():
                stat = (root / name).stat()
                files.append(f"{name}:{stat.st_size}:{stat.st_mtime_ns}")
    settings = json.dumps(parameters, sort_keys=True, default=str)
    sources = [chapter.source, *(file for file in record if file.is_file())]
    return digest(sources, settings, shared, *files)


def located(value: Any, root: Path) -> Any:
    """Give a file by its whole path where its name means nothing in the folder of the chapters.

    Parameters
    ----------
    value : Any
        A parameter. Only names of files, and lists of them, are changed.
    root : pathlib.Path
        The folder that chapters run in.

    Returns
    -------
    Any
    """
    if isinstance(value, list):
        return [located(each, root) for each in value]
    if isinstance(value, str) and not (root / value).exists() and Path(value).is_file():
        return str(Path(value).resolve())
    return value


def parameters_of(chapter: Chapter) -> list[str]:
    """List the names that the cell tagged `parameters` gives values to."""
    return [
        match[1]
        for cell in _notebook(chapter.source).cells
        if "parameters" in cell.metadata.get("tags", [])
        for match in re.finditer(r"^(\w+)\s*(?::[^=\n]+)?=", cell.source, re.MULTILINE)
    ]


def check_parameters(chapter: Chapter, parameters: dict[str, Any]) -> None:
    """Refuse parameters that a chapter does not have, which papermill would set in vain.

    Parameters
    ----------
    chapter : Chapter
    parameters : dict

    Raises
    ------
    BookError
    """
    known = parameters_of(chapter)
    for name in parameters:
        if name not in known:
            raise BookError(
                f"Chapter {chapter.name} has no parameter {name!r}: "
                f"it has {', '.join(known) or 'none'}."
            )


def run(chapter: Chapter, parameters: dict[str, Any], key: str, notebook: Path, root: Path) -> Run:
    """Execute a chapter in a process of its own.

    Parameters
    ----------
    chapter : Chapter
    parameters : dict
        For the cell tagged `parameters`.
    key : str
        Kept in the record.
    notebook : pathlib.Path
        Where the executed notebook goes, on success only, with the record in its metadata.
    root : pathlib.Path
        The folder to run in.

    Returns
    -------
    Run

    Raises
    ------
    BookError
        If a cell fails: which one, and its error. What was executed until then is left beside
        `notebook` as ``<chapter>.failed.ipynb``, and what the kernel complained of as
        ``<chapter>.log``.
    """
    log = notebook.with_suffix(".log")
    started, clock = datetime.now(UTC), time.perf_counter()
    # A fresh process, so that the peak memory of its children is this chapter's alone.
    spawn = multiprocessing.get_context("spawn")
    with atomically(notebook, BookError) as place:
        # Of papermill's own ending, which it asks for.
        unfinished = place.with_name(f"{place.name}.ipynb")
        try:
            with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                peak, failure = pool.submit(
                    _execute, chapter.source, unfinished, log, parameters, root
                ).result()
            if failure:
                unfinished.replace(notebook.with_suffix(".failed.ipynb"))
                raise BookError(f"Chapter {chapter.name} failed {failure}")
        except BrokenProcessPool as error:
            raise BookError(
                f"Chapter {chapter.name} was killed while it ran, perhaps for want of memory: "
                "run it again with more, or on less data."
            ) from error
        finally:
            if unfinished.exists():
                unfinished.replace(place)
        record = Run(
            chapter=chapter.name,
            key=key,
            started=started.strftime("%Y-%m-%d %H:%M UTC"),
            seconds=round(time.perf_counter() - clock, 2),
            peak_bytes=peak,
            parameters=parameters,
            versions=_versions(),
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        )
        _finish(place, record)
        record_checksums(place, notebook, BookError)
    return record


def notices_of(notebook: Path) -> list[str]:
    """Return what a person should know of the last execution: sentences, without its pages."""
    log = notebook.with_suffix(".log")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return [line.removeprefix(PREFIX) for line in lines if line.startswith(PREFIX)]


def _execute(
    source: Path, output: Path, log: Path, parameters: dict[str, Any], root: Path
) -> tuple[int, str | None]:
    """Run in the child process; return the kernel's peak memory and what failed, if anything."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ[RUNS] = str(output.parent)
    os.environ[NOTICES] = str(log)
    Thread(target=_end_with_parent, daemon=True).start()
    log.unlink(missing_ok=True)
    with log.open("ab") as stream:  # and so are notices appended
        os.dup2(stream.fileno(), sys.stderr.fileno())
    text = source.read_text(encoding="utf-8")
    nbformat.write(_notebook(source), output)
    failure = None
    try:
        papermill.execute_notebook(
            output,
            output,
            parameters,
            cwd=root,
            progress_bar=False,
            kernel_name="python3",
            language="python",
        )
    except PapermillExecutionError as error:
        place = _line_of(error.source, text)
        where = f"at line {place} of {source.name}" if place else "in its parameters"
        message = error.evalue.strip().partition("\n")[0]
        failure = f"{where} (code cell {error.exec_count}): {error.ename}: {message}"
    except Exception as error:  # a dead kernel and the like, of several libraries
        failure = f"({type(error).__name__}): {reason(error)}"
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024), failure


def _end_with_parent() -> None:
    """End this process, and with it the kernel, where the one that began it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _notebook(source: Path) -> Any:
    try:
        return jupytext.reads(source.read_text(encoding="utf-8"), fmt="md:myst")
    except nbformat.ValidationError as error:
        raise BookError(
            f"{source} does not make a notebook: {reason(error)}: mend its front matter."
        ) from error
    except yaml.YAMLError as error:
        raise _no_yaml(source) from error


def _no_yaml(source: Path) -> BookError:
    return BookError(f"{source} has no YAML in its front matter: mend it.")


def _line_of(cell: str, text: str) -> int | None:
    """Line of the text, counted from 1, at which the source of a cell begins."""
    begins = text.find(cell)
    return text.count("\n", 0, begins) + 1 if cell and begins >= 0 else None


def _finish(path: Path, record: Run) -> None:
    """Fold away the cell that papermill put in, and attach the record."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata[_RECORD] = asdict(record)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            cell.metadata["tags"] = [*tags, "hide-input"]
    nbformat.write(notebook, path)


def _versions() -> dict[str, str]:
    needed = [line for line in metadata.requires("preflare") or [] if "extra ==" not in line]
    names = sorted(re.split(r"[^\w-]", line)[0] for line in needed)
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in names}
