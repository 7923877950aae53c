"""Where the small inputs that travel with preflare lie."""

from pathlib import Path

from preflare.errors import PreflareError

SAMPLE_RASTER = "iris/iris_l2_20140329_140938_3860258481_raster_t000_r00000.fits"
"""A cut-out of a real level 2 raster: PF 14 of the paper, hours before its flare."""

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Path of a file or folder under `data/`.

    Parameters
    ----------
    name : str
        Path below `data/`, for example ``"observations.ecsv"``.

    Returns
    -------
    pathlib.Path
        In the repository when preflare runs from one, else in the installed package.

    Raises
    ------
    PreflareError
        If nothing of that name travels with this installation.

    Examples
    --------
    >>> shipped("observations.ecsv").name
    'observations.ecsv'
    """
    for root in (_PACKAGE / "data", _PACKAGE.parent / "data"):
        if (root / name).exists():
            return root / name
    raise PreflareError(
        f"data/{name} does not travel with this installation of preflare: install it again."
    )
