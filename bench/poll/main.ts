/**
 * `npx tsx bench/poll/main.ts [keys …]`: what polls cost over buckets of so many known keys, as a table:
 * idle ones, ones that find ten new objects, and full listings. Needs the built package.
 */
import Table from 'cli-table3';
import { measureIdlePoll, type PollCost, type PollOptions } from './measure-poll.ts';

const asked = process.argv.slice(2).map(Number);
const sizes = asked.length > 0 ? asked : [1000, 10_000, 100_000, 1_000_000];
const polls: readonly (readonly [string, PollOptions])[] = [
  ['idle', {}],
  ['idle, ledger in order of hours', { order: 'hour' }],
  ['ten new objects', { fresh: 10 }],
  ['full listing', { full: true, rounds: 1 }],
];

const table = new Table({
  head: ['poll', 'known keys', 'list requests', 'objects listed', 'seconds', 'CPU s', 'peak MB'],
  style: { head: [], border: [] },
});
for (const [name, options] of polls) {
  for (const keys of sizes) table.push([name, ...formatCost(await measureIdlePoll(keys, options))]);
}
console.log(table.toString());

function formatCost({ keys, listRequests, objectsListed, ...cost }: PollCost): readonly string[] {
  return [
    ...[keys, listRequests, objectsListed].map((count) => count.toLocaleString('en-US')),
    cost.seconds.toFixed(2),
    cost.cpuSeconds.toFixed(2),
    (cost.peakBytes / 1e6).toFixed(0),
  ];
}
