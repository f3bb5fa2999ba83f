// A form from a JSON Schema. What it has no field for is written as JSON.

import { Component } from "preact";
import { useId, useState } from "preact/hooks";
import type { Json } from "./api";
import { initial, kindOf, options, plain, titleOf, variants, type Schema } from "./schema";
import { pretty } from "./values";

interface FieldProps {
  schema: Schema;
  root: Schema;
  name: string;
  value: Json | undefined;
  isRequired: boolean;
  onChange: (value: Json | undefined) => void;
}

/** One field, with its label: whatever the schema asks for. */
export function Field(props: FieldProps) {
  const schema = plain(props.schema, props.root);
  switch (kindOf(schema, props.root)) {
    case "object":
      return <ObjectField {...props} schema={schema} />;
    case "list":
      return <ListField {...props} schema={schema} />;
    case "messages":
      return <MessagesField {...props} schema={schema} />;
    case "union":
      return <UnionField {...props} schema={schema} />;
    default:
      return <SimpleField {...props} schema={schema} />;
  }
}

function SimpleField(props: FieldProps) {
  const id = useId();
  const { schema, name, isRequired } = props;
  const kind = kindOf(schema, props.root);
  const label = <label for={id}>{titleOf(schema, name)}{!isRequired && <small> optional</small>}</label>;
  const help = schema.description && <small class="quiet">{firstLine(schema.description)}</small>;
  if (kind === "boolean") {
    return <div class="field check"><Input {...props} id={id} />{label}{help}</div>;
  }
  return <div class="field">{label}{help}<Input {...props} id={id} /></div>;
}

function Input({ schema, root, value, isRequired, onChange, id }: FieldProps & { id: string }) {
  switch (kindOf(schema, root)) {
    case "boolean":
      return <input id={id} type="checkbox" checked={value === true} onChange={(event) => onChange(event.currentTarget.checked)} />;
    case "number":
    case "integer":
      return (
        <input
          id={id}
          type="number"
          step={schema.type === "integer" ? 1 : "any"}
          min={schema.minimum}
          max={schema.maximum}
          value={typeof value === "number" ? value : ""}
          onInput={(event) => {
            const number = event.currentTarget.valueAsNumber;
            onChange(Number.isNaN(number) ? undefined : number);
          }}
        />
      );
    case "choice": {
      const choices = options(schema, root);
      return (
        <select
          id={id}
          value={choices.findIndex((choice) => choice === value)}
          onChange={(event) => onChange(choices[Number(event.currentTarget.value)])}
        >
          {!isRequired && <option value={-1}>—</option>}
          {choices.map((choice, index) => <option key={index} value={index}>{String(choice)}</option>)}
        </select>
      );
    }
    case "text":
      return (
        <Area
          id={id}
          value={typeof value === "string" ? value : ""}
          onInput={(text) => onChange(text === "" && !isRequired ? undefined : text)}
        />
      );
    default:
      return <JsonArea id={id} value={value} onChange={onChange} />;
  }
}

/** A box for text that grows with it. */
export function Area(props: { id?: string; value: string; label?: string; placeholder?: string; rows?: number; onInput: (text: string) => void }) {
  const rows = Math.min(12, Math.max(props.rows ?? 1, props.value.split("\n").length));
  return (
    <textarea
      id={props.id}
      rows={rows}
      value={props.value}
      aria-label={props.label}
      placeholder={props.placeholder}
      onInput={(event) => props.onInput(event.currentTarget.value)}
    />
  );
}

interface JsonProps {
  id?: string;
  value: Json | undefined;
  label?: string;
  onChange: (value: Json | undefined) => void;
}

/** A box for JSON; what is no JSON yet changes nothing, and is marked. */
export class JsonArea extends Component<JsonProps, { text: string; problem: string }> {
  override state = { text: this.props.value === undefined ? "" : pretty(this.props.value), problem: "" };

  private write = (text: string) => {
    try {
      this.props.onChange(text.trim() === "" ? undefined : JSON.parse(text));
      this.setState({ text, problem: "" });
    } catch (error) {
      this.setState({ text, problem: (error as Error).message });
    }
  };

