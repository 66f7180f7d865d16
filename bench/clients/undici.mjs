/** undici's `WebSocket`, which is also Node's. */
import { createRequire } from 'node:module';
import { WebSocket } from 'undici';
import { control } from './control.mjs';
import { openStandard } from './standard.mjs';

control(createRequire(import.meta.url)('undici/package.json'), openStandard(WebSocket));
