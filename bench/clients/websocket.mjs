/** bothways' class `WebSocket`, the same program as for undici. */
import { createRequire } from 'node:module';
import { WebSocket } from 'bothways';
import { control } from './control.mjs';
import { openStandard } from './standard.mjs';

control(createRequire(import.meta.url)('bothways/package.json'), openStandard(WebSocket));
