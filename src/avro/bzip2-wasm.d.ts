/**
 * What we use of bzip2-wasm, which comes without types.
 */
declare module 'bzip2-wasm' {
  // biome-ignore lint/style/noDefaultExport: it is theirs
  export default class BZip2 {
    init(): Promise<void>;
    /** @param level 1 to 9; @param capacityBytes room for the result */
    compress(bytes: Uint8Array, level: number, capacityBytes: number): Uint8Array;
  }
}
