/**
 * The life of a link, as a union and a function; `link.ts` feeds events in and carries actions out.
 *
 *   greeting ── hello ──▶ unproven ── proven ──▶ open ── release ──▶ draining ── quiet ──▶ closed
 *       └──────── broken, timeout, channel-closed: from every state ────────────────────────▲
 *
 * The same for both sides. [LINK-5.1-1]
 */
import type { Status } from '../errors.ts'

export type State =
  | { readonly name: 'greeting' }
  | { readonly name: 'unproven' }
  | { readonly name: 'open' }
  /** RELEASE was sent or received: nothing new is asked, what is under way is answered. */
  | { readonly name: 'draining'; readonly reason: Status }
  | { readonly name: 'closed'; readonly reason: Status }

export type Event =
  | { readonly type: 'hello' }
  /** The first pair of domains is proven, or the client is attached. */
  | { readonly type: 'proven' }
  /** This side lets go. */
  | { readonly type: 'let-go'; readonly reason: Status }
  /** The far side let go. */
  | { readonly type: 'released'; readonly reason: Status }
  /** Nothing is under way in either direction, or the drain took too long. */
  | { readonly type: 'quiet' }
  /** The far side broke a rule, or a deadline passed: say why and close. */
  | { readonly type: 'broken'; readonly reason: Status }
  | { readonly type: 'channel-closed' }

export type Action = 'send-release' | 'start-drain' | 'end' | 'destroy' | 'tell-closed'

export function next(state: State, event: Event): readonly [State, ...Action[]] {
  switch (event.type) {
    case 'hello':
      return state.name === 'greeting' ? [{ name: 'unproven' }] : broken(state, 'protocol-state')
    case 'proven':
      return state.name === 'unproven' ? [{ name: 'open' }] : [state]
    case 'let-go':
      return state.name === 'draining' || state.name === 'closed'
        ? [state]
        : [{ name: 'draining', reason: event.reason }, 'send-release', 'start-drain']
    case 'released':
      return state.name === 'draining' || state.name === 'closed'
        ? [state]
        : [{ name: 'draining', reason: event.reason }, 'start-drain']
    case 'quiet':
      return state.name === 'draining'
        ? [{ name: 'closed', reason: state.reason }, 'end', 'tell-closed']
        : [state]
    case 'broken':
      return broken(state, event.reason)
    case 'channel-closed':
      return state.name === 'closed'
        ? [state]
        : [
            { name: 'closed', reason: state.name === 'draining' ? state.reason : 'link-lost' },
            'destroy',
            'tell-closed',
          ]
  }
}

function broken(state: State, reason: Status): readonly [State, ...Action[]] {
  return state.name === 'closed'
    ? [state]
    : [{ name: 'closed', reason }, 'send-release', 'end', 'tell-closed']
}
