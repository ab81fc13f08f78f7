/** What no stopwatch sees, in ms of the event loop: work that the runtime does by itself, or that comes back later. */

/** Decryption, of a byte that is read. */
export const byteMs = 4e-6

/** A read: under TLS a record. */
export const readMs = 0.01

/** A dial: above all the handshake of TLS. */
export const dialMs = 1

/** A question to DNS. */
export const questionMs = 0.2
