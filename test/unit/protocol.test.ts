/** `docs/protocol.md`, the code and the tests say the same. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Status, statuses, statusNumber, statusOf } from '../../src/errors.ts'
import { limitsWith } from '../../src/limits.ts'
import { encodeFields, FieldTable, type FieldValue } from '../../src/wire/fields.ts'
import { FrameReader } from '../../src/wire/reader.ts'
import {
  classShift,
  commands,
  fields,
  flag,
  frame,
  requestHeadBytes,
  responseHeadBytes,
} from '../../src/wire/registry.ts'
import { FrameWriter } from '../../src/wire/writer.ts'
import { examples, probes, writeFrameVectors } from '../support/frame-vectors.ts'
import { fillPage, pagePath } from '../support/protocol-page.ts'
import * as wire from '../support/script/codec.ts'
import { World } from '../support/script/world.ts'

const page = readFileSync(pagePath, 'utf8')
const root = resolve(import.meta.dirname, '../..')

const sources = (folder: string): readonly (readonly [file: string, text: string])[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [`${folder}/${file}`, readFileSync(join(root, folder, file), 'utf8')])

const idPattern = /LINK-\d+\.\d+-\d+/g
const idsIn = (text: string): ReadonlySet<string> => new Set(text.match(idPattern) ?? [])
const pageIds = [...idsIn(page)]

describe('the page', () => {
  test('has the tables of the code (node test/support/protocol-page.ts --write)', () => {
    expect(page).toBe(fillPage(page))
  })

  test('names fields with their own tags', () => {
    const named = [...page.matchAll(/`(\w+)` \(0x([0-9a-f]{2})\)/g)]
    expect(named.length).toBeGreaterThan(30)
    for (const [, name = '', tag = ''] of named) {
      expect(fields[name as keyof typeof fields]?.tag, name).toBe(Number.parseInt(tag, 16))
    }
  })

  test('names no status that does not exist', () => {
    const others = ['age', 'ver']
    const words = [...page.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, word = '']) => word)
    const unknown = words.filter((word) => !(word in statuses) && !others.includes(word))
    expect(new Set(unknown)).toEqual(new Set())
    for (const word of words) {
      expect(statuses[word as Status].number, `${word} never leaves the process`).toBeDefined()
    }
  })

  test('numbers its rules without a gap', () => {
    const bySection = Map.groupBy(pageIds, (id) => id.slice(0, id.lastIndexOf('-')))
    for (const [section, ids] of bySection) {
      const numbers = ids.map((id) => Number(id.slice(section.length + 1))).sort((a, b) => a - b)
      expect(numbers, section).toEqual(numbers.map((_, i) => i + 1))
    }
  })

  test('says each rule in the section of its number', () => {
    let section = ''
    for (const paragraph of page.split(/\n(?=- )|\n\n/)) {
      const heading = /^##+ (\d+(?:\.\d+)?) /.exec(paragraph)?.[1]
      if (heading !== undefined) section = heading
      // What stands at the start is the rule; elsewhere it is named.
      const id = /^(?:- )?\[LINK-(\d+\.\d+)-\d+\]/.exec(paragraph)?.[1]
      if (id !== undefined) expect(id, paragraph).toBe(section)
    }
  })

  test('has a MUST for each rule, and a rule for each MUST', () => {
    const rules = page.slice(page.indexOf('## 3 ')).split(/\n(?=- |\n)/)
    const loose = rules.filter((rule) => /\bMUST\b/.test(rule) && !rule.includes('[LINK-'))
    expect(loose).toEqual([])
  })
})

describe('rules', () => {
  const code = sources('src')
  const tests = sources('test')
  const citedIn = (files: typeof code) => new Set(files.flatMap(([, text]) => [...idsIn(text)]))

  test('that are cited stand in the page', () => {
    const wrong = [...code, ...tests].flatMap(([file, text]) =>
      [...idsIn(text)].filter((id) => !pageIds.includes(id)).map((id) => `${file}: ${id}`),
    )
    expect(wrong).toEqual([])
  })

  test('of the page are cited where the code obeys them', () => {
    const cited = citedIn(code)
    expect(pageIds.filter((id) => !cited.has(id))).toEqual([])
  })

  test('of the page are tried by a test', () => {
    const cited = citedIn(tests)
    expect(pageIds.filter((id) => !cited.has(id))).toEqual([])
  })
})

/** The bytes that an example of the page shows. */
function bytesOf(block: string): Buffer {
  const parts = block.split('\n').map((line) => {
    const quoted = /^"(.*)"(?: +# .*)?$/.exec(line)?.[1]
    if (quoted !== undefined) return Buffer.from(quoted)
    return Buffer.from((line.split('#')[0] ?? '').replaceAll(' ', ''), 'hex')
  })
  return Buffer.concat(parts)
}

describe('frames.json', () => {
  test('holds these cases', async () => {
    await expect(writeFrameVectors()).toMatchFileSnapshot('../vectors/frames.json')
  })

  test.for(examples)('the page shows the bytes of: $name', ({ name, frames }) => {
    const [, after = ''] = page.split(`**${name}**\n\n\`\`\`\n`)
    const shown = bytesOf(after.slice(0, after.indexOf('\n```')))
    expect(shown.toString('hex')).toBe(Buffer.concat(frames).toString('hex'))
  })

  test.for(examples)('the program encodes as the page says: $name', ({ frames }) => {
    for (const bytes of frames) expect(encode(bytes).toString('hex')).toBe(bytes.toString('hex'))
  })

  test.for(probes)('[$rule] $name', async ({ after, bytes, reaction }) => {
    const world = new World()
    const peer = world.dialIn()
    if (after === 'HELLO') peer.sayHello()
    peer.raw(bytes)
    await world.run()
    const rest = peer.frames.filter(({ type }) => type !== wire.type.hello)
    if (reaction === 'nothing') {
      expect(rest).toEqual([])
      expect(peer.isClosed).toBe(false)
    } else if ('ends' in reaction) {
      expect(peer.release?.reason).toBe(reaction.ends)
      expect(peer.isClosed).toBe(true)
    } else if ('answers' in reaction) {
      expect(peer.status(reaction.answers.id)).toBe(reaction.answers.status)
      expect(peer.release).toBeUndefined()
    } else {
      const sent = rest.map(({ type, flags, id, payload }) => wire.frame(type, flags, id, payload))
      expect(Buffer.concat(sent).toString('hex')).toBe(reaction.sends)
    }
  })

  test('no probe hurts another link', async () => {
    const world = new World({ limits: { claimsBurst: 10_000 } })
    const good = await world.provenPeer()
    for (const { after, bytes } of probes) {
      const peer = world.dialIn()
      if (after === 'HELLO') peer.sayHello()
      peer.raw(bytes)
      await world.run()
    }
    const shown = good.show(1, 'alice@a.example')
    await world.run()
    expect(good.status(shown)).toBe('ok')
  })
})

/** Takes a frame apart with the reader of the program, and puts it together again with its writer. */
function encode(bytes: Buffer): Buffer {
  const limits = limitsWith()
  const table = new FieldTable(limits)
  const writer = new FrameWriter()
  const reader = new FrameReader(limits.frameBytes, (type, flags, id, buffer, start, end) => {
    const payload = rewrite(table, type, flags, buffer, start, end)
    const at = writer.frame(type, flags, id, payload.length)
    payload.copy(writer.slab, at)
    return true
  })
  for (const byte of bytes) reader.push(Buffer.of(byte))
  return Buffer.concat(writer.take())
}

function rewrite(
  table: FieldTable,
  type: number,
  flags: number,
  buffer: Buffer,
  start: number,
  end: number,
): Buffer {
  const headBytes =
    type === frame.request ? requestHeadBytes : type === frame.response ? responseHeadBytes : 0
  if (headBytes === 0) return Buffer.from(buffer.subarray(start, end))
  if (type === frame.request) {
    const row = Object.values(commands).find(({ number }) => number === buffer[start])
    const ofClass = (flags & 0x30) >> classShift
    const shows = row?.number === commands.credential.number
    expect(ofClass).toBe(shows ? 1 : row?.trafficClass)
  }
  const fieldsAt = start + headBytes
  const bodyAt = fieldsAt + buffer.readUInt16BE(fieldsAt - 2)
  expect(table.read(buffer, fieldsAt, bodyAt)).toBe(true)
  const values = Object.values(fields).flatMap(({ tag }): [number, FieldValue][] => {
    const value = table.bytes(tag)
    return value === undefined ? [] : [[tag, value]]
  })
  return Buffer.concat([
    buffer.subarray(start, fieldsAt),
    encodeFields(values.toReversed()),
    buffer.subarray(bodyAt, end),
  ])
}

test('flags and statuses have the values of the page', () => {
  expect(flag).toEqual({ more: 1, answer: 2, ack: 4, critical: 128 })
  expect(statusNumber('delivered')).toBe(1)
  expect(statusNumber('link-lost')).toBe(0x0704)
})

test('a reserved status number has no name', () => {
  expect(statusOf(0x0310)).toBe('credential-unverifiable')
  expect(statusOf(0x0311)).toBe(undefined)
})
