/** CRC32C (RFC 4960, appendix B; the polynomial of Castagnoli), least significant bit first. */

const polynomial = 0x82f63b78

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? polynomial : 0)
  return crc
})

/** The checksum of `bytes`, an unsigned 32-bit number, in which the four bytes at `hole` count as zeros. */
export const crc32c = (bytes: Uint8Array, hole: number): number => {
  let crc = 0xffffffff
  for (let i = 0; i < bytes.length; i++) {
    const byte = i >= hole && i < hole + 4 ? 0 : bytes[i]
    crc = (crc >>> 8) ^ table[(crc ^ byte) & 255]
  }
  return ~crc >>> 0
}
