/**
 * Which domains may talk to us and we to them: allow and deny lists, exact or with all below (`*.example`).
 *
 * The longest rule that fits decides; deny wins over allow of the same length. Judged before DNS and before any key.
 * No patterns beyond the leading star, so a look-up costs one step a label.
 */
import type { Domain } from '../address/domain.ts'

export type Verdict = 'allow' | 'deny'

/** `rule`: the entry that decides, as it is written; nothing: neither list names the domain. */
export type Ruling = { readonly verdict: Verdict; readonly rule: string | undefined }

export type DomainRuleSet = {
  readonly default: Verdict
  /** Domains, or `*.` and a domain. */
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

const mostJudged = 10_000

export class DomainRules {
  #default: Verdict = 'deny'
  readonly #exact = new Map<string, Verdict>()
  readonly #below = new Map<string, Verdict>()
  /** Verdicts of these rules so far. */
  readonly #judged = new Map<string, boolean>()

  constructor(rules: DomainRuleSet) {
    this.replace(rules)
  }

  /** Other rules from now on. */
  replace({ default: otherwise, allow, deny }: DomainRuleSet): undefined {
    this.#exact.clear()
    this.#below.clear()
    this.#judged.clear()
    this.#default = otherwise
    for (const rule of allow) this.#add(rule, 'allow')
    for (const rule of deny) this.#add(rule, 'deny')
  }

  mayTalk(domain: Domain): boolean {
    const known = this.#judged.get(domain)
    if (known !== undefined) return known
    if (this.#judged.size >= mostJudged) this.#judged.clear()
    const verdict = this.ruling(domain).verdict === 'allow'
    this.#judged.set(domain, verdict)
    return verdict
  }

  /** Whether a rule allows just this domain, by its name. */
  names(domain: Domain): boolean {
    return this.#exact.get(domain) === 'allow'
  }

  /** The verdict with its reason, for those who ask why. */
  ruling(domain: Domain): Ruling {
    const exact = this.#exact.get(domain)
    if (exact !== undefined) return { verdict: exact, rule: domain }
    for (let dot = domain.indexOf('.'); dot !== -1; dot = domain.indexOf('.', dot + 1)) {
      const below = domain.slice(dot + 1)
      const verdict = this.#below.get(below)
      if (verdict !== undefined) return { verdict, rule: `*.${below}` }
    }
    return { verdict: this.#default, rule: undefined }
  }

  #add(rule: string, verdict: Verdict): undefined {
    if (rule.startsWith('*.')) this.#below.set(rule.slice(2), verdict)
    else this.#exact.set(rule, verdict)
  }
}
