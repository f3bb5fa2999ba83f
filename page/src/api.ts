// Requests to the server that has sent this page, and to no other.

import { signal } from "@preact/signals";
import { createParser } from "eventsource-parser";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface StepRow {
  id: string;
  name: string;
  type: string;
  status: "running" | "done" | "failed" | "cancelled";
  parent: string | null;
  start: number;
  seconds: number | null;
  usage: { input_tokens: number; output_tokens: number } | null;
}

export interface KeptValue {
  text: string;
  kind: "text" | "json";
  kept: number;
  is_cut: boolean;
}

/** A run in the list of the last ones. */
export interface RunLine extends StepRow {
  asked: string;
  answered: string;
  error: string | null;
}

export interface StepDetails extends StepRow {
  input: KeptValue | null;
  output: KeptValue | null;
  error: string | null;
}

export interface Meta {
  name: string;
  chats: boolean;
  schema: Json;
  shows_steps: boolean;
  max_batch: number;
}

/** Whether the server has asked for a key. */
export const needsKey = signal(false);

const STORE = "runnables-key";
let key = sessionStorage.getItem(STORE) ?? "";

export function useKey(given: string): void {
  key = given;
  sessionStorage.setItem(STORE, given);
  needsKey.value = false;
}

export const hasKey = (): boolean => key !== "";

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (key) headers.set("authorization", `Bearer ${key}`);
  const answer = await fetch(path, { ...init, headers });
  if (answer.ok) return answer;
  if (answer.status === 401) needsKey.value = true;
  throw new Error(messageOf(await answer.text()) || `The server has answered ${answer.status}.`);
}

/** The sentence in the body of a refusal, whatever the protocol of the endpoint. */
function messageOf(body: string): string {
  try {
    const found = JSON.parse(body);
    return found.detail ?? found.error?.message ?? body;
  } catch {
    return body;
  }
}

export async function get<T>(path: string): Promise<T> {
  return (await send(path)).json();
}

export async function getPicture(): Promise<Blob> {
  return (await send("page/picture")).blob();
}

function postOptions(body: unknown, stop: AbortSignal): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: stop,
  };
}

export async function post<T>(path: string, body: unknown, stop: AbortSignal): Promise<T> {
  return (await send(path, postOptions(body, stop))).json();
}

/** Read a stream of events; `receive` gets the JSON of each. */
export async function stream(
  path: string,
  body: unknown,
  stop: AbortSignal,
  receive: (part: Part) => void,
): Promise<void> {
  const answer = await send(path, postOptions(body, stop));
  const parser = createParser({
    onEvent: (event) => {
      if (event.data !== "[DONE]") receive(JSON.parse(event.data));
    },
  });
  const decoder = new TextDecoder();
  const reader = answer.body!.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    parser.feed(decoder.decode(read.value, { stream: true }));
  }
}

/** A part of the AI SDK's stream; what else it has depends on its type. */
export interface Part {
  type: string;
  id?: string;
  delta?: string;
  data?: unknown;
  toolCallId?: string;
  toolName?: string;
  inputTextDelta?: string;
  input?: Json;
  output?: Json;
  errorText?: string;
  approvalId?: string;
  reason?: string;
  signature?: string;
  finishReason?: string;
  messageMetadata?: { usage?: { input_tokens: number; output_tokens: number } };
}
