import { describe, expect, it } from 'vitest';
import { compareConfigs } from './compare.js';
import { configWith } from './test-config.js';
import { gatewayConfig, type GatewayConfig } from './schema.js';

const NOTHING = { added: [], removed: [], changed: [] };
const SAME = {
  listeners: NOTHING,
  routes: NOTHING,
  auth: NOTHING,
  protocols: NOTHING,
  settings: [],
  needsRestart: [],
};

function routesOf(...routes: object[]): GatewayConfig {
  return configWith({}, { routes });
}

describe('a configuration that is loaded again', () => {
  it('is as it was', () => {
    expect(compareConfigs(configWith(), configWith())).toEqual(SAME);
  });

  it('has routes that are new, gone and different, by name', () => {
    const upstream = 'tcp://h:1';
    const before = routesOf(
      { name: 'a', path: '/a', protocol: 'raw', upstream },
      { name: 'b', path: '/b', protocol: 'raw', upstream },
      { path: '/c', hosts: ['x.example', 'y.example'], protocol: 'raw', upstream },
    );
    const after = routesOf(
      {
        path: '/c',
        hosts: ['x.example', 'y.example'],
        protocol: 'raw',
        upstream,
        limits: { connections: 1 },
      },
      { path: '/d', protocol: 'raw', upstream },
      { name: 'a', path: '/a', protocol: 'raw', upstream },
    );
    expect(compareConfigs(before, after)).toEqual({
      ...SAME,
      routes: { added: ['/d'], removed: ['b'], changed: ['x.example,y.example/c'] },
    });
  });

  it('has listeners that are new, gone and different, by address', () => {
    const before = configWith(
      {},
      { listen: [{ address: ':1' }, { address: '[::1]:2' }, { address: 'localhost:3' }] },
    );
    const after = configWith(
      {},
      {
        listen: [
          { address: '[::1]:2', trusted_proxies: ['::1'] },
          { address: 'localhost:3', tls: { cert: 'c', key: 'k' } },
          { address: '127.0.0.1:4' },
        ],
      },
    );
    expect(compareConfigs(before, after)).toEqual({
      ...SAME,
      listeners: { added: ['127.0.0.1:4'], removed: [':1'], changed: ['[::1]:2', 'localhost:3'] },
      // It would have to listen twice.
      needsRestart: ['listen localhost:3'],
    });
  });

  it('has other settings, of which some wait for a restart', () => {
    const after = configWith(
      {},
      {
        admin: { address: ':9090' },
        drain: { window: '1s' },
        max_connections: 5,
        auth: { a: { type: 'basic', users_file: 'u' } },
        protocols: { own: { module: 'm.js' } },
      },
    );
    expect(compareConfigs(configWith(), after)).toEqual({
      ...SAME,
      auth: { ...NOTHING, added: ['a'] },
      protocols: { ...NOTHING, added: ['own'] },
      settings: ['admin', 'drain', 'max_connections'],
      needsRestart: ['admin'],
    });
  });

  it('is compared in every setting that there is', () => {
    const named = Object.keys(compareConfigs(configWith(), configWith()));
    const others = Object.keys(gatewayConfig.shape).filter(
      (key) => !['listen', 'routes', 'auth', 'protocols'].includes(key),
    );
    const changes: Readonly<Record<string, unknown>> = {
      admin: { address: ':1' },
      log: { level: 'debug' },
      drain: { timeout: '1s' },
      handshake_timeout: '1s',
      max_connections: 1,
    };
    expect(named).toEqual(['listeners', 'routes', 'auth', 'protocols', 'settings', 'needsRestart']);
    const after = configWith({}, changes);
    expect(compareConfigs(configWith(), after).settings.toSorted()).toEqual(others.toSorted());
  });
});
