/**
 * Buckets on the test server: make one with a name of its own, fill it, overwrite and delete in it.
 * Also says how our own code gets there: settings for `openStore`, and an environment in which the SDK's
 * credential chain finds something.
 */

import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import pMap from 'p-map';
import type { S3Settings } from '../../src/discovery/s3-bucket.ts';
import { TEST_CREDENTIALS } from './s3-server.ts';

/** For the SDK in this process and in those it starts; no test may find real credentials. */
export const TEST_S3_ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
  AWS_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
};

export interface TestBucket {
  readonly name: string;
  readonly client: S3Client;
  put(key: string, body: Uint8Array | string): Promise<void>;
  /** Many at once, some at a time. */
  putAll(objects: Iterable<readonly [key: string, body: Uint8Array | string]>): Promise<void>;
  remove(key: string): Promise<void>;
  close(): void;
}

/** An empty bucket with a name of its own. Also puts test credentials into the environment. */
export async function createTestBucket(endpoint: string): Promise<TestBucket> {
  Object.assign(process.env, TEST_S3_ENVIRONMENT);
  const name = `currents-${randomBytes(6).toString('hex')}`;
  const client = new S3Client({ endpoint, forcePathStyle: true, region: 'us-east-1' });
  await client.send(new CreateBucketCommand({ Bucket: name }));
  const put = async (key: string, body: Uint8Array | string): Promise<void> => {
    await client.send(new PutObjectCommand({ Bucket: name, Key: key, Body: Buffer.from(body) }));
  };
  return {
    name,
    client,
    put,
    putAll: async (objects) => {
      // Without the SDK: it takes three times as long as the server, which checks no signature.
      const url = `${endpoint}/${name}/`;
      await pMap(
        objects,
        async ([key, body]) => {
          const target = url + key.split('/').map(encodeURIComponent).join('/');
          const answer = await fetch(target, { method: 'PUT', body: Buffer.from(body) });
          await answer.arrayBuffer();
          if (!answer.ok) throw new Error(`the test server refused ${key}: HTTP ${answer.status}`);
        },
        { concurrency: 16 },
      );
    },
    remove: async (key) => {
      await client.send(new DeleteObjectCommand({ Bucket: name, Key: key }));
    },
    close: () => client.destroy(),
  };
}

/** How `openStore` reaches a test server, or a proxy before it. */
export function testS3Settings(endpoint: string): S3Settings {
  return { endpoint, pathStyle: true, region: 'us-east-1' };
}
