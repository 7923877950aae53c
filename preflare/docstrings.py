"""Docstrings on their way into the reference: names become links, signatures become short.

In a docstring, single backticks hold a name of ours, of a parameter, or of neither. Names of ours
become links, in the types of parameters too; one that leads nowhere stops the build.
"""

from __future__ import annotations

import builtins
import collections.abc
import datetime
import importlib
import inspect
import pathlib
import re
import sys
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from astropy import units
from numpy.typing import ArrayLike
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.inspect import signature_from_str, stringify_signature
from sphinx.util.typing import stringify_annotation

import preflare

PACKAGE = preflare.__name__

_QUOTED = re.compile(r"(?<![`:\w])`([^`\n]+)`(?![`_])")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_CLASS = re.compile(r"(?<![\w.`\"'])[A-Z]\w*[a-z]\w*(?![\w`\"'])")
_CHOICES = re.compile(r"\{[^{}]*\}")
_UNDERLINE = re.compile(r"-{3,}")
_WITH_TYPES = {"Parameters", "Attributes", "Returns", "Yields", "Raises"}
_ARRAY = re.compile(r"~numpy\.ndarray\[.*?, ~numpy\.dtype\[([~\w.]+)\]\]")
_OTHERS = (builtins, collections.abc, datetime, np, pathlib, pd, torch, units, xr)
"""Where types come from that are not ours."""

_log = logging.getLogger(__name__)


def entry(name: str, module: str, owner: str = "") -> str | None:
    """Find under which name the reference has what a docstring names.

    Parameters
    ----------
    name : str
        As in the docstring, such as ``"Study.truth"``.
    module : str
        The module of the docstring.
    owner : str
        The class of the docstring, if any.

    Returns
    -------
    str or None
        Looked for in the class, the module, its package, at the top, and among the errors. A field
        of a dataclass is told of in the entry of its class. None if there is no such thing.

    Examples
    --------
    >>> entry("Study.truth", "preflare.explain.marking")
    'preflare.Study.truth'
    >>> entry("palette.TRAITS", "preflare.twin.scene")
    'preflare.twin.palette.TRAITS'
    >>> entry("Interval.undefined", "preflare.bootstrap")
    'preflare.bootstrap.Interval'
    >>> entry("Study.lie", "preflare.explain.marking") is None
    True
    """
    package = module.rpartition(".")[0] or module
    within = [f"{module}.{owner}"] if owner else []
    places = [*within, module, package, PACKAGE, f"{PACKAGE}.errors"]
    if name.split(".")[0] == PACKAGE:
        return _entry(name)
    return next(filter(None, (_entry(f"{place}.{name}") for place in places)), None)


def _entry(full: str) -> str | None:
    module, path = _parted(full)
    value: Any = sys.modules[module]
    for place, part in enumerate(path):
        if part in getattr(value, "__dataclass_fields__", {}):
            path = path[:place]
            break
        if not hasattr(value, part):
            return None
        value = getattr(value, part)
    if not path:
        return module
    first = getattr(sys.modules[module], path[0])
    if isinstance(getattr(first, "__qualname__", None), str):  # a class or function, maybe imported
        module, path[0] = first.__module__, first.__qualname__
    return ".".join([PACKAGE if exported(path[0], first) else module, *path])


def _parted(full: str) -> tuple[str, list[str]]:
    """Part a dotted name of ours into its module and the names in it."""
    module, path = PACKAGE, full.split(".")[1:]
    while path and not (module == PACKAGE and path[0] in preflare.__all__):
        try:
            importlib.import_module(f"{module}.{path[0]}")
        except ModuleNotFoundError:
            break
        module = f"{module}.{path.pop(0)}"
    return module, path


def exported(name: str, value: Any) -> bool:
    """Tell whether something is at the top of the package under its own name."""
    return name in preflare.__all__ and getattr(preflare, name) is value


