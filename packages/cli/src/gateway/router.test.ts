import { expect, it } from 'vitest';
import { Router } from './router.js';

const router = new Router([
  { path: '/*' },
  { path: '/mqtt' },
  { path: '/mqtt/*' },
  { path: '/mqtt/eu/*' },
  { path: '/mqtt', hosts: ['a.example.com'] },
  { path: '/mqtt', hosts: ['*.example.com'] },
]);

it.each([
  ['b.test', '/mqtt', '/mqtt', undefined],
  ['b.test', '/mqtt?x=1', '/mqtt', undefined],
  ['b.test', '/mqtt/1', '/mqtt/*', undefined],
  ['b.test', '/mqtt/eu/1', '/mqtt/eu/*', undefined],
  ['b.test', '/mqttx', '/*', undefined],
  ['b.test', '/%6dqtt', '/*', undefined],
  ['A.Example.com:8080', '/mqtt', '/mqtt', ['a.example.com']],
  ['b.example.com.', '/mqtt', '/mqtt', ['*.example.com']],
  ['example.com', '/mqtt', '/mqtt', undefined],
  [undefined, '/mqtt', '/mqtt', undefined],
])('%s %s is at the most exact route', (host, url, path, hosts) => {
  expect(router.find(host, url)).toEqual(hosts === undefined ? { path } : { path, hosts });
});

it('knows no absolute form, and nothing else that a proxy would take', () => {
  for (const url of ['http://b.test/mqtt', 'b.test:443', '*', '', '//b.test/mqtt'.slice(1, 1)]) {
    expect(router.find('b.test', url)).toBeUndefined();
  }
});
