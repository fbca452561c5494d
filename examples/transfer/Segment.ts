/**
 * What travels. Each datagram has a type and the number of its transfer, so that what is late from another one is known:
 *
 * - data: the number of the segment, how often it was sent before, then its bytes; one shorter than the others is the last
 * - acknowledgement: the first segment that has not come, then 32 bits for those behind it that have; then which segment is
 *   answered, and how often that was sent before: so the sender knows what to measure, as by TCP's timestamps (RFC 7323)
 * - bye: the sender knows that all has arrived
 */

/** Bytes of a data segment, below what every way takes in one piece. */
export const segmentSize = 1200

/** What stands before them. */
export const headerSize = 10

/** How many segments may be under way: the first that was not acknowledged, and a bit for each other. */
export const windowSize = 33

/** One sending of one segment. `again` is from 0 to 255, and begins anew. */
export interface Sending {
  readonly number: number
  readonly again: number
}

/** What has arrived. */
export interface Arrived {
  readonly next: number
  readonly behind: number
}

export type Segment =
  | ({ readonly type: "data"; readonly transfer: number; readonly bytes: Uint8Array } & Sending)
  | ({ readonly type: "acknowledgement"; readonly transfer: number; readonly answers: Sending } & Arrived)
  | { readonly type: "bye"; readonly transfer: number }

const types = ["data", "acknowledgement", "bye"] as const

const header = (segment: Segment, length: number): DataView => {
  const view = new DataView(new ArrayBuffer(length))
  view.setUint8(0, types.indexOf(segment.type))
  view.setUint32(1, segment.transfer)
  return view
}

export const encode = (segment: Segment): Uint8Array => {
  switch (segment.type) {
    case "data": {
      const view = header(segment, headerSize + segment.bytes.length)
      view.setUint32(5, segment.number)
      view.setUint8(9, segment.again)
      const datagram = new Uint8Array(view.buffer)
      datagram.set(segment.bytes, headerSize)
      return datagram
    }
    case "acknowledgement": {
      const view = header(segment, 18)
      view.setUint32(5, segment.next)
      view.setUint32(9, segment.behind)
      view.setUint32(13, segment.answers.number)
      view.setUint8(17, segment.answers.again)
      return new Uint8Array(view.buffer)
    }
    case "bye":
      return new Uint8Array(header(segment, 5).buffer)
  }
}

/** A segment, or nothing for what is none: anybody may send anything to a port. */
export const decode = (datagram: Uint8Array): Segment | undefined => {
  const { byteLength, byteOffset, buffer } = datagram
  if (byteLength < 5) return undefined
  const view = new DataView(buffer, byteOffset, byteLength)
  const transfer = view.getUint32(1)
  switch (types[view.getUint8(0)]) {
    case "data":
      return byteLength < headerSize || byteLength > headerSize + segmentSize
        ? undefined
        : {
            type: "data",
            transfer,
            number: view.getUint32(5),
            again: view.getUint8(9),
            bytes: datagram.subarray(headerSize)
          }
    case "acknowledgement":
      return byteLength === 18
        ? {
            type: "acknowledgement",
            transfer,
            next: view.getUint32(5),
            behind: view.getUint32(9),
            answers: { number: view.getUint32(13), again: view.getUint8(17) }
          }
        : undefined
    case "bye":
      return { type: "bye", transfer }
    case undefined:
      return undefined
  }
}
