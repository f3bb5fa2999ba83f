// A request as code that runs as it is: curl, and Python without any package but the standard ones.

import type { Json } from "./api";
import { hasKey } from "./api";
import { Copy } from "./values";

export interface Request {
  path: string;
  body: Json;
  streams: boolean;
}

export function Code({ request }: { request: Request }) {
  const url = new URL(request.path, document.baseURI).href;
  const codes = { curl: asCurl(url, request), Python: asPython(url, request) };
  return (
    <details class="code">
      <summary>The request as code</summary>
      {Object.entries(codes).map(([name, text]) => (
        <section key={name}>
          <h4>{name} <Copy text={text} label="Copy" of={name} /></h4>
          <pre tabIndex={0} data-code={name}>{text}</pre>
        </section>
      ))}
      {hasKey() && <p class="quiet">Set the variable API_KEY to your key.</p>}
    </details>
  );
}

function asCurl(url: string, { body, streams }: Request): string {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = [
    `curl ${streams ? "-N " : ""}${quoted(url)}`,
    "-H 'Content-Type: application/json'",
    ...(hasKey() ? [`-H "Authorization: Bearer $API_KEY"`] : []),
    `-d ${quoted(JSON.stringify(body, null, 1).replace(/\n */g, " "))}`,
  ];
  return lines.join(" \\\n  ");
}

function asPython(url: string, { body, streams }: Request): string {
  const headers: Json = { "Content-Type": "application/json" };
  return [
    "import json",
    ...(hasKey() ? ["import os"] : []),
    "import urllib.request",
    "",
    `body = ${asLiteral(body)}`,
    `headers = ${asLiteral(headers)}`,
    ...(hasKey() ? ['headers["Authorization"] = "Bearer " + os.environ["API_KEY"]'] : []),
    `url = ${asLiteral(url)}`,
    "data = json.dumps(body).encode()",
    "request = urllib.request.Request(url, data, headers)",
    "with urllib.request.urlopen(request) as response:",
    ...(streams
      ? ["    for line in response:", "        print(line.decode().rstrip())"]
      : ["    print(json.load(response))"]),
    "",
  ].join("\n");
}

const WORDS = new Map<Json, string>([[true, "True"], [false, "False"], [null, "None"]]);

/** A value as Python writes it; the escapes of JSON's strings are Python's, too. */
function asLiteral(value: Json, indent = ""): string {
  const word = WORDS.get(value);
  if (word) return word;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}    `;
  const isList = Array.isArray(value);
  const items = isList
    ? value.map((item) => asLiteral(item, inner))
    : Object.entries(value).map(([key, field]) => `${JSON.stringify(key)}: ${asLiteral(field, inner)}`);
  const [open, close] = isList ? "[]" : "{}";
  const line = `${open}${items.join(", ")}${close}`;
  if (line.length < 76 - indent.length && !line.includes("\n")) return line;
  return `${open}\n${items.map((item) => `${inner}${item},\n`).join("")}${indent}${close}`;
}
