// Writes contract.ts: the types of the contract's JSON side. HL7 and FHIR are texts to the console.

import { readFileSync, writeFileSync } from 'node:fs';

import openapiTS, { astToString } from 'openapi-typescript';
import { parse } from 'yaml';

const SOURCE = new URL('../../../../../openapi.yaml', import.meta.url);
const TARGET = new URL('./contract.ts', import.meta.url);
const JSON_TYPE = 'application/json';

/** Leaves of each body what is written in JSON. */
function jsonOnly(node: unknown): void {
  if (typeof node !== 'object' || node === null) return;
  const { content } = node as { content?: Record<string, unknown> };
  if (content?.[JSON_TYPE]) (node as { content: unknown }).content = { [JSON_TYPE]: content[JSON_TYPE] };
  Object.values(node).forEach(jsonOnly);
}

const document = parse(readFileSync(SOURCE, 'utf8'));
jsonOnly(document);
writeFileSync(TARGET, `// Generated from openapi.yaml by generate.ts.\n\n${astToString(await openapiTS(document))}`);
