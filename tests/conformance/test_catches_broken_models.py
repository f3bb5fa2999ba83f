"""The suite is real: a model with one fault fails the test that is about it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance import broken

CAUGHT = {
    broken.TruncatesSilently: "test_a_stream_that_breaks_off_is_an_error",
    broken.DropsUsage: "test_usage_is_told",
    broken.CountsStreamsTwice: "test_a_stream_adds_up_to_the_answer",
    broken.RaisesAnything: "test_a_refusal_is_a_typed_error",
    broken.ForgetsHowLong: "test_a_rate_limit_says_how_long",
    broken.TellsItsKey: "test_a_refusal_is_a_typed_error",
    broken.WaitsInItsOwnWay: "test_silence_is_a_timeout",
    broken.IgnoresStop: "test_an_answer_ends_before_a_stop_text",
    broken.IgnoresTheModelOfACall: "test_a_call_may_name_another_model",
    broken.IgnoresMaxTokens: "test_an_answer_is_no_longer_than_allowed",
    broken.MixesCallsUp: "test_two_tools_are_called_at_once",
    broken.DropsBrokenCalls: "test_malformed_arguments_are_kept",
    broken.RaisesAtBrokenCalls: "test_malformed_arguments_are_kept",
    broken.DropsSystems: "test_a_system_message_is_read",
    broken.DropsResults: "test_answers_of_tools_are_read",
    broken.HearsTheLastOfARole: "test_one_role_may_speak_several_times",
    broken.SpeaksASCII: "test_a_text_arrives_as_it_is",
    broken.SeesNoImages: "test_images_are_sent",
    broken.GivesOnePiece: "test_a_stream_adds_up_to_the_answer",
    broken.LosesTheEndInAsync: "test_a_stream_adds_up_to_the_answer",
    broken.ForgetsToSayItIsOver: "test_a_stream_adds_up_to_the_answer",
    broken.BelongsToALoop: "test_one_model_serves_three_loops",
    broken.AsksAgain: "test_a_refusal_is_a_typed_error",
    broken.NeverAsksAgain: "test_a_fault_that_passes_is_tried_again",
    broken.ShowsItsKey: "test_a_model_is_a_value",
    broken.DoesNotCheckForms: "test_an_answer_has_its_form",
}


@pytest.mark.parametrize(
    ("model", "test"), CAUGHT.items(), ids=lambda it: getattr(it, "__name__", it)
)
def test_a_fault_is_caught(model: Any, test: str) -> None:
    """The same test passes for the model without the fault."""
    broken.run(broken.Breakable, test)
    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        broken.run(model, test)
    assert not isinstance(caught.value, TypeError), "the test could not run"


@pytest.mark.slow
@pytest.mark.leaks(reason="the fault is a connection that stays open")
def test_a_connection_that_stays_open_is_caught() -> None:
    """Leaving a stream must close it."""
    with pytest.raises(AssertionError, match="stays open"):
        broken.run(broken.KeepsConnections, "test_leaving_a_stream_closes_the_connection")
    for stream in broken.KeepsConnections.held:
        stream.close()
