"""Mermaid: the text of a picture, which the real Mermaid reads whatever the names are."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given

from runnables import (
    MermaidDrawMethod,
    MissingExtra,
    Runnable,
    RunnableLambda,
    RunnableSequence,
)
from tests.graph.chains import CHAINS
from tests.graph.real_mermaid import TOOLS, RealMermaid, real_mermaid
from tests.graph.strategies import CHAINS as RANDOM_CHAINS, ODD_NAMES
from tests.laws.registry import REGISTRY

needs_node = pytest.mark.skipif(not TOOLS, reason="needs Node.js and npm")


@pytest.fixture(scope="module")
def mermaid() -> Iterator[RealMermaid]:
    """Start the real Mermaid; mark its tests `slow`, as it is installed first."""
    with real_mermaid() as running:
        yield running


def test_a_picture_as_text() -> None:
    """Groups are subgraphs, conditional ways are dotted, and kinds have their borders."""
    assert CHAINS["agent"]().get_graph().draw_mermaid(with_styles=False) == "\n".join(
        [
            "flowchart TD",
            '    n0(["input<br>AgentMessages"])',
            '    n4(["output<br>AgentState"])',
            '    subgraph g0["agent calculator"]',
            '        n1{{"ScriptedChatModel"}}',
            '        n2[["add"]]',
            '        n3[["multiply"]]',
            "    end",
            "    n0 --> n1",
            '    n1 -.->|"calls"| n2',
            '    n1 -.->|"calls"| n3',
            "    n1 --> n4",
            "    n2 --> n1",
            "    n3 --> n1",
        ]
    )


def test_a_picture_from_left_to_right() -> None:
    """The direction is the first word but one."""
    graph = RunnableLambda(len).get_graph()
    assert graph.draw_mermaid(direction="LR").startswith("flowchart LR\n")


@given(RANDOM_CHAINS)
def test_labels_have_no_mark_that_means_something(chain: Runnable[Any, Any]) -> None:
    """Of ASCII, only letters, digits, and marks that mean nothing in quotes are in a label."""
    for line in chain.get_graph().draw_mermaid(with_styles=False).splitlines():
        for label in re.findall(r'"(.*)"', line):
            marks = re.sub(r"<br>|#\d+;|\w", "", label)
            assert {mark for mark in marks if mark.isascii()} <= set(" .,'()=?!/"), label


@needs_node
@pytest.mark.slow
@pytest.mark.parametrize("name", CHAINS)
def test_the_real_mermaid_reads_a_picture(mermaid: RealMermaid, name: str) -> None:
    """The pictures of all shapes are flowcharts, in both directions."""
    graph = CHAINS[name]().get_graph()
    assert mermaid.error_in(graph.draw_mermaid()) is None
    assert mermaid.error_in(graph.draw_mermaid(direction="LR", with_styles=False)) is None


@needs_node
@pytest.mark.slow
def test_the_real_mermaid_reads_every_runnable_of_the_library(mermaid: RealMermaid) -> None:
    """Each of the registry has a picture."""
    runnables = [each.make() for each in REGISTRY if "growwing" not in str(each)]
    pictures = {each.get_graph().draw_mermaid() for each in runnables}
    assert {mermaid.error_in(picture) for picture in pictures} == {None}


@needs_node
@pytest.mark.slow
@given(chain=RANDOM_CHAINS)
def test_the_real_mermaid_reads_any_chain(mermaid: RealMermaid, chain: Runnable[Any, Any]) -> None:
    """Whatever a chain is made of, and whatever its names are."""
    assert mermaid.error_in(chain.get_graph().draw_mermaid()) is None


@needs_node
@pytest.mark.slow
def test_the_real_mermaid_refuses_what_is_wrong(mermaid: RealMermaid) -> None:
    """The tests above would find an error."""
    assert "Parse error" in str(mermaid.error_in('flowchart TD\n    end["x"]\n    n0 --> '))


# --- images ----------------------------------------------------------------------------------

images = [
    pytest.mark.slow,
    pytest.mark.leaks("the engine that runs Mermaid keeps two idle threads"),
]


def _drawn(chain: Runnable[Any, Any]) -> str:
    """Return the text in the SVG of a chain, without spaces; fail where it is not well formed."""
    pytest.importorskip("mermaidx")
    root = ElementTree.fromstring(chain.get_graph().draw_svg())
    return "".join("".join(root.itertext()).split())


def test_svg_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how to install it."""
    monkeypatch.setitem(sys.modules, "mermaidx", None)
    with pytest.raises(MissingExtra, match="A picture as an image needs the package 'mermaidx'"):
        RunnableLambda(len).get_graph().draw_svg()


class TestImages:
    """Pictures that Mermaid draws in this process."""

    pytestmark = images

    def test_a_picture_as_svg_has_all_names(self) -> None:
        """Steps, labels and titles of groups are text in it."""
        drawn = _drawn(CHAINS["agent"]())
        assert all(name in drawn for name in ("add", "multiply", "calls", "agentcalculator"))

    def test_a_picture_loads_nothing(self) -> None:
        """There is no script in it, and no address but those of the namespaces."""
        pytest.importorskip("mermaidx")
        svg = CHAINS["fallbacks"]().get_graph().draw_svg(direction="LR")
        addresses = set(re.findall(r"https?://[^/\"')\s]+", svg))
        assert addresses <= {"http://www.w3.org"}
        assert "<script" not in svg and "@import" not in svg

    def test_odd_names_are_drawn_as_they_are(self) -> None:
        """Nothing in a name is read as Markdown, HTML, or a word of Mermaid."""
        steps = [RunnableLambda(len, name=name) for name in ODD_NAMES]
        chain = RunnableSequence(*steps, len)
        drawn = _drawn(chain)
        for node in chain.get_graph().nodes.values():
            name = "".join(node.name.split())
            if "°" not in name:  # by these marks Mermaid writes its own character codes
                assert html.unescape(name) in html.unescape(drawn), node.name

    def test_a_picture_as_png(self, tmp_path: Path) -> None:
        """The bytes are a PNG, in a file if one is named."""
        pytest.importorskip("mermaidx")
        file = tmp_path / "chain.png"
        graph = RunnableLambda(len).get_graph()
        image = graph.draw_mermaid_png(str(file), draw_method=MermaidDrawMethod.API)
        assert image.startswith(b"\x89PNG") and image == file.read_bytes()
