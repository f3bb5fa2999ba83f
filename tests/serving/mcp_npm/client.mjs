// The JavaScript SDK as a client, in one revision: node client.mjs URL auto|legacy
import assert from "node:assert";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [url, mode] = process.argv.slice(2);
const client = new Client({ name: "js", version: "1" }, { versionNegotiation: { mode } });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));

const { tools } = await client.listTools();
assert(tools.some((tool) => tool.name === "test_simple_text"));

const call = (name, args, options) => client.callTool({ name, arguments: args }, options);
const whole = await call("prompt", { what: "ahoy" });
assert.equal(whole.content[0].text, "One two three.");
assert.deepEqual(whole.structuredContent, { result: "One two three." });

const chunks = [];
await call("prompt", { what: "ahoy" }, { onprogress: (progress) => chunks.push(progress.message) });
assert(chunks.length > 1, "progress in more than one chunk");
assert.equal(chunks.join(""), "One two three.");

for (const [name, args] of [["broken", { input: "x" }], ["prompt", { waht: "x" }]]) {
  assert.equal((await call(name, args)).isError, true);
}

const leaving = new AbortController();
const stopped = call("endless", { input: "x" }, { signal: leaving.signal });
setTimeout(() => leaving.abort(), 300);
await assert.rejects(stopped);
await assert.rejects(call("endless", { input: "x" }, { timeout: 300 }));
console.log(`${mode}: ${client.getNegotiatedProtocolVersion?.() ?? "ok"}`);
await client.close();
