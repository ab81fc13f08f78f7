/** Style of the status page. On a narrow screen each row of a table becomes a card with the names of its columns. */
export const pageStyle = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --good: #1a7f37; --bad: #c11f1f; --mid: #9a6700 }
@media (prefers-color-scheme: dark) { :root { --good: #4ac26b; --bad: #ff7b72; --mid: #d29922 } }
* { box-sizing: border-box }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 68rem; padding: 1rem }
h1 { font-size: 1.4rem; margin: 0 } h1 small { font-weight: 400; opacity: .7 }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
#state { font-size: 1.2rem; font-weight: 600; margin: .4rem 0 }
#reasons { margin: .2rem 0; padding-left: 1.2rem } #reasons:empty { display: none }
.good { color: var(--good) } .bad { color: var(--bad) } .mid { color: var(--mid) }
dl { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); margin: 0 }
dl div { background: var(--soft); border-radius: .4rem; padding: .5rem .7rem }
dt { font-size: .85rem; opacity: .8 } dd { font-size: 1.3rem; margin: 0 }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; padding: .35rem .6rem .35rem 0; text-align: left; vertical-align: top }
th { font-size: .85rem; font-weight: 600; opacity: .8; white-space: nowrap }
.none { opacity: .7 }
meter { display: block; height: .7rem; width: 7rem }
form { display: grid; gap: .4rem; margin: 1rem 0; max-width: 26rem } form[hidden] { display: none }
input, button { font: inherit; padding: .5rem }
@media (max-width: 40rem) {
  thead { display: none }
  tr { background: var(--soft); border-radius: .4rem; display: block; margin: 0 0 .6rem; padding: .4rem .7rem }
  td { border: 0; display: flex; gap: .8rem; justify-content: space-between; padding: .15rem 0; text-align: right }
  td:has(> .none):not(:only-child) { display: none }
  td::before { content: attr(data-name); flex: none; font-size: .85rem; opacity: .8; text-align: left }
}
`
