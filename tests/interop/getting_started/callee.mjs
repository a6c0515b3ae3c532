// Registers a procedure and subscribes to a topic: node callee.mjs URL. Prints what it hears, ends after one event.

import { Wampy } from 'wampy';
import WebSocket from 'ws';

const wampy = new Wampy(process.argv[2], { realm: 'realm1', ws: WebSocket });
await wampy.connect();

await wampy.register('com.example.add', ({ argsList: [a, b] }) => ({ argsList: [a + b] }));
await wampy.subscribe('com.example.hello', async ({ argsList }) => {
    console.log('heard', argsList[0]);
    await wampy.disconnect();
});
console.log('ready');
