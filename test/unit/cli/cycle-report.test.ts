/** What people read after a cycle. */
import { describe, expect, it } from 'vitest';
import { formatCycle } from '../../../src/cli/cycle-report.ts';
import type { IngestResult } from '../../../src/ingest-result.ts';

function cycle(objects: Partial<IngestResult['objects']>, rest: Partial<IngestResult> = {}) {
  return formatCycle({
    runId: 1,
    source: 's3://acme/currents/',
    fullListing: true,
    interrupted: false,
    objects: {
      discovered: 0,
      loaded: 0,
      quarantined: 0,
      unchanged: 0,
      missing: 0,
      archived: 0,
      failed: 0,
      pending: 0,
      ...objects,
    },
    events: { read: 0, loaded: 0, duplicates: 0, erased: 0 },
    bytes: 0,
    seconds: 1,
    eventTypes: {},
    schemaChanges: [],
    erasures: { people: 0, events: 0, rewritten: false, stagedFiles: 0, published: false },
    privacyChange: null,
    audiences: [],
    profiles: null,
    problems: [],
    ...rest,
  });
}

describe('a cycle that loaded nothing', () => {
  it('says what was tried, and names each object with its reason', () => {
    const text = cycle(
      { unchanged: 16, quarantined: 2, failed: 1, pending: 1 },
      {
        problems: [
          { key: 'a/1.avro', status: 'quarantined', code: 'CONTAINER_INVALID', reason: 'cannot a' },
          { key: 'a/2\n.avro', status: 'failed', code: 'OBJECT_UNREADABLE', reason: 'cannot b' },
        ],
      },
    );
    expect(text).toBe(
      [
        'Loaded nothing: 3 objects tried, 2 quarantined, 1 failed (1.0 s)',
        '',
        'Not loaded:',
        '  quarantined: a/1.avro',
        '    cannot a',
        '  failed: a/2\\x0a.avro',
        '    cannot b',
        '',
        'Next: currents quarantine list',
      ].join('\n'),
    );
  });

  it('says that nothing is there, that something waits, or that all is known', () => {
    const head = (text: string) => text.split('\n')[0];
    expect(head(cycle({}))).toBe('Nothing new: found nothing under s3://acme/currents/ (1.0 s)');
    expect(head(cycle({ discovered: 4, pending: 4 }, { interrupted: true }))).toBe(
      'Loaded nothing: 4 objects waiting (1.0 s)',
    );
    expect(head(cycle({ unchanged: 16 }))).toBe(
      'Nothing new: 16 objects listed, all known (1.0 s)',
    );
    expect(head(cycle({}, { fullListing: false }))).toBe(
      'Nothing new: 0 objects listed, all known (1.0 s)',
    );
  });
});
