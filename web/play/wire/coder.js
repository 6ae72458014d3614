//! Reads bits whose odds both sides know: a binary range coder. `docs/match-protocol.md` has the procedure.

/** The chance of a bit that is as likely as not, in 1/4,096. */
const EVEN = 2048;

/**
 * Reads from the front of bytes. Any bytes can be read; beyond the end there are zeros. Where the bits end follows from them:
 * `bytesRead` tells how many bytes they took.
 */
export class BitReader {
  #bytes;
  #odds;
  #at = 0;
  #low = 0;
  #high = 0xffffffff;
  #code = 0;

  /** @param {Uint8Array} bytes @param {Uint16Array} odds the chance that a bit is set, by context, in 1/4,096 */
  constructor(bytes, odds) {
    this.#bytes = bytes;
    this.#odds = odds;
    for (let nth = 0; nth < 4; nth += 1) this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  #next() {
    const byte = this.#bytes[this.#at];
    this.#at += 1;
    return byte ?? 0;
  }

  /** @param {number} odds */
  #take(odds) {
    const middle = this.#low + ((this.#high - this.#low) >>> 12) * odds;
    const isSet = this.#code <= middle;
    if (isSet) this.#high = middle;
    else this.#low = middle + 1;
    while ((this.#low ^ this.#high) >>> 24 === 0) {
      this.#low = (this.#low << 8) >>> 0;
      this.#high = ((this.#high << 8) | 0xff) >>> 0;
      this.#code = ((this.#code << 8) | this.#next()) >>> 0;
    }
    return isSet;
  }

  /** The next bit. @param {number} context */
  bit(context) {
    return this.#take(/** @type {number} */ (this.#odds[context]));
  }

  /** How many bytes the bits took that were read; more than there are, if they are cut off. */
  bytesRead() {
    let bytes = 0;
    for (; bytes < 4; bytes += 1) {
      const unit = 2 ** (32 - 8 * bytes);
      const first = Math.ceil(this.#low / unit) * unit;
      if (first + unit - 1 <= this.#high) break;
    }
    return this.#at - 4 + bytes;
  }

  /** A number of bits that are as likely as not, the highest first. @param {number} count */
  raw(count) {
    let value = 0;
    for (let nth = 0; nth < count; nth += 1) value = value * 2 + (this.#take(EVEN) ? 1 : 0);
    return value;
  }
}
