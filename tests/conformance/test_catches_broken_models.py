"""The suite finds bugs: a model with one bug fails the test that is about it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance import broken

FAILED_TESTS = {
    broken.IgnoresDisconnects: "test_a_stream_that_breaks_off_is_an_error",
    broken.DropsUsage: "test_usage_is_reported",
    broken.CountsStreamsTwice: "test_a_stream_adds_up_to_the_answer",
    broken.RaisesPlainExceptions: "test_a_refusal_is_a_typed_error",
    broken.DropsRetryAfter: "test_a_rate_limit_error_has_retry_after",
    broken.NamesKeyInErrors: "test_a_refusal_is_a_typed_error",
    broken.RaisesPlainTimeouts: "test_no_response_is_a_timeout",
    broken.IgnoresStop: "test_an_answer_ends_before_a_stop_sequence",
    broken.IgnoresModelOption: "test_a_call_may_name_another_model",
    broken.IgnoresMaxTokens: "test_max_tokens_limits_an_answer",
    broken.MergesToolCalls: "test_one_answer_may_call_two_tools",
    broken.DropsInvalidToolCalls: "test_malformed_arguments_are_kept",
    broken.RaisesForInvalidToolCalls: "test_malformed_arguments_are_kept",
    broken.DropsSystemMessages: "test_a_system_message_is_sent",
    broken.DropsToolResults: "test_tool_results_are_sent",
    broken.MergesConsecutiveRoles: "test_consecutive_messages_of_one_role_are_sent",
    broken.SendsASCII: "test_text_is_sent_unchanged",
    broken.DropsImages: "test_images_are_sent",
    broken.StreamsOneChunk: "test_a_stream_adds_up_to_the_answer",
    broken.TruncatesAsyncStreams: "test_a_stream_adds_up_to_the_answer",
    broken.MarksNoLastChunk: "test_a_stream_adds_up_to_the_answer",
    broken.IsBoundToALoop: "test_one_model_serves_three_loops",
    broken.RetriesAlways: "test_a_refusal_is_a_typed_error",
    broken.NeverRetries: "test_a_temporary_error_is_retried",
    broken.ShowsKeyInRepr: "test_a_model_is_a_value",
    broken.SkipsSchemaChecks: "test_an_answer_follows_its_schema",
}


@pytest.mark.parametrize(
    ("model", "test"), FAILED_TESTS.items(), ids=lambda value: getattr(value, "__name__", value)
)
def test_a_broken_model_fails(model: Any, test: str) -> None:
    """The test passes for the correct model, and fails for the broken one."""
    broken.run(broken.Breakable, test)
    with pytest.raises((Exception, pytest.fail.Exception)) as raised:
        broken.run(model, test)
    assert not isinstance(raised.value, TypeError), "the test could not run"


@pytest.mark.slow
@pytest.mark.leaks(reason="the bug is a connection that stays open")
def test_a_model_that_keeps_its_connection_fails() -> None:
    """The suite asserts that closing a stream closes the connection."""
    with pytest.raises(AssertionError, match="stays open"):
        broken.run(broken.KeepsConnections, "test_closing_a_stream_closes_the_connection")
    for stream in broken.KeepsConnections.streams:
        stream.close()
