import { readFileSync } from 'node:fs';

/** A configuration with every option, its unit and its default, in comments: what `--print-example` writes. */
export function readExample(): string {
  return readFileSync(new URL('../../../gateway.example.toml', import.meta.url), 'utf8');
}
