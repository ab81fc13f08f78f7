/** Why the system does not let us listen, in a sentence: what it says of a port. */

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process has it open',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EAFNOSUPPORT: 'this machine does not speak IPv6',
  EACCES: 'this user may not open it (ports below 1024 need a privilege)',
  EMFILE: 'this process has too many open files',
}

/** Why a port cannot be opened, for a person. */
export function whyUnopened(address: string, port: number, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'it failed'
  return `cannot listen on ${address} port ${port}: ${reasons[code] ?? code}`
}
