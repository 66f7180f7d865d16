import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';
import type { ModelServers, runModel } from './test-model.js';

/** How many seeds a protocol without one of its rules may get through. */
const SEEDS_TO_FIND = 1_500;

/** A rule of the protocol, and the line that keeps it with what breaks it. */
interface Mutant {
  readonly rule: string;
  readonly file: string;
  readonly line: string;
  readonly broken: string;
  /** Which servers it is looked for with; one if left out. */
  readonly servers?: ModelServers;
}

const MUTANTS: readonly Mutant[] = [
  {
    rule: 'an acknowledgement tells no more than what was handed on',
    file: 'server-session.ts',
    line: 'ack: this.#incoming.acknowledgeable,',
    broken: 'ack: this.#incoming.acknowledgeable + (this.#incoming.received > 5 ? 1 : 0),',
  },
  {
    rule: 'acknowledgements arrive',
    file: 'client.ts',
    line: '    this.outgoing.acknowledge(number);',
    broken: '    if (number % 3 !== 0) this.outgoing.acknowledge(number);',
  },
  {
    rule: 'a generation is used once',
    file: 'client.ts',
    line: 'carrier.generation = ++this.#generation;',
    broken: 'carrier.generation = this.#generation = Math.min(this.#generation + 1, 3);',
  },
  {
    rule: 'an older carrier is fenced',
    file: 'server-session.ts',
    line: "if (header.gen < session.generation) return ['fenced', FENCED];",
    broken: '',
  },
  {
    rule: 'a new carrier gets what was not acknowledged again',
    file: 'server-session.ts',
    line: 'may be lost.\n    this.#outgoing.rewind();',
    broken: 'may be lost.',
  },
  {
    rule: 'the client sends again on a new carrier',
    file: 'client.ts',
    line: '    this.outgoing.rewind();',
    broken: '',
  },
  {
    rule: 'a message that was handed on is dropped',
    file: 'incoming.ts',
    line: '    if (seq <= this.received) return;',
    broken: '',
  },
  {
    rule: 'a message before its turn is held',
    file: 'incoming.ts',
    line: 'this.#held === undefined && seq === this.received + 1 && this.#canHandOn',
    broken: 'this.#canHandOn',
  },
  {
    rule: 'what went to a repeated request is sent again',
    file: 'server-session.ts',
    line: 'if (header.pending !== true && this.#lastAnswer?.hasGoneOut !== false) this.#outgoing.rewind();',
    broken: '',
  },
  {
    rule: 'what is left out on a carrier is told',
    file: 'server-session.ts',
    line: 'if (sent !== this.#pushNext) push.put({ seq: sent });',
    broken: '',
  },
  {
    rule: 'an opening key is good for one session',
    file: 'server.ts',
    line: '    this.#opened.set(key, session);'.trim(),
    broken: '',
  },
  {
    rule: 'the window is kept',
    file: 'outgoing.ts',
    line: 'this.underWay < this.window || next instanceof Closing',
    broken: 'true',
  },
  {
    rule: 'a close has its number',
    file: 'server-session.ts',
    line: '    this.#outgoing.push(this.#closing);\n    this.#waitForClose',
    broken: '    this.#waitForClose',
  },
  {
    rule: 'what is relayed breaks when something of it is lost',
    file: 'relay-peer.ts',
    line: 'if (!isNext) this.reset();',
    broken: '',
    servers: { count: 3 },
  },
  {
    rule: 'one server has an opening key',
    file: 'server.ts',
    line: 'if (holder === this.#node) {',
    broken: 'if (holder !== undefined) {',
    servers: { count: 3 },
  },
  {
    rule: 'nothing is sent before it is saved',
    file: 'saved-outgoing.ts',
    line: '(this.sent < this.everSent || this.sent < this.limit) && super.hasNext',
    broken: 'super.hasNext',
    servers: { count: 3, areKilled: true },
  },
  {
    rule: 'nothing is acknowledged before it is saved',
    file: 'server-session.ts',
    line: 'this.#incoming.isKept = true;',
    broken: '',
    servers: { count: 3, areKilled: true },
  },
  {
    rule: 'a server leaves a session that another one has taken',
    file: 'journal.ts',
    line: "if (outcome === 'lost') {",
    broken: 'if (Math.abs(0) > 1) {',
    servers: { count: 3, areKilled: true },
  },
  {
    rule: 'a session that goes on elsewhere takes what its client has',
    file: 'saved-outgoing.ts',
    line: 'Math.max(this.everSent, Math.min(this.#restoredTo, this.last))',
    broken: 'this.everSent',
    servers: { count: 3, areKilled: true },
  },
];

const source = import.meta.dirname;
const mutants = join(source, '../../../../artifacts/mutants');

describe('The model finds it when', () => {
  afterAll(() => rmSync(mutants, { recursive: true, force: true }));

  for (const [index, mutant] of MUTANTS.entries()) {
    it(`it is broken that ${mutant.rule}`, { timeout: 120_000 }, async () => {
      const run = await compileMutant(String(index), mutant);
      let found: number | undefined;
      for (let seed = 0; seed < SEEDS_TO_FIND && found === undefined; seed++) {
        if (isFound(run, seed, mutant.servers)) found = seed;
      }
      expect(found).toBeDefined();
    });
  }
});

function isFound(run: typeof runModel, seed: number, servers: ModelServers | undefined): boolean {
  try {
    return run(seed, undefined, servers) !== undefined;
  } catch {
    return true;
  }
}

/** The sources of this folder and of what it imports, with one line replaced. */
async function compileMutant(name: string, { file, line, broken }: Mutant): Promise<typeof runModel> {
  const target = join(mutants, name);
  let replaced = 0;
  for (const folder of [source, join(source, '../protocol')]) {
    for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts') || path.endsWith('.test.ts')) continue;
      let text = readFileSync(join(folder, path), 'utf8');
      if (folder === source && path === file) {
        replaced = text.split(line).length - 1;
        text = text.replace(line, broken);
      }
      const options = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
      const { outputText } = ts.transpileModule(text, { compilerOptions: options });
      const output = join(target, relative(join(source, '..'), folder), path.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(output), { recursive: true });
      writeFileSync(output, outputText);
    }
  }
  expect(replaced).toBe(1);
  writeFileSync(join(target, 'package.json'), '{ "type": "module" }');
  const { href } = pathToFileURL(join(target, 'session/test-model.js'));
  const module = (await import(/* @vite-ignore */ href)) as { runModel: typeof runModel };
  return module.runModel;
}