def link_names(
    app: Sphinx, what: str, name: str, value: Any, _options: Any, lines: list[str]
) -> None:
    """Turn the names in a docstring into links, in place, before numpydoc takes it apart."""
    documented = set(app.config.preflare_documented)
    if what == "data" and _parted(name)[0] == PACKAGE:
        lines[:] = _said_of_constant(name, value)
    module, owner = _home(what, name, value)
    parameters = _parameters(value)

    def linked(text: str, target: str | None, otherwise: str) -> str:
        has_entry = target is not None and _has_entry(target, documented)
        return f":py:obj:`{text} <{target}>`" if has_entry else otherwise

    def link(match: re.Match[str]) -> str:
        text = match[1]
        if not _NAME.fullmatch(text) or text in parameters:
            return f"``{text}``"
        target = entry(text, module, owner)
        if target is None and ("." in text or text[0].isupper()):
            _log.warning("%s names %s, which there is not", name, text)
        return linked(text, target, f"``{text}``")

    def link_type(match: re.Match[str]) -> str:
        target = entry(match[0], module, owner)
        if target is None and not any(hasattr(each, match[0]) for each in _OTHERS):
            _log.warning("%s has a type %s, which there is not", name, match[0])
        return linked(match[0], target, match[0])

    section, example = "", False
    for place, line in enumerate(lines):
        if place + 1 < len(lines) and line and _UNDERLINE.fullmatch(lines[place + 1]):
            section = line
        example = line.lstrip().startswith((">>>", "...")) or (example and line.strip() != "")
        if section in _WITH_TYPES and line != section and line[:1].strip():
            label, colon, kind = line.rpartition(" : ")
            linked_kind = _CLASS.sub(link_type, _CHOICES.sub(r"``\g<0>``", kind))
            lines[place] = label + colon + linked_kind
        elif not example:
            lines[place] = _QUOTED.sub(link, line)


def _said_of_constant(name: str, value: Any) -> list[str]:
    """Find what is said of an exported constant where it is defined; here Sphinx sees its type."""
    short = name.rpartition(".")[2]
    for module in sorted(each for each in sys.modules if each.startswith(f"{PACKAGE}.")):
        if getattr(sys.modules[module], short, None) is value:
            said = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", short))
            if said:
                return list(said)
    return []


def _home(what: str, name: str, value: Any) -> tuple[str, str]:
    """Tell module and class of a docstring."""
    if what == "module":
        return name, ""
    if what in ("data", "attribute"):
        module, path = _parted(name)
        return module, ".".join(path[:-1])
    function = _function(value)
    owner, _, own = function.__qualname__.rpartition(".")
    return function.__module__, own if inspect.isclass(function) else owner


def _function(value: Any) -> Any:
    """Give the function of a property, and anything else as it is."""
    held = (getattr(value, name, None) for name in ("fget", "func", "__func__"))
    return next(filter(None, held), value)


def _parameters(value: Any) -> set[str]:
    try:
        return set(inspect.signature(_function(value)).parameters)
    except (TypeError, ValueError):
        return set()


def _has_entry(target: str, documented: set[str]) -> bool:
    """Tell whether the reference has a thing: not of what is inside, nor of mute constants."""
    module, path = _parted(target)
    if module == PACKAGE or module not in documented:
        return module == PACKAGE
    if not path or hasattr(getattr(sys.modules[module], path[0]), "__qualname__"):
        return True
    return ("", path[0]) in ModuleAnalyzer.for_module(module).find_attr_docs()


def plain_signature(
    _app: Sphinx,
    what: str,
    _name: str,
    value: Any,
    _options: Any,
    signature: str | None,
    returned: str | None,
) -> tuple[str, str | None] | None:
    """Leave types out of a signature where the docstring tells them, and shorten the others."""
    if signature is None or what not in ("function", "method", "class", "exception"):
        return None
    signature, said = signature.replace("<factory>", "..."), inspect.getdoc(value) or ""
    if re.search(r"^(Parameters|Attributes)\n-+$", said, re.MULTILINE):
        signature = stringify_signature(signature_from_str(signature), show_annotation=False)
    if re.search(r"^(Returns|Yields)\n-+$", said, re.MULTILINE):
        returned = None
    return _shortened(signature), returned and _shortened(returned)


def _shortened(types: str) -> str:
    types = types.replace(stringify_annotation(ArrayLike, "smart"), "~numpy.typing.ArrayLike")
    return _ARRAY.sub(r"~numpy.typing.NDArray[\1]", types)
