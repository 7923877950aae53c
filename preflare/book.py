"""The book: run the chapters that changed, render the pages, tell how it went."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from preflare.answers import answers, outdated
from preflare.chapters import (
    Chapter,
    Run,
    check_parameters,
    key_of,
    located,
    parameters_of,
    run,
    runs,
)
from preflare.errors import BookError
from preflare.pages import staged
from preflare.products import digest
from preflare.render import Say, render
from preflare.solutions import FOLDER as SOLUTIONS
from preflare.solutions import is_solution, solutions_of, with_solutions


@dataclass(frozen=True)
class StatusRow:
    """A chapter's line in the status table."""

    chapter: str
    state: str
    when: str = "-"
    seconds: str = "-"
    memory: str = "-"


@dataclass(frozen=True)
class Book:
    """The book of one checkout and the folder that it is built in."""

    root: Path
    folder: Path

    @classmethod
    def found(cls, folder: Path | None = None) -> "Book":
        """Find the book that the working directory lies in.

        Parameters
        ----------
        folder : pathlib.Path, optional
            Where to build; `_build` in the checkout by default.

        Returns
        -------
        Book

        Raises
        ------
        BookError
            If no folder upwards of here has ``_config.yml`` and ``book/_toc.yml``.
        """
        here = Path.cwd()
        for root in (here, *here.parents):
            if (root / "_config.yml").is_file() and (root / "book" / "_toc.yml").is_file():
                return cls(root, (folder or root / "_build").resolve())
        raise BookError(f"{here} is not in a checkout of preflare: change into one.")

    def pages(self) -> list[str]:
        """List all pages, in the order of the table of contents, the landing page first."""
        return _files(self._contents())

    def chapters(self) -> list[Chapter]:
        """List the chapters that run, in the order of the table of contents."""
        pages = (self.root / "book" / f"{name}.md" for name in self.pages())
        return [Chapter(page) for page in pages if page.is_file() and runs(page)]

    def build(
        self,
        *,
        chapter: str | None = None,
        parameters: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        force: bool = False,
        solutions: bool = False,
        say: Say = print,
    ) -> Path:
        """Run the chapters that changed and render the book.

        A chapter that sums up the others' runs is run last, and whenever one of those is new.

        Parameters
        ----------
        chapter : str, optional
            Run only this chapter, those that were never run, and those that sum up the runs.
        parameters : dict, optional
            For that chapter. Files are named from here, or from the checkout's top.
        settings : dict, optional
            For all chapters that have a parameter of that name, such as ``profile``.
        force : bool
            Run what is up to date again, too.
        solutions : bool
            Add the solutions of the exercises. Without it, nothing of them is left in the folder.
        say : callable
            Takes progress messages.

        Returns
        -------
        pathlib.Path
            The folder of the rendered site.

        Raises
        ------
        BookError
            If a chapter fails, rendering warns of anything, or a solution finds another answer
            than the one that is checked for. The site of the last good build is left as it was,
            unless it has solutions and this one is without.
        """
        chapters = self.chapters() + (self._solutions() if solutions else [])
        if chapter is not None and chapter not in [each.name for each in chapters]:
            names = ", ".join(each.name for each in chapters)
            raise BookError(f"The book has no chapter {chapter!r} that runs: it has {names}.")
        known = {each: parameters_of(each) for each in chapters}
        for name in settings or {}:
            if not any(name in names for names in known.values()):
                raise BookError(f"No chapter of the book has a parameter {name!r}: leave it out.")
        with self._alone():
            if not solutions:
                self._forget_solutions()
            shared = self._shared_digest()
            for each in sorted(chapters, key=lambda each: each.reads_runs):
                given = {
                    name: value for name, value in (settings or {}).items() if name in known[each]
                }
                given |= (parameters or {}) if each.name == chapter else {}
                chosen = {name: located(value, self.root) for name, value in given.items()}
                check_parameters(each, chosen)
                key = self._key(each, chosen, shared)
                last = self._last_run(each)
                wanted = chapter in (None, each.name) or each.reads_runs
                current = last is not None and last.key == key
                if current:
                    self._failure(each).unlink(missing_ok=True)
                if (last and not wanted) or (current and not (force and wanted)):
                    continue
                say(f"running {each.name}")
                self._run(each, chosen, key)
            self._compare_answers(chapters)
            pages = staged(self.root, {each.source: self._notebook(each) for each in chapters})
            return render(
                with_solutions(pages, [each for each in chapters if is_solution(each)]),
                self.root / "_config.yml",
                self.folder,
                depends_on=[self.root / "requirements.lock"],
                say=say,
            )

    def status(self) -> list[StatusRow]:
        """Tell when each chapter last ran, how it went, and whether it is up to date."""
        shared = self._shared_digest()
        return [self._status_of(chapter, shared) for chapter in self.chapters()]

    def _contents(self) -> dict[str, Any]:
        contents: dict[str, Any] = yaml.safe_load((self.root / "book" / "_toc.yml").read_text())
        return contents

    def _shared_digest(self) -> str:
        package = Path(__file__).parent
        return digest([package, self.root / "data", self.root / "requirements.lock"])

    def _key(self, chapter: Chapter, parameters: dict[str, Any], shared: str) -> str:
        if chapter.reads_runs:
            others = [self._notebook(each) for each in self.chapters() if not each.reads_runs]
            shared = digest([each for each in others if each.is_file()], shared)
        return key_of(chapter, parameters, shared, self.root)

    def _solutions(self) -> list[Chapter]:
        return solutions_of(self.root, self.pages())

    def _forget_solutions(self) -> None:
        """Remove solutions, and what was rendered from them, of the last build."""
        if (self.folder / SOLUTIONS).exists():
            for part in ("src", "render", "html", SOLUTIONS):
                shutil.rmtree(self.folder / part, ignore_errors=True)

    def _compare_answers(self, chapters: list[Chapter]) -> None:
        """Hold the answers of the solutions against those that are checked for."""
        solved = [self._notebook(each) for each in chapters if is_solution(each)]
        if solved and (wrong := outdated(answers(solved))):
            raise BookError(
                f"The solutions of {', '.join(wrong)} find other answers than are checked for: "
                f"make the checks anew with python -m preflare.answers {self.folder / SOLUTIONS}."
            )

    def _notebook(self, chapter: Chapter) -> Path:
        folder = SOLUTIONS if is_solution(chapter) else "runs"
        return self.folder / folder / f"{chapter.name}.ipynb"

    def _failure(self, chapter: Chapter) -> Path:
        return self._notebook(chapter).with_suffix(".failed.txt")

    def _last_run(self, chapter: Chapter) -> Run | None:
        return Run.load(self._notebook(chapter))

    def _run(self, chapter: Chapter, parameters: dict[str, Any], key: str) -> None:
        failure = self._failure(chapter)
        try:
            run(chapter, parameters, key, self._notebook(chapter), self.root)
        except BookError as error:
            failure.write_text(str(error))
            raise
        failure.unlink(missing_ok=True)

    def _status_of(self, chapter: Chapter, shared: str) -> StatusRow:
        failed = self._failure(chapter).is_file()
        last = self._last_run(chapter)
        if last is None:
            return StatusRow(chapter.name, "failed" if failed else "never run")
        current = last.key == self._key(chapter, last.parameters, shared)
        state = "up to date" if current else "failed since" if failed else "stale"
        return StatusRow(
            chapter.name,
            state,
            last.started,
            f"{last.seconds:.1f} s",
            f"{last.peak_bytes / 1e6:.0f} MB",
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other process builds in this folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _files(entry: Any) -> list[str]:
    """Collect the file names of a table of contents, depth first."""
    if isinstance(entry, dict):
        own = [str(entry[key]) for key in ("root", "file") if key in entry]
        return own + [name for value in entry.values() for name in _files(value)]
    if isinstance(entry, list):
        return [name for value in entry for name in _files(value)]
    return []
