// The runs inside a run: a tree with a bar for each, all on one axis of time.

import { Component } from "preact";
import { get, type StepDetails, type StepRow } from "./api";
import { Frames } from "./frames";
import { Kept } from "./values";

const LEAVES = new Set(["chat_model", "llm", "embeddings", "tool", "retriever"]);
const MARKS = { running: "…", done: "✓", failed: "✗", cancelled: "■" };
const KINDS: Record<string, string> = { chat_model: "model", llm: "model" };
const WORDS = { running: "running", done: "done", failed: "failed", cancelled: "stopped" };

/** The steps of one run; they change while it runs. */
export class Steps {
  readonly frames = new Frames();
  leftOut = 0;
  private readonly rows = new Map<string, StepRow>();

  /** The id of the run: that of the outermost step. */
  get runId(): string | undefined {
    return this.rows.keys().next().value;
  }

  get isEmpty(): boolean {
    return this.rows.size === 0;
  }

  clear(): void {
    this.rows.clear();
  }

  add(row: StepRow): void {
    this.rows.set(row.id, row);
    this.frames.ask(this.rows.size > 100 ? 250 : 0);
  }

  /** Take the steps that the server has kept, and how many it has left out. */
  load(rows: StepRow[], leftOut: number): void {
    this.leftOut = leftOut;
    for (const row of rows) this.rows.set(row.id, row);
    this.frames.ask();
  }

  /** Mark what never ended: its end was not sent, as the page has left, or the stream has broken. */
  end(isStopped: boolean): void {
    for (const [id, row] of this.rows) {
      if (row.status === "running") {
        this.rows.set(id, { ...row, status: isStopped ? "cancelled" : "failed" });
      }
    }
    this.frames.ask();
  }

  /** The steps as a reader sees the tree, each with its depth. */
  tree(onlyLeaves: boolean): { row: StepRow; depth: number }[] {
    if (onlyLeaves) {
      const leaves = [...this.rows.values()].filter((row) => LEAVES.has(row.type));
      return leaves.map((row) => ({ row, depth: 0 }));
    }
    const children = new Map<string | null, StepRow[]>();
    for (const row of this.rows.values()) {
      const parent = row.parent !== null && this.rows.has(row.parent) ? row.parent : null;
      const siblings = children.get(parent);
      if (siblings) siblings.push(row);
      else children.set(parent, [row]);
    }
    const found: { row: StepRow; depth: number }[] = [];
    const visit = (parent: string | null, depth: number) => {
      for (const row of children.get(parent) ?? []) {
        found.push({ row, depth });
        visit(row.id, depth + 1);
      }
    };
    visit(null, 0);
    return found;
  }

  /** Where the axis begins, and how long it is: a round number, so that bars seldom move. */
  axis(): { start: number; length: number } {
    let start = Infinity;
    let end = 0;
    for (const row of this.rows.values()) {
      start = Math.min(start, row.start);
      end = Math.max(end, row.start + (row.seconds ?? 0));
    }
    return { start, length: roundUp(Math.max(end - start, 0.001)) };
  }
}

function roundUp(seconds: number): number {
  const power = 10 ** Math.floor(Math.log10(seconds));
  return [1, 1.5, 2, 3, 5, 7, 10].find((factor) => factor * power >= seconds)! * power;
}

export function duration(seconds: number): string {
  if (seconds < 0.0095) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 100 ? `${seconds.toFixed(2)} s` : `${Math.round(seconds)} s`;
}

/** The tokens that went in and came out. */
export function tokens(usage: { input_tokens: number; output_tokens: number }): string {
  return `${usage.input_tokens} tokens in, ${usage.output_tokens} out`;
}

const ROWS = 1000;

interface TreeState {
  onlyLeaves: boolean;
  open: string;
  current: string;
  limit: number;
}

/** The panel with the steps of a run. */
export class StepTree extends Component<{ steps: Steps }, TreeState> {
  override state = { onlyLeaves: false, open: "", current: "", limit: ROWS };

  /** Move with the arrow keys, so that one Tab passes hundreds of steps. */
  private move = (event: KeyboardEvent) => {
    const keys: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    const by = keys[event.key];
    if (by === undefined || !(event.target as Element).matches(".row")) return;
    event.preventDefault();
    const rows = [...(event.currentTarget as Element).querySelectorAll<HTMLElement>(".row")];
    const index = rows.indexOf(event.target as HTMLElement) + by;
    rows[Math.max(0, Math.min(rows.length - 1, index))]?.focus();
  };

  /** Go to the innermost step that has failed first: the one that the others have failed for. */
  private showFailure = (event: MouseEvent) => {
    const list = (event.currentTarget as Element).closest(".steps")!;
    const rows = this.props.steps.tree(this.state.onlyLeaves).filter(({ row }) => row.status === "failed");
    const ends = rows.map(({ row, depth }) => ({ row, depth, end: row.start + (row.seconds ?? 0) }));
    ends.sort((a, b) => a.end - b.end || b.depth - a.depth);
    const first = ends[0]?.row.id ?? "";
    this.setState({ open: first, current: first, limit: Infinity }, () => focus(list, first));
  };

