// Says what node-hl7-client reads in HL7 v2 messages: one message a line, as a JSON string; answers each with one line, the
// segments after MSH, each a list of its name and its fields.

import { createInterface } from 'node:readline';
import { installed } from './definitions.mjs';

const { Message } = installed('node-hl7-client');

for await (const line of createInterface({ input: process.stdin })) {
  const text = JSON.parse(line);
  const message = new Message({ text });
  const names = text.split('\r').map((segment) => segment.slice(0, 3)).filter((name) => name && name !== 'MSH');
  const segments = [...new Set(names)].flatMap((name) => message.get(name).toArray().map((segment) => {
    const count = segment.toString().split('|').length - 1;
    return [name, ...Array.from({ length: count }, (_, index) => segment.get(index + 1).toString())];
  }));
  console.log(JSON.stringify(segments));
}
