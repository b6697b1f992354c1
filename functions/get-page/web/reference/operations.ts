// The operations, in which calls can be tried: Swagger UI, with names for its controls and without what the page says itself.

import 'swagger-ui-dist/swagger-ui.css';
import './operations.css';

import SwaggerUIBundle, { type System } from 'swagger-ui-dist/swagger-ui-es-bundle.js';

import { makeAccessible } from './accessibility.ts';
import { load } from './specification.ts';

/** The scheme of the contract that takes the user's token. */
const TOKEN_SCHEME = 'jwt';

/** Shows the operations, and opens the one that the address names. */
export async function show(place: HTMLElement, onToken: (callback: (token: string) => void) => void): Promise<void> {
  const spec = await load();
  makeAccessible(place);
  const ui = SwaggerUIBundle({
    domNode: place,
    spec,
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    docExpansion: 'list',
    layout: 'Operations',
    persistAuthorization: false,
    plugins: [operationsAlone],
    syntaxHighlight: { theme: 'tomorrow-night' },
    tryItOutEnabled: true,
    validatorUrl: null,
    onComplete: () => onToken((token) => ui.preauthorizeApiKey(TOKEN_SCHEME, token)),
  });
  addEventListener('hashchange', () => ui.layoutActions.parseDeepLinkHash(decodeURIComponent(location.hash)));
}

/** A layout without title, introduction, servers and landmarks, all of which the page has; and no links within buttons. */
function operationsAlone({ React: { createElement } }: System) {
  const layout = ({ getComponent }: { getComponent: System['getComponent'] }) =>
    createElement(
      'div',
      { className: 'swagger-ui' },
      createElement(getComponent('SvgAssets')),
      createElement('div', { className: 'scheme-container' }, createElement(getComponent('AuthorizeBtnContainer', true))),
      createElement(getComponent('operations', true)),
      createElement(getComponent('Models', true)),
    );
  const text = ({ text }: { text: string }) => createElement('span', null, text);
  return { components: { Operations: layout, DeepLink: text } };
}
