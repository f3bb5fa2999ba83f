"""Descriptions of tools and arguments, in each style of docstrings."""

from __future__ import annotations

from typing import Any

import pytest

from runnables.errors import ConfigError
from runnables.tools import tool
from runnables.tools.docstrings import read_docstring

GOOGLE = """Tell when the tide is high.

Times are local.

Args:
    port (str): The name of the port,
        as on the chart.
    days (Callable[[tuple(int, int)], str], optional): How many
        days: at most 7.
    *more: Others.

Keyword Args:
    unit: The unit.

Returns:
    port: not this one.
"""

NUMPY = """Tell when the tide is high.

Times are local.

Parameters
----------
port : str
    The name of the port,
    as on the chart.
days, more : {1, 2}, default: 1
    How many days: at most 7.

Other Parameters
----------------
unit
    The unit.

Returns
-------
port : str
    Not this one.

See Also
--------
days : not this one either.
"""

SPHINX = """Tell when the tide is high.

Times are local.

:param port: The name of the port,
    as on the chart.
:type port: str
:param int days: How many days: at most 7.
:keyword unit: The unit.
:returns: The time
    port: not this one.
:raises ValueError: There is no such port.
"""

EPYTEXT = """Tell when the tide is high.

Times are local.

@param port: The name of the port,
    as on the chart.
@param days: How many days: at most 7.
@param unit: The unit.
@return: The time.
"""

MIXED = """Tell when the tide is high.

Times are local.

:param port: The name of the port,
    as on the chart.

A paragraph of its own, which describes nothing.

Args:
    days: How many days: at most 7.
    unit:
        The unit.
"""


def documented(text: str) -> Any:
    def tide(port: str, days: int = 1, unit: str = "m") -> str:
        return port

    tide.__doc__ = text
    return tide


@pytest.mark.parametrize("style", ["GOOGLE", "NUMPY", "SPHINX", "EPYTEXT", "MIXED"])
@pytest.mark.parametrize("parse", [None, True])
def test_every_style_describes_arguments(style: str, parse: bool | None) -> None:
    """The model gets the description of each argument; that of the tool ends before them."""
    text = globals()[style].replace("    *more: Others.\n", "").replace("days, more :", "days :")
    made = tool(parse_docstring=parse)(documented(text))
    assert made.description == "Tell when the tide is high.\n\nTimes are local."
    described = {name: schema["description"] for name, schema in made.args.items()}
    assert described["port"].startswith("The name of the port, as on the chart.")
    assert described["days"] == "How many days: at most 7."
    assert described["unit"] == "The unit."


def test_names_that_share_a_line_share_a_description() -> None:
    """NumPy's style lists several names at once, and stars before them."""
    _, google = read_docstring(documented(GOOGLE))
    assert google["more"] == "Others."
    _, numpy = read_docstring(documented(NUMPY))
    assert numpy["days"] == numpy["more"] == "How many days: at most 7."
    _, stars = read_docstring(documented("Do.\n\nParameters\n----------\n**kwargs\n    More.\n"))
    assert stars == {"kwargs": "More."}


@pytest.mark.parametrize("style", ["GOOGLE", "NUMPY", "SPHINX", "EPYTEXT"])
def test_other_names_than_the_parameters_are_refused(style: str) -> None:
    """With `parse_docstring=True`, in each style."""

    def tide(prot: str, days: int, unit: str, more: int = 0) -> str:
        return prot

    tide.__doc__ = globals()[style]
    with pytest.raises(ConfigError, match="describes 'port'.*Did you mean 'prot'"):
        tool(parse_docstring=True)(tide)


def test_what_looks_like_a_section_is_text() -> None:
    """Indented titles, colons in sentences, rules and lists stay where they are."""
    text = "Do it.\n\nUse: carefully, as in:\n    Note:\n    - a: b\n:smile: is no field.\n--\nEnd."
    about, arguments = read_docstring(documented(text))
    assert about == text and arguments == {}
