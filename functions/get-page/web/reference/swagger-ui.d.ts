declare module 'swagger-ui-dist/swagger-ui-es-bundle.js' {
  type Component = string | ((properties: never) => unknown);

  /** What plugins get. */
  export interface System {
    React: { createElement(type: Component, properties?: object | null, ...children: unknown[]): unknown };
    getComponent(name: string, connected?: boolean): Component;
  }

  export interface SwaggerUI {
    preauthorizeApiKey(scheme: string, value: string): void;
    layoutActions: { parseDeepLinkHash(hash: string): void };
  }

  export default function SwaggerUIBundle(options: Record<string, unknown>): SwaggerUI;
}
