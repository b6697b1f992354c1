// Generates the StructureDefinitions with snapshots from those in resources/, which are differentials. `make generated`
// runs it.
//
//   node tests/validators/snapshot.mjs           writes the files
//   node tests/validators/snapshot.mjs --check   only names those that differ
//
// It knows what our differentials use: new cardinalities and values, extension slices, and elements inside
// data types.

import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GENERATED, specification, written } from './definitions.mjs';

// Explanations and mappings to other standards are left to the base definitions: no validator reads them, and they are
// most of the text.
const LEFT_OUT = ['alias', 'comment', 'example', 'mapping', 'requirements'];

/** Our StructureDefinitions by file name, with fresh snapshots. */
function withSnapshots(files) {
  const bases = [...specification('profiles-types'), ...specification('profiles-resources')];
  const known = new Map(bases.filter((base) => base.resourceType === 'StructureDefinition').map((base) => [base.url, base]));
  const definitions = [...files].filter(([, resource]) => resource.resourceType === 'StructureDefinition');
  // Extensions first: the profile's slices take their elements from them.
  definitions.sort(([, a], [, b]) => Number(a.type !== 'Extension') - Number(b.type !== 'Extension'));
  return definitions.map(([name, definition]) => {
    const snapshot = { element: snapshotOf(definition, known) };
    const { differential, ...rest } = definition;
    const complete = { ...rest, snapshot, differential };
    known.set(complete.url, complete);
    return [name, complete];
  });
}

function snapshotOf(definition, known) {
  const elements = known.get(definition.baseDefinition).snapshot.element.map(trimmed);
  for (const change of definition.differential.element) {
    let index = elements.findIndex((element) => element.id === change.id);
    if (index < 0 && change.sliceName) {
      index = insertSlice(elements, change, known);
    } else if (index < 0) {
      index = expandParents(elements, change, known);
    }
    elements[index] = merged(elements[index], change);
  }
  return elements;
}

function trimmed(element) {
  const copy = structuredClone(element);
  LEFT_OUT.forEach((name) => delete copy[name]);
  return copy;
}

function merged(element, change) {
  const constraint = [...(element.constraint ?? []), ...(change.constraint ?? [])];
  return inOrder({ ...element, ...change, ...(constraint.length > 0 && { constraint }) });
}

/** Adds a slice after the earlier ones, with what its extension says of its elements. */
function insertSlice(elements, change, known) {
  const sliced = change.id.slice(0, change.id.lastIndexOf(':'));
  const { slicing, ...element } = elements.find((candidate) => candidate.id === sliced);
  const index = elements.findLastIndex(({ id }) => id === sliced || id.startsWith(`${sliced}:`)) + 1;
  elements.splice(index, 0, { ...element, id: change.id, min: 0 });
  // A validator that does not follow the slice's profile still tells the slices apart by the url in here.
  expand(elements, index, known.get(change.type[0].profile[0]));
  return index;
}

/** Adds the elements of data types on the way to an element inside one. */
function expandParents(elements, change, known) {
  const parentId = change.id.slice(0, change.id.lastIndexOf('.'));
  let parent = elements.findIndex((element) => element.id === parentId);
  if (parent < 0) {
    parent = expandParents(elements, { id: parentId }, known);
  }
  expand(elements, parent, known.get(`http://hl7.org/fhir/StructureDefinition/${elements[parent].type[0].code}`));
  const index = elements.findIndex((element) => element.id === change.id);
  if (index < 0) {
    throw new Error(`${change.id} does not exist`);
  }
  return index;
}

/** Adds the elements of a type under an element. */
function expand(elements, index, type) {
  const { id, path } = elements[index];
  const children = type.snapshot.element.slice(1).map((element) => ({
    ...trimmed(element),
    id: id + element.id.slice(type.type.length),
    path: path + element.path.slice(type.type.length),
  }));
  elements.splice(index + 1, 0, ...children);
}

// The order of the specification's own files.
const ORDER = [
  'id', 'path', 'sliceName', 'slicing', 'short', 'definition', 'min', 'max', 'base', 'contentReference', 'type',
  'maxLength', 'condition', 'constraint', 'isModifier', 'isModifierReason', 'isSummary', 'binding',
];

function inOrder(element) {
  const rank = ([name]) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.indexOf('type') + 0.5);
  return Object.fromEntries(Object.entries(element).sort((a, b) => rank(a) - rank(b)));
}

/** JSON without indentation, for it is part of the binary and sent as it is; one element a line, for diffs. */
function text(definition) {
  return `${JSON.stringify(definition).replaceAll('{"id":', '\n{"id":')}\n`;
}

const texts = new Map(withSnapshots(written()).map(([name, fresh]) => [name, text(fresh)]));
const before = new Map(readdirSync(GENERATED).map((name) => [name, readFileSync(join(GENERATED, name), 'utf8')]));
for (const name of new Set([...texts.keys(), ...before.keys()])) {
  const [text, path] = [texts.get(name), join(GENERATED, name)];
  if (text === before.get(name)) {
    continue;
  }
  if (process.argv.includes('--check')) {
    console.error(`${name} is not what its differential gives`);
    process.exitCode = 1;
  } else if (text === undefined) {
    rmSync(path);
  } else {
    writeFileSync(path, text);
  }
}
