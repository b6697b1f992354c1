import './style/tokens.css';
import './style/base.css';
import './style/controls.css';
import './style/overlays.css';
import './style/shell.css';
import './style/list.css';
import './style/key.css';
import './shortcuts.ts';

import { render } from 'preact';

import { App } from './app.tsx';
import { arrive } from './state/arrival.ts';

void arrive();
render(<App />, document.body);
