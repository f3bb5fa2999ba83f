// Reads flowcharts, one JSON string a line; answers each with null, or the error that Mermaid raises.
import { createInterface } from "node:readline";
import { JSDOM } from "jsdom";

const { window } = new JSDOM("<body></body>");
globalThis.window = window;
globalThis.document = window.document;
globalThis.Element = window.Element;

const { default: mermaid } = await import("mermaid");
mermaid.initialize({ startOnLoad: false });

for await (const line of createInterface({ input: process.stdin })) {
  const error = await mermaid.parse(JSON.parse(line)).then(() => null, (reason) => String(reason));
  process.stdout.write(JSON.stringify(error) + "\n");
}
