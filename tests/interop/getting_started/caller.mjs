// Calls a procedure and publishes to a topic: node caller.mjs URL. Prints the sum.

import { Wampy } from 'wampy';
import WebSocket from 'ws';

const wampy = new Wampy(process.argv[2], { realm: 'realm1', ws: WebSocket });
await wampy.connect();

const { argsList } = await wampy.call('com.example.add', [3, 4]);
console.log(argsList[0]);
await wampy.publish('com.example.hello', ['hi']);
await wampy.disconnect();
