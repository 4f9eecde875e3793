// What a ledger format is made of: no map, float, boolean, null or tag (docs/formats.md). The codec gives it bytes.

export type Value = number | bigint | string | Uint8Array | readonly Value[];
