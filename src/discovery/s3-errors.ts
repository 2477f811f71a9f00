/**
 * What S3, the AWS SDK and the network say, in our terms: any error they throw comes in, one
 * CurrentsError goes out, with whether waiting helps and what to do. Nothing else reads SDK errors.
 *
 * Names come from the S3 API reference, "Error responses" (2026-09), and from S3-compatible stores; an
 * unknown name falls back on the HTTP status. The cause keeps name, text and stack only: S3 repeats
 * access keys and signed strings in other fields of some errors.
 */

import { CurrentsError, type ErrorFacts } from '../errors.ts';

/** What was being done when it failed. */
export interface S3Attempt {
  readonly doing: 'list' | 'read' | 'write';
  readonly bucket: string;
  /** Absent for listings. */
  readonly key?: string;
  /** As people write it: `s3://bucket/key`. */
  readonly url: string;
}

type Kind =
  | 'denied'
  | 'credentials'
  | 'no-bucket'
  | 'other-region'
  | 'no-region'
  | 'missing'
  | 'archived'
  | 'busy'
  | 'network'
  | 'untrusted'
  | 'refused';

const KIND_BY_NAME: ReadonlyMap<string, Kind> = new Map([
  ...named('denied', ['AccessDenied', 'AllAccessDisabled', 'AccountProblem']),
  ...named('credentials', [
    ...['CredentialsProviderError', 'TokenProviderError', 'ExpiredToken', 'ExpiredTokenException'],
    ...['InvalidToken', 'TokenRefreshRequired', 'InvalidAccessKeyId', 'SignatureDoesNotMatch'],
    ...['InvalidSecurity', 'NotSignedUp', 'InvalidClientTokenId', 'UnrecognizedClientException'],
    ...['InvalidIdentityToken', 'IDPRejectedClaim'],
  ]),
  ...named('no-bucket', ['NoSuchBucket', 'InvalidBucketName']),
  ...named('other-region', [
    ...['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'],
  ]),
  ...named('missing', ['NoSuchKey']),
  ...named('archived', ['InvalidObjectState']),
  ...named('busy', [
    ...['SlowDown', 'ServiceUnavailable', 'InternalError', 'RequestTimeout', 'OperationAborted'],
    ...['Throttling', 'ThrottlingException', 'RequestThrottled', 'RequestLimitExceeded'],
    ...['TooManyRequests', 'TooManyRequestsException', 'BandwidthLimitExceeded'],
    // The SDK sets its clock by the answer, so the next attempt is signed with the right time.
    ...['RequestTimeTooSkewed', 'RequestExpired'],
  ]),
]);

