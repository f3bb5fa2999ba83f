// What a JSON Schema asks for, as far as a form can have it.

import type { Json } from "./api";

export type Schema = { [key: string]: any };

export type Kind =
  | "text" | "number" | "integer" | "boolean" | "choice" | "list" | "messages" | "object" | "union" | "json";

/** Follow references; what a schema says beside them stays. */
export function resolve(schema: Schema, root: Schema): Schema {
  let found = schema;
  for (let steps = 0; found.$ref && steps < 20; steps++) {
    const path = String(found.$ref).replace(/^#\//, "").split("/");
    const { $ref: _, ...beside } = found;
    found = { ...path.reduce((inner: Schema, key) => inner?.[key], root), ...beside };
  }
  const single = found.allOf?.length === 1 ? found.allOf[0] : undefined;
  return single ? { ...resolve(single, root), ...found, allOf: undefined } : found;
}

/** The types that a value may have, without null, and without what only Python has. */
export function variants(schema: Schema, root: Schema): Schema[] {
  const all: Schema[] = schema.anyOf ?? schema.oneOf ?? [];
  const known = all.filter((each) => !/PromptValue$/.test(each.$ref ?? ""));
  const found = known.map((each) => resolve(each, root)).filter((each) => each.type !== "null");
  // Text first: it is what most people want to write.
  return found.sort((a, b) => Number(b.type === "string") - Number(a.type === "string"));
}

export function kindOf(schema: Schema, root: Schema): Kind {
  if (schema.enum || "const" in schema) return "choice";
  const choices = variants(schema, root);
  if (choices.length > 1) return choices.every((each) => "const" in each) ? "choice" : "union";
  switch (schema.type) {
    case "string":
      return "text";
    case "number":
    case "integer":
    case "boolean":
      return schema.type;
    case "array":
      if (isMessages(schema)) return "messages";
      return schema.items && Object.keys(schema.items).length ? "list" : "json";
    case "object":
      return schema.properties ? "object" : "json";
    default:
      return "json";
  }
}

/** Whether a list is one of messages: it says so, or it is the placeholder of a prompt. */
function isMessages(schema: Schema): boolean {
  const items = schema.items ?? {};
  const refs: Schema[] = items.oneOf ?? items.anyOf ?? [items];
  const named = refs.some((each) => /(Human|AI)Message$/.test(each.$ref ?? ""));
  return named || (Object.keys(items).length === 0 && !!schema.title);
}

/** The one type of an optional field; the schema itself otherwise. */
export function plain(schema: Schema, root: Schema): Schema {
  const found = resolve(schema, root);
  const choices = variants(found, root);
  const { anyOf: _, oneOf: __, ...beside } = found;
  return choices.length === 1 ? { ...choices[0], ...beside } : found;
}

/** What a form begins with. */
export function initial(given: Schema, root: Schema, depth = 0): Json | undefined {
  const schema = plain(given, root);
  if (schema.default !== undefined) return schema.default;
  switch (kindOf(schema, root)) {
    case "text":
      return "";
    case "boolean":
      return false;
    case "choice":
      return options(schema, root)[0]!;
    case "messages":
      return depth === 0 || schema.minItems ? [{ role: "user", content: "" }] : [];
    case "list":
      return [];
    case "union":
      return initial(variants(schema, root)[0]!, root, depth);
    case "object": {
      const found: { [key: string]: Json } = {};
      if (depth > 8) return found;
      for (const [name, field] of Object.entries<Schema>(schema.properties)) {
        const isRequired = schema.required?.includes(name);
        const value = isRequired ? initial(field, root, depth + 1) : resolve(field, root).default;
        if (value !== undefined && value !== null) found[name] = value;
      }
      return found;
    }
    default:
      return undefined;
  }
}

export function options(schema: Schema, root: Schema): Json[] {
  if (schema.enum) return schema.enum;
  if ("const" in schema) return [schema.const];
  return variants(schema, root).map((each) => each.const);
}

export function titleOf(schema: Schema, name: string): string {
  return schema.title ?? name;
}
