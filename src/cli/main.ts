#!/usr/bin/env node
/**
 * The bin: signals, the end of stdout, the exit code. Everything else is in run.ts, loaded after the
 * environment is as the AWS SDK needs it.
 */

// The SDK would warn on stderr, on Node 20, about its releases of 2027.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

// `currents objects list | head`: the reader has seen enough, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

const { runCli } = await import('./run.ts');

const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The first asks to finish the object in hand, the second will not wait; the next run repairs.
    if (controller.signal.aborted) process.exit(130);
    controller.abort(name);
  });
}

const exitCode = await runCli(process.argv.slice(2), controller.signal);
// Idle connections of the SDK must not keep us; output that is still on its way must not be cut.
process.stdout.write('', () => process.exit(exitCode));
