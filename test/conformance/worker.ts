import type { Result } from './case.js';
import { runSuite } from './run-suite.js';
import { SUBJECTS } from './subjects/index.js';
import { wantedCases, type Order } from './order.js';

// One subject in one role, in a process of its own; what came of each case is told to the parent.

process.once('message', (message) => {
  const order = message as Order;
  const { subject, role, isQuick } = order;
  void runSuite(SUBJECTS[subject]!, role, wantedCases(order), { isQuick, onResult: tell }).then(() =>
    process.disconnect(),
  );
});

function tell(result: Result): void {
  process.send!(result);
}
