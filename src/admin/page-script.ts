/**
 * Script of the status page, as the browser gets it. Text becomes text nodes only, isolated from what stands around
 * (UAX 9 §6.3): what a peer says of itself stands in it. The token stays in the tab.
 */
export const pageScript = `'use strict'
const byId = (id) => document.getElementById(id)
const make = (name, text, kind) => {
  const element = document.createElement(name)
  if (text !== undefined) element.textContent = text
  if (kind) element.className = kind
  return element
}
const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]]
const time = (seconds) => {
  const left = Math.abs(seconds)
  const [unit, size] = units.find(([, most]) => left >= most) || units[3]
  return Math.floor(left / size) + ' ' + unit
}
const expiry = (seconds) => {
  if (seconds <= 0) return ['expired ' + time(seconds) + ' ago', 'bad']
  return [time(seconds), seconds < 14 * 86400 ? 'mid' : 'good']
}
const domain = (name, names) => names[name] ? names[name] + ' (' + name + ')' : name
const said = (text) => text ? [text] : ['–', 'none']
const stateKinds = { running: 'good', connecting: 'mid', 'backing-off': 'bad', idle: '' }
const resources = {
  time: 'time of the event loop', bytes: 'bytes that wait', clients: 'attached clients', duplicates: 'duplicate records',
  questions: 'questions to DNS', dials: 'dials for strangers',
}
const resource = (name) => resources[name] || name
const byteUnits = [['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10], ['B', 0]]
const amount = (name, used, size) => {
  const part = 100 * used / size
  if (name === 'time') return (part > 0 && part < 1 ? '<1' : Math.round(part)) + '%'
  if (name !== 'bytes') return used.toLocaleString('en')
  const [unit, one] = byteUnits.find(([, least]) => used >= least)
  return Math.round(used / (one || 1)) + ' ' + unit
}
const bar = (used, size) => Object.assign(make('meter'), { max: size, high: size * 0.85, value: used })
const services = { im: 'messages', pres: 'presence' }

function fillTable(id, columns, rows, left) {
  const table = byId(id)
  if (rows.length === 0) return table.replaceChildren(row([['', 'none', 'none']]))
  const head = make('thead')
  const names = make('tr')
  for (const name of columns) names.append(make('th', name))
  head.append(names)
  const body = make('tbody')
  for (const cells of rows) body.append(row(cells.map((cell, i) => [columns[i]].concat(cell))))
  if (left > 0) body.append(row([['', left + ' more', 'none']]))
  table.replaceChildren(head, body)
}

function row(cells) {
  const line = make('tr')
  for (const [name, text, kind, beside] of cells) {
    const cell = make('td')
    if (name) cell.dataset.name = name
    cell.append(make('bdi', String(text), kind))
    if (beside) cell.append(beside)
    line.append(cell)
  }
  return line
}

function fillTiles(id, tiles) {
  byId(id).replaceChildren(...tiles.map(([name, value]) => {
    const tile = make('div')
    tile.append(make('dt', name), make('dd', Number(value).toLocaleString('en')))
    return tile
  }))
}

function fillCounts(counts) {
  fillTiles('now', [
    ['Peers', counts.peers],
    ['of them failing', counts.failingPeers],
    ['Links to gateways', counts.gatewayLinks],
    ['Links not proven', counts.unprovenLinks],
    ['Links to clients', counts.clientLinks],
  ])
  fillTiles('total', [['Messages in', counts.messagesIn], ['Messages out', counts.messagesOut]])
}

const ago = (seconds) => seconds === null ? said('') : [seconds === 0 ? 'now' : time(seconds) + ' ago']
const peerKinds = { up: 'good', idle: '', failing: 'bad' }
const what = {
  dial: 'dial', proof: 'their proof', claim: 'our claim', credential: 'credential of a user', link: 'link',
}
const failure = (one) => one === null ? said('') : [
  (what[one.what] || one.what) + ': ' + one.cause + ' (' + one.detail + '), ' + one.times + (one.times === 1 ? ' time' : ' times') +
    ', last ' + time(one.secondsAgo) + ' ago',
]

function fillPeers({ peers, refused, names, leftOut }) {
  fillTable('peers', ['Peer', 'State', 'Since', 'Last success', 'Last failure', 'Side', 'In', 'Out', 'Failed'], peers.map((one) => [
    [domain(one.remote, names)], [one.state, peerKinds[one.state]],
    one.sinceSeconds === null ? said('') : [time(one.sinceSeconds)], ago(one.successSecondsAgo),
    failure(one.lastFailure), said(one.lastFailure && one.lastFailure.side),
    ...(one.messages ? [[one.messages.in], [one.messages.out], [one.messages.failed]] : [said(''), said(''), said('')]),
  ]), leftOut.peers)
  fillTable('refused', ['Claims to be', 'Why', 'Times', 'First', 'Last'], refused.map((one) => [
    [domain(one.claimed, names)], [one.cause + ': ' + one.detail], [one.times], ago(one.sinceSeconds), ago(one.secondsAgo),
  ]), 0)
}

/** Ready is not well: who is not reached stands beside it. */
const health = ({ ready, warnings, counts: { peers, failingPeers } }) => {
  if (!ready) return ['Not ready', 'bad']
  if (failingPeers === 0) return ['Ready', warnings.length > 0 ? 'mid' : 'good']
  const which = peers === failingPeers ? (peers === 1 ? 'the only peer' : 'all ' + peers + ' peers') :
    failingPeers + ' of ' + peers + ' peers'
  return ['Ready, but ' + which + ' cannot be reached', peers === failingPeers ? 'bad' : 'mid']
}

function fillShares({ resources: all, most }, names, left) {
  const part = ({ name, size, classes }, own) => {
    const { used, over } = classes[own]
    if (used === 0) return said('')
    return [amount(name, used, size) + (over > 0 ? ', ' + over + ' over' : ''), over > 0 ? 'bad' : '']
  }
  fillTable('shares', ['Resource', 'Used', 'Scarce', 'Our users', 'Known domains', 'Strangers'], all.map((one) => [
    [resource(one.name)],
    [amount(one.name, one.used, one.size) + (one.name === 'time' ? '' : ' of ' + amount(one.name, one.size)), '',
      bar(one.used, one.size)],
    one.scarce ? ['scarce', 'bad'] : said(''),
    part(one, 'ours'), part(one, 'known'), part(one, 'strangers'),
  ]), 0)
  const sizes = Object.fromEntries(all.map(({ name, size }) => [name, size]))
  const shown = (used, name) => said(used[name] && amount(name, used[name], sizes[name]))
  const places = (used) => Object.keys(used).filter((name) => name !== 'time' && name !== 'bytes')
  fillTable('most', ['Who', 'Standing', 'Time', 'Bytes', 'Places', 'Over its share of'], most.map((one) => [
    [domain(one.name, names) + (one.domains.length > 0 ? ': ' : '') +
      one.domains.map((name) => domain(name, names)).join(', ') +
      (one.domainCount > one.domains.length ? ' and ' + (one.domainCount - one.domains.length) + ' more' : '')],
    [one.class === 'known' ? 'known' : 'stranger'],
    shown(one.used, 'time'), shown(one.used, 'bytes'),
    said(places(one.used).map((name) => resource(name) + ' ' + amount(name, one.used[name])).join(', ')),
    one.over.length > 0 ? [one.over.map(resource).join(', '), 'bad'] : said(''),
  ]), left)
}

function show(status) {
  byId('software').textContent = status.software.replace(/^gatehouse\\//, '')
  const state = byId('state')
  const [words, kind] = health(status)
  state.textContent = words + ', up for ' + time(status.uptimeSeconds)
  state.className = kind
  const reasons = status.reasons.concat(status.warnings)
  byId('reasons').replaceChildren(...reasons.map(({ text }) => make('li', text)))
  fillCounts(status.counts)
  fillTable('domains', ['Domain', 'Offers', 'Certificate', 'Keys'], status.domains.map((one) => [
    [domain(one.name, status.names)], [one.services.map((name) => services[name] || name).join(', ')],
    expiry(one.certificateSecondsLeft), expiry(one.keysSecondsLeft),
  ]), 0)
  fillPeers(status)
  fillTable('destinations', ['To', 'From', 'Service', 'State', 'Cause', 'Next try'], status.destinations.map((one) => [
    [domain(one.remote, status.names)], [domain(one.local, status.names)], [services[one.service] || one.service],
    [one.state, stateKinds[one.state]], said(one.cause),
    said(one.retryInSeconds > 0 && 'in ' + time(one.retryInSeconds)),
  ]), status.leftOut.destinations)
  fillTable('links', ['Peer', 'Ours', 'Proof', 'Dialled by', 'Age', 'Under way', 'Address', 'Software'], status.links.map((one) => [
    [one.pairs.map((pair) => domain(pair.remote, status.names)).join(', ')],
    [one.pairs.map((pair) => domain(pair.local, status.names)).join(', ')],
    [one.pairs.map((pair) => pair.proof.join(' and ')).join(', ')],
    [one.direction === 'out' ? 'us' : 'them'], [time(one.ageSeconds)], [one.underWay],
    [one.address], said(one.software),
  ]), status.leftOut.links)
  fillShares(status.shares, status.names, status.leftOut.shares)
  fillTable('failures', ['Cause', 'Messages'], status.counts.failures.map((one) => [[one.name], [one.count]]), 0)
  fillTable('limits', ['Limit', 'Times'], status.counts.limits.map((one) => [[one.name], [one.count]]), 0)
  byId('entry').hidden = true
  byId('all').hidden = false
}

function trouble(text) {
  const state = byId('state')
  state.textContent = text
  state.className = 'bad'
}

const kept = 'gatehouse-token'

async function ask() {
  const token = sessionStorage.getItem(kept)
  const headers = token === null ? {} : { authorization: 'Bearer ' + token }
  try {
    const response = await fetch('/status', { headers, cache: 'no-store' })
    if (response.status === 401) {
      sessionStorage.removeItem(kept)
      trouble(token === null ? 'A token is needed.' : 'This is not the token.')
      byId('all').hidden = true
      byId('entry').hidden = false
    } else if (response.ok) show(await response.json())
    else trouble('The gateway answers with ' + response.status + '.')
  } catch {
    trouble('The gateway does not answer.')
  }
}

byId('entry').addEventListener('submit', (event) => {
  event.preventDefault()
  sessionStorage.setItem(kept, byId('token').value.trim())
  byId('token').value = ''
  ask()
})
ask()
setInterval(() => { if (!document.hidden && byId('entry').hidden) ask() }, 5000)
`
