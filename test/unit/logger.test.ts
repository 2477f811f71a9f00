/** What a log line holds, and what it must never hold. */
import { describe, expect, it } from 'vitest';
import { CurrentsError } from '../../src/errors.ts';
import { createLogger, silentLogger } from '../../src/logger.ts';

function capture() {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    destination: { write: (line) => lines.push(line) },
  });
  return { logger, lines };
}

describe('a log line', () => {
  it('is one JSON document with an ISO time and a named level', () => {
    const { logger, lines } = capture();
    logger.info({ key: 'a.avro' }, 'object loaded');
    logger.debug('not at this level');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      key: 'a.avro',
      msg: 'object loaded',
    });
  });

  it('never holds a secret, at any of the depths where SDK objects have them', () => {
    const { logger, lines } = capture();
    const secretAccessKey = 'hunter2';
    logger.info({ secretAccessKey, a: { secretAccessKey, b: { secretAccessKey } } }, 'settings');
    expect(lines.join()).not.toContain('hunter2');
    expect(lines.join()).toContain('[secret]');
  });

  it('has of one of our errors what the error page explains, without the cause', () => {
    const { logger, lines } = capture();
    const cause = new Error('a value of an event');
    logger.error(
      { err: new CurrentsError({ code: 'DISK_FULL', message: 'cannot', hint: 'free', cause }) },
      'stopped',
    );
    expect(JSON.parse(lines[0] ?? '').err).toEqual({
      code: 'DISK_FULL',
      message: 'cannot',
      hint: 'free',
      transient: false,
      context: {},
    });
  });

  it('has the stack of an error that is not ours', () => {
    const { logger, lines } = capture();
    logger.error({ err: new TypeError('a defect') }, 'stopped');
    expect(JSON.parse(lines[0] ?? '').err).toMatchObject({
      type: 'TypeError',
      stack: expect.stringContaining('logger.test.ts'),
    });
  });
});

describe('the silent logger', () => {
  it('is below every level', () => {
    expect(silentLogger.isLevelEnabled('fatal')).toBe(false);
  });
});
