/**
 * The status page: one document with everything in it, and the policy that lets the browser run nothing else.
 *
 * It holds no data. Its script asks `/status` and writes what comes as text, never as HTML.
 */
import { createHash } from 'node:crypto'
import { pageScript } from './page-script.ts'
import { pageStyle } from './page-style.ts'

const sourceOf = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`

export const pagePolicy = [
  "default-src 'none'",
  `script-src ${sourceOf(pageScript)}`,
  `style-src ${sourceOf(pageStyle)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export const pageHtml = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Gatehouse</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1>Gatehouse <small id="software"></small></h1>
<p id="state" role="status">asking …</p>
<ul id="reasons"></ul>
</header>
<form id="entry" hidden>
<label for="token">Token of the admin port (listen.admin.token)</label>
<input id="token" type="password" autocomplete="current-password" spellcheck="false">
<button>Show</button>
</form>
<main id="all" hidden>
<section><h2>Now</h2><dl id="now"></dl></section>
<section><h2>Since the start</h2><dl id="total"></dl></section>
<section><h2>Our domains</h2><table id="domains"></table></section>
<section><h2>Peers</h2><table id="peers"></table></section>
<section><h2>Strangers who were refused lately</h2><table id="refused"></table></section>
<section><h2>Destinations</h2><table id="destinations"></table></section>
<section><h2>Links</h2><table id="links"></table></section>
<section><h2>What runs out</h2><table id="shares"></table></section>
<section><h2>Who uses most of it</h2><table id="most"></table></section>
<section><h2>Messages that failed since the start</h2><table id="failures"></table></section>
<section><h2>Limits that were hit since the start</h2><table id="limits"></table></section>
</main>
<noscript><p>This page needs JavaScript to ask <a href="/status">/status</a>.</p></noscript>
<script>${pageScript}</script>
</body>
</html>
`
