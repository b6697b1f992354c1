// The contract as Swagger UI can show it whole.

interface Parameter {
  $ref?: string;
  required?: boolean;
  example?: unknown;
  examples?: unknown;
}

interface Operation {
  parameters?: Parameter[];
}

interface Specification {
  servers: { url: string }[];
  components: { parameters: Record<string, Parameter> };
  paths: Record<string, Operation & Record<string, Operation>>;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** Fetches the contract of the stack that this page came from. */
export async function load(): Promise<object> {
  const response = await fetch('openapi.json');
  if (!response.ok) throw new Error(`openapi.json: ${response.status}`);
  const specification: Specification = await response.json();
  prepare(specification);
  return specification;
}

/**
 * Swagger UI shows a reference among the parameters of a path as a parameter without a name, and fills in the examples of
 * all: a cursor of another list, or an Idempotency-Key that the next call would repeat.
 */
function prepare(specification: Specification): void {
  const known = specification.components.parameters;
  const prepared = (parameter: Parameter): Parameter => {
    const resolved = known[parameter.$ref?.replace('#/components/parameters/', '') ?? ''] ?? parameter;
    if (resolved.required) return resolved;
    const { example: _, examples: __, ...empty } = resolved;
    return empty;
  };
  for (const path of Object.values(specification.paths)) {
    for (const owner of [path, ...METHODS.map((method) => path[method])]) {
      if (owner?.parameters) owner.parameters = owner.parameters.map(prepared);
    }
  }
  specification.servers = [{ url: new URL('.', location.href).href.replace(/\/$/, '') }];
}
