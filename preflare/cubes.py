"""Spectral cubes on disk: one Zarr store an observation, written whole or not at all."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import xarray as xr
from dask.system import CPU_COUNT

from preflare.atomic import atomically
from preflare.errors import CubeError, reason

DIMENSIONS = ("time", "step", "slit", "wavelength")
"""A cube's axes: repetition of the raster, slit position, pixel along the slit, wavelength."""


def write_cube(cube: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> Path:
    """Compute a cube block by block and store it.

    The store is built under another name beside `path` and takes its place when it is complete,
    so that an interrupted run leaves either the old cube or none.

    Parameters
    ----------
    cube : xarray.Dataset
        With dimensions among (time, step, slit, wavelength).
    path : path
        The Zarr store to make, usually named `.zarr`.
    overwrite : bool
        Whether a store that exists may be replaced.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    CubeError
        If `path` exists and may not be replaced, or cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import preflare as pf
    >>> cube = pf.clean(pf.read_raster(pf.shipped(pf.SAMPLE_RASTER)))
    >>> with TemporaryDirectory() as folder:
    ...     path = write_cube(cube, Path(folder) / "sample.zarr")
    ...     print(path.name, open_cube(path).intensity.dtype)
    sample.zarr float32
    """
    path = Path(path)
    check_writable(path, overwrite=overwrite)
    # The threads are its own: where one fails, what others write meanwhile is awaited and removed.
    with atomically(path, CubeError) as place, ThreadPoolExecutor(CPU_COUNT) as threads:
        stored = _regular(cube).to_zarr(place, mode="w", consolidated=False, compute=False)
        stored.compute(pool=threads)
    return path


def check_writable(path: Path, *, overwrite: bool, kind: Literal["cube", "file"] = "cube") -> None:
    """Refuse to replace what is there.

    Parameters
    ----------
    path : pathlib.Path
        Where something is to be written.
    overwrite : bool
        Whether a thing of the same kind may be replaced. Nothing else ever is: no link, device or
        pipe, no folder by a file, and no folder by a cube but another cube.
    kind : {"cube", "file"}
        What is to be written.

    Raises
    ------
    CubeError
        If something is there that may not be replaced.
    """
    if not os.path.lexists(path):
        return
    same = _is_store(path) if kind == "cube" else path.is_file()
    if path.is_symlink() or not same:
        raise CubeError(
            f"{path} exists and is no {kind} that could be replaced: name another output."
        )
    if not overwrite:
        raise CubeError(
            f"{path} exists: name another output, or allow it to be replaced (--force)."
        )


def _is_store(path: Path) -> bool:
    """Whether a folder holds a Zarr group of arrays and nothing else."""
    if not (path / "zarr.json").is_file():
        return False
    return all(
        entry.name == "zarr.json" or (entry / "zarr.json").is_file() for entry in path.iterdir()
    )


def _regular(cube: xr.Dataset) -> xr.Dataset:
    """Give every axis equal blocks, which Zarr needs and padding may have broken."""
    if not cube.chunksizes:
        return cube.chunk()
    blocks = {axis: max(sizes) for axis, sizes in cube.chunksizes.items()}
    uneven = any(
        len(set(sizes[:-1])) > 1 or sizes[-1] > sizes[0] for sizes in cube.chunksizes.values()
    )
    return cube.chunk(blocks) if uneven else cube


def open_cube(path: str | Path) -> xr.Dataset:
    """Open a stored cube, without reading its spectra.

    Parameters
    ----------
    path : path
        A Zarr store made by `write_cube`.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    CubeError
        If there is no cube of spectra there.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import preflare as pf
    >>> cube = pf.clean(pf.read_raster(pf.shipped(pf.SAMPLE_RASTER)))
    >>> with TemporaryDirectory() as folder:
    ...     stored = open_cube(pf.write_cube(cube, Path(folder) / "sample.zarr"))
    ...     print(round(float(stored.peak.max())), "DN/s")
    405 DN/s
    """
    try:
        # No older format, in which a store can ask for codecs that unpickle.
        cube = xr.open_zarr(path, consolidated=False, zarr_format=3)
    except (OSError, ValueError, KeyError) as error:
        raise CubeError(
            f"{path} is not a cube ({reason(error)}): give a .zarr folder that preflare made."
        ) from error
    if "wavelength" not in cube.dims:
        cube.close()
        raise CubeError(f"{path} holds no spectra: give a .zarr folder that preflare made.")
    return cube
