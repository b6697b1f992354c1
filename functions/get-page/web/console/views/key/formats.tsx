import { useEffect, useState } from 'preact/hooks';

import { type ApiKey, type Format, getKeyAs } from '../../api/client.ts';
import { Failure } from '../../api/failure.ts';
import { Code } from '../../parts/code.tsx';
import { CopyButton } from '../../parts/copy.tsx';
import { FailedLoad } from '../../parts/failure.tsx';
import { Skeleton } from '../../parts/skeleton.tsx';
import { Tabs } from '../../parts/tabs.tsx';
import { mask } from '../../words.ts';

const TABS = [
  { value: 'json', label: 'JSON' },
  { value: 'hl7', label: 'HL7 v2' },
  { value: 'fhir', label: 'FHIR R4' },
] as const;

/** The key as each format writes it. JSON is what this page was made from; the others are asked for when they are opened. */
export function Formats({ shown: key }: { shown: ApiKey }) {
  const [format, setFormat] = useState<Format>('json');
  const [texts, setTexts] = useState<{ of: ApiKey; hl7?: string; fhir?: string }>({ of: key });
  const [failure, setFailure] = useState<Failure | null>(null);
  const known = texts.of === key ? texts : { of: key };
  const text = format === 'json' ? JSON.stringify(key) : known[format];

  async function load(format: Format) {
    setFailure(null);
    try {
      const text = await getKeyAs(key.id, format);
      setTexts((texts) => ({ ...(texts.of === key ? texts : { of: key }), [format]: text }));
    } catch (error) {
      setFailure(error as Failure);
    }
  }

  useEffect(() => {
    if (text === undefined) void load(format);
  }, [format, key]);

  return (
    <section class="card formats" aria-labelledby="formats">
      <h2 id="formats">As your systems see it</h2>
      <Tabs label="Format" tabs={TABS} value={format} onChange={setFormat}>
        {failure && <FailedLoad failure={failure} isLoading={false} retry={() => void load(format)} />}
        {text === undefined
          ? !failure && <Skeleton lines={4} what="The key" />
          : code(text.replaceAll(key.key, mask(key.key)), format)}
      </Tabs>
    </section>
  );
}

function code(text: string, format: Format) {
  return (
    <div class="code-box">
      <Code text={text} format={format} label={`The key in ${TABS.find(({ value }) => value === format)?.label}`} />
      <CopyButton text={text} what="the text" variant="quiet" />
    </div>
  );
}
