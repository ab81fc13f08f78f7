/** How commands print: columns, colours, progress, outcomes. */
import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../../src/address/address.ts'
import { parseDomain } from '../../../src/address/domain.ts'
import { outcomeText } from '../../../src/cli/outcome-text.ts'
import { isColoured, painter } from '../../../src/cli/paint.ts'
import { noticeText } from '../../../src/cli/presence-text.ts'
import { withProgress } from '../../../src/cli/progress.ts'
import { screened } from '../../../src/cli/screen.ts'
import { columns, widthOf } from '../../../src/cli/table.ts'
import type { Outcome } from '../../../src/client/outcome.ts'
import { hostOf } from '../../support/cli-host.ts'

const plain = (_colour: unknown, text: string) => text

describe('columns', () => {
  test('are as wide as their widest cell, and nothing stands behind the last', () => {
    expect(
      columns([
        ['a', 'bbb', 'c'],
        ['aaaa', 'b', ''],
      ]),
    ).toBe('a     bbb  c\naaaa  b\n')
  })

  test('count what a terminal shows: colours nothing, ideographs twice, marks with their letter', () => {
    expect(widthOf('\u001b[31mred\u001b[39m')).toBe(3)
    expect(widthOf('日本')).toBe(4)
    expect(widthOf('e\u0301')).toBe(1)
    expect(
      columns([
        ['日本', 'x'],
        ['abcde', 'y'],
      ]),
    ).toBe('日本   x\nabcde  y\n')
  })
})

describe('what a command prints', () => {
  const printedBy = (text: string) => {
    const { host, said } = hostOf([])
    const screen = screened(host)
    screen.out(text)
    screen.err(text)
    return said
  }

  test('moves no cursor and changes no colour, but by our own paint', () => {
    const paint = painter({ env: { FORCE_COLOR: '1' }, terminal: hostOf([]).host.terminal }, 'out')
    const text = `${paint('red', 'refused')} \u001b[2J\u001b]0;title\u0007\u001b[8mhidden\n`
    const told = `${paint('red', 'refused')} \\u001b[2J\\u001b]0;title\\u0007\\u001b[8mhidden\n`
    expect(printedBy(text)).toEqual({ out: told, err: told })
  })

  test('is JSON still, and means the same', () => {
    const facts = { body: 'x\u202e\u009b2J 👩‍💻\u{e0061}' }
    const { out } = printedBy(`${JSON.stringify(facts)}\n`)
    expect(out).not.toMatch(/[\u202e\u009b]/)
    expect(JSON.parse(out)).toEqual(facts)
  })

  test('begins a line anew on standard error alone', () => {
    expect(printedBy('\rlooking … 2 s')).toEqual({
      out: '\\u000dlooking … 2 s',
      err: '\rlooking … 2 s',
    })
  })
})

describe('colours', () => {
  const terminal = { in: true, out: true, err: true }
  const file = { in: false, out: false, err: false }

  test.for([
    ['are shown on a terminal', {}, terminal, true],
    ['are not written to a file', {}, file, false],
    ['are not shown against NO_COLOR', { NO_COLOR: '1' }, terminal, false],
    ['are shown if NO_COLOR is empty', { NO_COLOR: '' }, terminal, true],
    [
      'lose to NO_COLOR even where they are forced',
      { NO_COLOR: '1', FORCE_COLOR: '1' },
      terminal,
      false,
    ],
    ['are written to a file where they are forced', { FORCE_COLOR: '1' }, file, true],
    ['are not shown on a dumb terminal', { TERM: 'dumb' }, terminal, false],
  ] as const)('%s', ([, env, streams, expected]) => {
    expect(isColoured({ env, terminal: streams }, 'out')).toBe(expected)
    const painted = painter({ env, terminal: streams }, 'out')('red', 'x')
    expect(painted === 'x').toBe(!expected)
  })
})

