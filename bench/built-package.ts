/**
 * A module of the built package: what users run is what is measured. Types are those of its source.
 */
export async function importBuilt(module: string): Promise<unknown> {
  // By the package's own name, as whoever depends on it finds it.
  const root = new URL('.', import.meta.resolve('currents'));
  return import(new URL(`${module}.js`, root).href);
}
