// Logins as autobahn-js makes them: node autobahn_js_authentication.mjs URL json|msgpack|cbor

import autobahn from 'autobahn';
import tweetnacl from 'tweetnacl';
import { Steps } from './steps.mjs';
import { connect, uriOf } from './autobahn_js_peer.mjs';

const DENIED = 'wamp.error.authentication_denied';
const { auth_cra: cra, auth_cryptosign: cryptosign } = autobahn;
const pair = (octet) => tweetnacl.sign.keyPair.fromSeed(new Uint8Array(32).fill(octet));

const ticket = (text) => () => text;
const signed = (secret) => (_, __, extra) => {
    const key = extra.salt ? cra.derive_key(secret, extra.salt, extra.iterations, extra.keylen) : secret;
    return cra.sign(key, extra.challenge);
};
const withKey = (keys) => (_, __, extra) => cryptosign.sign_challenge(keys, extra);
const pubkey = (keys) => ({ pubkey: cryptosign.public_key(keys), channel_binding: null });

const login = (method, authid, onchallenge, authextra) =>
    connect({ authmethods: [method], authid, onchallenge, authextra });

async function letIn(steps, method, authid, ...rest) {
    const { details, leave } = await login(method, ...rest);
    const who = [details.authid, details.authrole, details.authmethod];
    steps.equal(`${method}: ${authid} is let in`, who, [authid, 'clerk', method]);
    await leave();
}

const refused = (steps, method, step, ...rest) =>
    steps.refused(`${method}: ${step} is refused`, login(method, ...rest), DENIED, uriOf);

await new Steps().run(async (steps) => {
    await letIn(steps, 'ticket', 'alice', 'alice', ticket('alice-ticket'));
    await letIn(steps, 'ticket', 'hank', 'hank', ticket('hank-ticket'));
    await refused(steps, 'ticket', 'a wrong ticket', 'alice', ticket('guess'));
    for (const authid of ['bob', 'carl']) {
        await letIn(steps, 'wampcra', authid, authid, signed(`${authid}-secret`));
        await refused(steps, 'wampcra', `${authid} with a wrong secret`, authid, signed('guess'));
    }
    await refused(steps, 'wampcra', 'a name that nobody has', 'nobody', signed('bob-secret'));
    const [own, other] = [pair(0x44), pair(0x45)];
    await letIn(steps, 'cryptosign', 'device', 'device', withKey(own), pubkey(own));
    await letIn(steps, 'cryptosign', 'device', undefined, withKey(own), pubkey(own));
    await refused(steps, 'cryptosign', 'another key', 'device', withKey(other), pubkey(other));
    await refused(steps, 'cryptosign', 'a signature of another key', 'device', withKey(other), pubkey(own));
    // `onchallenge` is called for each CHALLENGE.
    const twice = (ticket, keys) =>
        connect({
            realm: 'twice',
            authmethods: ['ticket', 'cryptosign'],
            authid: 'vera',
            authextra: pubkey(own),
            onchallenge: (session, method, extra) =>
                method === 'ticket' ? ticket : cryptosign.sign_challenge(keys, extra),
        });
    const { details, leave } = await twice('vera-ticket', own);
    steps.equal('two proofs: vera is let in', [details.authid, details.authmethod], ['vera', 'ticket']);
    await leave();
    await steps.refused('two proofs: a wrong ticket is refused', twice('guess', own), DENIED, uriOf);
    await steps.refused('two proofs: a wrong signature is refused', twice('vera-ticket', other), DENIED, uriOf);
});
