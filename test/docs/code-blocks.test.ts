import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import ts from 'typescript';
import { startNats, startRedis } from '../peers/brokers.js';
import { startMosquitto } from '../peers/mosquitto.js';
import { startRabbitMq, type RabbitMq } from '../peers/rabbitmq.js';
import { freePort } from '../peers/start.js';
import { type Block, type Document, findDocuments, parseDocument, root } from './markdown.js';
import { Program } from './program.js';

/** Commands that are not run here, and where they are. */
const COVERED_ELSEWHERE: Readonly<Record<string, string>> = {
  'npm start': 'it installs and builds first; docs/guide/command.md runs the playground that it then starts',
  'npm test': 'it runs this test',
  'npm run interop:gateway': 'test/gateway/interop.test.ts runs its short form',
  'npm pack --workspaces': 'test/package packs both packages and installs them',
  'npm install bothways': 'test/package installs the packed package',
  'npm install --global @bothways/cli': 'test/package installs the packed package and runs its command',
};

/** Documents whose code blocks are not run, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'bench/README.md': 'a benchmark is never a test',
};

type Server = { readonly port: number } & AsyncDisposable;

/** What is started for a document whose code blocks name its port, in place of the one that a reader has. */
const BROKERS: Readonly<Record<string, () => Promise<Server>>> = {
  '127.0.0.1:6379': startRedis,
  '127.0.0.1:4222': startNats,
  '127.0.0.1:1883': startMosquitto,
  '127.0.0.1:5672': () => shareRabbitMq((broker) => broker.amqpPort),
  '127.0.0.1:61613': () => shareRabbitMq((broker) => broker.stompPort),
};

/** It takes longer to start than all others, so the documents have one together. */
let rabbitMq: Promise<RabbitMq> | undefined;

/** Fences that hold no program. */
const DRAWINGS = new Set(['text']);

const artifacts = join(root, 'artifacts/docs');
const command = join(root, 'packages/cli/dist/main.js');
const documents = findDocuments().filter(({ path }) => !Object.hasOwn(LEFT_OUT, path));

function hasPrograms({ blocks }: Document): boolean {
  return blocks.some(isRun);
}

function isRun({ language }: Block): boolean {
  return !DRAWINGS.has(language);
}

async function shareRabbitMq(portOf: (broker: RabbitMq) => number): Promise<Server> {
  rabbitMq ??= startRabbitMq({ hasMqtt: false });
  return { port: portOf(await rabbitMq), [Symbol.asyncDispose]: async () => {} };
}

/** Where a document's blocks run, beside each other, so that one finds the files of another. */
function folderOf(document: Document): string {
  return join(artifacts, document.path.replaceAll(/[^A-Za-z0-9]+/g, '-').replace(/-md$/, ''));
}

function makeFolder(document: Document): void {
  const folder = folderOf(document);
  mkdirSync(folder, { recursive: true });
  // For commands that name files of the repository.
  if (!existsSync(join(folder, 'packages'))) symlinkSync(join(root, 'packages'), join(folder, 'packages'));
}

function scriptOf(document: Document, block: Block): string {
  return join(folderOf(document), `line-${block.line}.ts`);
}

describe('the code blocks of the documentation', () => {
  beforeAll(() => {
    if (!existsSync(command)) throw new Error('The packages are not built: run `npm run build`');
    rmSync(artifacts, { recursive: true, force: true });
    mkdirSync(join(artifacts, 'bin'), { recursive: true });
    // npx stays in between, and would not pass on that its command is ended.
    writeCommand('npx', 'exec "$@"');
    writeCommand('bothways', `exec "${process.execPath}" "${command}" "$@"`);
    for (const document of documents) {
      makeFolder(document);
      for (const block of document.blocks) {
        if (block.language !== 'ts') continue;
        // As many lines before it as in the document, so that the compiler's messages name the document's line.
        writeFileSync(
          scriptOf(document, block),
          `${'\n'.repeat(block.line - 1)}${block.source}\nexport {};\n`,
        );
      }
    }
  });

  afterAll(async () => {
    const broker = await rabbitMq?.catch(() => undefined);
    await broker?.[Symbol.asyncDispose]();
  });

  test('are marked as ts, sh or text', () => {
    const others = documents.flatMap(({ path, blocks }) =>
      blocks
        .filter(({ language }) => !['ts', 'sh', 'text'].includes(language))
        .map(({ line, language }) => `${path}:${line}: "${language}"`),
    );
    expect(others).toEqual([]);
  });

  test('have the types that the sources must have', async () => {
    const config = { extends: '../../tsconfig.json', include: ['*/*.ts'], exclude: [] };
    writeFileSync(join(artifacts, 'tsconfig.json'), JSON.stringify(config));
    const compiler = join(root, 'node_modules/.bin/tsc');
    const compiled = promisify(execFile)(compiler, ['-p', artifacts], { cwd: root });
    // The compiler's messages are on its standard output, whether it fails or not.
    const { stdout } = await compiled.catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
  }, 120_000);

  test.concurrent.each(documents.filter(hasPrograms).map((document) => [document.path, document] as const))(
    'of %s run and print what they say',
    async (_, document) => {
      expect(await run(document)).toEqual([]);
    },
    // Where RabbitMQ is started, and all cores are busy.
    120_000,
  );

  test('that are not run here are still there', () => {
    const lines = new Set(
      documents.flatMap(({ blocks }) => blocks.flatMap((block) => block.source.split('\n'))),
    );
    expect(Object.keys(COVERED_ELSEWHERE).filter((line) => !lines.has(line))).toEqual([]);
  });
});

