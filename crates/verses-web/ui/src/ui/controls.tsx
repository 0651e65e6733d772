// What is pressed, typed into or chosen. Styles in styles/controls.css.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Icon, type IconName } from "./icons";

export type ButtonTone = "plain" | "primary" | "quiet" | "danger";

interface ButtonProps {
  children: ComponentChildren;
  tone?: ButtonTone;
  icon?: IconName;
  /** As wide as what holds it. */
  wide?: boolean;
  disabled?: boolean;
  /** While it works: cannot be pressed again, and keeps the focus. */
  busy?: boolean;
  type?: "button" | "submit";
  class?: string;
  onClick?: (event: MouseEvent) => void;
  autofocus?: boolean;
  /** Id of what says more, such as why it cannot be pressed. */
  describedBy?: string;
}

export function Button(props: ButtonProps) {
  const { children, tone = "plain", icon, wide, disabled, busy, type = "button", class: extra = "", onClick, autofocus, describedBy } = props;
  return (
    <button
      type={type}
      class={`button ${tone} ${wide ? "wide" : ""} ${extra}`}
      disabled={disabled}
      aria-disabled={busy ? "true" : undefined}
      autofocus={autofocus}
      aria-describedby={describedBy}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

/** A link that looks like a button. */
export function ButtonLink(props: { href: string; children: ComponentChildren; tone?: ButtonTone; icon?: IconName }) {
  const { href, children, tone = "plain", icon } = props;
  return (
    <a class={`button ${tone}`} href={href}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </a>
  );
}

/** `label` is read aloud and shown as a tip. */
export function IconButton(props: { icon: IconName; label: string; onClick: () => void; pressed?: boolean; expanded?: boolean }) {
  const { icon, label, onClick, pressed, expanded } = props;
  return (
    <button
      type="button"
      class="button icon"
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  fault?: string | null;
  /** Gets the ids it must carry. */
  children: (ids: { id: string; "aria-describedby": string | undefined; "aria-invalid": "true" | undefined }) => ComponentChildren;
}

/** A label, what it labels, a hint and what is wrong with it. */
export function Field({ label, hint, fault, children }: FieldProps) {
  const id = useId();
  const described = [hint ? `${id}-hint` : "", fault ? `${id}-fault` : ""].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": described || undefined, "aria-invalid": fault ? "true" : undefined })}
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {fault && <p class="fault" id={`${id}-fault`} role="alert">{fault}</p>}
    </div>
  );
}

interface TextFieldProps {
  label: string;
  hint?: ComponentChildren;
  fault?: string | null;
  value: string;
  onInput: (value: string) => void;
  type?: "text" | "email" | "password" | "number" | "search";
  /** What the browser may fill in. */
  autocomplete?: string;
  inputMode?: "text" | "numeric" | "email" | "search";
  placeholder?: string;
  required?: boolean;
  min?: number;
  max?: number;
  maxLength?: number;
}

export function TextField({ label, hint, fault, onInput, type = "text", ...rest }: TextFieldProps) {
  // The types of JSX want one literal, not one of several.
  const literal = type as "text";
  return (
    <Field label={label} hint={hint} fault={fault}>
      {(ids) => <input class="input" type={literal} {...rest} {...ids} onInput={(event) => onInput(event.currentTarget.value)} />}
    </Field>
  );
}

export function TextArea(props: {
  label: string;
  hint?: ComponentChildren;
  fault?: string | null;
  value: string;
  onInput: (value: string) => void;
  placeholder?: string;
  rows?: number;
}) {
  const { label, hint, fault, onInput, ...rest } = props;
  return (
    <Field label={label} hint={hint} fault={fault}>
      {(ids) => (
        <textarea class="input" dir="auto" {...rest} {...ids} onInput={(event) => onInput(event.currentTarget.value)} />
      )}
    </Field>
  );
}

export interface Choice<T extends string> {
  value: T;
  label: string;
}

export function Select<T extends string>(props: {
  label: string;
  hint?: ComponentChildren;
  value: T;
  choices: Choice<T>[];
  onChange: (value: T) => void;
}) {
  const { label, hint, value, choices, onChange } = props;
  return (
    <Field label={label} hint={hint}>
      {(ids) => (
        <span class="select">
          <select class="input" {...ids} value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
            {choices.map((choice) => (
              <option key={choice.value} value={choice.value} selected={choice.value === value}>
                {choice.label}
              </option>
            ))}
          </select>
          <Icon name="down" size={16} />
        </span>
      )}
    </Field>
  );
}

export function Switch(props: { label: string; hint?: string; on: boolean; onChange: (on: boolean) => void }) {
  const { label, hint, on, onChange } = props;
  const id = useId();
  return (
    <button
      type="button"
      role="switch"
      class="switch"
      aria-checked={on}
      aria-labelledby={`${id}-label`}
      aria-describedby={hint ? `${id}-hint` : undefined}
      onClick={() => onChange(!on)}
    >
      <span>
        <span id={`${id}-label`}>{label}</span>
        {hint && <span id={`${id}-hint`} class="small soft"><br />{hint}</span>}
      </span>
      <span class="track" aria-hidden="true" />
    </button>
  );
}

/** One of a few, all in sight; a group of radio buttons. */
export function Segmented<T extends string>(props: {
  label: string;
  value: T;
  choices: Choice<T>[];
  onChange: (value: T) => void;
}) {
  const { label, value, choices, onChange } = props;
  const id = useId();
  return (
    <fieldset class="segmented">
      <legend class="unseen">{label}</legend>
      {choices.map((choice) => (
        <label key={choice.value}>
          <input
            type="radio"
            name={id}
            value={choice.value}
            checked={choice.value === value}
            onChange={() => onChange(choice.value)}
          />
          <span>{choice.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
