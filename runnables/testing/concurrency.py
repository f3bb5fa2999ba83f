"""Tests of one model that is shared by event loops, threads and processes."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any

from runnables.testing.base import Harness, ModelTests, merge_chunks
from runnables.testing.sync_async import on_new_loop
from runnables.testing.wire_format import ScriptedReply

if TYPE_CHECKING:
    from runnables.messages.ai import AIMessage
    from runnables.models.chat import ChatModel

HELLO = ScriptedReply("Hello there, and so on.")


class Concurrency(ModelTests):
    """Tests that a model is configuration: it is bound to no loop, no thread and no process."""

    def _keep_alive_model(self, harness: Harness) -> ChatModel:
        """Make a model whose connections stay open, as those to services do."""
        if harness.replayed:
            harness.server.keep_alive = True
        return harness.brief_model(HELLO)

    def test_one_model_serves_three_loops(self, harness: Harness) -> None:
        """Loops that run one after the other share a model; it keeps nothing of a closed loop."""
        model = self._keep_alive_model(harness)

        async def main() -> AIMessage:
            chunks = [chunk async for chunk in model.astream("Say hello.")]
            assert merge_chunks(chunks).text.strip()
            return await model.ainvoke("Say hello.")

        for _ in range(3):
            assert on_new_loop(main).text.strip()
        assert model.invoke("Say hello.").text.strip()

    def test_one_model_serves_four_threads(self, harness: Harness) -> None:
        """Four threads share a model at the same time; two of them have event loops."""
        model = self._keep_alive_model(harness)
        answers: list[Any] = []

        def call() -> None:
            answers.append(model.invoke("Say hello."))
            answers.append(merge_chunks(list(model.stream("Say hello."))))

        async def acall() -> None:
            answers.append(await model.ainvoke("Say hello."))
            answers.append(merge_chunks([chunk async for chunk in model.astream("Say hello.")]))

        targets = [call, call, lambda: on_new_loop(acall), lambda: on_new_loop(acall)]
        threads = [threading.Thread(target=target) for target in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 8, "a thread failed"
        assert all(answer.text.strip() for answer in answers)

    def test_a_model_is_a_value(self, harness: Harness) -> None:
        """A model that was used prints without its key, compares, hashes and pickles."""
        model = self._keep_alive_model(harness)
        model.invoke("Say hello.")
        copy = pickle.loads(pickle.dumps(model))
        assert copy == model
        assert hash(copy) == hash(model)
        assert repr(copy) == repr(model)
        assert copy.invoke("Say hello.").text.strip()
        if self.key is not None:
            assert self.key not in repr(model), "the repr shows the key"

    def test_many_questions_are_answered(self, harness: Harness) -> None:
        """A batch is larger than the number of connections that a service accepts."""
        model = self._keep_alive_model(harness)
        questions = ["Say hello."] * (40 if harness.replayed else 6)
        answers = model.batch(questions, max_concurrency=20)
        assert len(answers) == len(questions)
        assert all(answer.text.strip() for answer in answers)
