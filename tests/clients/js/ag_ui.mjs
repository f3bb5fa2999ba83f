// The client of AG-UI, in the version that is installed under the name of `--client`.

import { CLIENT, report, SERVER, stop } from "./cases.mjs";

const { HttpAgent } = await import(CLIENT);

/** An agent of the page, which keeps the types of its events, and all that tells how a run ended. */
class Agent {
  constructor(chain) {
    const url = `${SERVER}/${chain}/ag-ui`;
    this.agent = new HttpAgent({ url, threadId: "thread" });
    this.deltas = [];
    this.events = [];
  }

  say(content) {
    this.agent.addMessage({ id: crypto.randomUUID(), role: "user", content });
    return this.run();
  }

  async run(parameters = {}) {
    const error = await this.agent.runAgent(parameters, this.#subscriber()).then(
      () => this.error,
      (thrown) => ({ message: thrown.message, status: thrown.status }),
    );
    const { deltas, events, end } = this;
    return { deltas, error, end, events, messages: this.agent.messages };
  }

  #subscriber() {
    return {
      onEvent: ({ event }) => void this.events.push(event.type),
      onTextMessageContentEvent: ({ event }) => {
        this.deltas.push(event.delta);
        this.onText?.();
      },
      onRunFinishedEvent: ({ event, outcome, interrupts }) => {
        this.end = { outcome, interrupts, usage: event.usage };
      },
      onRunErrorEvent: ({ event }) => {
        this.error = { message: event.message, code: event.code };
      },
    };
  }
}

/** Ask for a payment, answer its request for approval, and return both. */
async function approve(euros, status, payload, text) {
  const agent = new Agent("till");
  const asked = structuredClone(await agent.say(`Pay ${euros}`));
  if (text) agent.agent.addMessage({ id: "instead", role: "user", content: text });
  const [{ id: interruptId }] = asked.end.interrupts;
  const answer = await agent.run({ resume: [{ interruptId, status, payload }] });
  return { asked, answer };
}

await report({
  whole: () => new Agent("words").say("Say something."),
  "tool call": () => new Agent("caller").say("Add 1 and 2."),
  "tool of the page": async () => {
    const agent = new Agent("adder");
    await agent.say("Add 1 and 2.");
    agent.agent.addMessage({ id: "result", role: "tool", toolCallId: "call_1", content: "3" });
    return agent.run();
  },
  agent: () => new Agent("agent").say("Add 1 and 2."),
  value: async () => {
    const agent = new Agent("value");
    return { ...(await agent.say("What?")), state: agent.agent.state };
  },
  approve: () => approve(500, "resolved", { approved: true }),
  deny: () => approve(600, "resolved", { approved: false }),
  "write instead": () => approve(700, "cancelled", undefined, "Never mind."),
  refused: () => new Agent("refused").say("Say something."),
  broken: () => new Agent("broken").say("Say something."),
  stop: () =>
    stop(async () => {
      const agent = new Agent("up");
      agent.onText = () => agent.agent.abortRun();
      return agent.say("one");
    }),
  "stop before the first chunk": () =>
    stop(
      async ({ signal }) => {
        const agent = new Agent("up");
        signal.addEventListener("abort", () => agent.agent.abortRun());
        return agent.say("silent");
      },
      { silent: true },
    ),
});
