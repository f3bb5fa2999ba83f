"""The models. Each provider stands in a room of its own and is imported from there:

    from runnables_providers.local import LocalChatModel
    from runnables_providers.scripted import ScriptedChatModel

so that nobody loads what they do not use. By name, `runnables.init_chat_model` finds them all.
"""

__all__: list[str] = []
