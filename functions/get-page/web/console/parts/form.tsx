import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';

import { Failure } from '../api/failure.ts';

/** A form's way to the API: whether it is under way, and what came in between. */
export function useSubmit(submit: () => Promise<void>) {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const form = useRef<HTMLFormElement>(null);

  // What is to be corrected has the focus.
  useLayoutEffect(() => {
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [failure]);

  async function onSubmit(event: Event) {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setFailure(null);
    try {
      await submit();
    } catch (error) {
      setFailure(error instanceof Failure ? error : new Failure('failed', String(error)));
    } finally {
      setBusy(false);
    }
  }

  return { isBusy, failure, form, onSubmit };
}

interface TextFieldProperties {
  label: ComponentChildren;
  hint?: ComponentChildren;
  error?: string | undefined;
  value: string;
  onInput: (value: string) => void;
  type?: 'text' | 'date';
  min?: string;
  inputMode?: 'text' | 'numeric';
  required?: boolean;
  autofocus?: boolean;
  /** Whether what is typed is shown as dots. It is no password, which browsers would offer to keep. */
  isConcealed?: boolean;
}

export function TextField({ label, hint, error, value, onInput, isConcealed = false, type = 'text', ...rest }: TextFieldProperties) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <input
        {...rest}
        // The types of inputs are a union by type, of which a date is a member of its own.
        type={type as 'text'}
        id={id}
        class={isConcealed ? 'concealed' : ''}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
        aria-describedby={described || undefined}
        aria-invalid={error ? true : undefined}
        autocomplete="off"
        spellcheck={false}
      />
      {error && (
        <p class="error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

interface ChoiceProperties<T extends string> {
  legend: string;
  options: readonly { value: T; label: string; hint?: string }[];
  value: T;
  onChange: (value: T) => void;
  /** Cards have room for a hint each, chips stand in a row. */
  kind: 'cards' | 'chips';
  isDisabled?: boolean;
  children?: ComponentChildren;
}

/** One of a few, all of which are to be seen. */
export function Choice<T extends string>({ legend, options, value, onChange, kind, isDisabled = false, children }: ChoiceProperties<T>) {
  const name = useId();
  return (
    <fieldset class="field" disabled={isDisabled}>
      <legend>{legend}</legend>
      <div class={kind}>
        {options.map((option) => (
          <label class="option" key={option.value}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            <span>
              {option.label}
              {option.hint && <small>{option.hint}</small>}
            </span>
          </label>
        ))}
      </div>
      {children}
    </fieldset>
  );
}
