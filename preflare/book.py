"""The book: run the chapters that changed, render the pages, tell how it went."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event
from typing import Any

import yaml

from preflare.answers import answers, outdated
from preflare.atomic import alone
from preflare.chapters import (
    Chapter,
    Run,
    check_parameters,
    key_of,
    located,
    notices_of,
    parameters_of,
    run,
    runs,
)
from preflare.errors import BookError, reason
from preflare.pages import staged
from preflare.products import digest, is_sound
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
        """List the chapters that run, in the order of the table of contents.

        Raises
        ------
        BookError
            If one lies outside of the book, there or by a link.
        """
        pages = (self.root / "book" / f"{name}.md" for name in self.pages())
        there = [page for page in pages if page.is_file()]
        _refuse_others(there, self.root / "book")
        return [Chapter(page) for page in there if runs(page)]

    def build(
        self,
        *,
        chapter: str | None = None,
        parameters: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        force: bool = False,
        solutions: bool = False,
        jobs: int = 1,
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
        jobs : int
            Chapters that run side by side. What they share is made once; their memory adds up.
        say : callable
            Takes progress messages.

        Returns
        -------
        pathlib.Path
            The folder of the rendered site.

        Raises
        ------
        BookError
            If the folder cannot be written, a chapter fails, rendering warns of anything, or a
            solution finds another answer than the one that is checked for. The site of the last
            good build is left as it was, unless it has solutions and this one is without.
        """
        chapters = self.chapters() + (self._solutions() if solutions else [])
        if chapter is not None and chapter not in [each.name for each in chapters]:
            names = ", ".join(each.name for each in chapters)
            raise BookError(f"The book has no chapter {chapter!r} that runs: it has {names}.")
        chosen = self._chosen(chapters, chapter, parameters or {}, settings or {})
        self._check_folder()
        with alone(self.folder / "site"), self._refusals():
            if not solutions:
                self._forget_solutions()
            shared = self._shared_digest()
            for late in (False, True):
                keys = {
                    each: self._key(each, chosen[each], shared)
                    for each in chapters
                    if each.reads_runs == late
                }
                due = [
                    (each, chosen[each], key)
                    for each, key in keys.items()
                    if self._is_due(each, key, chapter in (None, each.name) or late, force)
                ]
                self._run_all(due, jobs, say)
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

    def _chosen(
        self,
        chapters: list[Chapter],
        chapter: str | None,
        parameters: dict[str, Any],
        settings: dict[str, Any],
    ) -> dict[Chapter, dict[str, Any]]:
        """Share out what was asked for among the chapters, those of one name and those of all."""
        known = {each: parameters_of(each) for each in chapters}
        for name in settings:
            if not any(name in names for names in known.values()):
                raise BookError(f"No chapter of the book has a parameter {name!r}: leave it out.")
        chosen = {}
        for each in chapters:
            given = {name: value for name, value in settings.items() if name in known[each]}
            given |= parameters if each.name == chapter else {}
            chosen[each] = {name: located(value, self.root) for name, value in given.items()}
            check_parameters(each, chosen[each])
        return chosen

    def _check_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=self.folder).close()
        except OSError as refusal:
            raise BookError(
                f"The book cannot be built in {self.folder} ({reason(refusal)}): "
                "name another folder."
            ) from refusal

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Say in one sentence that the folder cannot be written."""
        try:
            yield
        except OSError as refusal:
            named = refusal.filename
            if named is not None and not Path(named).is_relative_to(self.folder):
                raise
            raise BookError(
                f"The book cannot be built in {self.folder} ({reason(refusal)}): "
                "make room, or name another folder."
            ) from refusal

    def _is_due(self, chapter: Chapter, key: str, wanted: bool, force: bool) -> bool:
        last = self._last_run(chapter)
        if last is None or last.key == key:
            # One that is damaged is named; then it is as if it had never run.
            last = last if is_sound(self._notebook(chapter)) else None
        current = last is not None and last.key == key
        if current:
            self._failure(chapter).unlink(missing_ok=True)
        return last is None or (wanted and (force or not current))

    def _run_all(self, due: list[tuple[Chapter, dict[str, Any], str]], jobs: int, say: Say) -> None:
        """Run chapters side by side; after one has failed, or Control-C, begin no other."""
        over = Event()

        def start(chapter: Chapter, parameters: dict[str, Any], key: str) -> None:
            if over.is_set():
                return
            say(f"running {chapter.name}")
            try:
                self._run(chapter, parameters, key, say)
            except BaseException:
                over.set()
                raise

        with ThreadPoolExecutor(jobs) as pool:
            running = [pool.submit(start, *each) for each in due]
            try:
                wait(running)
            finally:
                over.set()
        for each in running:
            each.result()

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
        solutions = solutions_of(self.root, self.pages())
        _refuse_others([each.source for each in solutions], self.root / SOLUTIONS)
        return solutions

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

    def _run(self, chapter: Chapter, parameters: dict[str, Any], key: str, say: Say) -> None:
        failure = self._failure(chapter)
        try:
            run(chapter, parameters, key, self._notebook(chapter), self.root)
        except BookError as error:
            failure.write_text(str(error))
            raise
        finally:
            for sentence in notices_of(self._notebook(chapter)):
                say(f"{chapter.name}: {sentence}")
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


def _refuse_others(pages: list[Path], folder: Path) -> None:
    """Refuse to run what does not lie in a folder of the book."""
    for page in pages:
        if not page.resolve().is_relative_to(folder.resolve()):
            raise BookError(
                f"{page} lies outside of the book: only what is in {folder} itself is run."
            )


def _files(entry: Any) -> list[str]:
    """Collect the file names of a table of contents, depth first."""
    if isinstance(entry, dict):
        own = [str(entry[key]) for key in ("root", "file") if key in entry]
        return own + [name for value in entry.values() for name in _files(value)]
    if isinstance(entry, list):
        return [name for value in entry for name in _files(value)]
    return []