  override render() {
    const { steps } = this.props;
    steps.frames.read();
    if (steps.isEmpty) return <p class="quiet">The steps of a run appear here.</p>;
    const rows = steps.tree(this.state.onlyLeaves);
    const { limit } = this.state;
    const { start, length } = steps.axis();
    const failed = rows.filter(({ row }) => row.status === "failed").length;
    const current = rows.some(({ row }) => row.id === this.state.current) ? this.state.current : rows[0]?.row.id;
    return (
      <div class="steps">
        <div class="axis">
          <label>
            <input
              type="checkbox"
              checked={this.state.onlyLeaves}
              onChange={(event) => this.setState({ onlyLeaves: event.currentTarget.checked })}
            />
            Models and tools only
          </label>
          {failed > 0 && (
            <button type="button" class="link bad" onClick={this.showFailure}>{failed} failed</button>
          )}
          <span>{rows.length} {rows.length === 1 ? "step" : "steps"}, axis {duration(length)}</span>
        </div>
        <ul onKeyDown={this.move} aria-label="Steps">
          {rows.slice(0, limit).map(({ row, depth }) => (
            <Row
              key={row.id}
              row={row}
              depth={depth}
              start={start}
              length={length}
              runId={steps.runId!}
              isOpen={this.state.open === row.id}
              isCurrent={current === row.id}
              onFocus={() => this.setState({ current: row.id })}
              onToggle={() => this.setState({ open: this.state.open === row.id ? "" : row.id })}
            />
          ))}
        </ul>
        {rows.length > limit && (
          <button type="button" class="link" onClick={() => this.setState({ limit: limit + ROWS })}>
            Show more ({rows.length - limit} left)
          </button>
        )}
        {steps.leftOut > 0 && <p class="quiet">The server has not kept {steps.leftOut} more.</p>}
      </div>
    );
  }
}

interface RowProps {
  row: StepRow;
  depth: number;
  start: number;
  length: number;
  runId: string;
  isOpen: boolean;
  isCurrent: boolean;
  onFocus: () => void;
  onToggle: () => void;
}

function focus(list: Element, id: string): void {
  list.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`)?.focus();
}

class Row extends Component<RowProps> {
  /** Hundreds of rows stay as they are while one of them changes. */
  override shouldComponentUpdate(next: RowProps): boolean {
    const before = this.props;
    return (
      next.row !== before.row || next.depth !== before.depth || next.start !== before.start ||
      next.length !== before.length || next.isOpen !== before.isOpen || next.isCurrent !== before.isCurrent
    );
  }

  override render() {
    const { row, depth, start, length, isOpen, isCurrent } = this.props;
    const left = ((row.start - start) / length) * 100;
    const width = row.seconds === null ? 100 - left : Math.max((row.seconds / length) * 100, 0.5);
    const bar = { left: `${Math.min(left, 99.5)}%`, width: `${width}%` };
    return (
      <li class={row.status}>
        <button
          type="button"
          class="row"
          data-id={row.id}
          aria-expanded={isOpen}
          tabIndex={isCurrent ? 0 : -1}
          onClick={this.props.onToggle}
          onFocus={this.props.onFocus}
        >
          <span class="name" style={{ paddingInlineStart: `${Math.min(depth, 12) * 12}px` }}>
            <span class="mark" aria-hidden="true">{MARKS[row.status]}</span>
            <b>{row.name}</b> <small>{KINDS[row.type] ?? row.type}</small>
          </span>
          <span class="facts">
            {row.usage && (
              <span title={tokens(row.usage)}>{row.usage.input_tokens + row.usage.output_tokens} tokens</span>
            )}
            <span>{row.seconds === null ? "" : duration(row.seconds)}</span>
            <span class="sr">{WORDS[row.status]}</span>
          </span>
          <span class="track" aria-hidden="true"><span class="bar" style={bar} /></span>
        </button>
        {isOpen && <Details runId={this.props.runId} row={row} />}
      </li>
    );
  }
}

interface DetailsState {
  found: StepDetails | undefined;
  problem: string;
}

/** What a step was given and has returned, cut to size; asked for when it is opened. */
class Details extends Component<{ runId: string; row: StepRow }, DetailsState> {
  override state: DetailsState = { found: undefined, problem: "" };

  override componentDidMount() {
    void this.load();
  }

  override componentDidUpdate(before: { row: StepRow }) {
    if (before.row.status !== this.props.row.status) void this.load();
  }

  private load = async (whole = false) => {
    const path = `page/runs/${encodeURIComponent(this.props.runId)}/steps/${encodeURIComponent(this.props.row.id)}`;
    try {
      this.setState({ found: await get<StepDetails>(whole ? `${path}?whole=true` : path), problem: "" });
    } catch (error) {
      this.setState({ problem: (error as Error).message });
    }
  };

  override render() {
    const { found, problem } = this.state;
    const { row } = this.props;
    if (problem) return <p class="quiet details">{problem}</p>;
    if (!found) return <p class="quiet details">Loading …</p>;
    return (
      <div class="details">
        {row.usage && <p class="quiet">{tokens(row.usage)}</p>}
        {found.error && <p class="error">{found.error}</p>}
        <Kept title="Input" value={found.input} onMore={() => this.load(true)} />
        <Kept title="Output" value={found.output} onMore={() => this.load(true)} />
      </div>
    );
  }
}
