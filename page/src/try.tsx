// The form: one input, which is invoked or streamed; and many, as a batch.

import { signal } from "@preact/signals";
import { get, post, type Json, type Meta, type StepRow } from "./api";
import { Answer } from "./answer";
import { Code } from "./code";
import { Area, Field, JsonArea } from "./form";
import { Output } from "./output";
import { initial, type Schema } from "./schema";
import { pretty, short, Text } from "./values";

const value = signal<Json | undefined>(undefined);
const isRaw = signal(false);
const isLoaded = signal(false);
const answer = signal<Answer | undefined>(undefined);
const mode = signal<"stream" | "invoke">("stream");

interface Outcome {
  output: Json;
  metadata: { run_id: string };
}

export function Try({ meta, show }: { meta: Meta; show: (answer: Answer) => void }) {
  const schema = meta.schema as Schema;
  if (!isLoaded.value) {
    isLoaded.value = true;
    value.value = initial(schema, schema);
  }
  const running = answer.value?.status.value === "running" ? answer.value : undefined;
  const run = (how: "stream" | "invoke") => {
    if (running) return;
    mode.value = how;
    const given = value.value ?? null;
    const next = (answer.value = new Answer());
    show(next);
    if (how === "stream") void next.stream("page/run", { input: given });
    else void next.run((stop) => invoke(next, given, meta, stop));
  };
  return (
    <>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run("stream");
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            run("stream");
          }
        }}
      >
        {isRaw.value ? (
          <JsonArea label="Input as JSON" value={value.value} onChange={(given) => (value.value = given)} />
        ) : (
          <Field
            schema={{ ...schema, title: "Input" }}
            root={schema}
            name=""
            value={value.value}
            isRequired
            onChange={(given) => (value.value = given)}
          />
        )}
        <div class="actions">
          <button type="submit" class="primary" disabled={!!running}>Stream</button>
          <button type="button" disabled={!!running} onClick={() => run("invoke")}>Invoke</button>
          {running && <button type="button" class="stop" onClick={() => running.stop()}>Stop</button>}
          <label class="check"><input type="checkbox" checked={isRaw.value} onChange={(event) => (isRaw.value = event.currentTarget.checked)} /> As JSON</label>
        </div>
      </form>
      <section aria-label="Output" aria-live="polite">
        {answer.value && <Output answer={answer.value} />}
      </section>
      <Code request={{ path: mode.value, body: { input: value.value ?? null }, streams: mode.value === "stream" }} />
    </>
  );
}

async function invoke(answer: Answer, input: Json, meta: Meta, stop: AbortSignal): Promise<void> {
  const found = await post<Outcome>("invoke", { input }, stop);
  answer.show(contentOf(found.output));
  if (meta.shows_steps) await loadSteps(answer, found.metadata.run_id);
}

/** The text of a message; any other output as it is. */
export function contentOf(output: Json): Json {
  if (output !== null && typeof output === "object" && !Array.isArray(output)) {
    if (output.type === "ai" && typeof output.content === "string" && output.content) return output.content;
  }
  return output;
}

export async function loadSteps(answer: Answer, runId: string): Promise<void> {
  const run = await get<{ steps: StepRow[]; left_out: number }>(`page/runs/${encodeURIComponent(runId)}`);
  answer.steps.load(run.steps, run.left_out);
}

// -- batch

const lines = signal("");
const batch = signal<Answer | undefined>(undefined);
const rows = signal<{ input: Json; output: Json; runId: string }[]>([]);

interface Outcomes {
  output: Json[];
  metadata: { run_ids: string[] };
}

/** The inputs of a batch: each line is JSON, or text; text is the input's only field, if it has one. */
function inputsOf(text: string, schema: Schema): Json[] {
  const names = schema.type === "object" ? Object.keys(schema.properties ?? {}) : [];
  return text.split("\n").filter((line) => line.trim()).map((line) => {
    try {
      return JSON.parse(line);
    } catch {
      if (names.length !== 1) return line;
      const isMessages = schema.properties[names[0]!].type === "array";
      return { [names[0]!]: isMessages ? [{ role: "user", content: line }] : line };
    }
  });
}

export function Batch({ meta, show }: { meta: Meta; show: (answer: Answer) => void }) {
  const inputs = inputsOf(lines.value, meta.schema as Schema);
  const running = batch.value?.status.value === "running" ? batch.value : undefined;
  const run = () => {
    if (running || !inputs.length) return;
    const next = (batch.value = new Answer());
    rows.value = [];
    void next.run(async (stop) => {
      const found = await post<Outcomes>("batch", { inputs }, stop);
      rows.value = found.output.map((output, index) => ({
        input: inputs[index]!,
        output: contentOf(output),
        runId: found.metadata.run_ids[index]!,
      }));
    });
  };
  const open = async (runId: string) => {
    const shown = new Answer();
    show(shown);
    await shown.run(() => loadSteps(shown, runId));
  };
  return (
    <>
      <form onSubmit={(event) => { event.preventDefault(); run(); }}>
        <div class="field">
          <label for="lines">Inputs, one a line: JSON, or text</label>
          <Area id="lines" rows={5} value={lines.value} onInput={(text) => (lines.value = text)} />
        </div>
        <div class="actions">
          <button type="submit" class="primary" disabled={!!running || !inputs.length || inputs.length > meta.max_batch}>
            Run {inputs.length || ""} {inputs.length === 1 ? "input" : "inputs"}
          </button>
          {running && <button type="button" class="stop" onClick={() => running.stop()}>Stop</button>}
        </div>
      </form>
      <section aria-label="Outputs" aria-live="polite">
        {running && <p class="quiet">Running …</p>}
        {batch.value?.status.value === "failed" && <p class="error" role="alert">{batch.value.error.value}</p>}
        {batch.value?.status.value === "stopped" && <p class="quiet">Stopped.</p>}
        {rows.value.length > 0 && (
          <ol class="rows">
            {rows.value.map((row, index) => (
              <li key={index}>
                <details>
                  <summary><span>{short(row.input)}</span><b>{short(row.output)}</b></summary>
                  <Text text={pretty(row.input)} mono />
                  <Text text={typeof row.output === "string" ? row.output : pretty(row.output)} mono />
                  {meta.shows_steps && <button type="button" class="link" onClick={() => open(row.runId)}>Show its steps</button>}
                </details>
              </li>
            ))}
          </ol>
        )}
      </section>
      <Code request={{ path: "batch", body: { inputs }, streams: false }} />
    </>
  );
}
