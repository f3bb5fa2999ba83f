// The `openai` SDK and a response in the background: read again, and cancelled.

import OpenAI from "openai";

import { report, SERVER, takeStep, until } from "./cases.mjs";

const client = new OpenAI({ baseURL: `${SERVER}/v1`, apiKey: "none", maxRetries: 0 });

/** Start a response, and leave it at its first text. */
async function begin() {
  const request = { model: "paced", input: "Count.", background: true, stream: true };
  await takeStep(); // nothing is sent before the first chunk, as an error would be a status
  const stream = await client.responses.create(request);
  let id;
  for await (const event of stream) {
    id ??= event.response?.id;
    if (event.type === "response.output_text.delta") {
      stream.controller.abort();
      return { id, delta: event.delta, number: event.sequence_number };
    }
  }
}

await report({
  resume: async () => {
    const { id, delta, number } = await begin();
    await takeStep();
    await takeStep();
    const deltas = [delta];
    const more = { stream: true, starting_after: number };
    let last;
    for await (const event of await client.responses.retrieve(id, more)) {
      if (event.type === "response.output_text.delta") deltas.push(event.delta);
      last = event.type;
    }
    const { status, output_text } = await client.responses.retrieve(id);
    return { deltas, last, status, text: output_text };
  },
  cancel: async () => {
    const { id } = await begin();
    const { status } = await client.responses.cancel(id);
    await until((now) => now.open === 0);
    return { status };
  },
});
