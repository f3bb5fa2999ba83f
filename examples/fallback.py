"""A chain with a fallback: when the first model cannot be reached, the local model answers.

    python examples/fallback.py

The first model here is a function that fails, as a service that is down does.
"""

from runnables import ChatPromptTemplate, RunnableLambda, StrOutputParser, init_chat_model
from runnables.errors import ModelConnectionError


def hosted(prompt: object) -> str:
    """Fail, as a model does whose service cannot be reached."""
    raise ModelConnectionError("the service does not answer", provider="hosted")


prompt = ChatPromptTemplate.from_template("What is the capital of {country}?")
local = init_chat_model("local", max_tokens=40) | StrOutputParser()
chain = prompt | RunnableLambda(hosted).with_fallbacks([local])


def main() -> None:
    """Ask one question, which the fallback answers."""
    print(chain.invoke({"country": "Japan"}))


if __name__ == "__main__":
    main()
