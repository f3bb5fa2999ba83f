"""The models. Each provider stands in a room of its own and is imported from there:

    from providers.local import LocalChatModel
    from providers.scripted import ScriptedChatModel

so that nobody loads what they do not use. By name, `runnables.init_chat_model` finds them all.
"""

__all__: list[str] = []
