// Of this program. package.json has the same, which test/tidy.test.ts holds.

export const version = '0.1.0';
