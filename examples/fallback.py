"""A chain with a fallback: when the first model cannot be reached, the embedded one answers.

    python examples/fallback.py

The first model here is a function that fails, as a service does that is down.
"""

from runnables import ChatPromptTemplate, RunnableLambda, StrOutputParser, init_chat_model
from runnables.errors import ModelConnectionError


def hosted(prompt: object) -> str:
    """Stands for a model behind a network that is down."""
    raise ModelConnectionError("the service does not answer", provider="hosted")


prompt = ChatPromptTemplate.from_template("What is the capital of {country}?")
local = init_chat_model("local", max_tokens=40) | StrOutputParser()
chain = prompt | RunnableLambda(hosted).with_fallbacks([local])


def main() -> None:
    """Ask; the fallback answers."""
    print(chain.invoke({"country": "Japan"}))


if __name__ == "__main__":
    main()
