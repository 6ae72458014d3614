//! Numbers in bytes: a reader that refuses what is cut off, and a writer.

/** Bytes that are no message. */
export class WireError extends Error {
  /** @override */
  name = "WireError";
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** Reads little-endian numbers from the front of bytes. Everything throws where too little is left. */
export class Reader {
  #bytes;
  #view;
  #at = 0;
  #Fault;

  /** @param {Uint8Array} bytes @param {new (sentence: string) => Error} [Fault] what is thrown for bytes that are wrong */
  constructor(bytes, Fault = WireError) {
    this.#bytes = bytes;
    this.#Fault = Fault;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** How many bytes are left. */
  left() {
    return this.#bytes.length - this.#at;
  }

  /** @param {number} count @returns {number} where they begin */
  #take(count) {
    if (this.left() < count) throw new this.#Fault("the bytes end in the middle of something");
    this.#at += count;
    return this.#at - count;
  }

  u8() {
    return this.#view.getUint8(this.#take(1));
  }

  i8() {
    return this.#view.getInt8(this.#take(1));
  }

  u16() {
    return this.#view.getUint16(this.#take(2), true);
  }

  i16() {
    return this.#view.getInt16(this.#take(2), true);
  }

  u32() {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64() {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** LEB128, at most five bytes and 32 bits. */
  varint() {
    let value = 0;
    for (let place = 0; place < 5; place += 1) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** (7 * place);
      if (byte < 0x80) {
        if (value > 0xffffffff) break;
        return value;
      }
    }
    throw new this.#Fault("a number does not fit 32 bits");
  }

  /** A varint that stands for 0, -1, 1, -2, …; from it, a number of 32 bits with a sign. */
  zigzag() {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A view, no copy. @param {number} count */
  bytes(count) {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** Bytes behind their length in a byte. */
  short() {
    return this.bytes(this.u8());
  }

  /** All that is left, without taking it. */
  peek() {
    return this.#bytes.subarray(this.#at);
  }

  rest() {
    return this.bytes(this.left());
  }

  /** @param {Uint8Array} bytes @returns {string} */
  text(bytes) {
    try {
      return UTF8.decode(bytes);
    } catch {
      throw new this.#Fault("a text is not UTF-8");
    }
  }

  /** Nothing may be left. */
  end() {
    if (this.left() > 0) throw new this.#Fault("bytes follow what the message defines");
  }
}

/** Collects little-endian numbers. */
export class Writer {
  #bytes = new Uint8Array(64);
  #length = 0;

  /** @param {number} count @returns {number} where they begin */
  #grow(count) {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return at;
  }

  /** @param {number} value */
  u8(value) {
    // First: growing makes other bytes of them.
    const at = this.#grow(1);
    this.#bytes[at] = value;
  }

  /** @param {number} value */
  u16(value) {
    const at = this.#grow(2);
    new DataView(this.#bytes.buffer).setUint16(at, value, true);
  }

  /** @param {number} value */
  u32(value) {
    const at = this.#grow(4);
    new DataView(this.#bytes.buffer).setUint32(at, value, true);
  }

  /** @param {Uint8Array} bytes */
  bytes(bytes) {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Bytes behind their length in a byte. @param {Uint8Array} bytes at most 255 */
  short(bytes) {
    if (bytes.length > 255) throw new RangeError("more than 255 bytes");
    this.u8(bytes.length);
    this.bytes(bytes);
  }

  /** What was collected. */
  done() {
    return this.#bytes.slice(0, this.#length);
  }
}
