// Runs the client that an example names: a `new autobahn.Connection(..)` on standard input. Says as whom it is in.

import autobahn from 'autobahn';
import { readFileSync } from 'node:fs';

// What a browser would ask its user for.
const prompt = () => 'the password';
const connection = new Function('autobahn', 'prompt', `return ${readFileSync(0, 'utf8')}`)(autobahn, prompt);
connection.onopen = (_, details) => {
    console.log('in as', details.authid, details.authrole, details.authmethod);
    connection.close();
};
connection.onclose = (reason, details) => {
    console.log('out', reason, details.reason);
    process.exit(0);
};
connection.open();
