// The `ai` package as a server has it, where a chain is a model: by two of its providers.

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";

import { failure, report, SERVER, stop } from "./cases.mjs";

const baseURL = `${SERVER}/v1`;
const providers = {
  responses: createOpenAI({ baseURL, apiKey: "none" }).responses,
  chat: createOpenAICompatible({ name: "ours", baseURL, includeUsage: true }),
};
const add = tool({ inputSchema: z.object({ a: z.number(), b: z.number() }) });
const adding = tool({ ...add, execute: ({ a, b }) => String(a + b) });

/** Collect what a stream says, with its end or its error. */
async function collect(result) {
  const deltas = [];
  let error;
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") deltas.push(part.text);
    if (part.type === "error") error = String(part.error?.message ?? JSON.stringify(part.error));
  }
  return { deltas, error };
}

/** Return the cases of a provider. */
function casesOf(name, provider) {
  const ask = (chain, more) => ({
    model: provider(chain),
    prompt: "Add 1 and 2.",
    maxRetries: 0,
    onError: () => {}, // it would print what the tests look at
    ...more,
  });
  const cases = {
    whole: async () => {
      const { text, finishReason: reason, usage } = await generateText(ask("words"));
      return { text, reason, tokens: usage.totalTokens };
    },
    streamed: async () => {
      const result = streamText(ask("words"));
      const { deltas } = await collect(result);
      return { deltas, reason: await result.finishReason, tokens: (await result.usage).totalTokens };
    },
    "tool call": async () => {
      const whole = await generateText(ask("caller", { tools: { add } }));
      const streamed = streamText(ask("caller", { tools: { add } }));
      await collect(streamed);
      const calls = [whole.toolCalls, await streamed.toolCalls].map(([call]) => call);
      return {
        calls: calls.map(({ toolName, toolCallId, input }) => ({ toolName, toolCallId, input })),
        reasoning: [whole.reasoningText, await streamed.reasoningText],
        reasons: [whole.finishReason, await streamed.finishReason],
      };
    },
    "second turn": async () => {
      const providerOptions = { openai: { store: false } };
      const more = { tools: { add: adding }, stopWhen: isStepCount(2), providerOptions };
      return { text: (await generateText(ask("adder", more))).text };
    },
    refused: () => failure(() => generateText(ask("refused"))),
    broken: () => collect(streamText(ask("broken"))),
    stop: () =>
      stop(async (leaving) => {
        const more = { prompt: "one", abortSignal: leaving.signal };
        const deltas = [];
        for await (const part of streamText(ask("up", more)).fullStream) {
          if (part.type === "text-delta") {
            deltas.push(part.text);
            leaving.abort();
          }
          if (part.type === "abort") return { deltas, aborted: true };
        }
        return { deltas };
      }),
    "stop whole": () =>
      stop(
        ({ signal }) => generateText(ask("up", { prompt: "silent", abortSignal: signal })),
        { silent: true },
      ),
  };
  return Object.entries(cases).map(([title, run]) => [`${name} ${title}`, run]);
}

const cases = Object.entries(providers).flatMap(([name, model]) => casesOf(name, model));
await report({
  ...Object.fromEntries(cases),
  "by reference": () => {
    const more = { tools: { add: adding }, stopWhen: isStepCount(2) };
    const model = providers.responses("adder");
    return failure(() => generateText({ model, prompt: "Add 1 and 2.", maxRetries: 0, ...more }));
  },
});
