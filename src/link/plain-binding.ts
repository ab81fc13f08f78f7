/** [LINK-5.3-2] What binds a proof to a channel of plain TCP: the nonces of both HELLOs, the initiating side's first. */
import { createHash } from 'node:crypto'

export const plainBinding = (initiating: string, receiving: string): Buffer =>
  createHash('sha256').update(`pitp-mitp/1 plain ${initiating} ${receiving}`).digest()
