import type { ComponentChildren } from 'preact';

import type { Format } from '../api/client.ts';

/** The parts of a text that stand out, by format: the first group of a match is shown as the first class, and so on. */
const PARTS: Record<Format, { pattern: RegExp; classes: string[] }> = {
  json: { pattern: /("(?:\\.|[^"\\])*")(?=\s*:)|("(?:\\.|[^"\\])*")|\b(true|false|null|-?\d[\d.eE+-]*)\b/g, classes: ['name', 'text', 'value'] },
  fhir: { pattern: /("(?:\\.|[^"\\])*")(?=\s*:)|("(?:\\.|[^"\\])*")|\b(true|false|null|-?\d[\d.eE+-]*)\b/g, classes: ['name', 'text', 'value'] },
  hl7: { pattern: /^([A-Z][A-Z0-9]{2})(?=\|)|([|^~&\\]+)/gm, classes: ['name', 'mark'] },
};

/** A text in one of the formats, as it came, with line breaks for people. */
export function Code({ text, format, label }: { text: string; format: Format; label: string }) {
  return (
    <pre class="code" tabIndex={0} role="region" aria-label={label}>
      <code>{highlight(format === 'hl7' ? text.replace(/\r\n?/g, '\n') : pretty(text), format)}</code>
    </pre>
  );
}

const pretty = (json: string) => JSON.stringify(JSON.parse(json), null, 2);

function highlight(text: string, format: Format): ComponentChildren[] {
  const { pattern, classes } = PARTS[format];
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const at = match.slice(1).findIndex((group) => group !== undefined);
    parts.push(text.slice(end, match.index), <span class={`code-${classes[at]}`}>{match[0]}</span>);
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}
