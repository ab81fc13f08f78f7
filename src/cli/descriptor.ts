/**
 * Standard output below the streams of Node: whole for files, and never waiting for the log.
 *
 * In:    a file descriptor that was inherited.
 * Out:   a sink for lines, in which a write that has to wait fails at once with EAGAIN.
 * Fails: never, but for `writeWhole`. Where the system knows no other way, writes may wait, in a thread of their own.
 */
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { Sink } from '../lib/line-buffer.ts'

export const sinkOf =
  (fd: number): Sink =>
  (bytes, done) =>
    write(fd, bytes, done)

/**
 * `O_NONBLOCK` belongs to what was opened, which others share, and Node opens terminals without it: so a pipe or a terminal
 * is opened again for us alone. A thread that waits in a write would hold up the end of the process, too. A socket has
 * the flag already, from Node; a file never waits.
 */
export function withoutWaiting(fd: number): number {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants
  try {
    if (!fstatSync(fd).isFIFO() && !isatty(fd)) return fd
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY)
  } catch {
    // No such folder (not Linux), or a pipe of another user.
    return fd
  }
}

export function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile()
  } catch {
    return false
  }
}

/** Throws the error of the system. */
export function writeWhole(fd: number, text: string): undefined {
  let left = Buffer.from(text)
  while (left.length > 0) left = left.subarray(writeSync(fd, left))
}
