// The contract as the stack publishes it, and what the reference says before anything of it is run.

import { readFileSync, readdirSync } from 'node:fs';

import { marked } from 'marked';
import type { Plugin } from 'vite';
import { parse } from 'yaml';

const SOURCE = new URL('../../../openapi.yaml', import.meta.url);
const CLIENTS = new URL('../../../clients/', import.meta.url);
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const SERVERS = /^servers:\n(?:[ -].*\n)+/m;

/** The server is the one that the document came from, wherever that is. */
const OWN_SERVER = `servers:
  - url: .
    description: The deployment that publishes this document
`;

interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
}

interface Contract {
  info: { title: string; summary: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
}

/** Emits `openapi.yaml`, `openapi.json` and `clients/`, and fills in the parts of docs.html that come from the contract. */
export function contract(): Plugin {
  const source = readFileSync(SOURCE, 'utf8');
  const yaml = source.replace(SERVERS, OWN_SERVER);
  if (yaml === source) throw new Error('openapi.yaml names no servers');
  const document: Contract = parse(yaml);
  const json = JSON.stringify(document);
  const parts: Record<string, string> = {
    title: escape(document.info.title),
    summary: escape(document.info.summary),
    introduction: marked.parse(document.info.description, { async: false }),
    operations: document.tags.map(({ name }) => section(document, name)).join('\n'),
  };
  return {
    name: 'contract',
    buildStart() {
      this.addWatchFile(SOURCE.pathname);
    },
    transformIndexHtml: {
      order: 'pre',
      handler: (html) => html.replace(/<!-- contract: (\w+) -->/g, (_, name: string) => parts[name] ?? missing(name)),
    },
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'openapi.yaml', source: yaml });
      this.emitFile({ type: 'asset', fileName: 'openapi.json', source: json });
      for (const name of readdirSync(CLIENTS)) {
        this.emitFile({ type: 'asset', fileName: `clients/${name}`, source: forClients(name) });
      }
    },
    configureServer(server) {
      server.middlewares.use('/openapi.json', (_, response) => response.end(json));
      server.middlewares.use('/openapi.yaml', (_, response) => response.end(yaml));
    },
  };
}

/** A file for tools, which are told the server as a base of relative URLs if they take one. */
function forClients(name: string): string {
  const document = JSON.parse(readFileSync(new URL(name, CLIENTS), 'utf8'));
  if (document.openapi) document.servers = [{ url: '..', description: 'The deployment that publishes this document' }];
  return JSON.stringify(document);
}

/** The operations of a tag, with links that Swagger UI understands. */
function section(document: Contract, tag: string): string {
  // A path with a slash at its end stands for the one without.
  const paths = Object.entries(document.paths).filter(([path]) => !path.endsWith('/'));
  const operations = paths.flatMap(([, item]) =>
    Object.entries(item).flatMap(([method, operation]) =>
      METHODS.includes(method) && operation.tags.includes(tag) ? [{ method, ...operation }] : [],
    ),
  );
  const items = operations.map(({ method, operationId, summary }) => {
    const link = `#/${encodeURIComponent(tag)}/${operationId}`;
    return `<li><a href="${link}"><span class="method ${method}">${method}</span> ${escape(summary)}</a></li>`;
  });
  return `<h2>${escape(tag)}</h2>\n<ul>\n${items.join('\n')}\n</ul>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function missing(name: string): never {
  throw new Error(`docs.html asks for ${name} of the contract`);
}
