/**
 * How far a cycle has come → stderr: a bar on a terminal, a log line every few seconds anywhere else.
 */
import { SingleBar } from 'cli-progress';
import type { Logger } from '../logger.ts';
import type { CycleProgress } from '../pipeline.ts';

const LOG_EVERY_MS = 5000;

export interface Progress {
  update(progress: CycleProgress): void;
  /** Clears the bar. The caller's last call, also after an error. */
  stop(): void;
}

export function startProgress(logger: Logger): Progress {
  return process.stderr.isTTY ? drawBar() : logLines(logger);
}

function drawBar(): Progress {
  const bar = new SingleBar({
    stream: process.stderr,
    format: '{phase} {bar} {value}/{total} objects · {events} events',
    clearOnComplete: true,
    hideCursor: true,
    barsize: 24,
  });
  bar.start(0, 0, { phase: 'listing', events: 0 });
  return {
    update(progress) {
      const isLoading = progress.phase === 'loading';
      bar.setTotal(isLoading ? progress.totalObjects : progress.objects);
      bar.update(progress.objects, {
        phase: progress.phase,
        events: isLoading ? progress.events.toLocaleString('en-US') : '…',
      });
    },
    stop: () => bar.stop(),
  };
}

function logLines(logger: Logger): Progress {
  let nextAtMs = Date.now() + LOG_EVERY_MS;
  return {
    update(progress) {
      if (Date.now() < nextAtMs) return;
      nextAtMs = Date.now() + LOG_EVERY_MS;
      logger.info(progress, 'progress');
    },
    stop() {},
  };
}
