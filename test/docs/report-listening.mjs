// Loaded before a program of the documentation: it tells the test, on file descriptor 3, when the program begins
// to listen and when it stops.
import { writeSync } from 'node:fs';
import { Server } from 'node:net';

const original = Server.prototype;
const listen = Reflect.get(original, 'listen');

// In a process that a program has forked, a worker of a cluster for one, that descriptor is the channel between the two.
if (process.channel === undefined)
  original.listen = function listenAndReport(...args) {
    this.once('listening', () => writeSync(3, 'listening\n'));
    this.once('close', () => writeSync(3, 'closed\n'));
    return listen.apply(this, args);
  };
