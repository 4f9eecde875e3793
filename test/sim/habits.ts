// What a validator that lies may do, by name: a run draws a few. Those who lie are in byzantine.ts.
export const habits = [
  'equivocate',
  'double-vote',
  'two-faced',
  'two-new-views',
  'wrong-blocks',
  'withhold',
  'mute',
  'selective-votes',
  'forge-certificates',
  'wrong-fields',
  'omit-prepared',
  'censor',
  'throttle',
  'lie-status',
  'lie-sync',
  'junk',
  'far-future',
  'usurp',
  'impersonate',
  'twins',
  'two-logs',
  'wrong-roots',
] as const;
/** Drawn apart, with the faults that they belong to. */
export const lateHabits = ['false-snapshots'] as const;
/** Each from chances of its own. */
export const ownHabits = [
  'hush',
  'other-state',
  'wrong-sets',
  'wrong-base',
  'stray',
  'false-starts',
  'whisper',
] as const;
export type Habit = (typeof habits)[number] | (typeof lateHabits)[number] | (typeof ownHabits)[number];

/** Those in which it signs nothing but what its node signs: a validator with no other never contradicts itself. */
export const truthfulHabits: readonly Habit[] = [
  'withhold',
  'mute',
  'selective-votes',
  'censor',
  'throttle',
  'lie-status',
  'lie-sync',
  'junk',
  'false-snapshots',
  'hush',
  'other-state',
  'false-starts',
  'whisper',
];
