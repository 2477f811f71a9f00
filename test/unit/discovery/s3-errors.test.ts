/**
 * What each answer of S3, the SDK and the network means, as a table: code and whether it is retried,
 * for listing, reading and writing. A missing cell does not compile.
 */

import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type S3Attempt, translateS3Error } from '../../../src/discovery/s3-errors.ts';
import { CurrentsError, type ErrorCode } from '../../../src/errors.ts';

type Outcome = readonly [code: ErrorCode, isTransient: boolean];
type Row = Readonly<Record<S3Attempt['doing'], Outcome>>;

const DENIED = always('SOURCE_ACCESS_DENIED', false);
const CREDENTIALS = always('CREDENTIALS_INVALID', false);
const NOT_FOUND = always('SOURCE_NOT_FOUND', false);
const UNAVAILABLE = always('SOURCE_UNAVAILABLE', true);
const REFUSED = always('SOURCE_UNAVAILABLE', false);

const BY_NAME: Readonly<Record<string, Row>> = {
  AccessDenied: DENIED,
  AllAccessDisabled: DENIED,
  'KMS.DisabledException': DENIED,
  CredentialsProviderError: CREDENTIALS,
  TokenProviderError: CREDENTIALS,
  ExpiredToken: CREDENTIALS,
  ExpiredTokenException: CREDENTIALS,
  InvalidAccessKeyId: CREDENTIALS,
  SignatureDoesNotMatch: CREDENTIALS,
  NoSuchBucket: NOT_FOUND,
  InvalidBucketName: NOT_FOUND,
  PermanentRedirect: NOT_FOUND,
  AuthorizationHeaderMalformed: NOT_FOUND,
  NoSuchKey: always('OBJECT_MISSING', false),
  InvalidObjectState: always('OBJECT_ARCHIVED', false),
  SlowDown: UNAVAILABLE,
  ServiceUnavailable: UNAVAILABLE,
  InternalError: UNAVAILABLE,
  RequestTimeout: UNAVAILABLE,
  ThrottlingException: UNAVAILABLE,
  RequestTimeTooSkewed: UNAVAILABLE,
  TimeoutError: UNAVAILABLE,
  NoSuchThingAsThisName: REFUSED,
};

const BY_STATUS: Readonly<Record<number, Row>> = {
  301: NOT_FOUND,
  400: REFUSED,
  401: CREDENTIALS,
  403: DENIED,
  404: {
    list: ['SOURCE_NOT_FOUND', false],
    read: ['OBJECT_MISSING', false],
    write: ['SOURCE_NOT_FOUND', false],
  },
  408: UNAVAILABLE,
  412: REFUSED,
  429: UNAVAILABLE,
  500: UNAVAILABLE,
  502: UNAVAILABLE,
  503: UNAVAILABLE,
  504: UNAVAILABLE,
};

const BY_CODE: Readonly<Record<string, Row>> = {
  ECONNRESET: UNAVAILABLE,
  ECONNREFUSED: UNAVAILABLE,
  EPIPE: UNAVAILABLE,
  ETIMEDOUT: UNAVAILABLE,
  ENOTFOUND: UNAVAILABLE,
  EAI_AGAIN: UNAVAILABLE,
  CERT_HAS_EXPIRED: REFUSED,
  DEPTH_ZERO_SELF_SIGNED_CERT: REFUSED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: REFUSED,
  ERR_TLS_CERT_ALTNAME_INVALID: REFUSED,
  EPROTO: REFUSED,
};

const BY_MESSAGE: Readonly<Record<string, Row>> = {
  'socket hang up': UNAVAILABLE,
  aborted: UNAVAILABLE,
  'unexpected end of input.\n  Deserialization error: to see …': UNAVAILABLE,
  'Region is missing': always('SETTINGS_INVALID', false),
  'something of which nobody has heard': REFUSED,
};

describe.each(['list', 'read', 'write'] as const)('a failure to %s', (doing) => {
  it.each(Object.entries(BY_NAME))('named %s', (name, row) => {
    const error = Object.assign(new Error('made up'), { name });
    expect(outcomeOf(error, doing)).toEqual(row[doing]);
  });

  it.each(Object.entries(BY_STATUS))('with only the status %s', (status, row) => {
    const $metadata = { httpStatusCode: Number(status) };
    const error = Object.assign(new Error('made up'), { name: 'Unknown', $metadata });
    expect(outcomeOf(error, doing)).toEqual(row[doing]);
  });

  it.each(Object.entries(BY_CODE))('with the system code %s', (code, row) => {
    const error = Object.assign(new Error('made up'), { code });
    expect(outcomeOf(error, doing)).toEqual(row[doing]);
  });

  it.each(Object.entries(BY_MESSAGE))('that says only "%s"', (message, row) => {
    expect(outcomeOf(new Error(message), doing)).toEqual(row[doing]);
  });
});

describe('translateS3Error', () => {
  it('names the region that the bucket is in', () => {
    const redirect = Object.assign(new Error('made up'), {
      name: 'PermanentRedirect',
      $response: { headers: { 'x-amz-bucket-region': 'eu-west-1' } },
    });
    const malformed = Object.assign(new Error('made up'), {
      name: 'AuthorizationHeaderMalformed',
      Region: 'eu-west-1',
    });
    for (const error of [redirect, malformed]) {
      expect(translateS3Error(error, anAttempt('list'))).toMatchObject({
        message: expect.stringContaining('the bucket is in eu-west-1'),
        hint: 'set source.region: eu-west-1',
      });
    }
  });

  it('names the right that is missing', () => {
    const error = Object.assign(new Error('made up'), { name: 'AccessDenied' });
    const rights = (doing: S3Attempt['doing']) => translateS3Error(error, anAttempt(doing)).hint;
    expect(rights('list')).toContain('s3:ListBucket on arn:aws:s3:::acme ');
    expect(rights('read')).toContain('s3:GetObject on arn:aws:s3:::acme/*');
    expect(rights('write')).toContain('s3:PutObject on arn:aws:s3:::acme/*');
  });

  it('keeps nothing of the fields in which S3 repeats keys and signatures', () => {
    const error = Object.assign(new Error('made up'), {
      name: 'SignatureDoesNotMatch',
      AWSAccessKeyId: 'AKIDHIDDEN',
      StringToSign: 'TO-SIGN-HIDDEN',
    });
    const translated = translateS3Error(error, anAttempt('list'));
    expect(inspect(translated, { depth: 9, showHidden: true })).not.toContain('HIDDEN');
  });

  it('fills in the place of an error of ours', () => {
    const ours = new CurrentsError({ code: 'OBJECT_INCOMPLETE', message: 'm', transient: true });
    expect(translateS3Error(ours, anAttempt('read'))).toMatchObject({
      code: 'OBJECT_INCOMPLETE',
      transient: true,
      context: { source: 's3://acme', key: 'k' },
    });
  });
});

function outcomeOf(error: Error, doing: S3Attempt['doing']): Outcome {
  const translated = translateS3Error(error, anAttempt(doing));
  expect(translated.message).toMatch(new RegExp(`^cannot ${doing} s3://acme/k: `));
  return [translated.code, translated.transient];
}

function anAttempt(doing: S3Attempt['doing']): S3Attempt {
  return { doing, bucket: 'acme', url: 's3://acme/k', ...(doing !== 'list' && { key: 'k' }) };
}

function always(code: ErrorCode, isTransient: boolean): Row {
  const outcome: Outcome = [code, isTransient];
  return { list: outcome, read: outcome, write: outcome };
}
