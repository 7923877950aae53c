"""Errors that a person can act on: one sentence that names the thing, the fault and the cure."""


class PreflareError(Exception):
    """Base of every error that preflare raises on purpose; the command line prints it as it is.

    Examples
    --------
    >>> import preflare as pf
    >>> pf.observation("PF 20")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    preflare.errors.CatalogueError: Table A1 has no observation 'PF 20': give PF 1 to PF 19, ...
    """


class CatalogueError(PreflareError):
    """The catalogue of observations cannot be read, or does not hold what was asked for."""


class RasterError(PreflareError):
    """A file is not a level 2 file that can be used."""


class ArchiveError(PreflareError):
    """Files of the mission's archive cannot be found, fetched, unpacked or vouched for."""


class CleaningError(PreflareError):
    """Spectra can be read but not cleaned."""


class CubeError(PreflareError):
    """A cube cannot be written or read."""


class SimulationError(PreflareError):
    """A simulation cannot be made as asked, or its result cannot be read."""


class SplitError(PreflareError):
    """Observations or spectra cannot be parted as asked."""


class StudyError(PreflareError):
    """A study cannot be set up, or its products cannot be kept."""


class NetworkError(PreflareError):
    """A network cannot be trained on, asked about, or loaded from what was given."""


class SkillError(PreflareError):
    """Scores cannot be computed from what was given."""


class ExplanationError(PreflareError):
    """Spectra cannot be explained, or explanations cannot be judged, as asked."""


class FindingError(PreflareError):
    """What was found cannot be summed up as asked."""


class BookError(PreflareError):
    """The book cannot be built."""


class ExerciseError(PreflareError):
    """There is no such exercise, or an answer to it cannot be checked."""


class ClusterError(PreflareError):
    """Tasks cannot run where they were sent."""


class ClaimError(PreflareError):
    """The ledger of claims is wrong, or a claim is recorded wrongly."""


def reason(error: BaseException) -> str:
    """Say in a few words, without a path, why the system or a library refused.

    Parameters
    ----------
    error : BaseException
        What was caught.

    Returns
    -------
    str
        The operating system's own words where there are any, else the message's first sentence.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    first_line = str(error).strip().splitlines()
    return first_line[0].split(". ")[0].rstrip(".") if first_line else type(error).__name__
