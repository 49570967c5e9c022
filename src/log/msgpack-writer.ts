/**
 * Writes msgpack into one buffer. What holds the bytes of frames and disk sectors is written this
 * way: each byte is copied once, and as much is allocated as is sent.
 *
 * Shape:  `bytesHint` is how much room there is at first; a writer that was told too little takes
 *         twice as much.
 * Units:  integers from 0 to 2^32 - 1 take 1 to 5 bytes, every other number is a float of 9.
 */
export class MsgpackWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #used: number;

  /** `headBytes` are left free at the start, for the caller to fill. */
  constructor(bytesHint: number, headBytes = 0) {
    this.#bytes = new Uint8Array(headBytes + bytesHint);
    this.#view = new DataView(this.#bytes.buffer);
    this.#used = headBytes;
  }

  /** All there is, `headBytes` included. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  /** `length` values follow. */
  list(length: number): this {
    return length < 16 ? this.#u8(0x90 | length) : this.#u8(0xdd).#u32(length);
  }
  /** `length` times a key and a value follow. */
  map(length: number): this {
    return length < 16 ? this.#u8(0x80 | length) : this.#u8(0xdf).#u32(length);
  }
  /** A name of fewer than 32 characters, all of them ASCII. */
  key(name: string): this {
    this.#u8(0xa0 | name.length);
    for (let i = 0; i < name.length; i += 1) this.#u8(name.charCodeAt(i));
    return this;
  }

  flag(value: boolean): this {
    return this.#u8(value ? 0xc3 : 0xc2);
  }
  nothing(): this {
    return this.#u8(0xc0);
  }

  number(value: number): this {
    if (value >>> 0 !== value) return this.#f64(value);
    if (value < 0x80) return this.#u8(value);
    if (value < 0x100) return this.#u8(0xcc).#u8(value);
    return value < 0x10000 ? this.#u8(0xcd).#u16(value) : this.#u8(0xce).#u32(value);
  }

  bytes(value: Uint8Array): this {
    const { byteLength } = value;
    if (byteLength < 0x100) this.#u8(0xc4).#u8(byteLength);
    else if (byteLength < 0x10000) this.#u8(0xc5).#u16(byteLength);
    else this.#u8(0xc6).#u32(byteLength);
    this.#reserve(byteLength);
    this.#bytes.set(value, this.#used);
    this.#used += byteLength;
    return this;
  }

  /** A byte string whose content is what `write` writes. */
  nested(write: () => void): this {
    this.#u8(0xc6).#u32(0);
    const from = this.#used;
    write();
    this.#view.setUint32(from - 4, this.#used - from);
    return this;
  }

  #u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#used] = value;
    this.#used += 1;
    return this;
  }
  #u16(value: number): this {
    this.#reserve(2);
    this.#view.setUint16(this.#used, value);
    this.#used += 2;
    return this;
  }
  #u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#used, value);
    this.#used += 4;
    return this;
  }
  #f64(value: number): this {
    this.#u8(0xcb).#reserve(8);
    this.#view.setFloat64(this.#used, value);
    this.#used += 8;
    return this;
  }

  #reserve(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#bytes.byteLength) return;
    const grown = new Uint8Array(2 * needed);
    grown.set(this.written);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
