// Says what is wrong with FHIR resources.
//
// Reads one resource a line, as JSON; answers each with one line, a JSON array of complaints, empty for a valid resource.
// The validator is Medplum's, for R4, also against our profile where meta.profile names it. Medplum looks up neither
// codes nor the definitions of extensions, and minds neither closed slicings nor empty arrays: those are checked here, by
// the specification's definitions and ours.

import { createInterface } from 'node:readline';
import { medplum, published as definitions, specification } from './definitions.mjs';

const BASE = 'https://nuxera.cloud/fhir/';
const CODE_TYPES = ['code', 'string', 'uri'];

const specified = [...specification('profiles-types'), ...specification('profiles-resources')];
medplum.indexStructureDefinitionBundle(specified.filter((one) => one.resourceType === 'StructureDefinition'));

const published = [...definitions().values()];
const terminology = [
  ...['valuesets', 'v2-tables', 'v3-codesystems'].flatMap(specification),
  ...published,
];
const byUrl = (resources) => new Map(resources.filter((one) => one.url).map((one) => [one.url, one]));
const codeSystems = byUrl(terminology.filter((one) => one.resourceType === 'CodeSystem'));
const valueSets = byUrl(terminology.filter((one) => one.resourceType === 'ValueSet'));
const structures = byUrl(published.filter((one) => one.resourceType === 'StructureDefinition'));
const knownExtensions = byUrl(specification('extension-definitions'));

function complaints(resource) {
  if (!medplum.isResource(resource)) {
    return ['medplum: not a resource'];
  }
  return [
    ...medplumSays('medplum', () => medplum.validateResource(resource)),
    ...resourcesIn(resource).flatMap((one) => [...profileComplaints(one), ...bundleComplaints(one)]),
    ...extensionsIn(resource).flatMap((one) => [...extensionComplaints(one)]),
    ...codeComplaints(resource),
    ...emptyComplaints(resource),
  ];
}

/** Medplum's errors, and its warnings as well. */
function medplumSays(who, validate) {
  try {
    return validate().map((issue) => `${who}: ${issue.expression}: ${issue.details?.text}`);
  } catch (error) {
    const issues = error.outcome?.issue ?? [{ details: { text: String(error) } }];
    return issues.map((issue) => `${who}: ${issue.expression}: ${issue.details?.text}`);
  }
}

function resourcesIn(value) {
  return objectsIn(value).filter((one) => typeof one.resourceType === 'string');
}

function extensionsIn(value) {
  return objectsIn(value).flatMap((one) => [...array(one.extension), ...array(one.modifierExtension)]);
}

// A StructureDefinition has an element and a slice by that name, too.
const array = (value) => (Array.isArray(value) ? value : []);

function objectsIn(value) {
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  return [...(Array.isArray(value) ? [] : [value]), ...Object.values(value).flatMap(objectsIn)];
}

function* profileComplaints(resource) {
  for (const url of array(resource.meta?.profile)) {
    const profile = structures.get(url);
    if (!profile) {
      yield `profile: ${url} is not published`;
      continue;
    }
    yield* medplumSays('profile', () => medplum.validateResource(resource, { profile }));
    const slicing = profile.snapshot.element.find((element) => element.id === `${profile.type}.extension`).slicing;
    const slices = profile.snapshot.element.filter((element) => element.path === `${profile.type}.extension` && element.sliceName);
    const allowed = slices.map((slice) => slice.type[0].profile[0]);
    for (const { url } of array(resource.extension)) {
      if (slicing.rules === 'closed' && !allowed.includes(url)) {
        yield `profile: the extension ${url} is not allowed`;
      }
    }
  }
}

function* extensionComplaints(extension) {
  const profile = structures.get(extension.url);
  if (profile) {
    const value = { type: 'Extension', value: extension };
    yield* medplumSays('extension', () => medplum.validateTypedValue(value, { profile }));
    const { binding, type } = profile.snapshot.element.find((element) => element.id === 'Extension.value[x]');
    const names = type.map(({ code }) => `value${code[0].toUpperCase()}${code.slice(1)}`);
    for (const name of Object.keys(extension)) {
      if (name !== 'url' && !names.includes(name)) {
        yield `extension: ${extension.url} has ${name} instead of ${names}`;
      }
    }
    if (binding && isIn(binding.valueSet, undefined, extension.valueCode) === false) {
      yield `code: ${extension.valueCode} is not in ${binding.valueSet}`;
    }
  } else if (!knownExtensions.has(extension.url)) {
    yield `extension: ${extension.url} is not defined`;
  }
}

