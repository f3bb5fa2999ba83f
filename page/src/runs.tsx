// The last runs that the server keeps, and the picture of the chain.

import { Component } from "preact";
import { get, getPicture, type RunLine } from "./api";
import { Answer } from "./answer";
import { duration, tokens } from "./steps";
import { loadSteps } from "./try";

interface RunsState {
  runs: RunLine[] | undefined;
  problem: string;
  chosen: string;
}

export class Runs extends Component<{ show: (answer: Answer) => void }, RunsState> {
  override state: RunsState = { runs: undefined, problem: "", chosen: "" };

  override componentDidMount() {
    void this.load();
  }

  private load = async () => {
    try {
      this.setState({ ...(await get<{ runs: RunLine[] }>("page/runs")), problem: "" });
    } catch (error) {
      this.setState({ problem: (error as Error).message });
    }
  };

  private open = (id: string) => {
    const answer = new Answer();
    this.setState({ chosen: id });
    this.props.show(answer);
    void answer.run(() => loadSteps(answer, id));
  };

  override render() {
    const { runs, problem, chosen } = this.state;
    return (
      <>
        <div class="actions first">
          <span class="quiet">Of all clients, the newest first.</span>
          <button type="button" onClick={this.load}>Refresh</button>
        </div>
        {problem && <p class="error" role="alert">{problem}</p>}
        {runs?.length === 0 && <p class="quiet">There are none yet.</p>}
        <ol class="runs" aria-label="Last runs">
          {runs?.map((run) => (
            <li key={run.id}>
              <button type="button" class={run.status} aria-pressed={chosen === run.id} onClick={() => this.open(run.id)}>
                <span class="facts">
                  <time dateTime={new Date(run.start * 1000).toISOString()}>{new Date(run.start * 1000).toLocaleTimeString()}</time>
                  <b>{run.status === "cancelled" ? "stopped" : run.status}</b>
                  {run.seconds !== null && <span>{duration(run.seconds)}</span>}
                  {run.usage && <span>{tokens(run.usage)}</span>}
                </span>
                <span>{run.asked}</span>
                <span class="quiet">{run.error ?? run.answered}</span>
              </button>
            </li>
          ))}
        </ol>
      </>
    );
  }
}

interface PictureState {
  url: string;
  text: string;
  problem: string;
}

export class Picture extends Component<{ name: string }, PictureState> {
  override state: PictureState = { url: "", text: "", problem: "" };

  override async componentDidMount() {
    try {
      const picture = await getPicture();
      if (picture.type.startsWith("image/svg+xml")) this.setState({ url: URL.createObjectURL(picture) });
      else this.setState({ text: await picture.text() });
    } catch (error) {
      this.setState({ problem: (error as Error).message });
    }
  }

  override componentWillUnmount() {
    URL.revokeObjectURL(this.state.url);
  }

  override render() {
    const { url, text, problem } = this.state;
    if (problem) return <p class="error" role="alert">{problem}</p>;
    if (text) return <pre class="picture" tabIndex={0}>{text}</pre>;
    if (!url) return <p class="quiet">Drawing …</p>;
    return <img class="picture" src={url} alt={`The steps of ${this.props.name}, from its input to its output`} />;
  }
}
