"""Models of all providers, each in a package of its own, so that a program loads only what it uses:

    from runnables_providers.local import LocalChatModel
    from runnables_providers.scripted import ScriptedChatModel

`runnables.init_chat_model` finds them all by name.
"""

__all__: list[str] = []