function* emptyComplaints(resource) {
  for (const one of objectsIn(resource)) {
    for (const [name, value] of Object.entries(one)) {
      if (typeof value === 'object' && value !== null && Object.keys(value).length === 0) {
        yield `empty: ${name}`;
      }
    }
  }
}

function* bundleComplaints(resource) {
  for (const { fullUrl, resource: entry } of resource.resourceType === 'Bundle' ? array(resource.entry) : []) {
    if (!/^(https?:\/\/|urn:uuid:)/.test(fullUrl) || (fullUrl.startsWith('http') && !fullUrl.endsWith(`/${entry?.id}`))) {
      yield `bundle: ${fullUrl} is not an absolute URL of ${entry?.resourceType}/${entry?.id}`;
    }
  }
}

/** Codes against required bindings, and codings against the code systems they name. */
function codeComplaints(resource) {
  const found = [];
  const visitProperty = (_parent, key, _path, values, schema) => {
    const binding = schema.elements[key].binding;
    for (const { type, value, path } of values.flat()) {
      if (value === undefined) {
        continue;
      }
      if (type === 'Coding') {
        found.push(...codingComplaints(value, path));
      }
      if (binding?.strength !== 'required' || !binding.valueSet) {
        continue;
      }
      const codings = type === 'CodeableConcept' ? array(value.coding) : [value];
      const inSet = codings.map((one) => {
        return CODE_TYPES.includes(type) ? isIn(binding.valueSet, undefined, String(one)) : isIn(binding.valueSet, one.system, one.code);
      });
      if (inSet.length > 0 && inSet.every((answer) => answer === false)) {
        found.push(`code: ${path}: ${JSON.stringify(value)} is not in ${binding.valueSet}`);
      }
    }
  };
  try {
    medplum.crawlTypedValue(medplum.toTypedValue(resource), { visitProperty });
  } catch (error) {
    found.push(`code: ${error}`);
  }
  return found;
}

function* codingComplaints({ system, code, display }, path) {
  const codeSystem = codeSystems.get(system);
  if (!codeSystem) {
    if (system?.startsWith(BASE)) {
      yield `code: ${path}: ${system} is not published`;
    }
    return;
  }
  const concept = codeSystem.content === 'complete' ? findConcept(codeSystem.concept, code) : undefined;
  if (codeSystem.content === 'complete' && !concept) {
    yield `code: ${path}: ${code} is not in ${system}`;
  }
  if (concept && display !== undefined && display !== concept.display) {
    yield `code: ${path}: ${code} of ${system} is called ${concept.display}, not ${display}`;
  }
}

function findConcept(concepts, code) {
  for (const concept of array(concepts)) {
    const found = concept.code === code ? concept : findConcept(concept.concept, code);
    if (found) {
      return found;
    }
  }
  return undefined;
}

/** Whether a value set has a code; nothing if that cannot be told from the definitions at hand. */
function isIn(url, system, code) {
  const valueSet = valueSets.get(url.split('|')[0]);
  if (!valueSet || valueSet.compose?.exclude) {
    return undefined;
  }
  const answers = array(valueSet.compose?.include).map((include) => {
    if (include.system && system && include.system !== system) {
      return false;
    }
    const included = array(include.valueSet).map((one) => isIn(one, system, code));
    if (included.length > 0) {
      return included.every((answer) => answer === true) || (included.includes(undefined) ? undefined : false);
    }
    if (include.concept) {
      return include.concept.some((concept) => concept.code === code);
    }
    const codeSystem = codeSystems.get(include.system);
    if (!codeSystem || codeSystem.content !== 'complete' || include.filter) {
      return undefined;
    }
    return findConcept(codeSystem.concept, code) !== undefined;
  });
  return answers.includes(true) || (answers.includes(undefined) || answers.length === 0 ? undefined : false);
}

for await (const line of createInterface({ input: process.stdin, terminal: false })) {
  process.stdout.write(`${JSON.stringify(complaints(JSON.parse(line)))}\n`);
}
