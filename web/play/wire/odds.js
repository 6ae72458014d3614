//! The odds of the bits of cells: how likely each is set, by context, in 1/4,096. The same table as the server's.

export const ODDS = new Uint16Array(557).fill(2048);
