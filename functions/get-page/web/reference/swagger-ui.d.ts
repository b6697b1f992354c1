declare module 'swagger-ui-dist/swagger-ui-es-bundle.js' {
  /** What the reference uses of a Swagger UI. */
  export interface SwaggerUI {
    preauthorizeApiKey(scheme: string, value: string): void;
    layoutActions: { parseDeepLinkHash(hash: string): void };
  }

  export default function SwaggerUIBundle(options: Record<string, unknown>): SwaggerUI;
}
