// Event streams in a real browser, against a router of its own that is stopped, killed and started again meanwhile. Ends with one
// line "browser: N passed, M failed"; called by scripts/browser.sh, which installs what it needs.
//
//   node run.mjs WHARF CHROMIUM

import { chromium } from 'playwright-core';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { isDeepStrictEqual, inspect } from 'node:util';
import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [wharf, browserPath] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const DEADLINE_MS = 30_000;
// Long enough that what is published into the window is published before the browser comes back.
const RETRY_MS = 8_000;
const ANN = `Basic ${Buffer.from('ann:s3cret').toString('base64')}`;

let passed = 0;
let failed = 0;

function equal(step, got, expected) {
    if (isDeepStrictEqual(got, expected)) {
        passed += 1;
        console.log('ok  ', step);
    } else {
        failed += 1;
        console.log(`FAIL ${step}: expected ${inspect(expected)}, got ${inspect(got)}`.slice(0, 1000));
    }
}

/** Looks again and again until it is so. */
async function until(what, look) {
    const end = Date.now() + DEADLINE_MS;
    for (;;) {
        const found = await look();
        if (found) return found;
        if (Date.now() > end) throw new Error(`${what}: not within ${DEADLINE_MS} ms`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

/** Ports that were free at once, so that they differ. */
async function freePorts(count) {
    const servers = Array.from({ length: count }, () => createServer());
    await Promise.all(servers.map((server) => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))));
    const ports = servers.map((server) => server.address().port);
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    return ports;
}

const configuration = (main, listed, unlisted) => `
[node]
data_dir = "data"

[storage]
kind = "redb"

[listeners.main]
bind = "127.0.0.1:${main}"
serve = ["websocket", "rest", "static", "longpoll"]

[listeners.main.static]
dir = "page"

# Two more origins for the same page: one that may read, one that may not.
[listeners.listed]
bind = "127.0.0.1:${listed}"
serve = ["static"]

[listeners.listed.static]
dir = "page"

[listeners.unlisted]
bind = "127.0.0.1:${unlisted}"
serve = ["static"]

[listeners.unlisted.static]
dir = "page"

[rest.cors]
origins = ["http://127.0.0.1:${listed}"]

[rest.stream]
retry = "${RETRY_MS}ms"

[realms.open]
uri = "com.example.open"

[realms.open.auth]
anonymous = { role = "guest", http = true }

[realms.open.roles.guest]
publish = ["*"]
subscribe = ["*"]

[realms.open.topics."com.kept.*"]
history = { limit = 10000, durability = "fsync" }

[realms.closed]
uri = "com.example.closed"

[realms.closed.auth.ticket.users.ann]
ticket = { file = "ticket" }
role = "guest"

[realms.closed.roles.guest]
publish = ["*"]
subscribe = ["*"]

[realms.closed.topics."com.kept.*"]
history = { limit = 10000, durability = "fsync" }
`;

/** One router in a folder of its own; every start is waited for. */
class Router {
    log = '';

    async start(folder) {
        this.folder = folder;
        const variables = Object.entries(process.env).filter(([name]) => !name.startsWith('WHARF'));
        this.child = spawn(wharf, [], { cwd: folder, env: Object.fromEntries(variables), stdio: ['ignore', 'pipe', 'pipe'] });
        let said = '';
        const keep = (text) => {
            said += text;
            this.log += text;
        };
        this.child.stdout.on('data', keep);
        this.child.stderr.on('data', keep);
        this.ended = new Promise((resolve) => this.child.on('exit', (code, signal) => resolve(code ?? signal)));
        await until('the router runs', () => {
            if (this.child.exitCode !== null) throw new Error(`the router did not start:\n${this.log}`);
            return said.includes('wharf is running');
        });
    }

    async restart(signal) {
        this.child.kill(signal);
        const how = await this.ended;
        await this.start(this.folder);
        return how;
    }
}

const folder = mkdtempSync(join(tmpdir(), 'wharf-browser-'));
const router = new Router();
let browser;

async function checks() {
    const [main, listed, unlisted] = await freePorts(3);
    cpSync(join(here, 'page'), join(folder, 'page'), { recursive: true });
    writeFileSync(join(folder, 'wharf.toml'), configuration(main, listed, unlisted));
    writeFileSync(join(folder, 'ticket'), 's3cret');
    chmodSync(join(folder, 'ticket'), 0o600);
    await router.start(folder);
    browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

    const origin = (port) => `http://127.0.0.1:${port}`;
    const api = (realm) => `${origin(main)}/api/v1/realms/${realm}`;
    const open = async (port) => {
        const page = await browser.newPage();
        await page.goto(origin(port));
        return page;
    };
    const heard = (page) => page.evaluate(() => ({ ...heard, state: source?.readyState }));
    const numbers = (told) => told.events.map((event) => event.args[0]);
    let last = 0;
    const publish = async (count) => {
        for (let number = last + 1; number <= last + count; number += 1) {
            for (const realm of ['open', 'closed']) {
                const headers = { 'Content-Type': 'application/json', ...(realm === 'closed' && { Authorization: ANN }) };
                const body = JSON.stringify({ args: [number] });
                const answer = await fetch(`${api(realm)}/publish/com.kept.a`, { method: 'POST', headers, body });
                if (answer.status !== 200) throw new Error(`not published: ${answer.status} ${await answer.text()}`);
            }
        }
        last += count;
    };
    /** Waits until all have heard all, and a little more, in which nothing may come twice. */
    const complete = async (step, pages) => {
        const all = Array.from({ length: last }, (_, at) => at + 1);
        for (const [name, page] of Object.entries(pages)) {
            await until(`${step}: ${name} has heard all`, async () => numbers(await heard(page)).includes(last)).catch(
                (error) => console.log(`     ${error.message}`),
            );
            const told = await heard(page);
            equal(`${step}: ${name}: nothing is missing, nothing twice, all in order`, numbers(told), all);
            const publications = new Set(told.events.map((event) => event.publication)).size;
            equal(`${step}: ${name}: no gap, no error, each publication once`, [told.gaps, told.errors, publications], [[], [], last]);
        }
    };

    const same = await open(main);
    const other = await open(listed);
    const byTicket = await open(main);
    const stream = `${api('open')}/events?topic=com.kept.*`;
    equal('a page of the router opens a stream', await same.evaluate((url) => listen(url), stream), true);
    equal('a page of a listed origin opens a stream', await other.evaluate((url) => listen(url), stream), true);
    const ticketed = [api('closed'), 'com.kept.a', ANN];
    equal('a page opens a stream by a ticket', await byTicket.evaluate((all) => listenByTicket(...all), ticketed), true);
    const foreign = await open(unlisted);
    equal('a page of an unlisted origin opens none', await foreign.evaluate((url) => listen(url), stream), false);

    const pages = { 'the same origin': same, 'a listed origin': other, 'by tickets': byTicket };
    await publish(20);
    await complete('before', pages);
    let sources = (await heard(byTicket)).sources;
    for (const [signal, how] of [['SIGTERM', 0], ['SIGKILL', 'SIGKILL']]) {
        const step = `across ${signal}`;
        equal(`${step}: the router ends`, await router.restart(signal), how);
        // In the window: the router is there again, and the browser is not.
        await publish(20);
        for (const page of [same, other]) {
            const told = await heard(page);
            equal(`${step}: the browser waits meanwhile`, [told.state, told.events.length], [0, last - 20]);
        }
        await complete(`${step}, in the window`, pages);
        await publish(20);
        await complete(`${step}, after it`, pages);
        equal(`${step}: the browser came back by itself`, (await heard(same)).sources, 1);
        const told = await heard(byTicket);
        equal(`${step}: a used ticket ends the source, and another one goes on`, [told.sources, told.closed], [sources + 1, sources]);
        sources += 1;
    }
    equal('the page of an unlisted origin has heard nothing', (await heard(foreign)).events, []);

    const socket = ['closed', `ws://127.0.0.1:${main}/ws`, 'com.example.closed', ANN];
    const welcome = await byTicket.evaluate(([realm, ...rest]) => joinByTicket(realm, ...rest), [api(socket[0]), ...socket.slice(1)]);
    const { authid, authrole, authmethod } = welcome[2];
    equal('a WebSocket is joined by a ticket', [welcome[0], authid, authrole, authmethod], [2, 'ann', 'guest', 'ticket']);

    const wamp = await open(main);
    const session = await wamp.evaluate((all) => joinByEvents(...all), [`${origin(main)}/wamp/sse`, 'com.example.open', 'com.kept.a']);
    equal('a WAMP session is joined over server-sent events', session, [2, 33]);
    const from = last;
    await publish(20);
    await until('the WAMP session has heard all', async () => (await heard(wamp)).events.length >= 20);
    const expected = Array.from({ length: 20 }, (_, at) => from + 1 + at);
    equal('the WAMP session hears all events in order', numbers(await heard(wamp)), expected);
    equal('no ticket is in the log', /wht_/.test(router.log), false);
}

let status = 0;
try {
    await checks();
} catch (error) {
    failed += 1;
    console.log(`FAIL ${error.stack}\n${router.log.slice(-4000)}`);
} finally {
    await browser?.close();
    router.child?.kill('SIGKILL');
    await router.ended;
    rmSync(folder, { recursive: true, force: true });
}
console.log(`browser: ${passed} passed, ${failed} failed`);
if (failed > 0) status = 1;
process.exit(status);
