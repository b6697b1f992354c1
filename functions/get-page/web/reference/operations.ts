// The operations, in which calls can be tried: Swagger UI, without its own title and introduction.

import 'swagger-ui-dist/swagger-ui.css';
import './operations.css';

import SwaggerUIBundle from 'swagger-ui-dist/swagger-ui-es-bundle.js';

/** The scheme of the contract that takes the user's token. */
const TOKEN_SCHEME = 'jwt';

const nothing = () => null;

/** Shows the operations, and opens the one that the address names. */
export async function show(place: HTMLElement, onToken: (callback: (token: string) => void) => void): Promise<void> {
  followColorScheme();
  await new Promise<void>((resolve) => {
    const ui = SwaggerUIBundle({
      domNode: place,
      url: new URL('openapi.json', document.baseURI).href,
      deepLinking: true,
      defaultModelsExpandDepth: 0,
      displayRequestDuration: true,
      docExpansion: 'list',
      persistAuthorization: false,
      tryItOutEnabled: true,
      validatorUrl: null,
      plugins: [{ components: { InfoContainer: nothing, ServersContainer: nothing } }],
      onComplete() {
        onToken((token) => ui.preauthorizeApiKey(TOKEN_SCHEME, token));
        addEventListener('hashchange', () => ui.layoutActions.parseDeepLinkHash(location.hash));
        resolve();
      },
    });
  });
}

function followColorScheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
  dark.addEventListener('change', follow);
  follow();
}