const NETWORK_CODES: ReadonlySet<string> = new Set([
  ...['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ESOCKETTIMEDOUT'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'],
  ...['ERR_STREAM_PREMATURE_CLOSE'],
]);

const CERTIFICATE_CODE = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_|^EPROTO$/;

/** How the SDK says that an answer is not the XML that it should be. */
const UNREADABLE = /Deserialization error/;

/** Our error for whatever an attempt threw; one of ours gets the place filled in. */
export function translateS3Error(error: unknown, attempt: S3Attempt): CurrentsError {
  const { doing, bucket, key, url } = attempt;
  const context = { source: `s3://${bucket}`, ...(key !== undefined && { key }) };
  if (error instanceof CurrentsError) return error.within(context);
  const because = (found: string): Pick<ErrorFacts, 'message' | 'context' | 'cause'> => ({
    context,
    message: `cannot ${doing} ${url}: ${found}`,
    cause: copyPublicParts(error),
  });
  const name = nameOf(error);

  const kind = classify(error, attempt);
  switch (kind) {
    case 'denied':
      return new CurrentsError({
        ...because(`${name} (${requiredRights(attempt)})`),
        code: 'SOURCE_ACCESS_DENIED',
        hint: `allow ${requiredRights(attempt)} for these credentials, see docs/iam-policy.md; set source.requesterPays: true if the owner has the reader pay; who you are: aws sts get-caller-identity`,
      });
    case 'credentials':
      return new CurrentsError({
        ...because(`the credentials are missing, wrong or expired: ${name} (valid ones)`),
        code: 'CREDENTIALS_INVALID',
        hint: 'check with: aws sts get-caller-identity; then set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run: aws sso login',
      });
    case 'no-bucket':
      return new CurrentsError({
        ...because(`there is no bucket "${bucket}": ${name} (a bucket at this endpoint)`),
        code: 'SOURCE_NOT_FOUND',
        hint: `check source.url and source.endpoint; the buckets you own: aws s3 ls`,
      });
    case 'other-region': {
      const region = regionOf(error);
      return new CurrentsError({
        ...because(`the bucket is in ${region ?? 'another region'}: ${name} (the region in use)`),
        code: 'SOURCE_NOT_FOUND',
        hint: region
          ? `set source.region: ${region}`
          : `set source.region to what this prints: aws s3api get-bucket-location --bucket ${bucket}`,
      });
    }
    case 'no-region':
      return new CurrentsError({
        ...because('no region is set (the region of the bucket)'),
        code: 'SETTINGS_INVALID',
        hint: 'set source.region or AWS_REGION, for example: export AWS_REGION=eu-central-1',
      });
    case 'missing':
      return new CurrentsError({
        ...because(`the object is gone: ${name} (it was there when it was listed)`),
        code: 'OBJECT_MISSING',
      });
    case 'archived':
      return new CurrentsError({
        ...because('it lies in cold storage (restored, or in a storage class that can be read)'),
        code: 'OBJECT_ARCHIVED',
        hint: `aws s3api restore-object --bucket ${bucket} --key '${key}' --restore-request Days=7`,
      });
    case 'busy':
      return new CurrentsError({
        ...because(`the store answered ${name}`),
        code: 'SOURCE_UNAVAILABLE',
        transient: true,
        hint: 'run it again later; if it stays, lower the concurrency of downloads',
      });
    case 'network':
      return new CurrentsError({
        ...because(`the connection failed: ${name}`),
        code: 'SOURCE_UNAVAILABLE',
        transient: true,
        hint: 'check the network, source.endpoint and source.region; set source.pathStyle: true if the endpoint has no host name for each bucket',
      });
    case 'untrusted':
      return new CurrentsError({
        ...because(`no secure connection: ${name} (a certificate that this machine trusts)`),
        code: 'SOURCE_UNAVAILABLE',
        hint: 'check the scheme in source.endpoint; for a private authority: export NODE_EXTRA_CA_CERTS=/path/to/ca.pem',
      });
    case 'refused':
      return new CurrentsError({
        ...because(`the store refused: ${name}`),
        code: 'SOURCE_UNAVAILABLE',
        hint: 'check source.url, source.endpoint and source.pathStyle',
      });
    default:
      return kind satisfies never;
  }
}

function classify(error: unknown, attempt: S3Attempt): Kind {
  const { name, code, message, status } = readParts(error);
  const known = KIND_BY_NAME.get(name) ?? KIND_BY_NAME.get(code);
  if (known !== undefined) return known;
  if (name.startsWith('KMS.')) return 'denied';
  if (name === 'TimeoutError' || NETWORK_CODES.has(code)) return 'network';
  if (CERTIFICATE_CODE.test(code)) return 'untrusted';
  if (message.startsWith('Region is missing')) return 'no-region';
  if (status !== undefined && status >= 300) return classifyStatus(status, attempt);
  // "socket hang up" and answers that are not XML: something between us and S3 cut or replaced them.
  return UNREADABLE.test(message) || /socket hang up|aborted/.test(message) ? 'network' : 'refused';
}

function classifyStatus(status: number, attempt: S3Attempt): Kind {
  if (status >= 500 || status === 429 || status === 408) return 'busy';
  if (status === 404) return attempt.doing === 'read' ? 'missing' : 'no-bucket';
  if (status === 403) return 'denied';
  if (status === 401) return 'credentials';
  return status < 400 ? 'other-region' : 'refused';
}

function requiredRights({ doing, bucket }: S3Attempt): string {
  switch (doing) {
    case 'list':
      return `s3:ListBucket on arn:aws:s3:::${bucket}`;
    case 'read':
      return `s3:GetObject on arn:aws:s3:::${bucket}/*, and kms:Decrypt if its key is in KMS`;
    case 'write':
      return `s3:PutObject on arn:aws:s3:::${bucket}/*`;
    default:
      return doing satisfies never;
  }
}

/** Where S3 says that the bucket is: in the body of some answers, in a header of others. */
function regionOf(error: unknown): string | undefined {
  const fields = error as { Region?: unknown; $response?: { headers?: Record<string, unknown> } };
  const region = fields.Region ?? fields.$response?.headers?.['x-amz-bucket-region'];
  return typeof region === 'string' ? region : undefined;
}

interface ErrorParts {
  readonly name: string;
  /** Node's code of system and TLS errors; otherwise empty. */
  readonly code: string;
  readonly message: string;
  readonly status: number | undefined;
}

function readParts(error: unknown): ErrorParts {
  if (!(error instanceof Error)) return { name: '', code: '', message: '', status: undefined };
  const { code, Code, $metadata } = error as {
    code?: unknown;
    Code?: unknown;
    $metadata?: { httpStatusCode?: number };
  };
  return {
    name: error.name,
    code: typeof code === 'string' ? code : typeof Code === 'string' ? Code : '',
    message: error.message,
    status: $metadata?.httpStatusCode,
  };
}

/** "SlowDown, HTTP 503" or "ECONNRESET". */
function nameOf(error: unknown): string {
  const { name, code, message, status } = readParts(error);
  const label = UNREADABLE.test(message)
    ? 'an answer that is not whole'
    : code || name || 'unknown';
  return status === undefined || status < 300 ? label : `${label}, HTTP ${status}`;
}

function copyPublicParts(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  const copy = new Error(error.message);
  copy.name = error.name;
  if (error.stack !== undefined) copy.stack = error.stack;
  return copy;
}

function named(kind: Kind, names: readonly string[]): readonly (readonly [string, Kind])[] {
  return names.map((name) => [name, kind]);
}
