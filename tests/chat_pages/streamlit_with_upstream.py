"""The example for Streamlit, with a model that writes on and on: a program for `streamlit run`.

    streamlit run streamlit_with_upstream.py -- EXAMPLE FILE

The word "open" is in the file while the request of the model is open, and "closed" afterwards.
"""

import itertools
import runpy
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import runnables

example, state = sys.argv[1], Path(sys.argv[2])


def answer(inputs: Any) -> Iterator[str]:
    """Write on and on."""
    state.write_text("open")
    try:
        yield "The tide comes"
        for _ in itertools.count():
            time.sleep(0.02)
            yield ", and comes"
    finally:
        state.write_text("closed")


def init_chat_model(*args: Any, **options: Any) -> Any:
    """Return this model in place of the local one."""
    return runnables.RunnableGenerator(answer)


runnables.init_chat_model = init_chat_model  # type: ignore[assignment]
runpy.run_path(example, run_name="__main__")
