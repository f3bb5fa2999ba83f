"""Models of all providers, each in a package of its own, so that a program loads only what it uses:

    from runnables_providers.local import LocalChatModel
    from runnables_providers.scripted import ScriptedChatModel

`runnables.init_chat_model` finds them all by name.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

__all__: list[str] = []


if not TYPE_CHECKING:  # checkers find a wrong name themselves

    def __getattr__(name):
        """Say where a name is that was looked for here."""
        from runnables.core.elsewhere import missing_name

        asked_by = sys._getframe(1).f_code.co_name
        raise missing_name(name, (), asked_by=asked_by, module=__name__)