  override render() {
    return (
      <div class="json">
        <Area {...(this.props.id && { id: this.props.id })} {...(this.props.label && { label: this.props.label })}
          rows={3} value={this.state.text} onInput={this.write} />
        {this.state.problem && <p class="error" role="alert">No JSON yet: {this.state.problem}</p>}
      </div>
    );
  }
}

function ObjectField({ schema, root, name, value, onChange }: FieldProps) {
  const fields = value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
  const set = (key: string, given: Json | undefined) => {
    const { [key]: _, ...others } = fields;
    onChange(given === undefined ? others : { ...fields, [key]: given });
  };
  const inner = Object.entries<Schema>(schema.properties).map(([key, field]) => (
    <Field
      key={key}
      schema={field}
      root={root}
      name={key}
      value={fields[key]}
      isRequired={!!schema.required?.includes(key)}
      onChange={(given) => set(key, given)}
    />
  ));
  return name === "" ? <>{inner}</> : <fieldset><legend>{titleOf(schema, name)}</legend>{inner}</fieldset>;
}

function ListField({ schema, root, name, value, onChange }: FieldProps) {
  const items = Array.isArray(value) ? value : [];
  return (
    <fieldset>
      <legend>{titleOf(schema, name) || "Items"}</legend>
      {items.map((item, index) => (
        <div class="item" key={index}>
          <Field
            schema={schema.items}
            root={root}
            name={`${index + 1}`}
            value={item}
            isRequired
            onChange={(given) => onChange(items.with(index, given ?? null))}
          />
          <Remove what={`item ${index + 1}`} onClick={() => onChange(items.toSpliced(index, 1))} />
        </div>
      ))}
      <button type="button" onClick={() => onChange([...items, initial(schema.items, root) ?? null])}>Add an item</button>
    </fieldset>
  );
}

const ROLES = ["user", "assistant", "system"];

function MessagesField({ schema, name, value, onChange }: FieldProps) {
  const messages = (Array.isArray(value) ? value : []) as { role: string; content: string }[];
  const set = (index: number, change: object) => onChange(messages.with(index, { ...messages[index]!, ...change }));
  return (
    <fieldset>
      <legend>{titleOf(schema, name) || "Messages"}</legend>
      {messages.map((message, index) => (
        <div class="item" key={index}>
          <select
            aria-label={`Role of message ${index + 1}`}
            value={message.role}
            onChange={(event) => set(index, { role: event.currentTarget.value })}
          >
            {ROLES.map((role) => <option key={role}>{role}</option>)}
          </select>
          <Area label={`Message ${index + 1}`} value={message.content} onInput={(content) => set(index, { content })} />
          <Remove what={`message ${index + 1}`} onClick={() => onChange(messages.toSpliced(index, 1))} />
        </div>
      ))}
      <button
        type="button"
        onClick={() => onChange([...messages, { role: messages.at(-1)?.role === "user" ? "assistant" : "user", content: "" }])}
      >
        Add a message
      </button>
    </fieldset>
  );
}

function UnionField({ schema, root, name, value, isRequired, onChange }: FieldProps) {
  const choices = variants(schema, root);
  const [chosen, choose] = useState(0);
  const id = useId();
  return (
    <>
      <div class="field">
        <label for={id}>Kind of {titleOf(schema, name)}</label>
        <select
          id={id}
          value={chosen}
          onChange={(event) => {
            const index = Number(event.currentTarget.value);
            choose(index);
            onChange(initial(choices[index]!, root));
          }}
        >
          {choices.map((choice, index) => <option key={index} value={index}>{nameOf(choice, root)}</option>)}
        </select>
      </div>
      <Field key={chosen} schema={{ title: titleOf(schema, name), ...choices[chosen]! }} root={root} name={name}
        value={value} isRequired={isRequired} onChange={onChange} />
    </>
  );
}

function Remove({ what, onClick }: { what: string; onClick: () => void }) {
  return <button type="button" class="icon" aria-label={`Remove ${what}`} onClick={onClick}>×</button>;
}

function nameOf(schema: Schema, root: Schema): string {
  const kind = kindOf(schema, root);
  return schema.title ?? (kind === "json" ? (schema.type ?? "JSON") : kind);
}

function firstLine(text: string): string {
  return text.split("\n")[0]!;
}
