/**
 * What every compression codec promises, so that codecs.ts can treat them alike.
 */

export interface Codec {
  /** For fixtures, tests and the event generator. */
  compress(bytes: Buffer): Promise<Buffer>;
  /**
   * Throws OutputLimitReached rather than make more than `maxBytes`, and finds that out while it works:
   * what the data announce about themselves may be wrong. Any other error means that the data are not
   * sound, which includes bytes left over behind them.
   */
  decompress(bytes: Buffer, maxBytes: number): Promise<Buffer>;
}

/** More bytes came out than the limit allows. */
export class OutputLimitReached extends Error {}

/** The data break the rules of their format. The text names the rule, never the data. */
export class CompressedDataInvalid extends Error {}
