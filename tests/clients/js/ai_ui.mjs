// The `ai` package as a page has it, without React: a chat that reads a UI message stream.

import {
  AbstractChat,
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithToolCalls,
} from "ai";

import { report, SERVER, stop } from "./cases.mjs";

/** The state of a chat, which keeps every text that the answer has had. */
class State {
  status = "ready";
  error = undefined;
  messages = [];
  stages = [];
  pushMessage = (message) => this.#set([...this.messages, message]);
  popMessage = () => this.#set(this.messages.slice(0, -1));
  replaceMessage = (index, message) => this.#set(this.messages.with(index, message));
  snapshot = structuredClone;

  #set(messages) {
    this.messages = messages;
    const { role, parts } = messages.at(-1);
    const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
    if (role === "assistant" && text && text !== this.stages.at(-1)) this.stages.push(text);
  }
}

class Chat extends AbstractChat {
  constructor(chain) {
    const state = new State();
    const transport = new DefaultChatTransport({ api: `${SERVER}/${chain}/api/chat` });
    super({
      state,
      transport,
      onFinish: (end) => (this.end = end),
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
    });
    this.stages = state.stages;
  }

  /** Send a message, wait for the answer, and return what a page would show then. */
  async ask(text) {
    await this.sendMessage({ text });
    return this.shown();
  }

  shown() {
    const { stages, status, error, end } = this;
    const { parts, metadata } = this.messages.at(-1);
    const { isAbort, isDisconnect, isError, finishReason: reason } = end;
    const flags = { isAbort, isDisconnect, isError };
    return { stages, status, error: error?.message, parts, metadata, reason, ...flags };
  }
}

await report({
  whole: () => new Chat("words").ask("Say something."),
  "tool call": () => new Chat("caller").ask("Add 1 and 2."),
  "tool of the page": async () => {
    const chat = new Chat("adder");
    await chat.ask("Add 1 and 2.");
    await chat.addToolOutput({ tool: "add", toolCallId: "call_1", output: "3" });
    while (chat.status !== "ready") await new Promise(setImmediate);
    return { ...chat.shown(), count: chat.messages.length };
  },
  agent: () => new Chat("agent").ask("Add 1 and 2."),
  value: () => new Chat("value").ask("What?"),
  refused: () => new Chat("refused").ask("Say something."),
  broken: () => new Chat("broken").ask("Say something."),
  stop: () =>
    stop(async () => {
      const chat = new Chat("up");
      const asked = chat.ask("one");
      while (!chat.stages.length) await new Promise(setImmediate);
      await chat.stop();
      return asked;
    }),
  "stop before the first chunk": () =>
    stop(
      async ({ signal }) => {
        const chat = new Chat("up");
        signal.addEventListener("abort", () => chat.stop());
        return chat.ask("silent");
      },
      { silent: true },
    ),
});