describe('progress', () => {
  const steps = async (terminal: boolean, ms: number) => {
    const { host, said, clock } = hostOf([], { terminal: { in: false, out: false, err: terminal } })
    const { promise, resolve } = Promise.withResolvers<string>()
    const shown = withProgress(host, 'looking', promise)
    await clock.advance(ms)
    const during = said.err
    resolve('done')
    expect(await shown).toBe('done')
    expect(clock.pending).toBe(0)
    return { during, after: said.err }
  }

  test('is silent for a second', async () => {
    expect(await steps(true, 999)).toEqual({ during: '', after: '' })
  })

  test('counts the seconds on a terminal, and leaves nothing behind', async () => {
    const { during, after } = await steps(true, 2500)
    expect(during).toBe('\rlooking … 1 s\rlooking … 2 s')
    expect(after.endsWith('\r')).toBe(true)
  })

  test('is one line in a file', async () => {
    expect((await steps(false, 5500)).after).toBe('looking …\n')
  })
})

describe('an outcome', () => {
  const outcome = (told: Partial<Outcome>): Outcome => ({
    status: 'delivered',
    retryAfterMs: undefined,
    reporter: undefined,
    stage: undefined,
    text: undefined,
    ...told,
  })

  test('that is good is one word', () => {
    expect(outcomeText(outcome({}), plain)).toBe('delivered')
  })

  test('is one line, whatever the far side says: none of it looks like another outcome', () => {
    const told = outcomeText(outcome({ status: 'refused', text: 'no\ndelivered\n' }), plain)
    expect(told).toMatch(/^refused: No\\u000adelivered\\u000a\. .*$/)
  })

  test('that is bad says what, who found it, where, and what to do', () => {
    const refused = {
      status: 'refused',
      reporter: parseDomain('b.example'),
      stage: 'policy',
    } as const
    expect(outcomeText(outcome(refused), plain)).toBe(
      'refused: The recipient does not exist or does not want this. Found by b.example (policy); the same will be refused again.',
    )
  })

  test('that is temporary says when to try again', () => {
    const told = outcomeText(outcome({ status: 'rate-limited', retryAfterMs: 1200 }), plain)
    expect(told).toMatch(/Try again later, in 2 s\.$/)
  })

  test('whose reason can be looked for says where', () => {
    expect(outcomeText(outcome({ status: 'remote-untrusted' }), plain)).toMatch(
      /"gatehouse explain" tells why; try again later\.$/,
    )
    expect(outcomeText(outcome({ status: 'credential-time' }), plain)).toMatch(/clocks of both/)
  })

  test('that nobody knows says how to repeat it', () => {
    const id = '0123456789abcdef0123456789abcdef'
    expect(outcomeText(outcome({ status: 'unknown-outcome' }), plain, id)).toBe(
      `unknown-outcome: Handed on, and no final word came. Repeat it with --id ${id}.`,
    )
  })

  test('is made of sentences, each with its end', () => {
    const told = outcome({ status: 'bad-request', text: 'expected an id of 32 digits' })
    expect(outcomeText(told, plain)).toBe(
      'bad-request: Expected an id of 32 digits. The same will be refused again.',
    )
  })

  test('says whose gateway it is that refuses', () => {
    const reporter = parseDomain('b.example')
    const told = outcome({ status: 'domain-refused', reporter, stage: 'policy' })
    expect(outcomeText(told, plain)).toMatch(
      /The rules of the gateway of b\.example bar the domain/,
    )
    const [one, other] = [
      outcome({ status: 'domain-refused' }),
      outcome({ status: 'internal', reporter }),
    ]
    for (const text of [one, other]) expect(outcomeText(text, plain)).not.toContain('this gateway')
  })
})

describe('presence', () => {
  const presentity = parseAddress('bob@b.example')
  const notice = { presentity, version: undefined, document: undefined, reason: undefined }

  test('of one tuple is its status and note', () => {
    const document = { tuples: { desk: { basic: 'open', note: 'here' } } } as const
    expect(noticeText({ ...notice, state: 'active', document }, plain)).toBe(
      'bob@b.example  open "here"',
    )
  })

  test('of several tuples names them', () => {
    const document = { tuples: { a: { basic: 'open' }, b: { basic: 'closed' } } } as const
    expect(noticeText({ ...notice, state: 'active', document }, plain)).toBe(
      'bob@b.example  a open; b closed',
    )
  })

  test('that ended says why', () => {
    const told = noticeText({ ...notice, state: 'terminated', reason: 'refused' }, plain)
    expect(told).toBe('bob@b.example  terminated (refused)')
  })

  test('shows what somebody else wrote without its control signs', () => {
    const document = { tuples: { a: { note: 'x\u001b[31my' } } }
    expect(noticeText({ ...notice, state: 'active', document }, plain)).not.toContain('\u001b')
  })
})
