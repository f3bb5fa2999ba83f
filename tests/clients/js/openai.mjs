// The `openai` SDK: chat completions and responses.

import OpenAI from "openai";

import { failure, report, SERVER, stop } from "./cases.mjs";

const client = new OpenAI({ baseURL: `${SERVER}/v1`, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "Add 1 and 2." }];

const chat = (model, more, options) =>
  client.chat.completions.create({ model, messages, ...more }, options);
const respond = (model, more, options) =>
  client.responses.create({ model, input: messages, ...more }, options);

/** Collect what a stream says, until it ends or throws. */
async function collect(stream, textOf) {
  const deltas = [];
  let last;
  const error = await (async () => {
    for await (const chunk of stream) {
      last = chunk;
      const text = textOf(chunk);
      if (text) deltas.push(text);
    }
  })().catch((caught) => ({ name: caught.constructor.name, message: caught.message }));
  return { deltas, last, error };
}

const chatText = (chunk) => chunk.choices[0]?.delta.content;
const responseText = (event) =>
  event.type === "response.output_text.delta" ? event.delta : undefined;

/** Read the first text of a stream, and abort. */
async function abortAtText(stream, leaving, textOf) {
  const deltas = [];
  for await (const chunk of await stream) {
    if (!textOf(chunk)) continue;
    deltas.push(textOf(chunk));
    leaving.abort();
  }
  return { deltas };
}

const up = (text) => [{ role: "user", content: text }];

await report({
  "chat whole": async () => {
    const answer = await chat("words");
    const [choice] = answer.choices;
    return { text: choice.message.content, reason: choice.finish_reason, usage: answer.usage };
  },
  "chat streamed": async () => {
    const more = { stream: true, stream_options: { include_usage: true } };
    const { deltas, last } = await collect(await chat("words", more), chatText);
    return { deltas, usage: last.usage };
  },
  "chat tool call": async () => {
    const whole = await chat("caller");
    const stream = client.chat.completions.stream({ model: "caller", messages });
    const streamed = await stream.finalChatCompletion();
    return {
      calls: [whole, streamed].map(({ choices }) => choices[0].message.tool_calls[0]),
      reasons: [whole, streamed].map(({ choices }) => choices[0].finish_reason),
    };
  },
  "chat refused": () => failure(() => chat("refused", { stream: true })),
  "chat broken": async () => collect(await chat("broken", { stream: true }), chatText),
  "chat stop": () =>
    stop((leaving) => {
      const more = { messages: up("one"), stream: true };
      const stream = chat("up", more, { signal: leaving.signal });
      return abortAtText(stream, leaving, chatText);
    }),
  "chat stop before the first chunk": () =>
    stop(({ signal }) => chat("up", { messages: up("silent"), stream: true }, { signal }), {
      silent: true,
    }),
  "chat stop whole": () =>
    stop(({ signal }) => chat("up", { messages: up("silent") }, { signal }), { silent: true }),

  "responses whole": async () => {
    const answer = await respond("words");
    return { text: answer.output_text, reason: answer.status, usage: answer.usage };
  },
  "responses streamed": async () => {
    const { deltas, last } = await collect(await respond("words", { stream: true }), responseText);
    return { deltas, usage: last.response.usage, reason: last.type };
  },
  "responses tool call": async () => {
    const whole = await respond("caller");
    const stream = client.responses.stream({ model: "caller", input: messages });
    const streamed = await stream.finalResponse();
    const outputs = [whole, streamed].map(({ output }) => output);
    return {
      calls: outputs.map((output) => output.find(({ type }) => type === "function_call")),
      kinds: outputs.map((output) => output.map(({ type }) => type)),
    };
  },
  "responses refused": () => failure(() => respond("refused", { stream: true })),
  "responses broken": async () => collect(await respond("broken", { stream: true }), responseText),
  "responses stop": () =>
    stop((leaving) => {
      const more = { input: up("one"), stream: true };
      const stream = respond("up", more, { signal: leaving.signal });
      return abortAtText(stream, leaving, responseText);
    }),
  "responses stop before the first chunk": () =>
    stop(({ signal }) => respond("up", { input: up("silent"), stream: true }, { signal }), {
      silent: true,
    }),
  "responses stop whole": () =>
    stop(({ signal }) => respond("up", { input: up("silent") }, { signal }), { silent: true }),
});
