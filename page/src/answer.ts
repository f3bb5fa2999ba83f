// One answer as it comes: the parts of the AI SDK's stream, kept as its clients keep them, so that
// they can be sent back with the next message.

import { signal } from "@preact/signals";
import { stream, type Json, type Part, type StepRow } from "./api";
import { Frames } from "./frames";
import { Steps } from "./steps";

export interface MessagePart {
  type: string;
  id?: string;
  text?: string;
  data?: unknown;
  toolCallId?: string;
  toolName?: string;
  state?: string;
  input?: Json;
  inputText?: string;
  output?: Json;
  errorText?: string;
  approval?: { id: string; approved?: boolean; reason?: string; signature?: string };
}

export type Status = "running" | "done" | "failed" | "stopped";

let count = 0;

export class Answer {
  readonly id = `answer-${++count}`;
  readonly parts: MessagePart[] = [];
  readonly steps = new Steps();
  readonly status = signal<Status>("running");
  readonly error = signal("");
  usage: { input_tokens: number; output_tokens: number } | undefined;
  readonly frames = new Frames();
  private readonly byId = new Map<string, MessagePart>();
  private controller = new AbortController();
  private hasEnded = false;

  stop(): void {
    this.controller.abort();
  }

  /** Do the work of this answer, and show how it ends. */
  async run(work: (stop: AbortSignal) => Promise<void>): Promise<void> {
    this.status.value = "running";
    this.controller = new AbortController();
    try {
      await work(this.controller.signal);
      if (!this.error.value) this.status.value = "done";
    } catch (error) {
      if (this.controller.signal.aborted) this.status.value = "stopped";
      else this.fail(error instanceof Error ? error.message : String(error));
    }
    this.steps.end(this.status.value === "stopped");
    this.frames.ask();
  }

  /** Stream an answer; after an approval, the rest of it, which is a run of its own. */
  async stream(path: string, body: unknown): Promise<void> {
    this.hasEnded = false;
    this.steps.clear();
    await this.run(async (stop) => {
      await stream(path, body, stop, (part) => this.receive(part));
      if (!this.hasEnded) this.fail("The answer was cut: the connection has ended.");
    });
  }

  fail(message: string): void {
    this.error.value = message;
    this.status.value = "failed";
  }

  /** Show a value that came as a whole. */
  show(value: Json): void {
    this.parts.push(
      typeof value === "string" ? { type: "text", text: value } : { type: "data-output", data: value },
    );
    this.frames.ask();
  }

  private receive(part: Part): void {
    this.apply(part);
    this.frames.ask();
  }

  private apply(part: Part): void {
    const kind = part.type.replace(/-(start|delta|end)$/, "");
    switch (part.type) {
      case "start-step":
        this.parts.push({ type: "step-start" });
        break;
      case "text-start":
      case "reasoning-start":
        this.add(part.id!, { type: kind, text: "" });
        break;
      case "text-delta":
      case "reasoning-delta":
        this.byId.get(part.id!)!.text += part.delta!;
        break;
      case "tool-input-start":
        this.add(part.toolCallId!, {
          type: "dynamic-tool",
          toolCallId: part.toolCallId!,
          toolName: part.toolName!,
          state: "input-streaming",
          inputText: "",
        });
        break;
      case "tool-input-delta":
        this.byId.get(part.toolCallId!)!.inputText += part.inputTextDelta!;
        break;
      case "tool-input-available":
        this.call(part, { state: "input-available", input: part.input ?? null });
        break;
      case "tool-input-error":
      case "tool-output-error":
        this.call(part, { state: "output-error", errorText: part.errorText! });
        break;
      case "tool-output-available":
        this.call(part, { state: "output-available", output: part.output ?? null });
        break;
      case "tool-output-denied":
        this.call(part, { state: "output-denied" });
        break;
      case "tool-approval-request":
        this.call(part, {
          state: "approval-requested",
          approval: {
            id: part.approvalId!,
            ...(part.reason && { reason: part.reason }),
            ...(part.signature && { signature: part.signature }),
          },
        });
        break;
      case "data-step":
        this.steps.add({ ...(part.data as StepRow), id: part.id! });
        break;
      case "finish":
        this.usage = part.messageMetadata?.usage;
        this.hasEnded = true;
        break;
      case "error":
        this.hasEnded = true;
        this.fail(part.errorText!);
        break;
      default:
        if (part.type.startsWith("data-")) this.addData(part);
    }
  }

  private add(id: string, part: MessagePart): void {
    this.byId.set(id, part);
    this.parts.push(part);
  }

  private addData(part: Part): void {
    const before = part.id && this.byId.get(part.type + part.id);
    if (before) before.data = part.data;
    else this.add(part.type + (part.id ?? ++count), { type: part.type, ...(part.id && { id: part.id }), data: part.data });
  }

  private call(part: Part, change: Partial<MessagePart>): void {
    const id = part.toolCallId!;
    if (!this.byId.has(id)) {
      this.add(id, { type: "dynamic-tool", toolCallId: id, toolName: part.toolName ?? "tool" });
    }
    Object.assign(this.byId.get(id)!, change);
  }
}
