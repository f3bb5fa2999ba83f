"""One model for everybody: several loops, several threads, other processes."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any

from runnables.testing.base import Harness, ModelTests, joined
from runnables.testing.sync_async import on_new_loop
from runnables.testing.wire_format import ScriptedReply

if TYPE_CHECKING:
    from runnables.messages.ai import AIMessage
    from runnables.models.chat import ChatModel

HELLO = ScriptedReply("Hello there, and so on.")


class Concurrency(ModelTests):
    """A model is configuration: it belongs to no loop, no thread and no process."""

    def _kept(self, stage: Harness) -> ChatModel:
        """The model, whose connections stay open, as those to services do."""
        if stage.replayed:
            stage.server.keeps_alive = True
        return stage.brief(HELLO)

    def test_one_model_serves_three_loops(self, stage: Harness) -> None:
        """One after the other, whole and streamed; nothing is kept of a loop that is gone."""
        model = self._kept(stage)

        async def main() -> AIMessage:
            chunks = [chunk async for chunk in model.astream("Say hello.")]
            assert joined(chunks).text.strip()
            return await model.ainvoke("Say hello.")

        for _ in range(3):
            assert on_new_loop(main).text.strip()
        assert model.invoke("Say hello.").text.strip()

    def test_one_model_serves_four_threads(self, stage: Harness) -> None:
        """At once: two call it, two have loops of their own."""
        model = self._kept(stage)
        answers: list[Any] = []

        def call() -> None:
            answers.append(model.invoke("Say hello."))
            answers.append(joined(list(model.stream("Say hello."))))

        async def acall() -> None:
            answers.append(await model.ainvoke("Say hello."))
            answers.append(joined([chunk async for chunk in model.astream("Say hello.")]))

        works = [call, call, lambda: on_new_loop(acall), lambda: on_new_loop(acall)]
        threads = [threading.Thread(target=work) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 8, "a thread failed"
        assert all(answer.text.strip() for answer in answers)

    def test_a_model_is_a_value(self, stage: Harness) -> None:
        """Used or not, it prints without its key, compares, hashes and pickles."""
        model = self._kept(stage)
        model.invoke("Say hello.")
        copy = pickle.loads(pickle.dumps(model))
        assert copy == model
        assert hash(copy) == hash(model)
        assert repr(copy) == repr(model)
        assert copy.invoke("Say hello.").text.strip()
        if self.key is not None:
            assert self.key not in repr(model), "the key shows"

    def test_many_questions_are_answered(self, stage: Harness) -> None:
        """More at once than a service likes to have connections."""
        model = self._kept(stage)
        questions = ["Say hello."] * (40 if stage.replayed else 6)
        answers = model.batch(questions, max_concurrency=20)
        assert len(answers) == len(questions)
        assert all(answer.text.strip() for answer in answers)
