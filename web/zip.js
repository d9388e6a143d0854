/** A ZIP archive of files as they are, without compression: PKWARE's APPNOTE.TXT, 4.3. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
const VERSION = 20;
const UTF8 = 0x800;
/** 1 January 1980, since nothing depends on when. */
const DATE = 0x21;

/**
 * @param {{name: string, bytes: Uint8Array}[]} files
 * @returns {Blob}
 */
export function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const path = new TextEncoder().encode(name);
    const { length } = bytes;
    // Version, flags, method 0, time, date, checksum, sizes, lengths of name and of extra fields.
    const common = [
      ...[u16(VERSION), u16(UTF8), u16(0), u16(0), u16(DATE)],
      ...[u32(checksum(bytes)), u32(length), u32(length), u16(path.length), u16(0)],
    ];
    const local = [u32(0x04034b50), ...common, path, bytes];
    // Length of the comment, disk, attributes inside and outside, where the file begins.
    const where = [u16(0), u16(0), u16(0), u32(0), u32(offset)];
    directory.push(u32(0x02014b50), u16(VERSION), ...common, ...where, path);
    parts.push(...local);
    offset += sum(local);
  }
  const count = u16(files.length);
  const end = [u32(0x06054b50), u16(0), u16(0), count, count, u32(sum(directory)), u32(offset), u16(0)];
  return new Blob([...parts, ...directory, ...end], { type: "application/zip" });
}

function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

function sum(parts) {
  return parts.reduce((length, part) => length + part.length, 0);
}

function u16(value) {
  return Uint8Array.of(value, value >>> 8);
}

function u32(value) {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}
