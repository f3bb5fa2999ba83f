"""What models read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from runnables.messages import MessageLikeRepresentation, PromptValue

LanguageModelInput: TypeAlias = PromptValue | str | Sequence[MessageLikeRepresentation]
"""What a model reads: a prompt, a text of a person, or a conversation in any form that
`convert_to_messages` knows."""