describe('what runs the code blocks', () => {
  test.each([
    ['prints something else', 'ts', `console.log('one'); // prints two`, /printed/],
    ['prints what it does not say', 'ts', `console.log('one');`, /printed/],
    ['does not print what it says', 'ts', `// prints one`, /printed/],
    ['throws', 'ts', `throw new Error('oh');`, /status 1/],
    ['writes to standard error', 'ts', `console.error('oh');`, /standard error/],
    ['has a command that fails', 'sh', `false`, /status 1/],
    ['has a command that prints something else', 'sh', `echo one\n# prints two`, /printed/],
  ])('complains about a block that %s', async (_, language, source, complaint) => {
    const complaints = await complaintsOf(language, source);
    expect(complaints.join('\n')).toMatch(complaint);
  });

  test.each([
    ['ts', `console.log('one'); // prints one`],
    ['sh', `echo one\n# prints one`],
    ['sh', `echo one >&2\n# on standard error: one`],
  ])('does not complain about a good block of %s', async (language, source) => {
    expect(await complaintsOf(language, source)).toEqual([]);
  });
});

interface Running {
  readonly where: string;
  readonly program: Program;
  readonly printed: readonly string[];
  readonly noted: readonly string[];
}

/** What is wrong with a document of one block. */
function complaintsOf(language: string, source: string): Promise<string[]> {
  const document = parseDocument(`made-up-${language}.md`, `\`\`\`${language}\n${source}\n\`\`\``);
  makeFolder(document);
  return run(document);
}

/** Runs a document's blocks in order; what serves goes on until all are done. Returns what is wrong with them. */
async function run(document: Document): Promise<string[]> {
  const ports = await freePorts(document);
  const brokers: Server[] = [];
  const running: Running[] = [];
  try {
    for (const [address, startBroker] of Object.entries(BROKERS)) {
      if (!document.blocks.some((block) => isRun(block) && block.source.includes(address))) continue;
      const broker = await startBroker();
      brokers.push(broker);
      ports.set(address.split(':')[1]!, broker.port);
    }
    for (const block of document.blocks) {
      if (!isRun(block)) continue;
      const where = `${document.path}:${block.line}`;
      const source = withPorts(block.source, ports);
      const program = start(document, block, source);
      running.push({
        where,
        program,
        printed: comments(source, 'prints'),
        noted: comments(source, 'on standard error:'),
      });
      await program.until('ended or listened', () => program.hasEnded || program.isServing);
    }
    const complaints: string[] = [];
    for (const each of running) complaints.push(...(await judge(each)));
    return complaints;
  } finally {
    await Promise.all(running.map(({ program }) => program[Symbol.asyncDispose]()));
    await Promise.all(brokers.map((broker) => broker[Symbol.asyncDispose]()));
  }
}

async function judge({ where, program, printed, noted }: Running): Promise<string[]> {
  const isDone = (): boolean =>
    program.hasEnded || (program.isServing && program.lines.length >= printed.length);
  await program.until(`printed ${printed.length} lines or ended`, isDone);
  await program[Symbol.asyncDispose]();
  const { exitStatus = 0, lines, errorLines } = program;
  const complaints: string[] = [];
  if (exitStatus !== 0) complaints.push(`${where}: it ended with status ${exitStatus}`);
  if (lines.join('\n') !== printed.join('\n')) {
    complaints.push(
      `${where}: it printed\n${lines.join('\n')}\nand says that it prints\n${printed.join('\n')}`,
    );
  }
  if (errorLines.join('\n') !== noted.join('\n')) {
    complaints.push(`${where}: it wrote to standard error\n${errorLines.join('\n')}`);
  }
  return complaints;
}

function start(document: Document, block: Block, source: string): Program {
  const name = `${document.path}:${block.line}`;
  const folder = folderOf(document);
  if (block.language === 'sh') {
    const lines = source.split('\n').filter((line) => !Object.hasOwn(COVERED_ELSEWHERE, line));
    const PATH = [join(artifacts, 'bin'), dirname(process.execPath), process.env['PATH']].join(':');
    return new Program(name, ['bash', '-euo', 'pipefail', '-c', lines.join('\n')], folder, { PATH });
  }
  const options = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  };
  const script = scriptOf(document, block).replace(/\.ts$/, '.mjs');
  writeFileSync(script, ts.transpileModule(source, { compilerOptions: options }).outputText);
  return new Program(name, [process.execPath, script], folder);
}

/** What a block says of its output: `// prints ...`, in a shell `# prints ...` and `# on standard error: ...`. */
function comments(source: string, what: 'prints' | 'on standard error:'): string[] {
  return source.split('\n').flatMap((line) => {
    const [, text] = new RegExp(`(?:^|\\s)(?://|#) ${what} (.*)$`).exec(line) ?? [];
    return text === undefined ? [] : [text];
  });
}

const taken = new Set<number>();

/** A free port for every fixed one of a document. */
async function freePorts(document: Document): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  for (const { source } of document.blocks) {
    const pattern = /(?:port: |--port |listen\(|PORT=|\?\? |127\.0\.0\.1:|localhost:)(\d{4,5})\b/g;
    for (const [, port = ''] of source.matchAll(pattern)) {
      if (ports.has(port)) continue;
      let free: number;
      do free = await freePort();
      while (taken.has(free));
      taken.add(free);
      ports.set(port, free);
    }
  }
  return ports;
}

function withPorts(source: string, ports: ReadonlyMap<string, number>): string {
  return source.replaceAll(/\b\d{4,5}\b/g, (number) => String(ports.get(number) ?? number));
}

function writeCommand(name: string, script: string): void {
  const file = join(artifacts, 'bin', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}
