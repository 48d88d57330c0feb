"""Pages that fetch nothing: one style, one environment. Jinja escapes all that comes from a bundle or a report, and makes it printable."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from torchferry.bundle.printable import printable
from torchferry.version import VERSION


def render(template: str, **values: Any) -> str:
    """Return the page of a template in this folder."""
    environment = Environment(
        autoescape=True, finalize=_printable, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_text(template)).render(version=VERSION, style=Markup(_text("style.css")), **values)


def _text(name: str) -> str:
    return files("torchferry.report").joinpath(name).read_text("utf-8")


def _printable(value: Any) -> Any:
    """Return what the template puts into the page; Markup is our own."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
