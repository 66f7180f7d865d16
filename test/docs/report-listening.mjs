// Loaded before a program of the documentation: it tells the test, on file descriptor 3, when the program begins
// to listen and when it stops.
import cluster from 'node:cluster';
import { writeSync } from 'node:fs';
import { Server } from 'node:net';

const original = Server.prototype;
const listen = Reflect.get(original, 'listen');

// In a worker of a cluster, that descriptor is its channel, and it is the primary process that listens.
if (cluster.isPrimary)
  original.listen = function listenAndReport(...args) {
    this.once('listening', () => writeSync(3, 'listening\n'));
    this.once('close', () => writeSync(3, 'closed\n'));
    return listen.apply(this, args);
  };
