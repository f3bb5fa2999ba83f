// What a chain has answered: its text, its reasoning, its calls of tools, and values.

import type { Answer, MessagePart } from "./answer";
import { tokens } from "./steps";
import { Text, Value } from "./values";

interface Props {
  answer: Answer;
  onDecide?: (part: MessagePart, isApproved: boolean) => void;
}

export function Output({ answer, onDecide }: Props) {
  answer.frames.read();
  const status = answer.status.value;
  const shown = answer.parts.filter(isShown);
  return (
    <div class="output" aria-busy={status === "running"}>
      {shown.map((part, index) => <Part key={index} part={part} {...(onDecide && { onDecide })} />)}
      {status === "running" && <p class="quiet running">{shown.length ? "…" : "Waiting for the first words …"}</p>}
      {status === "failed" && <p class="error" role="alert">{answer.error.value}</p>}
      {status === "stopped" && <p class="quiet">Stopped.</p>}
      {status === "done" && shown.length === 0 && <p class="quiet">The answer is empty.</p>}
      {answer.usage && <p class="quiet">{tokens(answer.usage)}</p>}
    </div>
  );
}

function isShown(part: MessagePart): boolean {
  return ["text", "reasoning", "dynamic-tool", "data-output"].includes(part.type) && part.text !== "";
}

function Part({ part, onDecide }: { part: MessagePart; onDecide?: Props["onDecide"] }) {
  switch (part.type) {
    case "reasoning":
      return <details class="part"><summary>Reasoning</summary><Text text={part.text ?? ""} /></details>;
    case "dynamic-tool":
      return <Call part={part} {...(onDecide && { onDecide })} />;
    case "data-output":
      return <Value value={part.data} />;
    default:
      return <Text text={part.text ?? ""} />;
  }
}

const STATES: Record<string, string> = {
  "input-streaming": "is written",
  "input-available": "runs",
  "output-available": "done",
  "output-error": "failed",
  "output-denied": "denied",
  "approval-requested": "waits for you",
};

function Call({ part, onDecide }: { part: MessagePart; onDecide?: Props["onDecide"] }) {
  const asks = part.state === "approval-requested";
  const decided = part.approval?.approved === undefined ? "" : part.approval.approved ? "approved" : "denied";
  const state = part.state === "approval-responded" ? decided : (STATES[part.state ?? ""] ?? part.state);
  return (
    <details class={`part ${part.state === "output-error" ? "failed" : ""}`} open={asks}>
      <summary>Tool <b>{part.toolName}</b> <small>{state}</small></summary>
      {part.input === undefined ? <Text text={part.inputText ?? ""} mono /> : <Value value={part.input} />}
      {part.output !== undefined && <Value value={part.output} />}
      {part.errorText && <p class="error">{part.errorText}</p>}
      {asks && onDecide && (
        <div class="actions" role="group" aria-label={`Approve ${part.toolName}?`}>
          <span>{part.approval?.reason ?? `May ${part.toolName} run with this?`}</span>
          <button type="button" class="primary" onClick={() => onDecide(part, true)}>Approve</button>
          <button type="button" onClick={() => onDecide(part, false)}>Deny</button>
        </div>
      )}
    </details>
  );
}
