/** Records as a zone file writes them: `b.example 300 A 192.0.2.1`, `_im._mitp.b.example 60 SRV 0 5 5279 gw.b.example`. */
import type { ZoneRecord } from '../../src/resolve/zone.ts'

export function zoneRecord(line: string): ZoneRecord {
  const [name = '', ttl = '', type = '', ...data] = line.trim().split(/\s+/)
  const base = { name, ttl: Number(ttl) }
  const [a = '', b = '', c = '', d = ''] = data
  switch (type) {
    case 'A':
    case 'AAAA':
      return { ...base, type, address: a }
    case 'CNAME':
      return { ...base, type, target: a }
    case 'SOA':
      return { ...base, type, minimum: Number(a) }
    case 'SRV':
      return {
        ...base,
        type,
        priority: Number(a),
        weight: Number(b),
        port: Number(c),
        target: d,
      }
    default:
      throw new Error(`not a record: ${line}`)
  }
}

export const zoneRecords = (text: string): readonly ZoneRecord[] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(zoneRecord)
