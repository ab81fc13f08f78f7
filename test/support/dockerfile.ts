/** As much of a Dockerfile as a test can judge without a container engine. */

export type Instruction = { readonly name: string; readonly words: readonly string[] }
export type Stage = {
  readonly image: string
  /** Its name, or its number. */
  readonly name: string
  readonly instructions: readonly Instruction[]
}

export function parseDockerfile(text: string): readonly Stage[] {
  const stages: { image: string; name: string; instructions: Instruction[] }[] = []
  for (const { name, words } of instructionsIn(text)) {
    if (name === 'FROM') {
      const [image = '', , alias = `${stages.length}`] = words
      stages.push({ image, name: alias, instructions: [] })
    } else {
      const stage = stages.at(-1)
      if (stage === undefined) throw new Error(`${name} stands before FROM`)
      stage.instructions.push({ name, words })
    }
  }
  return stages
}

const known = /^(FROM|WORKDIR|COPY|RUN|ENV|USER|EXPOSE|STOPSIGNAL|HEALTHCHECK|CMD)\s+([\s\S]+)$/

const instructionsIn = (text: string): readonly Instruction[] =>
  text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, rest = ''] = known.exec(line.trim()) ?? []
      if (name === undefined) throw new Error(`not an instruction that is used here: ${line}`)
      return { name, words: wordsOf(rest) }
    })

/** The JSON array where there is one, behind options of the instruction; else words. */
function wordsOf(rest: string): readonly string[] {
  const at = rest.indexOf('[')
  if (at === -1) return rest.trim().split(/\s+/)
  const before = rest.slice(0, at).trim()
  return [
    ...(before === '' ? [] : before.split(/\s+/)),
    ...(JSON.parse(rest.slice(at)) as string[]),
  ]
}

/** The arguments of all instructions of this name, in order. */
export const all = (stage: Stage, name: string): readonly (readonly string[])[] =>
  stage.instructions.filter((one) => one.name === name).map(({ words }) => words)
