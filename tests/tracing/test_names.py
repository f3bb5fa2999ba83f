"""The table of names against the constants of the conventions' own packages."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from openinference.semconv import trace as openinference
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, exception_attributes

from runnables.tracing import names


def _values(table: type | ModuleType) -> Iterator[Any]:
    return (value for name, value in vars(table).items() if not name.startswith("_"))


def _strings(*tables: type | ModuleType) -> set[str]:
    return {value for table in tables for value in _values(table) if isinstance(value, str)}


def test_the_genai_names_are_those_of_opentelemetry() -> None:
    """Each is a constant of opentelemetry-semantic-conventions; `exception` is an event's name."""
    known = _strings(gen_ai_attributes, error_attributes, exception_attributes) | {"exception"}
    assert _strings(names.GenAI) - known == set()
    assert set(names.REQUEST_OPTIONS.values()) - known == set()


def test_the_operations_and_providers_are_those_of_opentelemetry() -> None:
    """The values that the conventions list; ours has no other word for these."""
    operations = {value.value for value in gen_ai_attributes.GenAiOperationNameValues}
    assert {*names.OPERATIONS.values(), names.AGENT, names.WORKFLOW} <= operations
    providers = {value.value for value in gen_ai_attributes.GenAiProviderNameValues}
    assert {*names.PROVIDERS.values(), "openai", "anthropic"} <= providers


def test_the_openinference_names_are_its_constants() -> None:
    """Each is a constant of openinference-semantic-conventions."""
    classes = [value for value in _values(openinference) if isinstance(value, type)]
    assert _strings(names.OpenInference) - _strings(*classes) == set()


def test_the_kinds_are_those_of_openinference() -> None:
    """The values that the conventions list."""
    kinds = {value.value for value in openinference.OpenInferenceSpanKindValues}
    assert {*names.KINDS.values(), "AGENT", "CHAIN"} <= kinds
    providers = {value.value for value in openinference.OpenInferenceLLMProviderValues}
    assert {*names.LLM_PROVIDERS.values(), "openai", "anthropic", "google"} <= providers


def test_our_own_names_are_in_a_namespace_of_ours() -> None:
    """So that no convention will ever mean something else by one."""
    assert all(name.startswith("runnables.") for name in _strings(names.Own))
