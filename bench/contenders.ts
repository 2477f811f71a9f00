/**
 * Who takes part, in the order in which they take turns: what each is run with, what it loads, and which
 * rows it must end up with.
 */
import type { InputName } from './inputs.ts';

export const CONTENDERS = [
  'ours',
  'floor',
  'naive',
  'read_avro',
  'fastavro',
  'decode',
  'ours, wide',
] as const;

export type Contender = (typeof CONTENDERS)[number];

export interface ContenderFacts {
  /** In the folder `contenders`; a Python script needs the environment of python-environment.ts. */
  readonly script: string;
  /** Where it says something; default: everywhere. */
  readonly inputs?: readonly InputName[];
  /** It loads this input instead, to be compared with. */
  readonly loads?: InputName;
  /**
   * What must be in its tables. delivered: second deliveries too. counted: there are no tables, but it says
   * how many events it saw.
   */
  readonly rows: 'distinct' | 'delivered' | 'counted';
  /** Its values are compared with ours, one by one. */
  readonly isSecondOpinion?: true;
}

export const CONTENDER_FACTS: Readonly<Record<Contender, ContenderFacts>> = {
  ours: { script: 'ours.ts', rows: 'distinct' },
  floor: { script: 'floor.ts', rows: 'distinct' },
  naive: { script: 'naive.ts', rows: 'delivered' },
  read_avro: { script: 'read_avro.py', rows: 'distinct', isSecondOpinion: true },
  fastavro: {
    script: 'fastavro_script.py',
    inputs: ['wide'],
    rows: 'distinct',
    isSecondOpinion: true,
  },
  decode: { script: 'decode.ts', inputs: ['wide', 'medium'], rows: 'counted' },
  'ours, wide': { script: 'ours.ts', inputs: ['small'], loads: 'wide', rows: 'distinct' },
};

/** Whose cost is divided by whose. */
export const RATIOS: readonly (readonly [Contender, Contender])[] = [
  ['ours', 'floor'],
  ['naive', 'ours'],
  ['read_avro', 'ours'],
  ['fastavro', 'ours'],
  ['ours', 'ours, wide'],
];

export function isPython(contender: Contender): boolean {
  return CONTENDER_FACTS[contender].script.endsWith('.py');
}

/** In the order in which they take turns. */
export function listContenders(input: InputName, hasPython: boolean): readonly Contender[] {
  return CONTENDERS.filter(
    (contender) =>
      (CONTENDER_FACTS[contender].inputs?.includes(input) ?? true) &&
      (hasPython || !isPython(contender)),
  );
}
