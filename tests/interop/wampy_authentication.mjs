// Logins as wampy.js makes them: node wampy_authentication.mjs URL json|msgpack|cbor

import * as cryptosign from 'wampy/cryptosign.js';
import * as wampcra from 'wampy/wampcra.js';
import tweetnacl from 'tweetnacl';
import { Steps, within } from './steps.mjs';
import { connect, uriOf } from './wampy_peer.mjs';

const DENIED = 'wamp.error.authentication_denied';
const key = '44'.repeat(32);
const pubkey = (seed) => cryptosign.bytes2hex(tweetnacl.sign.keyPair.fromSeed(cryptosign.hex2bytes(seed)).publicKey);

async function login(method, authid, onChallenge, authextra = {}) {
    return connect({ authid, authmethods: [method], onChallenge, authextra });
}

async function letIn(steps, method, authid, onChallenge, authextra) {
    const [session, details] = await login(method, authid, onChallenge, authextra);
    const who = [details.authid, details.authrole, details.authmethod];
    steps.equal(`${method}: ${authid} is let in`, who, [authid, 'clerk', method]);
    await within(session.disconnect());
}

const refused = (steps, method, step, ...arguments_) =>
    steps.refused(`${method}: ${step} is refused`, login(method, ...arguments_), DENIED, uriOf);

await new Steps().run(async (steps) => {
    await letIn(steps, 'ticket', 'alice', () => 'alice-ticket');
    await letIn(steps, 'ticket', 'hank', () => 'hank-ticket');
    await refused(steps, 'ticket', 'a wrong ticket', 'alice', () => 'guess');
    for (const authid of ['bob', 'carl']) {
        await letIn(steps, 'wampcra', authid, wampcra.sign(`${authid}-secret`));
        await refused(steps, 'wampcra', `${authid} with a wrong secret`, authid, wampcra.sign('guess'));
    }
    await refused(steps, 'wampcra', 'a name that nobody has', 'nobody', wampcra.sign('bob-secret'));
    await letIn(steps, 'cryptosign', 'device', cryptosign.sign(key), { pubkey: pubkey(key) });
    const other = '45'.repeat(32);
    await refused(steps, 'cryptosign', 'another key', 'device', cryptosign.sign(other), { pubkey: pubkey(other) });
    await refused(steps, 'cryptosign', 'a signature of another key', 'device', cryptosign.sign(other), { pubkey: pubkey(key) });
    // `onChallenge` is called for each CHALLENGE.
    const twice = (ticket, seed) =>
        connect({
            realm: 'twice',
            authmethods: ['ticket', 'cryptosign'],
            authid: 'vera',
            authextra: { pubkey: pubkey(key) },
            onChallenge: (method, info) => (method === 'ticket' ? ticket : cryptosign.sign(seed)(method, info)),
        });
    const [session, details] = await twice('vera-ticket', key);
    steps.equal('two proofs: vera is let in', [details.authid, details.authmethod], ['vera', 'ticket']);
    await within(session.disconnect());
    await steps.refused('two proofs: a wrong ticket is refused', twice('guess', key), DENIED, uriOf);
    await steps.refused('two proofs: a wrong signature is refused', twice('vera-ticket', other), DENIED, uriOf);
});
