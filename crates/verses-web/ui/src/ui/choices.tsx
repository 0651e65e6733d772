// Check boxes and radio buttons with words beside them. Styles in styles/settings.css.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { Choice } from "./controls";

export function Check(props: { children: ComponentChildren; on: boolean; onChange: (on: boolean) => void }) {
  const { children, on, onChange } = props;
  return (
    <label class="check">
      <input type="checkbox" checked={on} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{children}</span>
    </label>
  );
}

/** A few choices that need some words each. */
export function Radios<T extends string>(props: {
  label: string;
  value: T;
  choices: (Choice<T> & { hint?: ComponentChildren })[];
  onChange: (value: T) => void;
}) {
  const { label, value, choices, onChange } = props;
  const id = useId();
  return (
    <fieldset class="radios">
      <legend>{label}</legend>
      {choices.map((choice) => (
        <label key={choice.value} class="check">
          <input type="radio" name={id} checked={choice.value === value} onChange={() => onChange(choice.value)} />
          <span>
            {choice.label}
            {choice.hint && <span class="small soft"><br />{choice.hint}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
